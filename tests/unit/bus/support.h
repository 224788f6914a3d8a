/* What the tests of this room share: a Kafka of librdkafka's own, on loopback ports, inside the test. */
#ifndef TESTS_UNIT_BUS_SUPPORT_H
#define TESTS_UNIT_BUS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "zapora/bus.h"

#define NOWHERE "127.0.0.1:1" /* brokers that refuse every connection */
#define PATIENCE_MS 20000     /* how long a test waits for what must come: far beyond what it takes */

/* Numbers of requests in Kafka's protocol. */
enum { API_PRODUCE = 0, API_FETCH = 1, API_LIST_OFFSETS = 2, API_OFFSET_COMMIT = 8, API_HEARTBEAT = 12 };

#ifndef MOCK_BROKERS
#define MOCK_BROKERS 1
#endif

/* One cluster serves a whole program, for ending one takes a second; tests differ by their topics. */
static struct mock {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *cluster;
    const char *brokers;
    int topic_count;
} mock;

static inline int mock_setup(void **state)
{
    (void)state;
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    mock.host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    assert_non_null(mock.host);
    mock.cluster = rd_kafka_mock_cluster_new(mock.host, MOCK_BROKERS);
    assert_non_null(mock.cluster);
    mock.brokers = rd_kafka_mock_cluster_bootstraps(mock.cluster);
    return 0;
}

static inline int mock_teardown(void **state)
{
    (void)state;
    rd_kafka_mock_cluster_destroy(mock.cluster);
    rd_kafka_destroy(mock.host);
    return 0;
}

static inline void leader_set(const char *topic, int32_t partition, int32_t broker)
{
    assert_int_equal(rd_kafka_mock_partition_set_leader(mock.cluster, topic, partition, broker),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* A topic that no other test has, led by the first broker; its name is good until the next one is made. */
static inline const char *topic_new(int partitions)
{
    static char name[40];
    snprintf(name, sizeof(name), "orders.test%d.v1", mock.topic_count++);
    assert_int_equal(rd_kafka_mock_topic_create(mock.cluster, name, partitions, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    for (int32_t i = 0; MOCK_BROKERS > 1 && i < partitions; i++) {
        leader_set(name, i, 1);
    }
    return name;
}

/* The next request of that kind is answered with this error, after this time. */
static inline void answer_push(int16_t api, rd_kafka_resp_err_t err, int delay_ms)
{
    assert_int_equal(rd_kafka_mock_broker_push_request_error_rtts(mock.cluster, 1, api, 1, err, delay_ms),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* How many of them nobody has asked for yet. */
static inline size_t answers_left(int16_t api)
{
    size_t left;
    assert_int_equal(rd_kafka_mock_broker_error_stack_cnt(mock.cluster, 1, api, &left), RD_KAFKA_RESP_ERR_NO_ERROR);
    return left;
}

static inline void broker_delay(int delay_ms)
{
    assert_int_equal(rd_kafka_mock_broker_set_rtt(mock.cluster, -1, delay_ms), RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* Counts of what became of records, as opaque of each. */
struct fate { int acked, unpersisted, unknown; struct bus_delivery last; };

static inline void fate_note(void *opaque, const struct bus_delivery *delivery)
{
    struct fate *fate = opaque;
    fate->acked += delivery->ack == BUS_ACKED ? 1 : 0;
    fate->unpersisted += delivery->ack == BUS_NOT_PERSISTED ? 1 : 0;
    fate->unknown += delivery->ack == BUS_UNKNOWN ? 1 : 0;
    fate->last = *delivery;
}

static inline int fate_count(const struct fate *fate)
{
    return fate->acked + fate->unpersisted + fate->unknown;
}

static inline struct bus_producer_settings producer_settings(void)
{
    return (struct bus_producer_settings){
        .brokers = mock.brokers, .client_id = "test", .timeout_ms = 0, .linger_us = 0,
        .queue_bytes_max = 1024 * 1024, .queue_messages_max = 1000, .on_delivery = fate_note,
    };
}

static inline struct bus_producer *producer_start(const struct bus_producer_settings *settings)
{
    char why[BUS_WHY_SIZE] = "";
    struct bus_producer *producer = NULL;
    assert_int_equal(bus_producer_create(settings, &producer, why), ZP_OK);
    assert_string_equal(why, "");
    return producer;
}

/* One that knows the topic's leaders: else the first record waits a second for them. */
static inline struct bus_producer *producer_ready(const struct bus_producer_settings *settings, const char *topic)
{
    char why[BUS_WHY_SIZE] = "";
    struct bus_producer *producer = producer_start(settings);
    assert_int_equal(bus_producer_warm(producer, topic, PATIENCE_MS, why), ZP_OK);
    return producer;
}

/* Polls until that many reports have come. */
static inline void fate_wait(struct bus_producer *producer, const struct fate *fate, int count)
{
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    while (fate_count(fate) < count && clock_mono_us() < give_up_us) {
        bus_producer_poll(producer, 50);
    }
    assert_int_equal(fate_count(fate), count);
}

static inline struct record record_to(int32_t partition, const char *key, const char *value)
{
    return (struct record){ .partition = partition, .key = key, .key_len = key != NULL ? strlen(key) : 0,
                            .value = value, .value_len = strlen(value) };
}

/* Puts `count` records into a partition, each of `len` bytes that begin with "0", "1", …, and waits until the log has
 * them. */
static inline void log_fill_wide(const char *topic, int32_t partition, int count, size_t len)
{
    struct bus_producer_settings settings = producer_settings();
    settings.queue_bytes_max = 16 * 1024 * 1024;
    struct bus_producer *producer = producer_ready(&settings, topic);
    struct fate fate = { 0 };
    for (int i = 0; i < count; i++) {
        static char value[128 * 1024];
        int digits = snprintf(value, sizeof(value), "%d", i);
        struct record record = record_to(partition, "key", value);
        record.value_len = len > (size_t)digits ? len : (size_t)digits;
        assert_int_equal(bus_produce(producer, topic, &record, &fate), ZP_OK);
    }
    fate_wait(producer, &fate, count);
    assert_int_equal(fate.acked, count);
    bus_producer_destroy(producer, 0);
}

static inline void log_fill(const char *topic, int32_t partition, int count)
{
    log_fill_wide(topic, partition, count, 0);
}

#endif
