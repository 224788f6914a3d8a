/* producer: owns the way of a record into the log: queueing, its acknowledgement, and the end of a producer.
 *
 * Called by intake (commands), worker (outcomes, timers, dead letters) and the command line. Invariant: on_delivery
 * is called exactly once for each record that bus_produce accepted, also when the producer is destroyed or broken. */
#include "client.h"
#include "trouble.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WARM_TOPICS_MAX 8
#define LANES_MAX 16
#define DRAIN_MS 50
#define OPEN_US (3600 * INT64_C(1000000)) /* a broker forgets who was silent in a partition for a day */

/* Whether the broker knows this producer in a partition: of one that it does not know it takes any sequence number.
 * Were a second request under way while the first is refused for a moment, the log would have the second one first. */
struct opening {
    int64_t acked_us; /* last, by the monotonic clock; 0: never */
    bool awaited;     /* its first record is under way, alone */
};

/* A client of its own, with its own connection to each broker. */
struct lane {
    rd_kafka_t *rk;            /* owned */
    rd_kafka_queue_t *reports; /* owned: the queue that rd_kafka_poll serves */
    rd_kafka_topic_t *warm[WARM_TOPICS_MAX]; /* owned: a topic that is held stays known */
};

struct bus_producer {
    struct lane lanes[LANES_MAX]; /* a partition's records go through one of them, so they keep their order */
    size_t lane_count;
    size_t warm_count;
    const char *gapless_topic; /* borrowed, or NULL */
    struct opening openings[BUS_PARTITIONS_MAX]; /* of the gapless topic */
    int wake_fd;               /* owned: written when reports begin to wait, unless somebody else is told */
    void (*on_delivery)(void *opaque, const struct bus_delivery *delivery);
    struct bus_trouble trouble;
};

/* What the library knows of a message decides, not its error: after a retry both can be set. */
static const enum bus_ack acks[] = {
    [RD_KAFKA_MSG_STATUS_NOT_PERSISTED] = BUS_NOT_PERSISTED,
    [RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED] = BUS_UNKNOWN,
    [RD_KAFKA_MSG_STATUS_PERSISTED] = BUS_ACKED,
};

static struct opening *opening_of(struct bus_producer *producer, const char *topic, int32_t partition)
{
    bool is_gapless = producer->gapless_topic != NULL && strcmp(topic, producer->gapless_topic) == 0;
    return is_gapless && partition >= 0 && partition < BUS_PARTITIONS_MAX ? &producer->openings[partition] : NULL;
}

static bool is_open(const struct opening *opening)
{
    return opening->acked_us > 0 && clock_mono_us() - opening->acked_us < OPEN_US;
}

/* The library infers that a record which was refused, and waits to be tried again, is in the log when one behind it was
 * taken (librdkafka, rd_kafka_dr_implicit_ack). But a broker takes any first sequence number of a producer that it
 * knows nothing of, so the refused one may be nowhere. Only an offset is an acknowledgement. */
static const char inferred[] = "acknowledged without a place in the log";

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    struct bus_producer *producer = opaque;
    struct opening *opening = opening_of(producer, rd_kafka_topic_name(message->rkt), message->partition);
    enum bus_ack ack = acks[rd_kafka_message_status(message)];
    bool is_inferred = ack == BUS_ACKED && message->offset < 0;
    ack = is_inferred ? BUS_UNKNOWN : ack;
    int64_t logged_ms = rd_kafka_message_timestamp(message, NULL);
    struct bus_delivery delivery = {
        .ack = ack,
        .partition = message->partition,
        .offset = ack == BUS_ACKED ? message->offset : -1,
        .timestamp_us = ack == BUS_ACKED && logged_ms > 0 ? logged_ms * 1000 : 0,
        .why = ack == BUS_ACKED ? NULL : is_inferred ? inferred : rd_kafka_err2str(message->err),
    };
    if (opening != NULL) {
        opening->awaited = false;
        opening->acked_us = ack == BUS_ACKED ? clock_mono_us() : opening->acked_us;
    }
    producer->on_delivery(message->_private, &delivery);
}

static void failed(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    struct bus_producer *producer = opaque;
    char fatal[160];
    if (err == RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_resp_err_t cause = rd_kafka_fatal_error(rk, fatal, sizeof(fatal));
        bus_trouble_note(&producer->trouble, "%s: %s", rd_kafka_err2name(cause), fatal);
    } else {
        bus_trouble_note(&producer->trouble, "%s: %s", rd_kafka_err2name(err), reason);
    }
}

static enum zp_err lane_open(struct bus_producer *producer, const struct bus_producer_settings *settings,
                             struct lane *lane, char why[BUS_WHY_SIZE])
{
    char linger_ms[32];
    int64_t lanes = (int64_t)producer->lane_count;
    snprintf(linger_ms, sizeof(linger_ms), "%.3f", (double)settings->linger_us / 1000.0);
    const struct bus_client_option options[] = {
        { "queue.buffering.max.ms", linger_ms, 0 },
        { "queue.buffering.max.kbytes", NULL, (settings->queue_bytes_max / lanes + 1023) / 1024 },
        { "queue.buffering.max.messages", NULL, (settings->queue_messages_max + lanes - 1) / lanes },
        { "message.timeout.ms", NULL, settings->timeout_ms },
        { "enable.gapless.guarantee", settings->gapless_topic != NULL ? "true" : "false", 0 },
    };
    const struct bus_client client = {
        .kind = BUS_CLIENT_PRODUCER, .brokers = settings->brokers, .client_id = settings->client_id,
        .options = options, .option_count = ZP_COUNT(options),
        .opaque = producer, .on_error = failed, .on_delivery = delivered,
    };
    enum zp_err err = bus_client_open(&client, &lane->rk, why);
    if (err == ZP_OK) {
        lane->reports = rd_kafka_queue_get_main(lane->rk);
    }
    return err;
}

static enum zp_err lanes_open(struct bus_producer *producer, const struct bus_producer_settings *settings,
                              char why[BUS_WHY_SIZE])
{
    producer->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (producer->wake_fd < 0) {
        snprintf(why, BUS_WHY_SIZE, "no descriptor for a producer");
        return ZP_BUSY;
    }
    enum zp_err err = ZP_OK;
    for (size_t i = 0; err == ZP_OK && i < producer->lane_count; i++) {
        err = lane_open(producer, settings, &producer->lanes[i], why);
    }
    if (err == ZP_OK) {
        bus_producer_notify(producer, producer->wake_fd);
    }
    return err;
}

enum zp_err bus_producer_create(const struct bus_producer_settings *settings, struct bus_producer **ret_producer,
                                char why[BUS_WHY_SIZE])
{
    ZP_ASSERT(settings->on_delivery != NULL && settings->lanes <= LANES_MAX);
    if (settings->queue_messages_max < 1) { /* the library reads 0 as "without a limit" */
        snprintf(why, BUS_WHY_SIZE, "the producer's queue must hold at least one message");
        return ZP_INVALID;
    }
    struct bus_producer *producer = calloc(1, sizeof(*producer));
    if (producer == NULL) {
        snprintf(why, BUS_WHY_SIZE, "no memory for a producer");
        return ZP_BUSY;
    }
    producer->on_delivery = settings->on_delivery;
    producer->gapless_topic = settings->gapless_topic;
    producer->lane_count = settings->lanes == 0 ? 1 : settings->lanes;
    enum zp_err err = lanes_open(producer, settings, why);
    if (err != ZP_OK) {
        bus_producer_destroy(producer, 0);
        return err;
    }
    *ret_producer = producer;
    return ZP_OK;
}

static enum zp_err lane_warm(struct lane *lane, size_t place, const char *topic, int timeout_ms,
                             char why[BUS_WHY_SIZE])
{
    BUS_DROP(topic) rd_kafka_topic_t *held = rd_kafka_topic_new(lane->rk, topic, NULL);
    if (held == NULL) {
        snprintf(why, BUS_WHY_SIZE, "%.80s: %s", topic, rd_kafka_err2str(rd_kafka_last_error()));
        return ZP_INVALID;
    }
    const struct rd_kafka_metadata *found;
    rd_kafka_resp_err_t err = rd_kafka_metadata(lane->rk, 0, held, &found, timeout_ms);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = found->topic_cnt == 1 ? found->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(found);
    }
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(why, BUS_WHY_SIZE, "%.80s: %s", topic, rd_kafka_err2str(err));
        return bus_client_err(err);
    }
    lane->warm[place] = held;
    held = NULL;
    return ZP_OK;
}

enum zp_err bus_producer_warm(struct bus_producer *producer, const char *topic, int timeout_ms, char why[BUS_WHY_SIZE])
{
    ZP_ASSERT(producer->warm_count < WARM_TOPICS_MAX);
    enum zp_err err = ZP_OK;
    for (size_t i = 0; err == ZP_OK && i < producer->lane_count; i++) {
        struct lane *lane = &producer->lanes[i];
        if (lane->warm[producer->warm_count] == NULL) { /* else it was held by a try that failed for another lane */
            err = lane_warm(lane, producer->warm_count, topic, timeout_ms, why);
        }
    }
    producer->warm_count += err == ZP_OK;
    return err;
}

static rd_kafka_headers_t *headers_copy(const struct record *record)
{
    if (record->header_count == 0) {
        return NULL;
    }
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct header *header = &record->headers[i];
        rd_kafka_header_add(headers, header->name, -1, header->value, (ssize_t)header->len);
    }
    return headers;
}

static int32_t partition_of(const struct record *record)
{
    return record->partition < 0 && record->key != NULL
               ? bus_partition_of(record->key, record->key_len, bus_partitions())
               : record->partition;
}

enum zp_err bus_produce(struct bus_producer *producer, const char *topic, const struct record *record, void *opaque)
{
    int32_t partition = partition_of(record);
    struct lane *lane = &producer->lanes[partition < 0 ? 0 : (size_t)partition % producer->lane_count];
    struct opening *opening = opening_of(producer, topic, partition);
    bool is_first = opening != NULL && !is_open(opening);
    if (is_first && opening->awaited) {
        return ZP_BUSY;
    }
    rd_kafka_headers_t *headers = headers_copy(record);
    rd_kafka_resp_err_t err = rd_kafka_producev(lane->rk,
        RD_KAFKA_V_TOPIC(topic),
        RD_KAFKA_V_PARTITION(record->partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(record->key, record->key_len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)record->value, record->value_len),
        RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_OPAQUE(opaque),
        RD_KAFKA_V_END);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (is_first) {
            opening->awaited = true;
        }
        return ZP_OK;
    }
    if (headers != NULL) { /* still ours */
        rd_kafka_headers_destroy(headers);
    }
    return err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? ZP_TOO_LARGE : ZP_BUSY;
}

static int lanes_serve(struct bus_producer *producer)
{
    int served = 0;
    for (size_t i = 0; i < producer->lane_count; i++) {
        served += rd_kafka_poll(producer->lanes[i].rk, 0);
    }
    return served;
}

void bus_producer_poll(struct bus_producer *producer, int timeout_ms)
{
    if (lanes_serve(producer) > 0 || timeout_ms == 0) {
        return;
    }
    struct pollfd fd = { .fd = producer->wake_fd, .events = POLLIN };
    uint64_t count;
    if (poll(&fd, 1, timeout_ms) > 0 && read(producer->wake_fd, &count, sizeof(count)) > 0) {
        (void)lanes_serve(producer);
    }
}

void bus_producer_notify(struct bus_producer *producer, int fd)
{
    static const uint64_t one = 1;
    for (size_t i = 0; i < producer->lane_count; i++) {
        rd_kafka_queue_io_event_enable(producer->lanes[i].reports, fd, &one, sizeof(one));
    }
}

bool bus_producer_broken(struct bus_producer *producer)
{
    char words[8];
    for (size_t i = 0; i < producer->lane_count; i++) {
        if (rd_kafka_fatal_error(producer->lanes[i].rk, words, sizeof(words)) != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return true;
        }
    }
    return false;
}

const char *bus_producer_trouble(struct bus_producer *producer)
{
    return bus_trouble_take(&producer->trouble);
}

/* Ends what is queued and in flight, and serves every report of it. A message can be on its way between two of the
 * library's threads when the purge passes by, so purge until nothing is left. */
static void lane_drain(struct lane *lane)
{
    while (rd_kafka_outq_len(lane->rk) > 0) {
        rd_kafka_purge(lane->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(lane->rk, DRAIN_MS);
    }
}

static void lane_close(struct lane *lane, int flush_ms)
{
    if (lane->rk == NULL) {
        return;
    }
    rd_kafka_queue_io_event_enable(lane->reports, -1, NULL, 0);
    if (flush_ms > 0) {
        rd_kafka_flush(lane->rk, flush_ms);
    }
    lane_drain(lane);
    for (size_t i = 0; i < WARM_TOPICS_MAX; i++) {
        if (lane->warm[i] != NULL) {
            rd_kafka_topic_destroy(lane->warm[i]);
        }
    }
    rd_kafka_queue_destroy(lane->reports);
    (void)bus_client_close(lane->rk);
}

void bus_producer_destroy(struct bus_producer *producer, int flush_ms)
{
    if (producer == NULL) {
        return;
    }
    int64_t until_us = clock_mono_us() + (int64_t)flush_ms * 1000;
    for (size_t i = 0; i < producer->lane_count; i++) {
        int64_t left_us = until_us - clock_mono_us();
        lane_close(&producer->lanes[i], left_us > 0 ? (int)(left_us / 1000) : 0);
    }
    if (producer->wake_fd >= 0) {
        close(producer->wake_fd);
    }
    free(producer);
}
