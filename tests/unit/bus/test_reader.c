/* The reader: each range once, whole, in order; and what it says when the log does not hold a range. */
#include "support.h"

static struct bus_reader *reader_start(const char *topic, const struct bus_range *ranges, size_t count)
{
    char why[BUS_WHY_SIZE] = "";
    struct bus_reader *reader = NULL;
    assert_int_equal(bus_reader_create(mock.brokers, topic, ranges, count, &reader, why), ZP_OK);
    return reader;
}

/* Reads to the end or to an error; counts the records of each partition and checks their order. */
static enum zp_err read_all(struct bus_reader *reader, const struct bus_range *ranges, size_t count,
                            int64_t *ret_counts)
{
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    bool done = false;
    while (!done && clock_mono_us() < give_up_us) {
        struct record *record = NULL;
        enum zp_err err = bus_reader_next(reader, 2000, &record, &done);
        if (err == ZP_NOT_FOUND) {
            return err;
        }
        if (err != ZP_OK || record == NULL) {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            if (ranges[i].partition == record->partition) {
                assert_int_equal(record->offset, ranges[i].from + ret_counts[i]);
                assert_true(record->offset < ranges[i].to);
                ret_counts[i]++;
            }
        }
        bus_record_release(record);
    }
    return done ? ZP_OK : ZP_BUSY;
}

static void test_ranges_are_read_once_and_whole(void **state)
{
    (void)state;
    const char *topic = topic_new(4);
    log_fill(topic, 0, 50);
    log_fill(topic, 1, 200);
    log_fill(topic, 3, 1);
    const struct bus_range ranges[] = {
        { 0, 0, 50 },  /* all of it */
        { 1, 20, 33 }, /* a piece from the middle */
        { 2, 0, 0 },   /* an empty log */
        { 3, 1, 1 },   /* an empty piece at the end */
    };
    int64_t counts[4] = { 0 };
    struct bus_reader *reader = reader_start(topic, ranges, ZP_COUNT(ranges));
    assert_int_equal(read_all(reader, ranges, ZP_COUNT(ranges), counts), ZP_OK);
    for (size_t i = 0; i < ZP_COUNT(ranges); i++) {
        assert_int_equal(counts[i], ranges[i].to - ranges[i].from);
    }
    struct record *record = (struct record *)(uintptr_t)1;
    bool done = false;
    assert_int_equal(bus_reader_next(reader, 0, &record, &done), ZP_OK); /* it stays at its end */
    assert_null(record);
    assert_true(done);
    bus_reader_destroy(reader);
}

static void test_nothing_to_read_needs_no_broker(void **state)
{
    (void)state;
    const struct bus_range empty[] = { { 0, 0, 0 }, { 5, 9, 3 } };
    for (size_t count = 0; count <= 2; count++) {
        struct bus_reader *reader = NULL;
        struct record *record = NULL;
        bool done = false;
        char why[BUS_WHY_SIZE];
        assert_int_equal(bus_reader_create(NOWHERE, "orders.test.v1", empty, count, &reader, why), ZP_OK);
        assert_int_equal(bus_reader_next(reader, 0, &record, &done), ZP_OK);
        assert_true(done && record == NULL);
        bus_reader_destroy(reader);
    }
    bus_reader_destroy(NULL);
}

static const struct row { const char *name; struct bus_range range; int64_t read; const char *why; } rows[] = {
    { "it begins behind the end", { 0, 11, 12 }, 0, "partition 0" },
    { "it ends behind the end", { 0, 5, 11 }, 5, "ends at 10, before 11" },
    { "it begins at the end", { 0, 10, 11 }, 0, "ends at 10, before 11" },
    { "its partition is not there", { 7, 0, 1 }, 0, "nknown partition" },
};

static void test_a_range_that_the_log_does_not_hold(void **state)
{
    (void)state;
    const char *topic = topic_new(1);
    log_fill(topic, 0, 10);
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        int64_t count = 0;
        struct bus_reader *reader = reader_start(topic, &rows[i].range, 1);
        assert_int_equal(read_all(reader, &rows[i].range, 1, &count), ZP_NOT_FOUND);
        const char *trouble = bus_reader_trouble(reader);
        if (trouble == NULL || strstr(trouble, rows[i].why) == NULL || count != rows[i].read) {
            fail_msg("%s: %lld, %s", rows[i].name, (long long)count, trouble);
        }
        struct record *record;
        bool done;
        assert_int_equal(bus_reader_next(reader, 0, &record, &done), ZP_NOT_FOUND); /* and so it stays */
        bus_reader_destroy(reader);
    }
}

static void test_a_broker_that_is_away_is_busy_and_then_read_on(void **state)
{
    (void)state;
    const char *topic = topic_new(1);
    log_fill(topic, 0, 10);
    assert_int_equal(rd_kafka_mock_broker_set_down(mock.cluster, -1), RD_KAFKA_RESP_ERR_NO_ERROR);
    const struct bus_range range = { 0, 0, 10 };
    struct bus_reader *reader = reader_start(topic, &range, 1);
    enum zp_err err = ZP_OK;
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    while (err == ZP_OK && clock_mono_us() < give_up_us) {
        struct record *record = NULL;
        bool done = false;
        err = bus_reader_next(reader, 50, &record, &done);
        assert_true(record == NULL && !done);
    }
    assert_int_equal(err, ZP_BUSY);
    assert_non_null(bus_reader_trouble(reader));
    assert_int_equal(rd_kafka_mock_broker_set_up(mock.cluster, -1), RD_KAFKA_RESP_ERR_NO_ERROR);
    int64_t count = 0;
    assert_int_equal(read_all(reader, &range, 1, &count), ZP_OK);
    assert_int_equal(count, 10);
    bus_reader_destroy(reader);
}

static void test_errors_that_pass_are_read_over(void **state)
{
    (void)state;
    static const rd_kafka_resp_err_t passing[] = {
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR__TRANSPORT,
        RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
    };
    for (size_t i = 0; i < ZP_COUNT(passing); i++) {
        const char *topic = topic_new(1);
        log_fill(topic, 0, 10);
        answer_push(API_FETCH, passing[i], 0);
        const struct bus_range range = { 0, 2, 10 };
        struct bus_reader *reader = reader_start(topic, &range, 1);
        int64_t count = 0;
        if (read_all(reader, &range, 1, &count) != ZP_OK || count != 8) {
            fail_msg("%s: %lld, %s", rd_kafka_err2name(passing[i]), (long long)count, bus_reader_trouble(reader));
        }
        bus_reader_destroy(reader);
        assert_int_equal(answers_left(API_FETCH), 0);
    }
}

static const struct refusal {
    const char *name;
    struct bus_range ranges[2];
    size_t count;
    const char *why;
} refusals[] = {
    { "a negative partition", { { -1, 0, 1 } }, 1, "partition -1" },
    { "a partition beyond reason", { { 1000000, 0, 1 } }, 1, "partition 1000000" },
    { "a negative offset", { { 0, -1, 1 } }, 1, "from -1" },
    { "a partition twice", { { 3, 0, 1 }, { 3, 5, 6 } }, 2, "twice" },
};

static void test_ranges_that_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(refusals); i++) {
        struct bus_reader *reader = NULL;
        char why[BUS_WHY_SIZE] = "";
        if (bus_reader_create(NOWHERE, "orders.test.v1", refusals[i].ranges, refusals[i].count, &reader, why) !=
                ZP_INVALID ||
            strstr(why, refusals[i].why) == NULL) {
            fail_msg("%s: %s", refusals[i].name, why);
        }
        assert_null(reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_are_read_once_and_whole),
        cmocka_unit_test(test_nothing_to_read_needs_no_broker),
        cmocka_unit_test(test_a_range_that_the_log_does_not_hold),
        cmocka_unit_test(test_a_broker_that_is_away_is_busy_and_then_read_on),
        cmocka_unit_test(test_errors_that_pass_are_read_over),
        cmocka_unit_test(test_ranges_that_are_refused),
    };
    return cmocka_run_group_tests(tests, mock_setup, mock_teardown);
}
