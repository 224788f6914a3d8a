/* The topics' files, and clients of a Kafka of librdkafka's own, with each call failing once. */
#include "torture.h"

#include "../unit/bus/support.h"

#define MANY_ERRORS (ERR(INVALID) | ERR(BUSY) | ERR(NO_MEMORY))
#define TIMEOUT_MS 5000

static char why[BUS_WHY_SIZE];
static char topic[64]; /* one partition, empty */

/* ---- topics as files --------------------------- */

static struct bus_topic topics[BUS_TOPICS_MAX];
static size_t count;

static void forget(void)
{
    count = 0;
    why[0] = '\0';
}

static enum zp_err topics_are_read(void)
{
    return bus_topics_read(TOPICS_DIR, topics, &count, why);
}

static bool all_or_a_reason(enum zp_err err)
{
    return err == ZP_OK ? count == 3 : count == 0 && why[0] != '\0';
}

/* ---- clients --------------------------- */

static void on_delivery(void *opaque, const struct bus_delivery *delivery)
{
    (void)opaque, (void)delivery;
}

static enum zp_err a_producer_is_made(void)
{
    const struct bus_producer_settings settings = {
        .brokers = mock.brokers, .client_id = "torture", .timeout_ms = TIMEOUT_MS, .lanes = 2,
        .queue_bytes_max = 1 << 20, .queue_messages_max = 100, .on_delivery = on_delivery,
    };
    struct bus_producer *producer = NULL;
    enum zp_err err = bus_producer_create(&settings, &producer, why);
    if (err == ZP_OK) {
        err = bus_producer_warm(producer, topic, TIMEOUT_MS, why);
        if (err != ZP_OK) { /* asked again it finds the leaders */
            torture_pause();
            err = bus_producer_warm(producer, topic, TIMEOUT_MS, why) == ZP_OK ? err : ZP_INTERNAL;
            torture_resume();
        }
    }
    bus_producer_destroy(producer, 0);
    return err;
}

static enum zp_err a_watch_asks(void)
{
    const int32_t partition = 0;
    int64_t offset = -7;
    struct bus_watch *watch = NULL;
    enum zp_err err = bus_watch_create(mock.brokers, "torture", &watch, why);
    if (err == ZP_OK) {
        err = bus_watch_ends(watch, topic, &partition, 1, TIMEOUT_MS, &offset);
        if ((offset == -7) != (err != ZP_OK)) {
            err = ZP_INTERNAL;
        }
    }
    if (err == ZP_OK) {
        err = bus_watch_offset_at(watch, topic, &partition, 1, 1, TIMEOUT_MS, &offset);
    }
    bus_watch_destroy(watch);
    return err;
}

static enum zp_err offsets_are_asked(void)
{
    const int32_t partition = 0;
    int64_t first = -7, end = -7;
    return bus_offsets(mock.brokers, topic, &partition, 1, TIMEOUT_MS, &first, &end, why);
}

static enum zp_err partitions_are_counted(void)
{
    int32_t partitions = -7;
    enum zp_err err = bus_topic_partitions(mock.brokers, topic, &partitions, why);
    return (partitions == 1) == (err == ZP_OK) ? err : ZP_INTERNAL;
}

static enum zp_err a_reader_is_made(void)
{
    const struct bus_range range = { 0, 0, 1 };
    struct bus_reader *reader = NULL;
    enum zp_err err = bus_reader_create(mock.brokers, topic, &range, 1, &reader, why);
    bus_reader_destroy(reader);
    return err;
}

static void on_assign(void *arg, const int32_t *partitions, size_t partition_count)
{
    (void)arg, (void)partitions, (void)partition_count;
}

static void on_revoke(void *arg, const int32_t *partitions, size_t partition_count, bool lost)
{
    (void)arg, (void)partitions, (void)partition_count, (void)lost;
}

static struct bus_consumer_settings consumer_settings(void)
{
    return (struct bus_consumer_settings){
        .brokers = mock.brokers, .client_id = "torture", .group = "torture", .instance_id = "torture",
        .topic = topic, .queue_bytes_max = 1 << 20, .on_assign = on_assign, .on_revoke = on_revoke,
    };
}

static enum zp_err a_consumer_is_made(void)
{
    const struct bus_consumer_settings settings = consumer_settings();
    struct bus_consumer *consumer = NULL;
    enum zp_err err = bus_consumer_create(&settings, &consumer, why);
    bus_consumer_destroy(consumer);
    return err;
}

/* Who was made hears that there are no brokers. */
static enum zp_err a_consumer_hears_of_trouble(void)
{
    struct bus_consumer_settings settings = consumer_settings();
    struct bus_consumer *consumer = NULL;
    settings.brokers = NOWHERE;
    enum zp_err err = bus_consumer_create(&settings, &consumer, why);
    const char *trouble = NULL;
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    while (err == ZP_OK && trouble == NULL) {
        bool fatal;
        (void)bus_consume(consumer, 10);
        trouble = bus_consumer_trouble(consumer, &fatal);
        err = clock_mono_us() < give_up_us ? ZP_OK : ZP_INTERNAL;
    }
    bus_consumer_destroy(consumer);
    return err;
}

static bool there_is_a_reason(enum zp_err err)
{
    return err == ZP_OK || why[0] != '\0';
}

#define ROW(function, holds) { #function, forget, function, holds, NULL, MANY_ERRORS, ZP_OK }

static const struct torture rows[] = {
    { "topics are read", forget, topics_are_read, all_or_a_reason, NULL, ERR(INVALID), ZP_OK },
    ROW(a_producer_is_made, there_is_a_reason),
    ROW(a_watch_asks, NULL), /* it says why by itself */
    ROW(offsets_are_asked, there_is_a_reason),
    ROW(partitions_are_counted, there_is_a_reason),
    ROW(a_reader_is_made, there_is_a_reason),
    ROW(a_consumer_is_made, there_is_a_reason),
    ROW(a_consumer_hears_of_trouble, there_is_a_reason),
};

int main(void)
{
    (void)mock_setup(NULL);
    (void)snprintf(topic, sizeof(topic), "%s", topic_new(1));
    int failed = torture_main("bus", rows, ZP_COUNT(rows));
    (void)mock_teardown(NULL);
    return failed;
}
