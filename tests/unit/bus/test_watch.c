/* The watch: where partitions begin and end, asked now; all of the answer or none of it. */
#define MOCK_BROKERS 2
#include "support.h"

static struct bus_watch *watch_start(const char *brokers)
{
    char why[BUS_WHY_SIZE] = "";
    struct bus_watch *watch = NULL;
    assert_int_equal(bus_watch_create(brokers, "test", &watch, why), ZP_OK);
    return watch;
}

static void test_ends_move_with_the_log(void **state)
{
    (void)state;
    const char *topic = topic_new(3);
    struct bus_watch *watch = watch_start(mock.brokers);
    const int32_t partitions[] = { 2, 0, 1 }; /* answered in this order */
    int64_t ends[3], firsts[3];
    assert_int_equal(bus_watch_ends(watch, topic, partitions, 3, PATIENCE_MS, ends), ZP_OK);
    assert_true(ends[0] == 0 && ends[1] == 0 && ends[2] == 0);
    log_fill(topic, 0, 5);
    log_fill(topic, 2, 7);
    assert_int_equal(bus_watch_ends(watch, topic, partitions, 3, PATIENCE_MS, ends), ZP_OK);
    assert_true(ends[0] == 7 && ends[1] == 5 && ends[2] == 0);
    assert_int_equal(bus_watch_firsts(watch, topic, partitions, 3, PATIENCE_MS, firsts), ZP_OK);
    assert_true(firsts[0] == 0 && firsts[1] == 0 && firsts[2] == 0);
    assert_int_equal(bus_watch_ends(watch, topic, NULL, 0, 0, NULL), ZP_OK);
    char why[BUS_WHY_SIZE] = "";
    assert_int_equal(bus_offsets(mock.brokers, topic, partitions, 3, PATIENCE_MS, firsts, ends, why), ZP_OK);
    assert_true(ends[0] == 7 && ends[1] == 5 && ends[2] == 0);
    bus_watch_destroy(watch);
    bus_watch_destroy(NULL);
}

static const struct row { const char *name; rd_kafka_resp_err_t answer; enum zp_err want; } rows[] = {
    { "a new leader: learnt, and asked again", RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, ZP_OK },
    { "no leader yet", RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, ZP_OK },
    { "a leader that does not know its end yet", RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, ZP_OK },
    { "a connection that breaks", RD_KAFKA_RESP_ERR__TRANSPORT, ZP_OK },
    { "no such partition", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ZP_NOT_FOUND },
};

static void test_answers_of_the_leader(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        const char *topic = topic_new(1);
        log_fill(topic, 0, 3);
        struct bus_watch *watch = watch_start(mock.brokers);
        const int32_t partition = 0;
        int64_t end = -7;
        answer_push(API_LIST_OFFSETS, rows[i].answer, 0);
        enum zp_err err = bus_watch_ends(watch, topic, &partition, 1, PATIENCE_MS, &end);
        if (err != rows[i].want || end != (err == ZP_OK ? 3 : -7)) {
            fail_msg("%s: %s, %lld, %s", rows[i].name, zp_err_name(err), (long long)end, bus_watch_why(watch));
        }
        bus_watch_destroy(watch);
        assert_int_equal(answers_left(API_LIST_OFFSETS), 0);
    }
}

/* Pinned because librdkafka 2.0.2 goes on asking the leader that it once learnt. */
static void test_a_leader_that_moved_is_found(void **state)
{
    (void)state;
    const char *topic = topic_new(2);
    log_fill(topic, 1, 4);
    struct bus_watch *watch = watch_start(mock.brokers);
    const int32_t partitions[] = { 0, 1 };
    int64_t ends[2];
    assert_int_equal(bus_watch_ends(watch, topic, partitions, 2, PATIENCE_MS, ends), ZP_OK);
    leader_set(topic, 1, 2);
    assert_int_equal(bus_watch_ends(watch, topic, partitions, 2, PATIENCE_MS, ends), ZP_OK);
    assert_true(ends[0] == 0 && ends[1] == 4);
    bus_watch_destroy(watch);
}

static void test_a_partition_too_many_gives_none(void **state)
{
    (void)state;
    const char *topic = topic_new(2);
    struct bus_watch *watch = watch_start(mock.brokers);
    const int32_t partitions[] = { 0, 1, 2 };
    int64_t ends[] = { -7, -7, -7 };
    assert_int_equal(bus_watch_ends(watch, topic, partitions, 3, PATIENCE_MS, ends), ZP_NOT_FOUND);
    assert_true(ends[0] == -7 && ends[1] == -7 && ends[2] == -7);
    assert_non_null(strstr(bus_watch_why(watch), topic));
    bus_watch_destroy(watch);
}

static void test_brokers_away_are_busy_within_the_time_given(void **state)
{
    (void)state;
    struct bus_watch *watch = watch_start(NOWHERE);
    const int32_t partition = 0;
    int64_t end, first;
    char why[BUS_WHY_SIZE] = "";
    assert_int_equal(bus_watch_ends(watch, "orders.test.v1", &partition, 1, 200, &end), ZP_BUSY);
    assert_true(bus_watch_why(watch)[0] != '\0');
    assert_int_equal(bus_watch_offset_at(watch, "orders.test.v1", &partition, 1, 0, 200, &end), ZP_BUSY);
    assert_int_equal(bus_offsets(NOWHERE, "orders.test.v1", &partition, 1, 200, &first, &end, why), ZP_BUSY);
    assert_true(why[0] != '\0');
    bus_watch_destroy(watch);
}

static void test_partitions_of_a_topic(void **state)
{
    (void)state;
    const char *topic = topic_new(5);
    int32_t count = 0;
    char why[BUS_WHY_SIZE] = "";
    assert_int_equal(bus_topic_partitions(mock.brokers, topic, &count, why), ZP_OK);
    assert_int_equal(count, 5);
    rd_kafka_mock_topic_set_error(mock.cluster, "orders.gone.v1", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert_int_equal(bus_topic_partitions(mock.brokers, "orders.gone.v1", &count, why), ZP_NOT_FOUND);
    assert_non_null(strstr(why, "orders.gone.v1"));
    assert_int_equal(bus_topic_partitions("", topic, &count, why), ZP_INVALID);
    assert_int_equal(count, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_move_with_the_log),
        cmocka_unit_test(test_answers_of_the_leader),
        cmocka_unit_test(test_a_leader_that_moved_is_found),
        cmocka_unit_test(test_a_partition_too_many_gives_none),
        cmocka_unit_test(test_brokers_away_are_busy_within_the_time_given),
        cmocka_unit_test(test_partitions_of_a_topic),
    };
    return cmocka_run_group_tests(tests, mock_setup, mock_teardown);
}
