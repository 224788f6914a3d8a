/* The way of records into a Kafka of librdkafka's own and out of it, with each call failing once. What failed is done
 * again as its caller would do it: then every record that was accepted has been told of once, and every record of the
 * log has come out once, in order. How clients are made is tried in test_bus.c. */
#include "torture.h"

#include "../unit/bus/support.h"
#include "wraps_rdkafka.h"

#define TROUBLE (ERR(BUSY) | ERR(NO_MEMORY))
#define RECORDS 7
#define WIDE_BYTES (100 * 1024) /* so that the whole log fills half of a consumer's queue */
#define MANY_HEADERS 30         /* more than a view has room for */
#define FLUSH_MS 10000

static char why[BUS_WHY_SIZE];
static char full[64];  /* a topic of one partition and RECORDS records */
static char open[64];  /* one that takes records */
static struct header headers[MANY_HEADERS];

/* ---- into the log ---- */

static struct bus_producer *producer; /* one for many tries, until it breaks */
static struct fate fates[3];          /* of the records of one try */
static bool accepted[3];

static void make_producer(void)
{
    torture_pause();
    struct bus_producer_settings settings = producer_settings();
    if (producer != NULL && bus_producer_broken(producer)) {
        bus_producer_destroy(producer, 0);
        producer = NULL;
    }
    producer = producer != NULL ? producer : producer_ready(&settings, open);
    torture_resume();
}

static void drop_producer(int flush_ms)
{
    bus_producer_destroy(producer, flush_ms);
    producer = NULL;
}

static int accepted_count(void)
{
    return accepted[0] + accepted[1] + accepted[2];
}

static int told_count(void)
{
    return fate_count(&fates[0]) + fate_count(&fates[1]) + fate_count(&fates[2]);
}

static enum zp_err produce_all(void)
{
    enum zp_err err = ZP_OK;
    for (size_t i = 0; err == ZP_OK && i < ZP_COUNT(fates); i++) {
        struct record record = record_to(0, "key", "value");
        record.headers = headers;
        record.header_count = i;
        err = bus_produce(producer, open, &record, &fates[i]);
        accepted[i] = err == ZP_OK;
    }
    return err;
}

static void forget_records(void)
{
    memset(fates, 0, sizeof(fates));
    memset(accepted, 0, sizeof(accepted));
}

static enum zp_err records_are_published(void)
{
    make_producer();
    forget_records();
    enum zp_err err = produce_all();
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    while (told_count() < accepted_count() && clock_mono_us() < give_up_us) {
        bus_producer_poll(producer, 1000);
    }
    return err != ZP_OK || bus_producer_broken(producer) ? err : told_count() == 3 ? ZP_OK : ZP_INTERNAL;
}

static enum zp_err produce_and_end(int flush_ms)
{
    make_producer();
    forget_records();
    enum zp_err err = produce_all();
    drop_producer(flush_ms);
    return err;
}

static enum zp_err a_producer_ends(void)
{
    return produce_and_end(FLUSH_MS);
}

static enum zp_err a_producer_is_cut_off(void)
{
    return produce_and_end(0);
}

/* Each once, and nothing of what was refused. */
static bool told_once(enum zp_err err)
{
    bool holds = err != ZP_OK || accepted_count() == 3;
    for (size_t i = 0; i < ZP_COUNT(fates); i++) {
        holds = holds && fate_count(&fates[i]) == (accepted[i] ? 1 : 0);
    }
    return holds;
}

/* ---- out of it, as a member of the group ---- */

static struct bus_consumer *consumer;
static bool is_ours, has_strayed;
static int64_t next; /* what must come */

static void on_assign(void *arg, const int32_t *partitions, size_t count)
{
    (void)arg, (void)partitions;
    is_ours = count == 1;
}

static void on_revoke(void *arg, const int32_t *partitions, size_t count, bool lost)
{
    (void)arg, (void)partitions, (void)lost;
    is_ours = is_ours && count != 1;
}

static void on_out_of_range(void *arg, int32_t partition)
{
    (void)arg, (void)partition;
    has_strayed = true;
}

static void make_consumer(void)
{
    const struct bus_consumer_settings settings = {
        .brokers = mock.brokers, .client_id = "torture", .group = "torture", .instance_id = "torture",
        .topic = full, .queue_bytes_max = 1 << 20, .on_assign = on_assign, .on_revoke = on_revoke,
        .on_out_of_range = on_out_of_range,
    };
    torture_pause();
    assert_int_equal(bus_consumer_create(&settings, &consumer, why), ZP_OK);
    torture_resume();
}

/* A record that is not the one to come is a gap, which the worker reads again. */
static enum zp_err consumed(struct record *record)
{
    bool is_next = record->offset == next;
    next += is_next ? 1 : 0;
    bus_record_release(record);
    return is_next ? ZP_OK : bus_consumer_start(consumer, 0, next);
}

static enum zp_err consume_to(int64_t end)
{
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    enum zp_err err = ZP_OK;
    while (err == ZP_OK && next < end && clock_mono_us() < give_up_us) {
        struct record *record = bus_consume(consumer, 1000);
        err = record != NULL ? consumed(record) : ZP_OK;
    }
    return err == ZP_OK && next != end ? ZP_INTERNAL : err;
}

static enum zp_err start_at(int64_t offset)
{
    next = offset;
    return bus_consumer_start(consumer, 0, offset);
}

/* There and back, with a pause. */
static enum zp_err consume(void)
{
    enum zp_err err = start_at(1);
    err = err != ZP_OK ? err : consume_to(3);
    err = err != ZP_OK ? err : bus_consumer_pause(consumer, 0);
    if (err == ZP_OK && bus_consume(consumer, 0) != NULL) {
        err = ZP_INTERNAL;
    }
    err = err != ZP_OK ? err : start_at(0);
    err = err != ZP_OK ? err : consume_to(RECORDS);
    bus_consumer_hint(consumer, &(int32_t){ 0 }, &next, 1);
    return err != ZP_OK || bus_consume(consumer, 20) == NULL ? err : ZP_INTERNAL; /* hungry, it wakes its fetchers */
}

static bool is_over(void)
{
    bool fatal;
    (void)bus_consumer_trouble(consumer, &fatal);
    return fatal;
}

/* What the group has said must be so, or the worker must hear that it needs a consumer made anew. */
static enum zp_err with_a_consumer(enum zp_err (*run)(void))
{
    make_consumer();
    torture_assign(full, 0);
    enum zp_err err = is_ours ? run() : is_over() ? ZP_BUSY : ZP_INTERNAL;
    torture_revoke(full, 0);
    err = is_ours || (torture_holds_partitions() && !is_over()) ? ZP_INTERNAL : err;
    bus_consumer_destroy(consumer);
    return err;
}

static enum zp_err a_partition_is_consumed(void)
{
    return with_a_consumer(consume);
}

/* Behind the end, and then where the log is. */
static enum zp_err stray(void)
{
    has_strayed = false;
    enum zp_err err = start_at(RECORDS + 1);
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    while (err == ZP_OK && !has_strayed && clock_mono_us() < give_up_us) {
        err = bus_consume(consumer, 1000) == NULL ? ZP_OK : ZP_INTERNAL;
    }
    err = err != ZP_OK ? err : start_at(RECORDS - 1);
    return err != ZP_OK ? err : consume_to(RECORDS);
}

static enum zp_err a_partition_strays(void)
{
    return with_a_consumer(stray);
}

/* ---- out of it, range by range ---- */

static enum zp_err read_range(int64_t from, int64_t to)
{
    const struct bus_range range = { 0, from, to };
    struct bus_reader *reader = NULL;
    torture_pause();
    assert_int_equal(bus_reader_create(mock.brokers, full, &range, 1, &reader, why), ZP_OK);
    torture_resume();
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    bool done = false;
    enum zp_err err = ZP_OK;
    for (next = from; !done && (err == ZP_OK || err == ZP_BUSY) && clock_mono_us() < give_up_us;) {
        struct record *record = NULL;
        err = bus_reader_next(reader, 1000, &record, &done);
        if (record != NULL) {
            err = record->offset == next ? err : ZP_INTERNAL;
            next++;
            bus_record_release(record);
        }
    }
    bus_reader_destroy(reader);
    return err == ZP_OK && next != to ? ZP_INTERNAL : err;
}

static enum zp_err a_range_is_read(void)
{
    return read_range(1, RECORDS - 1);
}

static enum zp_err a_range_is_missed(void)
{
    return read_range(RECORDS - 1, RECORDS + 1);
}

/* ---- the driver ---- */

static void fill(void)
{
    struct bus_producer_settings settings = producer_settings();
    settings.queue_bytes_max = 16 << 20;
    struct bus_producer *filler = producer_ready(&settings, full);
    struct fate fate = { 0 };
    static char value[WIDE_BYTES];
    for (size_t i = 0; i < MANY_HEADERS; i++) {
        headers[i] = (struct header){ "name", "value", 5 };
    }
    for (size_t i = 0; i < RECORDS; i++) {
        struct record record = record_to(0, "key", value);
        record.value_len = sizeof(value);
        record.headers = headers;
        record.header_count = i == 2 ? MANY_HEADERS : i;
        assert_int_equal(bus_produce(filler, full, &record, &fate), ZP_OK);
    }
    fate_wait(filler, &fate, RECORDS);
    bus_producer_destroy(filler, 0);
}

static const struct torture rows[] = {
    { "records are published", NULL, records_are_published, told_once, NULL, TROUBLE, ZP_OK },
    { "a producer ends", NULL, a_producer_ends, told_once, NULL, TROUBLE, ZP_OK },
    { "a producer is cut off", NULL, a_producer_is_cut_off, told_once, NULL, TROUBLE, ZP_OK },
    { "a partition is consumed", NULL, a_partition_is_consumed, NULL, NULL, TROUBLE, ZP_OK },
    { "a partition strays", NULL, a_partition_strays, NULL, NULL, TROUBLE, ZP_OK },
    { "a range is read", NULL, a_range_is_read, NULL, NULL, TROUBLE, ZP_OK },
    { "a range is missed", NULL, a_range_is_missed, NULL, NULL, TROUBLE, ZP_NOT_FOUND },
};

int main(void)
{
    (void)mock_setup(NULL);
    (void)snprintf(full, sizeof(full), "%s", topic_new(1));
    (void)snprintf(open, sizeof(open), "%s", topic_new(1));
    fill();
    torture_is_alone = true;
    int failed = torture_main("the log", rows, ZP_COUNT(rows));
    drop_producer(0);
    (void)mock_teardown(NULL);
    return failed;
}
