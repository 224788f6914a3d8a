/* producer: owns the way of a record into the log: queueing, its acknowledgement, and the end of a producer.
 *
 * Called by intake (commands), worker (outcomes, timers, dead letters) and the command line. Invariant: on_delivery
 * is called exactly once for each record that bus_produce accepted, also when the producer is destroyed or broken. */
#include "client.h"
#include "trouble.h"

#include <stdlib.h>

#define WARM_TOPICS_MAX 8
#define DRAIN_MS 50

struct bus_producer {
    rd_kafka_t *rk;            /* owned */
    rd_kafka_queue_t *reports; /* owned: the queue that bus_producer_poll serves */
    rd_kafka_topic_t *warm[WARM_TOPICS_MAX]; /* owned: a topic that is held stays known */
    size_t warm_count;
    void (*on_delivery)(void *opaque, const struct bus_delivery *delivery);
    struct bus_trouble trouble;
};

/* What the library knows of a message decides, not its error: after a retry both can be set. */
static const enum bus_ack acks[] = {
    [RD_KAFKA_MSG_STATUS_NOT_PERSISTED] = BUS_NOT_PERSISTED,
    [RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED] = BUS_UNKNOWN,
    [RD_KAFKA_MSG_STATUS_PERSISTED] = BUS_ACKED,
};

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    const struct bus_producer *producer = opaque;
    enum bus_ack ack = acks[rd_kafka_message_status(message)];
    int64_t logged_ms = rd_kafka_message_timestamp(message, NULL);
    struct bus_delivery delivery = {
        .ack = ack,
        .partition = message->partition,
        .offset = ack == BUS_ACKED && message->offset >= 0 ? message->offset : -1,
        .timestamp_us = ack == BUS_ACKED && logged_ms > 0 ? logged_ms * 1000 : 0,
        .why = ack == BUS_ACKED ? NULL : rd_kafka_err2str(message->err),
    };
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

static enum zp_err producer_open(struct bus_producer *producer, const struct bus_producer_settings *settings,
                                 char why[BUS_WHY_SIZE])
{
    char linger_ms[32];
    snprintf(linger_ms, sizeof(linger_ms), "%.3f", (double)settings->linger_us / 1000.0);
    const struct bus_client_option options[] = {
        { "queue.buffering.max.ms", linger_ms, 0 },
        { "queue.buffering.max.kbytes", NULL, (settings->queue_bytes_max + 1023) / 1024 },
        { "queue.buffering.max.messages", NULL, settings->queue_messages_max },
        { "message.timeout.ms", NULL, settings->timeout_ms },
    };
    const struct bus_client client = {
        .kind = BUS_CLIENT_PRODUCER, .brokers = settings->brokers, .client_id = settings->client_id,
        .options = options, .option_count = ZP_COUNT(options),
        .opaque = producer, .on_error = failed, .on_delivery = delivered,
    };
    return bus_client_open(&client, &producer->rk, why);
}

enum zp_err bus_producer_create(const struct bus_producer_settings *settings, struct bus_producer **ret_producer,
                                char why[BUS_WHY_SIZE])
{
    ZP_ASSERT(settings->on_delivery != NULL);
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
    enum zp_err err = producer_open(producer, settings, why);
    if (err != ZP_OK) {
        free(producer);
        return err;
    }
    producer->reports = rd_kafka_queue_get_main(producer->rk);
    *ret_producer = producer;
    return ZP_OK;
}

enum zp_err bus_producer_warm(struct bus_producer *producer, const char *topic, int timeout_ms, char why[BUS_WHY_SIZE])
{
    ZP_ASSERT(producer->warm_count < WARM_TOPICS_MAX);
    BUS_DROP(topic) rd_kafka_topic_t *held = rd_kafka_topic_new(producer->rk, topic, NULL);
    if (held == NULL) {
        snprintf(why, BUS_WHY_SIZE, "%.80s: %s", topic, rd_kafka_err2str(rd_kafka_last_error()));
        return ZP_INVALID;
    }
    const struct rd_kafka_metadata *found;
    rd_kafka_resp_err_t err = rd_kafka_metadata(producer->rk, 0, held, &found, timeout_ms);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = found->topic_cnt == 1 ? found->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(found);
    }
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(why, BUS_WHY_SIZE, "%.80s: %s", topic, rd_kafka_err2str(err));
        return bus_client_err(err);
    }
    producer->warm[producer->warm_count++] = held;
    held = NULL;
    return ZP_OK;
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

enum zp_err bus_produce(struct bus_producer *producer, const char *topic, const struct record *record, void *opaque)
{
    rd_kafka_headers_t *headers = headers_copy(record);
    rd_kafka_resp_err_t err = rd_kafka_producev(producer->rk,
        RD_KAFKA_V_TOPIC(topic),
        RD_KAFKA_V_PARTITION(record->partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(record->key, record->key_len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)record->value, record->value_len),
        RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_OPAQUE(opaque),
        RD_KAFKA_V_END);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return ZP_OK;
    }
    if (headers != NULL) { /* still ours */
        rd_kafka_headers_destroy(headers);
    }
    return err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? ZP_TOO_LARGE : ZP_BUSY;
}

void bus_producer_poll(struct bus_producer *producer, int timeout_ms)
{
    rd_kafka_poll(producer->rk, timeout_ms);
}

void bus_producer_notify(struct bus_producer *producer, int fd)
{
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(producer->reports, fd, &one, sizeof(one));
}

bool bus_producer_broken(struct bus_producer *producer)
{
    char words[8];
    return rd_kafka_fatal_error(producer->rk, words, sizeof(words)) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

const char *bus_producer_trouble(struct bus_producer *producer)
{
    return bus_trouble_take(&producer->trouble);
}

/* Ends what is queued and in flight, and serves every report of it. A message can be on its way between two of the
 * library's threads when the purge passes by, so purge until nothing is left. */
static void producer_drain(struct bus_producer *producer)
{
    while (rd_kafka_outq_len(producer->rk) > 0) {
        rd_kafka_purge(producer->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(producer->rk, DRAIN_MS);
    }
}

void bus_producer_destroy(struct bus_producer *producer, int flush_ms)
{
    if (producer == NULL) {
        return;
    }
    rd_kafka_queue_io_event_enable(producer->reports, -1, NULL, 0);
    if (flush_ms > 0) {
        rd_kafka_flush(producer->rk, flush_ms);
    }
    producer_drain(producer);
    for (size_t i = 0; i < producer->warm_count; i++) {
        rd_kafka_topic_destroy(producer->warm[i]);
    }
    rd_kafka_queue_destroy(producer->reports);
    rd_kafka_destroy(producer->rk);
    free(producer);
}
