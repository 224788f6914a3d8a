/* The producer: what becomes of each accepted record, exactly once, whatever the brokers do. */
#include "support.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BEHIND_MS 300 /* time enough for a second request, before the first one's answer */

static void test_an_acknowledged_record_says_where_it_stands(void **state)
{
    (void)state;
    const char *topic = topic_new(4);
    struct bus_producer_settings settings = producer_settings();
    struct bus_producer *producer = producer_ready(&settings, topic);
    struct fate fate = { 0 };
    for (int i = 0; i < 3; i++) {
        struct record record = record_to(2, "key", "value");
        assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_OK);
        fate_wait(producer, &fate, i + 1);
        assert_int_equal(fate.last.ack, BUS_ACKED);
        assert_int_equal(fate.last.partition, 2);
        assert_int_equal(fate.last.offset, i);
        assert_null(fate.last.why);
    }
    bus_producer_destroy(producer, 0);
}

/* What the broker answers, the first times it is asked, and what has to come of it. */
static const struct row {
    const char *name;
    rd_kafka_resp_err_t answers[3];
    size_t answer_count;
    enum bus_ack want;
} rows[] = {
    { "a new leader: tried again",
      { RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION },
      2,
      BUS_ACKED },
    { "too few replicas: tried again", { RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS }, 1, BUS_ACKED },
    { "written, but not to enough: tried again", { RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND }, 1, BUS_ACKED },
    { "the connection breaks: tried again",
      { RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__TRANSPORT },
      2,
      BUS_ACKED },
    { "a repetition, nobody says of what", { RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER }, 1, BUS_UNKNOWN },
    { "too large for the topic", { RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE }, 1, BUS_NOT_PERSISTED },
    { "not allowed", { RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED }, 1, BUS_NOT_PERSISTED },
};

static void test_answers_of_the_broker(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        const char *topic = topic_new(1);
        struct bus_producer_settings settings = producer_settings();
        struct bus_producer *producer = producer_ready(&settings, topic);
        for (size_t k = 0; k < rows[i].answer_count; k++) {
            answer_push(API_PRODUCE, rows[i].answers[k], 0);
        }
        struct fate fate = { 0 };
        struct record record = record_to(0, "key", "value");
        assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_OK);
        fate_wait(producer, &fate, 1);
        if (fate.last.ack != rows[i].want) {
            fail_msg("%s: %d, %s", rows[i].name, fate.last.ack, fate.last.why);
        }
        assert_int_equal(fate.last.why == NULL, fate.last.ack == BUS_ACKED);
        bus_producer_destroy(producer, 0);
        assert_int_equal(fate_count(&fate), 1);
        assert_int_equal(answers_left(API_PRODUCE), 0);
    }
}

/* A broker that restarted knows nothing of a new producer's sequence. It refuses the first request for want of replicas
 * and takes the second, which was sent before that answer came: the library then believes the first in the log, too. */
static void test_a_record_is_not_acknowledged_by_the_one_behind_it(void **state)
{
    (void)state;
    const char *topic = topic_new(1);
    struct bus_producer_settings settings = producer_settings();
    struct bus_producer *producer = producer_ready(&settings, topic);
    struct fate refused = { 0 }, taken = { 0 };
    struct record record = record_to(0, "key", "value");
    answer_push(API_PRODUCE, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, BEHIND_MS);
    assert_int_equal(bus_produce(producer, topic, &record, &refused), ZP_OK);
    while (answers_left(API_PRODUCE) > 0) { /* the first is on its way, its answer not yet */
        bus_producer_poll(producer, 1);
    }
    assert_int_equal(bus_produce(producer, topic, &record, &taken), ZP_OK);
    fate_wait(producer, &refused, 1);
    fate_wait(producer, &taken, 1);
    assert_int_equal(taken.last.ack, BUS_ACKED);
    assert_int_equal(taken.last.offset, 0);
    assert_int_equal(refused.last.ack, BUS_UNKNOWN);
    assert_string_equal(refused.last.why, "acknowledged without a place in the log");
    bus_producer_destroy(producer, 0);
}

static void test_a_record_that_was_never_sent_times_out_as_not_persisted(void **state)
{
    (void)state;
    struct bus_producer_settings settings = producer_settings();
    settings.brokers = NOWHERE;
    settings.timeout_ms = 100;
    struct bus_producer *producer = producer_start(&settings);
    struct fate fate = { 0 };
    struct record record = record_to(-1, "key", "value");
    assert_int_equal(bus_produce(producer, "orders.test.v1", &record, &fate), ZP_OK);
    fate_wait(producer, &fate, 1);
    assert_int_equal(fate.last.ack, BUS_NOT_PERSISTED);
    assert_int_equal(fate.last.offset, -1);
    assert_non_null(fate.last.why);
    assert_non_null(bus_producer_trouble(producer)); /* connections were refused */
    assert_false(bus_producer_broken(producer));
    bus_producer_destroy(producer, 0);
}

static void test_a_record_whose_answer_does_not_come_is_unknown(void **state)
{
    (void)state;
    const char *topic = topic_new(1);
    struct bus_producer_settings settings = producer_settings();
    settings.timeout_ms = 1000;
    struct bus_producer *producer = producer_ready(&settings, topic);
    answer_push(API_PRODUCE, RD_KAFKA_RESP_ERR_NO_ERROR, PATIENCE_MS);
    struct fate fate = { 0 };
    struct record record = record_to(0, "key", "value");
    assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_OK);
    fate_wait(producer, &fate, 1);
    assert_int_equal(fate.last.ack, BUS_UNKNOWN);
    bus_producer_destroy(producer, 0);
    assert_int_equal(fate_count(&fate), 1);
}

static void test_destroying_reports_each_record_once(void **state)
{
    (void)state;
    const char *topic = topic_new(4);
    struct bus_producer_settings settings = producer_settings();
    struct bus_producer *producer = producer_ready(&settings, topic);
    struct fate fate = { 0 };
    struct record first = record_to(0, "key", "value");
    assert_int_equal(bus_produce(producer, topic, &first, &fate), ZP_OK);
    fate_wait(producer, &fate, 1);
    broker_delay(PATIENCE_MS);
    for (int i = 0; i < 200; i++) {
        struct record record = record_to(i % 4, "key", "value");
        assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_OK);
        if (i % 10 == 0) {
            bus_producer_poll(producer, 1); /* several requests: some in flight, the others behind them */
        }
    }
    bus_producer_destroy(producer, 50);
    assert_int_equal(fate_count(&fate), 201);
    assert_int_equal(fate.acked, 1);
    assert_in_range(fate.unknown, 1, 200); /* of what was in flight nobody knows */
    broker_delay(0);
}

#define LANE_PARTITIONS 8
#define LANE_RECORDS 40

static void test_lanes_keep_the_order_of_each_partition(void **state)
{
    (void)state;
    static struct fate fates[LANE_PARTITIONS][LANE_RECORDS];
    const char *topic = topic_new(LANE_PARTITIONS);
    struct bus_producer_settings settings = producer_settings();
    settings.lanes = 3;
    struct bus_producer *producer = producer_ready(&settings, topic);
    for (int i = 0; i < LANE_RECORDS; i++) {
        for (int32_t p = 0; p < LANE_PARTITIONS; p++) {
            struct record record = record_to(p, "key", "value");
            assert_int_equal(bus_produce(producer, topic, &record, &fates[p][i]), ZP_OK);
        }
    }
    for (int32_t p = 0; p < LANE_PARTITIONS; p++) {
        for (int i = 0; i < LANE_RECORDS; i++) {
            fate_wait(producer, &fates[p][i], 1);
            assert_int_equal(fates[p][i].last.ack, BUS_ACKED);
            assert_int_equal(fates[p][i].last.partition, p);
            assert_int_equal(fates[p][i].last.offset, fates[p][0].last.offset + i);
        }
    }
    assert_false(bus_producer_broken(producer));
    bus_producer_destroy(producer, 0);
}

static void test_destroying_flushes_first(void **state)
{
    (void)state;
    const char *topic = topic_new(1);
    struct bus_producer_settings settings = producer_settings();
    settings.linger_us = 900 * 1000 * 1000; /* nothing would go by itself */
    struct bus_producer *producer = producer_ready(&settings, topic);
    struct fate fate = { 0 };
    for (int i = 0; i < 20; i++) {
        struct record record = record_to(0, "key", "value");
        assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_OK);
    }
    bus_producer_destroy(producer, PATIENCE_MS);
    assert_int_equal(fate.acked, 20);
}

static void test_a_full_queue_is_busy_and_takes_nothing(void **state)
{
    (void)state;
    static char large[64 * 1024];
    static const struct { const char *name; int64_t bytes_max, messages_max; size_t len; int fits; } cases[] = {
        { "by count", 1024 * 1024, 5, 10, 5 },
        { "by bytes", 128 * 1024, 1000, sizeof(large) - 1, 2 },
    };
    memset(large, 'x', sizeof(large) - 1);
    for (size_t i = 0; i < ZP_COUNT(cases); i++) {
        struct bus_producer_settings settings = producer_settings();
        settings.brokers = NOWHERE;
        settings.queue_bytes_max = cases[i].bytes_max;
        settings.queue_messages_max = cases[i].messages_max;
        struct bus_producer *producer = producer_start(&settings);
        struct fate fate = { 0 };
        struct record record = {
            .partition = -1, .key = "key", .key_len = 3, .value = large, .value_len = cases[i].len
        };
        int taken = 0;
        while (taken < 100 && bus_produce(producer, "orders.test.v1", &record, &fate) == ZP_OK) {
            taken++;
        }
        if (taken != cases[i].fits) {
            fail_msg("%s: %d were taken", cases[i].name, taken);
        }
        bus_producer_destroy(producer, 0);
        assert_int_equal(fate_count(&fate), taken);
        assert_int_equal(fate.unpersisted, taken);
    }
}

static void test_records_that_are_refused_at_once(void **state)
{
    (void)state;
    static char huge[2 * 1024 * 1024 + 1];
    const char *topic = topic_new(4);
    struct bus_producer_settings settings = producer_settings();
    settings.queue_bytes_max = 16 * 1024 * 1024;
    struct bus_producer *producer = producer_ready(&settings, topic);
    struct fate fate = { 0 };
    struct header header = { "ce_id", "x", 1 }; /* given back when the record is refused, and freed */
    struct record record = { .key = "key", .key_len = 3, .value = huge, .value_len = sizeof(huge),
                             .headers = &header, .header_count = 1 };
    assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_TOO_LARGE);
    record.value_len = 1;
    record.partition = 4;
    assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_BUSY); /* no such partition */
    record.partition = 3;
    assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_OK);
    fate_wait(producer, &fate, 1);
    assert_int_equal(fate.acked, 1);
    bus_producer_destroy(producer, 0);
    assert_int_equal(fate_count(&fate), 1);
}

static void test_a_fatal_error_breaks_the_producer_and_loses_no_report(void **state)
{
    (void)state;
    const char *topic = topic_new(1);
    struct bus_producer_settings settings = producer_settings();
    struct bus_producer *producer = producer_ready(&settings, topic);
    answer_push(API_PRODUCE, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 0);
    struct fate fate = { 0 };
    struct record record = record_to(0, "key", "value");
    assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_OK);
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    while (!bus_producer_broken(producer) && clock_mono_us() < give_up_us) {
        bus_producer_poll(producer, 10);
    }
    assert_true(bus_producer_broken(producer));
    assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_BUSY);
    bus_producer_destroy(producer, 100);
    assert_int_equal(fate_count(&fate), 1);
    assert_int_equal(fate.acked, 0);
}

/* Readers of the events topic drop what is behind them: an outcome that is written after a later one is lost. */
static void test_without_gaps_a_refused_record_is_the_last(void **state)
{
    (void)state;
    const char *topic = topic_new(1);
    struct bus_producer_settings settings = producer_settings();
    settings.gapless_topic = topic;
    struct bus_producer *producer = producer_ready(&settings, topic);
    answer_push(API_PRODUCE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 0);
    struct fate fate = { 0 };
    struct record record = record_to(0, "key", "value");
    assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_OK);
    fate_wait(producer, &fate, 1);
    assert_int_equal(fate.last.ack, BUS_NOT_PERSISTED);
    assert_true(bus_producer_broken(producer));
    assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_BUSY);
    bus_producer_destroy(producer, 0);
    assert_int_equal(fate_count(&fate), 1);
}

static void test_without_gaps_the_first_record_of_a_partition_goes_alone(void **state)
{
    (void)state;
    char ordered[40];
    snprintf(ordered, sizeof(ordered), "%s", topic_new(2));
    const char *other = topic_new(1);
    struct bus_producer_settings settings = producer_settings();
    settings.gapless_topic = ordered;
    struct bus_producer *producer = producer_ready(&settings, ordered);
    struct fate fate = { 0 }, beside = { 0 };
    struct record record = record_to(0, "key", "value");
    broker_delay(BEHIND_MS);
    assert_int_equal(bus_produce(producer, ordered, &record, &fate), ZP_OK);
    assert_int_equal(bus_produce(producer, ordered, &record, &fate), ZP_BUSY);
    assert_int_equal(bus_produce(producer, other, &record, &beside), ZP_OK);
    assert_int_equal(bus_produce(producer, other, &record, &beside), ZP_OK);
    struct record elsewhere = record_to(1, "key", "value");
    assert_int_equal(bus_produce(producer, ordered, &elsewhere, &beside), ZP_OK);
    fate_wait(producer, &fate, 1);
    assert_int_equal(bus_produce(producer, ordered, &record, &fate), ZP_OK); /* known there: now side by side */
    assert_int_equal(bus_produce(producer, ordered, &record, &fate), ZP_OK);
    broker_delay(0);
    fate_wait(producer, &fate, 3);
    fate_wait(producer, &beside, 3);
    assert_int_equal(fate.acked, 3);
    assert_int_equal(fate.last.offset, 2);
    assert_int_equal(beside.acked, 3);
    bus_producer_destroy(producer, 0);
}

/* Behind a first record of which nobody knows where it is, the next is a first one again. */
static void test_without_gaps_an_unknown_first_record_opens_nothing(void **state)
{
    (void)state;
    const char *topic = topic_new(1);
    struct bus_producer_settings settings = producer_settings();
    settings.gapless_topic = topic;
    struct bus_producer *producer = producer_ready(&settings, topic);
    struct fate fate = { 0 };
    struct record record = record_to(0, "key", "value");
    answer_push(API_PRODUCE, RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER, 0);
    assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_OK);
    fate_wait(producer, &fate, 1);
    assert_int_equal(fate.last.ack, BUS_UNKNOWN);
    broker_delay(BEHIND_MS);
    assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_OK);
    assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_BUSY);
    broker_delay(0);
    fate_wait(producer, &fate, 2);
    bus_producer_destroy(producer, 0);
}

static void test_reports_wake_a_descriptor(void **state)
{
    (void)state;
    const char *topic = topic_new(1);
    struct bus_producer_settings settings = producer_settings();
    struct bus_producer *producer = producer_ready(&settings, topic);
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_true(fd >= 0);
    bus_producer_notify(producer, fd);
    bus_producer_poll(producer, 0);
    struct fate fate = { 0 };
    for (int i = 0; i < 3; i++) { /* again and again: each time the queue was empty before */
        struct record record = record_to(0, "key", "value");
        assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_OK);
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
        uint64_t count;
        assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
        bus_producer_poll(producer, 0);
        fate_wait(producer, &fate, i + 1);
    }
    bus_producer_destroy(producer, 0);
    close(fd);
}

static void test_warming_a_topic(void **state)
{
    (void)state;
    const char *topic = topic_new(1);
    struct bus_producer_settings settings = producer_settings();
    struct bus_producer *producer = producer_start(&settings);
    char why[BUS_WHY_SIZE] = "";
    assert_int_equal(bus_producer_warm(producer, topic, PATIENCE_MS, why), ZP_OK);
    assert_string_equal(why, "");
    rd_kafka_mock_topic_set_error(mock.cluster, "orders.gone.v1", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert_int_equal(bus_producer_warm(producer, "orders.gone.v1", PATIENCE_MS, why), ZP_NOT_FOUND);
    assert_non_null(strstr(why, "orders.gone.v1"));
    bus_producer_destroy(producer, 0);
}

static const struct refusal {
    const char *name;
    int64_t bytes, messages, timeout_ms, linger_us;
    const char *why;
} refusals[] = {
    { "no queue", 0, 10, 0, 0, "queue.buffering.max.kbytes" },
    { "a queue without a limit", 1024, 0, 0, 0, "at least one message" },
    { "a negative time", 1024, 10, -1, 0, "message.timeout.ms" },
    { "a negative linger", 1024, 10, 0, -1000, "queue.buffering.max.ms" },
};

static void test_settings_that_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(refusals); i++) {
        struct bus_producer_settings settings = {
            .brokers = NOWHERE,
            .client_id = "test",
            .on_delivery = fate_note,
            .queue_bytes_max = refusals[i].bytes,
            .queue_messages_max = refusals[i].messages,
            .timeout_ms = refusals[i].timeout_ms,
            .linger_us = refusals[i].linger_us,
        };
        struct bus_producer *producer = NULL;
        char why[BUS_WHY_SIZE] = "";
        if (bus_producer_create(&settings, &producer, why) != ZP_INVALID || strstr(why, refusals[i].why) == NULL) {
            fail_msg("%s: %s", refusals[i].name, why);
        }
        assert_null(producer);
    }
    bus_producer_destroy(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_acknowledged_record_says_where_it_stands),
        cmocka_unit_test(test_answers_of_the_broker),
        cmocka_unit_test(test_a_record_is_not_acknowledged_by_the_one_behind_it),
        cmocka_unit_test(test_a_record_that_was_never_sent_times_out_as_not_persisted),
        cmocka_unit_test(test_a_record_whose_answer_does_not_come_is_unknown),
        cmocka_unit_test(test_destroying_reports_each_record_once),
        cmocka_unit_test(test_lanes_keep_the_order_of_each_partition),
        cmocka_unit_test(test_destroying_flushes_first),
        cmocka_unit_test(test_a_full_queue_is_busy_and_takes_nothing),
        cmocka_unit_test(test_records_that_are_refused_at_once),
        cmocka_unit_test(test_a_fatal_error_breaks_the_producer_and_loses_no_report),
        cmocka_unit_test(test_without_gaps_a_refused_record_is_the_last),
        cmocka_unit_test(test_without_gaps_the_first_record_of_a_partition_goes_alone),
        cmocka_unit_test(test_without_gaps_an_unknown_first_record_opens_nothing),
        cmocka_unit_test(test_reports_wake_a_descriptor),
        cmocka_unit_test(test_warming_a_topic),
        cmocka_unit_test(test_settings_that_are_refused),
    };
    return cmocka_run_group_tests(tests, mock_setup, mock_teardown);
}
