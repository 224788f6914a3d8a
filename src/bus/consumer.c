/* consumer: owns a worker's membership of the group, its partitions' states, and where each of them is read.
 *
 * Called by the worker's loop, on its one thread. Invariant: a partition is handed to the worker paused, and no
 * record of it comes out before bus_consumer_start has named the offset; what comes out rises from there without a
 * jump back. */
#include "client.h"
#include "pace.h"
#include "pull.h"
#include "trouble.h"
#include "view.h"

#include <poll.h>
#include <stdlib.h>

/* A command of 420 bytes of value costs librdkafka 2.0.2 some 4 KiB until it is taken: a buffer of four times its
 * compressed batch, and structs around it. */
#define MESSAGE_BYTES_MIN 4096
#define FETCH_BYTES_MIN (64 * 1024)
#define SEEK_MS 1000
#define FETCH_INTERVAL_US 3000 /* what an order waits for at most, at the first look, for others to come with it */
#define SEEK_PAUSE_MS 1

enum state { NOT_OURS, PAUSED, RUNNING };

struct bus_consumer {
    rd_kafka_t *rk;            /* owned */
    rd_kafka_topic_t *topic;   /* owned: makes the partitions known before they are assigned */
    struct bus_consumer_settings settings; /* only callbacks and arg are used after creation */
    struct bus_pull pull;
    struct bus_views views;
    struct bus_trouble trouble;
    bool hinting;              /* a hint is on its way: the next ones are left out */
    bool refused;              /* the library does not do what must be done: it is fatal */
    /* next: the offset to come, of a running one */
    struct { enum state state; int64_t next; } places[BUS_PARTITIONS_MAX];
};

static bool partition_known(int32_t partition)
{
    return partition >= 0 && partition < BUS_PARTITIONS_MAX;
}

static enum state partition_state(const struct bus_consumer *consumer, int32_t partition)
{
    return partition_known(partition) ? consumer->places[partition].state : NOT_OURS;
}

/* The one function that moves a partition from state to state. */
static void partition_set(struct bus_consumer *consumer, int32_t partition, enum state state, int64_t next)
{
    ZP_ASSERT(partition_known(partition));
    consumer->places[partition].state = state;
    consumer->places[partition].next = next;
}

static rd_kafka_topic_partition_list_t *list_of_one(const struct bus_consumer *consumer, int32_t partition,
                                                    int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, rd_kafka_topic_name(consumer->topic), partition)->offset = offset;
    return list;
}

/* ---- the group ---- */

/* Copies the partitions of a list that this room knows; returns how many. */
static size_t partitions_read(struct bus_consumer *consumer, const rd_kafka_topic_partition_list_t *list,
                              int32_t partitions[BUS_PARTITIONS_MAX])
{
    size_t count = 0;
    for (int i = 0; i < list->cnt; i++) {
        if (!partition_known(list->elems[i].partition)) {
            bus_trouble_note(&consumer->trouble,
                             "%.80s has a partition %d, more than the %d it must have: it is left alone",
                             list->elems[i].topic, (int)list->elems[i].partition, BUS_PARTITIONS_MAX);
        } else if (count < BUS_PARTITIONS_MAX) {
            partitions[count++] = list->elems[i].partition;
        }
    }
    return count;
}

/* Who cannot do as the group says remains a member that nobody relieves and that never consumes: only a consumer that
 * is made anew helps. */
static bool is_done(struct bus_consumer *consumer, rd_kafka_resp_err_t err)
{
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bus_trouble_note(&consumer->trouble, "assignment refused: %s", rd_kafka_err2str(err));
        consumer->refused = true;
    }
    return err == RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Assigned partitions wait, paused, for their offset. They are paused before they are assigned, so that nothing is
 * fetched, and assigned at 0, which is never used. RD_KAFKA_OFFSET_END would be asked of the broker, and its answer,
 * when it comes after the seek of bus_consumer_start, moves the partition to the end: records would be skipped
 * without a word. */
static void assigned(struct bus_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = 0;
    }
    (void)rd_kafka_pause_partitions(consumer->rk, list);
    if (!is_done(consumer, rd_kafka_assign(consumer->rk, list))) {
        return;
    }
    (void)rd_kafka_pause_partitions(consumer->rk, list); /* those that were not known before */
    int32_t partitions[BUS_PARTITIONS_MAX];
    size_t count = partitions_read(consumer, list, partitions);
    for (size_t i = 0; i < count; i++) {
        partition_set(consumer, partitions[i], PAUSED, 0);
    }
    consumer->settings.on_assign(consumer->settings.arg, partitions, count);
}

/* Tells the worker of every partition that it still has, and takes them away. */
static void partitions_revoke(struct bus_consumer *consumer, bool lost)
{
    int32_t partitions[BUS_PARTITIONS_MAX];
    size_t count = 0;
    for (int32_t i = 0; i < BUS_PARTITIONS_MAX; i++) {
        if (consumer->places[i].state != NOT_OURS) {
            partitions[count++] = i;
        }
    }
    if (count > 0) {
        consumer->settings.on_revoke(consumer->settings.arg, partitions, count, lost);
    }
    for (size_t i = 0; i < count; i++) {
        partition_set(consumer, partitions[i], NOT_OURS, 0);
    }
}

static void rebalanced(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct bus_consumer *consumer = opaque;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        assigned(consumer, list);
        return;
    }
    /* `range` is eager: whatever is revoked, everything is. */
    partitions_revoke(consumer, rd_kafka_assignment_lost(rk) != 0);
    if (err != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
        bus_trouble_note(&consumer->trouble, "rebalance failed: %s", rd_kafka_err2str(err));
    }
    (void)is_done(consumer, rd_kafka_assign(rk, NULL));
}

/* ---- trouble ---- */

static void failed(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    (void)rk;
    struct bus_consumer *consumer = opaque;
    bus_trouble_note(&consumer->trouble, "%s: %s", rd_kafka_err2name(err), reason);
}

static void hinted(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
    (void)rk, (void)err, (void)offsets;
    struct bus_consumer *consumer = opaque;
    consumer->hinting = false;
}

/* The library stops a partition whose offset is not in the log, and does not start it before it is assigned anew. So
 * all are assigned once more, each where it stands, and that one paused like any that waits for its offset. */
static void out_of_range(struct bus_consumer *consumer, int32_t partition)
{
    BUS_DROP(list) rd_kafka_topic_partition_list_t *one = list_of_one(consumer, partition, 0);
    BUS_DROP(list) rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(BUS_PARTITIONS_MAX);
    (void)rd_kafka_pause_partitions(consumer->rk, one);
    partition_set(consumer, partition, PAUSED, 0);
    for (int32_t i = 0; i < BUS_PARTITIONS_MAX; i++) {
        if (consumer->places[i].state != NOT_OURS) {
            rd_kafka_topic_partition_list_add(all, rd_kafka_topic_name(consumer->topic), i)->offset =
                consumer->places[i].next;
        }
    }
    (void)is_done(consumer, bus_client_reassign(consumer->rk, all));
    if (consumer->settings.on_out_of_range != NULL) {
        consumer->settings.on_out_of_range(consumer->settings.arg, partition);
    }
}

/* An error came in place of a record. */
static void judge(struct bus_consumer *consumer, const rd_kafka_message_t *message)
{
    const char *name = rd_kafka_err2name(message->err);
    const char *why = rd_kafka_message_errstr(message);
    why = why != NULL ? why : "";
    if (message->rkt != NULL) {
        bus_trouble_note(&consumer->trouble, "%s: partition %d at %lld: %s", name, (int)message->partition,
                         (long long)message->offset, why);
    } else {
        bus_trouble_note(&consumer->trouble, "%s: %s", name, why);
    }
    if (message->err == RD_KAFKA_RESP_ERR__FATAL) { /* fenced by another of our name: nobody revokes after that */
        partitions_revoke(consumer, true);
    } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET &&
               partition_state(consumer, message->partition) == RUNNING) {
        out_of_range(consumer, message->partition);
    }
}

const char *bus_consumer_trouble(struct bus_consumer *consumer, bool *ret_fatal)
{
    char words[8];
    *ret_fatal = consumer->refused ||
                 rd_kafka_fatal_error(consumer->rk, words, sizeof(words)) != RD_KAFKA_RESP_ERR_NO_ERROR;
    return bus_trouble_take(&consumer->trouble);
}

/* ---- records ---- */

/* The library drops what it fetched before a pause or a seek; this is the belt to its braces. */
static bool record_wanted(const struct bus_consumer *consumer, const rd_kafka_message_t *message)
{
    return partition_state(consumer, message->partition) == RUNNING &&
           message->offset >= consumer->places[message->partition].next;
}

static bool passes(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR__TIMED_OUT || err == RD_KAFKA_RESP_ERR__STATE ||
           err == RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS;
}

/* A partition that was assigned a moment ago may not have begun; and the library's timeout is a thousandth of what
 * it is asked for in 2.0.2. So it is asked until our own time is over. */
static rd_kafka_resp_err_t seek(struct bus_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    int64_t give_up_us = clock_mono_us() + SEEK_MS * 1000;
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_seek_partitions(consumer->rk, list, SEEK_MS);
        rd_kafka_resp_err_t err = error != NULL ? rd_kafka_error_code(error) : list->elems[0].err;
        if (error != NULL) {
            rd_kafka_error_destroy(error);
        }
        if (!passes(err) || clock_mono_us() >= give_up_us) {
            return err;
        }
        poll(NULL, 0, SEEK_PAUSE_MS);
    }
}

/* What the library says of the call is always that all is well; what became of a partition stands beside it. */
static rd_kafka_resp_err_t resume(struct bus_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t err = rd_kafka_resume_partitions(consumer->rk, list);
    return err != RD_KAFKA_RESP_ERR_NO_ERROR ? err : list->elems[0].err;
}

enum zp_err bus_consumer_start(struct bus_consumer *consumer, int32_t partition, int64_t offset)
{
    enum state state = partition_state(consumer, partition);
    ZP_ASSERT(offset >= 0);
    if (state == NOT_OURS) {
        return ZP_NOT_FOUND;
    }
    BUS_DROP(list) rd_kafka_topic_partition_list_t *list = list_of_one(consumer, partition, offset);
    rd_kafka_resp_err_t err = seek(consumer, list);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR && state == PAUSED) {
        /* Resuming does not wake the fetcher, which may have gone to sleep for a second: seeking does. */
        err = resume(consumer, list);
        err = err != RD_KAFKA_RESP_ERR_NO_ERROR ? err : seek(consumer, list);
    }
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bus_trouble_note(&consumer->trouble, "partition %d does not start at %lld: %s", (int)partition,
                         (long long)offset, rd_kafka_err2str(err));
        return ZP_BUSY;
    }
    partition_set(consumer, partition, RUNNING, offset);
    return ZP_OK;
}

enum zp_err bus_consumer_pause(struct bus_consumer *consumer, int32_t partition)
{
    enum state state = partition_state(consumer, partition);
    if (state != RUNNING) {
        return state == NOT_OURS ? ZP_NOT_FOUND : ZP_OK;
    }
    BUS_DROP(list) rd_kafka_topic_partition_list_t *list = list_of_one(consumer, partition, 0);
    (void)rd_kafka_pause_partitions(consumer->rk, list);
    partition_set(consumer, partition, PAUSED, 0);
    return ZP_OK;
}

/* One that there is no memory for is fetched again: with nothing behind it, nobody would miss it. */
static struct record *record_take(struct bus_consumer *consumer, rd_kafka_message_t *message)
{
    int32_t partition = message->partition;
    int64_t offset = message->offset;
    struct record *record = bus_view_take(&consumer->views, message);
    if (record != NULL) {
        consumer->places[partition].next = offset + 1;
        return record;
    }
    bus_trouble_note(&consumer->trouble, "no memory for a record of partition %d", (int)partition);
    consumer->refused = consumer->refused || bus_consumer_start(consumer, partition, offset) != ZP_OK;
    return NULL;
}

struct record *bus_consume(struct bus_consumer *consumer, int timeout_ms)
{
    rd_kafka_message_t *message = bus_pull_next(&consumer->pull, 0);
    if (message == NULL && timeout_ms > 0) {
        bus_pace_hungry(true);
        message = bus_pull_next(&consumer->pull, timeout_ms);
        bus_pace_hungry(false);
    }
    if (message == NULL) {
        return NULL;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        judge(consumer, message);
    } else if (record_wanted(consumer, message)) {
        return record_take(consumer, message);
    }
    rd_kafka_message_destroy(message);
    return NULL;
}

void bus_consumer_hint(struct bus_consumer *consumer, const int32_t *partitions, const int64_t *next_offsets,
                       size_t count)
{
    if (consumer->hinting || count == 0) {
        return;
    }
    BUS_DROP(list) rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, rd_kafka_topic_name(consumer->topic), partitions[i])->offset =
            next_offsets[i];
    }
    consumer->hinting = rd_kafka_commit(consumer->rk, list, 1) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- life ---- */

/* An answer is a sixteenth of the queue: its records are eight times as large when they wait. */
static struct bus_pull_limits limits_for(int64_t queue_bytes)
{
    int64_t fetch_bytes = queue_bytes / 16;
    return (struct bus_pull_limits){ .queue_bytes = queue_bytes, .message_bytes = MESSAGE_BYTES_MIN,
                                     .fetch_bytes = fetch_bytes < FETCH_BYTES_MIN ? FETCH_BYTES_MIN : fetch_bytes };
}

static enum zp_err consumer_open(struct bus_consumer *consumer, char why[BUS_WHY_SIZE])
{
    const struct bus_consumer_settings *settings = &consumer->settings;
    struct bus_client_option options[BUS_PULL_OPTIONS + 2] = {
        { "group.id", settings->group, 0 },
        { "group.instance.id", settings->instance_id, 0 },
    };
    consumer->pull.limits = limits_for(settings->queue_bytes_max);
    bus_pull_options(&consumer->pull.limits, options + 2);
    const struct bus_client client = {
        .kind = BUS_CLIENT_CONSUMER, .brokers = settings->brokers, .client_id = settings->client_id,
        .options = options, .option_count = ZP_COUNT(options),
        .fetch_interval_us = FETCH_INTERVAL_US,
        .opaque = consumer, .on_error = failed, .on_rebalance = rebalanced, .on_commit = hinted,
    };
    return bus_client_open(&client, &consumer->rk, why);
}

static enum zp_err consumer_subscribe(struct bus_consumer *consumer, char why[BUS_WHY_SIZE])
{
    rd_kafka_resp_err_t err = rd_kafka_poll_set_consumer(consumer->rk);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) { /* it would never hear of errors and of its hints */
        snprintf(why, BUS_WHY_SIZE, "one queue for all: %s", rd_kafka_err2str(err));
        return bus_client_err(err);
    }
    consumer->topic = rd_kafka_topic_new(consumer->rk, consumer->settings.topic, NULL);
    if (consumer->topic == NULL) {
        snprintf(why, BUS_WHY_SIZE, "topic %.80s: %s", consumer->settings.topic,
                 rd_kafka_err2str(rd_kafka_last_error()));
        return ZP_INVALID;
    }
    BUS_DROP(list) rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, consumer->settings.topic, RD_KAFKA_PARTITION_UA);
    err = rd_kafka_subscribe(consumer->rk, list);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(why, BUS_WHY_SIZE, "subscribing to %.80s: %s", consumer->settings.topic, rd_kafka_err2str(err));
        return bus_client_err(err);
    }
    return ZP_OK;
}

enum zp_err bus_consumer_create(const struct bus_consumer_settings *settings, struct bus_consumer **ret_consumer,
                                char why[BUS_WHY_SIZE])
{
    ZP_ASSERT(settings->on_assign != NULL && settings->on_revoke != NULL);
    struct bus_consumer *consumer = calloc(1, sizeof(*consumer));
    if (consumer == NULL) {
        snprintf(why, BUS_WHY_SIZE, "no memory for a consumer");
        return ZP_BUSY;
    }
    consumer->settings = *settings;
    enum zp_err err = consumer_open(consumer, why);
    if (err == ZP_OK) {
        consumer->pull.rk = consumer->rk;
        err = consumer_subscribe(consumer, why);
    }
    if (err != ZP_OK) {
        bus_consumer_destroy(consumer);
        return err;
    }
    *ret_consumer = consumer;
    return ZP_OK;
}

/* Without the library's close: a static member leaves nothing at the group, and closing could wait for a broker. */
void bus_consumer_destroy(struct bus_consumer *consumer)
{
    if (consumer == NULL) {
        return;
    }
    partitions_revoke(consumer, false);
    bus_views_finish(&consumer->views);
    if (consumer->topic != NULL) {
        rd_kafka_topic_destroy(consumer->topic);
    }
    (void)bus_client_close(consumer->rk);
    free(consumer);
}
