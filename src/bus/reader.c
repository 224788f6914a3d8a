/* reader: owns the reading of finite pieces of a topic, without a group and without commits.
 *
 * Called by the worker's fold of the events topic, by replay and verify, on one thread. Invariant: `left` counts the
 * pieces that are not read to their end; of a piece no record outside [from, to) comes out, its offsets only rise, and
 * none that the log has is left out. */
#include "client.h"
#include "offsets.h"
#include "pull.h"
#include "trouble.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

#define PARTITIONS_MAX 10000
#define ENDS_TIMEOUT_MS 1000

static const struct bus_pull_limits limits = { .queue_bytes = 32 << 20, .message_bytes = 512, .fetch_bytes = 8 << 20 };

struct piece {
    int64_t next, to;  /* next to be read; done at `to` */
};

struct bus_reader {
    rd_kafka_t *rk;            /* owned; NULL when there is nothing to read */
    char *topic;               /* owned */
    struct piece *pieces;      /* owned: by partition, piece_count of them; to 0: none */
    int32_t piece_count;
    size_t left;
    struct bus_pull pull;
    struct bus_views views;
    struct bus_trouble trouble;
    bool away;                 /* trouble came since the last record */
    bool rotten;               /* the library has left records out: the open pieces are read again */
    bool unsure;               /* whether the log reaches so far: asked for when records stay out */
    enum zp_err stuck;         /* once it is not ZP_OK no piece can be read to its end: the answer to every call */
};

static bool piece_open(const struct piece *piece)
{
    return piece->next < piece->to;
}

static struct piece *piece_of(struct bus_reader *reader, int32_t partition)
{
    bool ours = partition >= 0 && partition < reader->piece_count && piece_open(&reader->pieces[partition]);
    return ours ? &reader->pieces[partition] : NULL;
}

static void piece_close(struct bus_reader *reader, int32_t partition)
{
    reader->pieces[partition].next = reader->pieces[partition].to;
    reader->left--;
    BUS_DROP(list) rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, reader->topic, partition);
    (void)rd_kafka_pause_partitions(reader->rk, list); /* so that nothing beyond its end is fetched */
}

/* Each open piece from where it stands; nothing that was fetched before comes out any more. */
static rd_kafka_resp_err_t pieces_assign(struct bus_reader *reader)
{
    BUS_DROP(list) rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)reader->left);
    for (int32_t i = 0; i < reader->piece_count; i++) {
        if (piece_open(&reader->pieces[i])) {
            rd_kafka_topic_partition_list_add(list, reader->topic, i)->offset = reader->pieces[i].next;
        }
    }
    return bus_client_reassign(reader->rk, list);
}

/* ---- what comes in place of a record ---- */

static void failed(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    (void)rk;
    struct bus_reader *reader = opaque;
    bus_trouble_note(&reader->trouble, "%s: %s", rd_kafka_err2name(err), reason);
    reader->away = true;
}

/* Asks whether the log reaches as far as the open pieces do. */
static enum zp_err pieces_check(struct bus_reader *reader)
{
    int32_t *partitions = calloc(reader->left, sizeof(*partitions));
    int64_t *ends = calloc(reader->left, sizeof(*ends));
    char why[BUS_WHY_SIZE] = "no memory";
    size_t count = 0;
    for (int32_t i = 0; partitions != NULL && i < reader->piece_count; i++) {
        if (piece_open(&reader->pieces[i])) {
            partitions[count++] = i;
        }
    }
    enum zp_err err = partitions == NULL || ends == NULL ? ZP_BUSY
        : bus_offsets_ask(reader->rk, reader->topic, partitions, count, BUS_OFFSETS_END, ENDS_TIMEOUT_MS, ends, why);
    for (size_t i = 0; err == ZP_OK && i < count; i++) {
        if (ends[i] < reader->pieces[partitions[i]].to) {
            snprintf(why, sizeof(why), "partition %d ends at %lld, before %lld", (int)partitions[i], (long long)ends[i],
                     (long long)reader->pieces[partitions[i]].to);
            err = ZP_NOT_FOUND;
        }
    }
    free(partitions);
    free(ends);
    if (err != ZP_OK) {
        bus_trouble_note(&reader->trouble, "%s", why);
    }
    reader->unsure = err != ZP_OK;
    reader->stuck = err == ZP_NOT_FOUND ? ZP_NOT_FOUND : ZP_OK;
    return err;
}

/* The partition has no more records for now: at or behind `to` that is the end of the piece (its last offsets may
 * hold no record); before it, the log must be asked whether it reaches so far at all. */
static enum zp_err end_reached(struct bus_reader *reader, int32_t partition, int64_t at)
{
    struct piece *piece = piece_of(reader, partition);
    if (piece == NULL) {
        return ZP_OK;
    }
    if (at < piece->to) {
        return pieces_check(reader);
    }
    piece_close(reader, partition);
    return ZP_OK;
}

/* Bytes that do not fit their checksum, or cannot be unpacked: the library says so once, and goes on behind them. */
static bool is_rotten(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR__BAD_MSG || err == RD_KAFKA_RESP_ERR__BAD_COMPRESSION;
}

static enum zp_err judge(struct bus_reader *reader, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        return end_reached(reader, message->partition, message->offset);
    }
    const char *why = rd_kafka_message_errstr(message);
    bus_trouble_note(&reader->trouble, "partition %d: %.*s", (int)message->partition, BUS_WHY_SIZE - 64,
                     why != NULL ? why : "");
    reader->away = true;
    reader->unsure = true;
    if (is_rotten(message->err) && piece_of(reader, message->partition) != NULL) {
        reader->rotten = true;
        return ZP_BUSY;
    }
    reader->stuck = message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ? ZP_NOT_FOUND : ZP_OK;
    return reader->stuck;
}

/* ---- records ---- */

/* The message's record when it belongs to an open piece; the message is used up either way. */
static struct record *record_of(struct bus_reader *reader, rd_kafka_message_t *message)
{
    struct piece *piece = piece_of(reader, message->partition);
    if (piece == NULL || message->offset < piece->next) {
        rd_kafka_message_destroy(message);
        return NULL;
    }
    int32_t partition = message->partition;
    int64_t offset = message->offset;
    bool beyond = offset >= piece->to;
    struct record *record = NULL;
    if (beyond) {
        rd_kafka_message_destroy(message);
    } else {
        record = bus_view_take(&reader->views, message);
        if (record == NULL) { /* the record is gone, and a gap must not come out */
            bus_trouble_note(&reader->trouble, "no memory for a record");
            reader->stuck = ZP_NO_MEMORY;
            return NULL;
        }
        piece->next = offset + 1;
    }
    if (offset + 1 >= piece->to) {
        piece_close(reader, partition);
    }
    return record;
}

/* What was rotten may have been so on its way alone. */
static enum zp_err read_again(struct bus_reader *reader)
{
    rd_kafka_resp_err_t err = pieces_assign(reader);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bus_trouble_note(&reader->trouble, "reading again: %s", rd_kafka_err2str(err));
        return ZP_BUSY;
    }
    reader->rotten = false;
    return ZP_OK;
}

static enum zp_err nothing_came(struct bus_reader *reader, int timeout_ms)
{
    if (reader->unsure && timeout_ms > 0) { /* the library waits for ever for a partition that is not there */
        return pieces_check(reader);
    }
    return reader->away ? ZP_BUSY : ZP_OK;
}

/* What is there already is taken without a look at the clock, which would cost as much as the taking. */
static rd_kafka_message_t *pull(struct bus_reader *reader, int timeout_ms, int64_t *give_up_us)
{
    rd_kafka_message_t *message = bus_pull_next(&reader->pull, 0);
    if (message == NULL && timeout_ms > 0) {
        int64_t now_us = clock_mono_us();
        *give_up_us = *give_up_us == 0 ? now_us + (int64_t)timeout_ms * 1000 : *give_up_us;
        int64_t left_us = *give_up_us - now_us;
        message = left_us > 0 ? bus_pull_next(&reader->pull, (int)(left_us / 1000)) : NULL;
    }
    return message;
}

enum zp_err bus_reader_next(struct bus_reader *reader, int timeout_ms, struct record **ret_record, bool *ret_done)
{
    int64_t give_up_us = 0;
    struct record *record = NULL;
    enum zp_err err = reader->rotten ? read_again(reader) : reader->stuck;
    while (err == ZP_OK && record == NULL && reader->left > 0) {
        rd_kafka_message_t *message = pull(reader, timeout_ms, &give_up_us);
        if (message == NULL) {
            err = nothing_came(reader, timeout_ms);
            break;
        }
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            err = judge(reader, message);
            rd_kafka_message_destroy(message);
        } else {
            record = record_of(reader, message);
            err = reader->stuck;
            reader->away = false;
        }
    }
    if (err != ZP_OK) {
        reader->away = false;
        return err;
    }
    *ret_record = record;
    *ret_done = reader->left == 0;
    return ZP_OK;
}

const char *bus_reader_trouble(struct bus_reader *reader)
{
    return bus_trouble_take(&reader->trouble);
}

/* ---- life ---- */

static enum zp_err pieces_set(struct bus_reader *reader, const struct bus_range *ranges, size_t count,
                              char why[BUS_WHY_SIZE])
{
    int32_t highest = -1;
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].partition < 0 || ranges[i].partition >= PARTITIONS_MAX || ranges[i].from < 0) {
            snprintf(why, BUS_WHY_SIZE, "no range: partition %d from %lld", (int)ranges[i].partition,
                     (long long)ranges[i].from);
            return ZP_INVALID;
        }
        highest = ranges[i].partition > highest ? ranges[i].partition : highest;
    }
    reader->piece_count = highest + 1;
    reader->pieces = calloc((size_t)reader->piece_count + 1, sizeof(*reader->pieces));
    if (reader->pieces == NULL) {
        snprintf(why, BUS_WHY_SIZE, "no memory for a reader");
        return ZP_BUSY;
    }
    for (size_t i = 0; i < count; i++) {
        struct piece *piece = &reader->pieces[ranges[i].partition];
        if (piece_open(piece)) {
            snprintf(why, BUS_WHY_SIZE, "partition %d is named twice", (int)ranges[i].partition);
            return ZP_INVALID;
        }
        *piece = (struct piece){ .next = ranges[i].from, .to = ranges[i].to };
        reader->left += piece_open(piece) ? 1 : 0;
    }
    return ZP_OK;
}

static enum zp_err reader_open(struct bus_reader *reader, const char *brokers, char why[BUS_WHY_SIZE])
{
    struct bus_client_option options[BUS_PULL_OPTIONS + 1] = {
        { "group.id", "zapora-reader", 0 }, /* the library assigns nothing without one; it is never joined */
    };
    bus_pull_options(&limits, options + 1);
    const struct bus_client client = {
        .kind = BUS_CLIENT_READER, .brokers = brokers, .options = options, .option_count = ZP_COUNT(options),
        .opaque = reader, .on_error = failed,
    };
    enum zp_err err = bus_client_open(&client, &reader->rk, why);
    if (err != ZP_OK) {
        return err;
    }
    rd_kafka_poll_set_consumer(reader->rk);
    reader->pull = (struct bus_pull){ .rk = reader->rk, .limits = limits };
    rd_kafka_resp_err_t refused = pieces_assign(reader);
    if (refused != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(why, BUS_WHY_SIZE, "reading %.80s: %s", reader->topic, rd_kafka_err2str(refused));
        return ZP_BUSY;
    }
    return ZP_OK;
}

enum zp_err bus_reader_create(const char *brokers, const char *topic, const struct bus_range *ranges, size_t count,
                              struct bus_reader **ret_reader, char why[BUS_WHY_SIZE])
{
    struct bus_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL || (reader->topic = strdup(topic)) == NULL) {
        free(reader);
        snprintf(why, BUS_WHY_SIZE, "no memory for a reader");
        return ZP_BUSY;
    }
    reader->unsure = true;
    enum zp_err err = pieces_set(reader, ranges, count, why);
    if (err == ZP_OK && reader->left > 0) {
        err = reader_open(reader, brokers, why);
    }
    if (err != ZP_OK) {
        bus_reader_destroy(reader);
        return err;
    }
    *ret_reader = reader;
    return ZP_OK;
}

void bus_reader_destroy(struct bus_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    bus_views_finish(&reader->views);
    (void)bus_client_close(reader->rk);
    free(reader->pieces);
    free(reader->topic);
    free(reader);
}
