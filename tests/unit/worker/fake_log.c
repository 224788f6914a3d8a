/* fake_log.c: owns the logs in memory, and what reads pieces of them; see fake_bus.h. Calls are serialised, so that the
 * announcer's thread may produce. */
#include "fake_bus.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LOG_BYTES_MAX (256u << 20)
#define LOG_RECORDS_MAX 2048
#define FIRST_TIME_US INT64_C(1700000000000000)

static const char *const topic_names[FAKE_TOPIC_COUNT] = { TOPIC_COMMANDS, TOPIC_EVENTS, TOPIC_DEAD_LETTERS };

struct fake_log { int64_t first, end; struct record *records; };

struct fake_bus bus;
static struct fake_log logs[FAKE_TOPIC_COUNT][BUS_PARTITIONS_MAX];
static struct arena arena;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void unlock(int *held)
{
    (void)held;
    pthread_mutex_unlock(&lock);
}

#define LOCKED __attribute__((cleanup(unlock), unused)) int held = pthread_mutex_lock(&lock)

/* ---- logs -------------------------------------------------------------------------------------------------- */

void fake_bus_open(void)
{
    memset(&bus, 0, sizeof bus);
    memset(logs, 0, sizeof logs);
    arena_init(&arena, LOG_BYTES_MAX);
}

void fake_bus_close(void)
{
    for (int t = 0; t < FAKE_TOPIC_COUNT; t++) {
        for (int p = 0; p < BUS_PARTITIONS_MAX; p++) {
            free(logs[t][p].records);
        }
    }
    arena_finish(&arena);
}

static const void *copy_bytes(const void *bytes, size_t len)
{
    return bytes == NULL ? NULL : arena_strndup(&arena, bytes, len);
}

static struct record record_copy(const struct record *from)
{
    struct record to = *from;
    to.key = copy_bytes(from->key, from->key_len);
    to.value = copy_bytes(from->value, from->value_len);
    to.headers = arena_array(&arena, from->header_count, sizeof *to.headers);
    for (size_t i = 0; i < from->header_count; i++) {
        to.headers[i].name = arena_strdup(&arena, from->headers[i].name);
        to.headers[i].value = copy_bytes(from->headers[i].value, from->headers[i].len);
        to.headers[i].len = from->headers[i].len;
    }
    return to;
}

static int64_t append(enum fake_topic topic, int32_t partition, const struct record *record)
{
    struct fake_log *log = &logs[topic][partition];
    if (log->records == NULL) {
        log->records = calloc(LOG_RECORDS_MAX, sizeof *log->records);
    }
    ZP_ASSERT(log->records != NULL && log->end < LOG_RECORDS_MAX);
    struct record *copy = &log->records[log->end];
    *copy = record_copy(record);
    copy->partition = partition;
    copy->offset = log->end;
    copy->timestamp_us = bus.clock != NULL ? bus.clock() : FIRST_TIME_US + log->end * 1000;
    return log->end++;
}

int64_t fake_log_append(enum fake_topic topic, int32_t partition, const struct record *record)
{
    LOCKED;
    return append(topic, partition, record);
}

const struct record *fake_log_get(enum fake_topic topic, int32_t partition, int64_t offset)
{
    LOCKED;
    const struct fake_log *log = &logs[topic][partition];
    return offset >= log->first && offset < log->end ? &log->records[offset] : NULL;
}

int64_t fake_log_end(enum fake_topic topic, int32_t partition)
{
    LOCKED;
    return logs[topic][partition].end;
}

void fake_log_trim(enum fake_topic topic, int32_t partition, int64_t first)
{
    LOCKED;
    logs[topic][partition].first = first;
}

void fake_log_cut(enum fake_topic topic, int32_t partition, int64_t end)
{
    LOCKED;
    logs[topic][partition].end = end;
}

void fake_log_replace(enum fake_topic topic, int32_t partition, int64_t offset, const struct record *record)
{
    LOCKED;
    struct record *place = &logs[topic][partition].records[offset];
    const struct record was = *place;
    *place = record_copy(record);
    place->partition = was.partition;
    place->offset = was.offset;
    place->timestamp_us = was.timestamp_us;
}

enum fake_topic fake_topic_of(const char *name)
{
    for (int t = 0; t < FAKE_TOPIC_COUNT; t++) {
        if (strcmp(topic_names[t], name) == 0) {
            return (enum fake_topic)t;
        }
    }
    zp_panic(__FILE__, __LINE__, name);
}

struct record *fake_log_lend(const struct record *record)
{
    struct record *view = malloc(sizeof *view);
    ZP_ASSERT(view != NULL);
    *view = *record;
    return view;
}

void bus_record_release(struct record *record)
{
    free(record);
}

/* ---- offsets and pieces
 * ---------------------------------------------------------------------------------------------- */

enum zp_err bus_offsets(const char *brokers, const char *topic, const int32_t *partitions, size_t count, int timeout_ms,
                        int64_t *ret_first, int64_t *ret_end, char why[BUS_WHY_SIZE])
{
    (void)brokers, (void)timeout_ms;
    LOCKED;
    if (bus.offsets_fail > 0) {
        bus.offsets_fail--;
        snprintf(why, BUS_WHY_SIZE, "scripted");
        return ZP_BUSY;
    }
    for (size_t i = 0; i < count; i++) {
        const struct fake_log *log = &logs[fake_topic_of(topic)][partitions[i]];
        ret_first[i] = log->first;
        ret_end[i] = log->end;
    }
    return ZP_OK;
}

struct bus_reader { enum fake_topic topic; struct bus_range ranges[BUS_PARTITIONS_MAX]; size_t count, current; };

enum zp_err bus_reader_create(const char *brokers, const char *topic, const struct bus_range *ranges, size_t count,
                              struct bus_reader **ret_reader, char why[BUS_WHY_SIZE])
{
    (void)brokers;
    LOCKED;
    ZP_ASSERT(count <= BUS_PARTITIONS_MAX);
    if (bus.readers_good > 0) {
        bus.readers_good--;
    } else if (bus.reader_fails > 0) {
        bus.reader_fails--;
        snprintf(why, BUS_WHY_SIZE, "scripted");
        return ZP_BUSY;
    }
    bus.readers_made++;
    struct bus_reader *reader = calloc(1, sizeof *reader);
    ZP_ASSERT(reader != NULL);
    reader->topic = fake_topic_of(topic);
    reader->count = count;
    memcpy(reader->ranges, ranges, count * sizeof *ranges);
    *ret_reader = reader;
    return ZP_OK;
}

enum zp_err bus_reader_next(struct bus_reader *reader, int timeout_ms, struct record **ret_record, bool *ret_done)
{
    (void)timeout_ms;
    LOCKED;
    *ret_record = NULL;
    while (reader->current < reader->count &&
           reader->ranges[reader->current].from >= reader->ranges[reader->current].to) {
        reader->current++;
    }
    if (reader->current < reader->count) {
        struct bus_range *range = &reader->ranges[reader->current];
        const struct fake_log *log = &logs[reader->topic][range->partition];
        if (range->from < log->first || range->to > log->end) {
            return ZP_NOT_FOUND;
        }
        *ret_record = fake_log_lend(&log->records[range->from++]);
        reader->current += range->from == range->to;
    }
    *ret_done = reader->current == reader->count;
    return ZP_OK;
}

const char *bus_reader_trouble(struct bus_reader *reader)
{
    (void)reader;
    return NULL;
}

void bus_reader_destroy(struct bus_reader *reader)
{
    free(reader);
}
