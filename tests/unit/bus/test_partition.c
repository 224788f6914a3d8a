/* Partitions of keys: the same for ever, and the same as Java's clients and our own producer have them. */
#include "support.h"

/* Hashes of Kafka's own UtilsTest for murmur2. */
static const struct row { const char *key; int32_t hash; } rows[] = {
    { "21", -973932308 },
    { "foobar", -790332482 },
    { "a-little-bit-long-string", -985981536 },
    { "a-little-bit-longer-string", -1486304829 },
    { "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971 },
    { "abc", 479470107 },
};

static void test_keys_hash_as_in_java(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        int32_t positive = rows[i].hash & 0x7fffffff; /* Java's toPositive */
        size_t len = strlen(rows[i].key);
        assert_int_equal(bus_partition_of(rows[i].key, len, BUS_PARTITIONS_MAX), positive % BUS_PARTITIONS_MAX);
        assert_int_equal(bus_partition_of(rows[i].key, len, 2147483629),
                         positive % 2147483629); /* a prime: nearly all bits */
        assert_int_equal(bus_partition_of(rows[i].key, len, 1), 0);
    }
}

static void test_an_unaligned_key_hashes_the_same(void **state)
{
    (void)state;
    char text[64];
    for (size_t shift = 0; shift < 8; shift++) {
        memcpy(text + shift, "a-little-bit-longer-string", 26);
        assert_int_equal(bus_partition_of(text + shift, 26, 2147483629), (-1486304829 & 0x7fffffff) % 2147483629);
    }
}

static void test_a_location_is_keyed_by_its_lower_case_text(void **state)
{
    (void)state;
    struct zp_id id;
    assert_true(id_parse("0192A3B4-C5D6-7E8F-9012-3456789ABCDE", 36, &id));
    assert_int_equal(bus_partition_of_location(&id),
                     bus_partition_of("0192a3b4-c5d6-7e8f-9012-3456789abcde", 36, BUS_PARTITIONS_MAX));
    assert_int_equal(bus_partition_of_location(&id), 33); /* as Kafka 4.4's own code says */
}

static void test_the_process_has_as_many_as_it_was_told(void **state)
{
    (void)state;
    static const struct { int32_t partitions; size_t lanes; } cases[] = { { 1, 1 }, { 8, 1 }, { 31, 1 }, { 32, 1 },
                                                                          { 63, 1 }, { 64, 2 } };
    struct zp_id id;
    assert_true(id_parse("0192A3B4-C5D6-7E8F-9012-3456789ABCDE", 36, &id));
    assert_int_equal(bus_partitions(), BUS_PARTITIONS_MAX);
    for (size_t i = 0; i < ZP_COUNT(cases); i++) {
        bus_partitions_set(cases[i].partitions);
        assert_int_equal(bus_partitions(), cases[i].partitions);
        assert_int_equal(bus_lanes(), cases[i].lanes);
        assert_int_equal(bus_partition_of_location(&id),
                         bus_partition_of("0192a3b4-c5d6-7e8f-9012-3456789abcde", 36, cases[i].partitions));
    }
    bus_partitions_set(BUS_PARTITIONS_MAX);
}

static void test_no_key_has_no_partition(void **state)
{
    (void)state;
    assert_int_equal(bus_partition_of(NULL, 0, BUS_PARTITIONS_MAX), -1);
    assert_in_range(bus_partition_of("", 0, BUS_PARTITIONS_MAX), 0, BUS_PARTITIONS_MAX - 1);
}

static void test_the_producer_chooses_the_same_partition(void **state)
{
    (void)state;
    const char *topic = topic_new(BUS_PARTITIONS_MAX);
    struct bus_producer_settings settings = producer_settings();
    struct bus_producer *producer = producer_ready(&settings, topic);
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct fate fate = { 0 };
        struct record record = record_to(-1, rows[i].key, "value");
        assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_OK);
        fate_wait(producer, &fate, 1);
        assert_int_equal(fate.last.partition, bus_partition_of(rows[i].key, strlen(rows[i].key), BUS_PARTITIONS_MAX));
    }
    bus_producer_destroy(producer, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_hash_as_in_java),
        cmocka_unit_test(test_an_unaligned_key_hashes_the_same),
        cmocka_unit_test(test_a_location_is_keyed_by_its_lower_case_text),
        cmocka_unit_test(test_the_process_has_as_many_as_it_was_told),
        cmocka_unit_test(test_no_key_has_no_partition),
        cmocka_unit_test(test_the_producer_chooses_the_same_partition),
    };
    return cmocka_run_group_tests(tests, mock_setup, mock_teardown);
}
