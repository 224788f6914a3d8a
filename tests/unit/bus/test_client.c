/* The table of librdkafka's settings: each trap of the installed version is pinned, by reading it back from a
 * configuration. */
#include "support.h"

#include "admin.h"
#include "client.h"

#include <poll.h>
#include <unistd.h>

#define BROKER_SESSION_MS 2000 /* as deploy/local/kafka/server.properties.in has it, and production should */

static const struct row { enum bus_client_kind kind; const char *name, *want; } rows[] = {
    { BUS_CLIENT_PRODUCER, "acks", "-1" }, /* all */
    { BUS_CLIENT_PRODUCER, "allow.auto.create.topics", "false" },
    { BUS_CLIENT_PRODUCER, "compression.codec", "lz4" },
    { BUS_CLIENT_PRODUCER, "enable.idempotence", "true" },
    { BUS_CLIENT_PRODUCER, "max.in.flight.requests.per.connection", "5" },
    { BUS_CLIENT_PRODUCER, "partitioner", "murmur2_random" },
    { BUS_CLIENT_PRODUCER, "socket.nagle.disable", "true" },
    { BUS_CLIENT_PRODUCER, "socket.keepalive.enable", "true" },
    { BUS_CLIENT_CONSUMER, "auto.offset.reset", "error" },
    { BUS_CLIENT_CONSUMER, "check.crcs", "true" },
    { BUS_CLIENT_CONSUMER, "enable.auto.commit", "false" },
    { BUS_CLIENT_CONSUMER, "enable.auto.offset.store", "false" },
    { BUS_CLIENT_CONSUMER, "fetch.min.bytes", "1" },
    { BUS_CLIENT_CONSUMER, "heartbeat.interval.ms", "500" },
    { BUS_CLIENT_CONSUMER, "max.poll.interval.ms", "10000" },
    { BUS_CLIENT_CONSUMER, "partition.assignment.strategy", "range" },
    { BUS_CLIENT_CONSUMER, "session.timeout.ms", "6000" },
    { BUS_CLIENT_CONSUMER, "socket.nagle.disable", "true" },
    { BUS_CLIENT_READER, "auto.offset.reset", "error" },
    { BUS_CLIENT_READER, "check.crcs", "true" },
    { BUS_CLIENT_READER, "enable.auto.commit", "false" },
    { BUS_CLIENT_READER, "enable.partition.eof", "true" },
    { BUS_CLIENT_ASKER, "allow.auto.create.topics", "false" },
    { BUS_CLIENT_ASKER, "socket.nagle.disable", "true" },
};

static void test_settings_that_the_defaults_have_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        char why[BUS_WHY_SIZE] = "", is[256];
        size_t size = sizeof(is);
        rd_kafka_conf_t *conf = bus_client_conf(rows[i].kind, why);
        assert_string_equal(why, "");
        assert_non_null(conf);
        assert_int_equal(rd_kafka_conf_get(conf, rows[i].name, is, &size), RD_KAFKA_CONF_OK);
        if (strcmp(is, rows[i].want) != 0) {
            fail_msg("%s is %s, not %s", rows[i].name, is, rows[i].want);
        }
        rd_kafka_conf_destroy(conf);
    }
}

static long number_of(const rd_kafka_conf_t *conf, const char *name)
{
    char is[256];
    size_t size = sizeof(is);
    assert_int_equal(rd_kafka_conf_get(conf, name, is, &size), RD_KAFKA_CONF_OK);
    return strtol(is, NULL, 10);
}

/* A regression: a leader or coordinator that neither answered nor closed its connections was waited for for 10 s, later
 * for 4. What is sent to it until the others have taken its place has to be sent again before the workers' session
 * ends: else their partitions are assigned anew on top. The library looks for overdue requests once a second. */
static void test_a_frozen_broker_is_left_before_the_session_ends(void **state)
{
    (void)state;
    static const enum bus_client_kind kinds[] = { BUS_CLIENT_PRODUCER, BUS_CLIENT_CONSUMER, BUS_CLIENT_READER,
                                                  BUS_CLIENT_ASKER };
    char why[BUS_WHY_SIZE] = "";
    rd_kafka_conf_t *member = bus_client_conf(BUS_CLIENT_CONSUMER, why);
    for (size_t i = 0; i < ZP_COUNT(kinds); i++) {
        rd_kafka_conf_t *conf = bus_client_conf(kinds[i], why);
        assert_string_equal(why, "");
        long left_ms = BROKER_SESSION_MS + number_of(conf, "socket.timeout.ms") + 1000;
        assert_true(left_ms + number_of(member, "heartbeat.interval.ms") < number_of(member, "session.timeout.ms"));
        assert_true(number_of(conf, "socket.connection.setup.timeout.ms") <= number_of(conf, "socket.timeout.ms"));
        rd_kafka_conf_destroy(conf);
    }
    rd_kafka_conf_destroy(member);
}

/* A leader that waits for a frozen follower answers, so that its connection lives; a fetch has time for its wait. */
static void test_brokers_that_wait_are_not_taken_for_frozen(void **state)
{
    (void)state;
    char why[BUS_WHY_SIZE] = "";
    rd_kafka_conf_t *producer = bus_client_conf(BUS_CLIENT_PRODUCER, why);
    rd_kafka_conf_t *consumer = bus_client_conf(BUS_CLIENT_CONSUMER, why);
    assert_string_equal(why, "");
    assert_true(number_of(producer, "request.timeout.ms") + 500 <= number_of(producer, "socket.timeout.ms"));
    assert_true(number_of(consumer, "fetch.wait.max.ms") + 1000 <= number_of(consumer, "socket.timeout.ms"));
    rd_kafka_conf_destroy(producer);
    rd_kafka_conf_destroy(consumer);
}

static void test_who_changes_topics_waits_for_longer(void **state)
{
    (void)state;
    char why[BUS_WHY_SIZE] = "";
    rd_kafka_t *rk = NULL;
    assert_int_equal(bus_admin_open(NOWHERE, &rk, why), ZP_OK);
    assert_int_equal(number_of(rd_kafka_conf(rk), "socket.timeout.ms"), 10000);
    assert_true(bus_client_close(rk));
}

static const struct refusal { const char *name, *brokers, *option, *value, *why; } refusals[] = {
    { "no brokers", NULL, "client.id", "x", "no brokers" },
    { "empty brokers", "", "client.id", "x", "no brokers" },
    { "an unknown setting", NOWHERE, "no.such.setting", "1", "no.such.setting" },
    { "a value out of range", NOWHERE, "queue.buffering.max.kbytes", "0", "queue.buffering.max.kbytes" },
    { "a value of the wrong kind", NOWHERE, "linger.ms", "soon", "linger.ms" },
    { "settings that contradict each other", NOWHERE, "max.in.flight", "6", "max.in.flight" },
};

static void test_a_wrong_setting_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(refusals); i++) {
        const struct bus_client_option option = { refusals[i].option, refusals[i].value, 0 };
        const struct bus_client client = { .kind = BUS_CLIENT_PRODUCER, .brokers = refusals[i].brokers,
                                           .options = &option, .option_count = 1 };
        char why[BUS_WHY_SIZE] = "";
        rd_kafka_t *rk = NULL;
        if (bus_client_open(&client, &rk, why) != ZP_INVALID || strstr(why, refusals[i].why) == NULL) {
            fail_msg("%s: %s", refusals[i].name, why);
        }
        assert_null(rk);
    }
}

static void test_errors_are_sorted_by_what_helps(void **state)
{
    (void)state;
    static const struct { rd_kafka_resp_err_t err; enum zp_err want; } cases[] = {
        { RD_KAFKA_RESP_ERR_NO_ERROR, ZP_OK },
        { RD_KAFKA_RESP_ERR__TRANSPORT, ZP_BUSY },
        { RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, ZP_BUSY },
        { RD_KAFKA_RESP_ERR__TIMED_OUT, ZP_BUSY },
        { RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, ZP_BUSY },
        { RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ZP_NOT_FOUND },
        { RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, ZP_NOT_FOUND },
        { RD_KAFKA_RESP_ERR_INVALID_CONFIG, ZP_INVALID },
        { RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ZP_TOO_LARGE },
    };
    for (size_t i = 0; i < ZP_COUNT(cases); i++) {
        assert_int_equal(bus_client_err(cases[i].err), cases[i].want);
    }
}

/* ---- a handle that does not end ---- */

static rd_kafka_t *reader_open(const char *topic)
{
    const struct bus_client_option option = { "group.id", "zapora-reader", 0 };
    const struct bus_client client = { .kind = BUS_CLIENT_READER, .brokers = mock.brokers, .options = &option,
                                       .option_count = 1 };
    char why[BUS_WHY_SIZE] = "";
    rd_kafka_t *rk = NULL;
    assert_int_equal(bus_client_open(&client, &rk, why), ZP_OK);
    rd_kafka_poll_set_consumer(rk);
    BUS_DROP(list) rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = 0;
    assert_int_equal(rd_kafka_assign(rk, list), RD_KAFKA_RESP_ERR_NO_ERROR);
    return rk;
}

static rd_kafka_message_t *message_wait(rd_kafka_t *rk)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, PATIENCE_MS);
    assert_non_null(message);
    assert_int_equal(message->err, RD_KAFKA_RESP_ERR_NO_ERROR);
    return message;
}

/* Until no more of the library's threads run. */
static void thread_count_wait(int count)
{
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    while (rd_kafka_thread_cnt() > count && clock_mono_us() < give_up_us) {
        poll(NULL, 0, 10);
    }
    assert_true(rd_kafka_thread_cnt() <= count);
}

static void test_a_handle_that_ends_is_gone(void **state)
{
    (void)state;
    const char *topic = topic_new(1);
    log_fill(topic, 0, 1);
    rd_kafka_t *rk = reader_open(topic);
    rd_kafka_message_destroy(message_wait(rk));
    assert_true(bus_client_close(rk));
    assert_true(bus_client_close(NULL));
}

/* A regression: after Kafka was replaced by an empty one, a thread of the library held something for ever, and a worker
 * hung in its end. A message that nobody gives back holds its handle in the same way. */
static void test_a_handle_that_never_ends_is_left(void **state)
{
    (void)state;
    const char *topic = topic_new(1);
    log_fill(topic, 0, 1);
    int threads = rd_kafka_thread_cnt();
    rd_kafka_t *rk = reader_open(topic);
    rd_kafka_message_t *message = message_wait(rk);
    alarm(60); /* it would hang */
    assert_false(bus_client_close(rk));
    alarm(0);
    rd_kafka_message_destroy(message); /* its thread ends it now */
    thread_count_wait(threads);
}

/* A regression: a partition that was taken away a second time before it had stopped ended the process. Whether the
 * library's main thread is that slow is chance, so it is asked often. */
static void test_what_is_assigned_anew_is_let_go_at_once(void **state)
{
    (void)state;
    const char *topic = topic_new(1);
    log_fill(topic, 0, 1);
    rd_kafka_t *rk = reader_open(topic);
    BUS_DROP(list) rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = 0;
    for (int i = 0; i < 50; i++) {
        rd_kafka_message_destroy(message_wait(rk)); /* so it runs */
        assert_int_equal(bus_client_reassign(rk, list), RD_KAFKA_RESP_ERR_NO_ERROR);
        assert_int_equal(rd_kafka_assign(rk, NULL), RD_KAFKA_RESP_ERR_NO_ERROR);
        assert_int_equal(rd_kafka_assign(rk, list), RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    rd_kafka_message_destroy(message_wait(rk));
    assert_int_equal(bus_client_reassign(rk, list), RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_true(bus_client_close(rk));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_that_the_defaults_have_wrong),
        cmocka_unit_test(test_a_frozen_broker_is_left_before_the_session_ends),
        cmocka_unit_test(test_brokers_that_wait_are_not_taken_for_frozen),
        cmocka_unit_test(test_who_changes_topics_waits_for_longer),
        cmocka_unit_test(test_a_wrong_setting_is_named),
        cmocka_unit_test(test_errors_are_sorted_by_what_helps),
        cmocka_unit_test(test_what_is_assigned_anew_is_let_go_at_once),
        cmocka_unit_test(test_a_handle_that_ends_is_gone),
        cmocka_unit_test(test_a_handle_that_never_ends_is_left),
    };
    return cmocka_run_group_tests(tests, mock_setup, mock_teardown);
}
