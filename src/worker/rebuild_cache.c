/* Owns the making anew of Redis from the database, on demand: the same refill as the announcer's, for every location,
 * also where the head fits. Called by the command line.
 * Invariants: nothing is shown that the log does not have; workers may run meanwhile, for a refill swaps nothing that
 * has moved since it was looked at. */
#include "refill.h"
#include "zapora/worker.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define REDIS_TIMEOUT_MS 5000
#define DATABASE_TIMEOUT_MS 60000
#define OFFSETS_TIMEOUT_MS 10000
#define LOCATION_US_MAX 20000000 /* one that is not done by then is not going to be */
#define LIST_BYTES_MAX ((size_t)256 << 20)

struct rebuild {
    const struct worker_rebuild *wanted;
    struct store *store;
    struct live_push *push;
    struct marks marks[BUS_PARTITIONS_MAX];
    struct refiller refiller;
    struct arena arena;
    char *why; /* WORKER_WHY_SIZE */
};

/* ---- what the log has ----------------------------------------------------------------------------------------- */

/* Outcomes below the row's mark are in the log, and whatever lies in it from events_offset on. */
static enum zp_err read_published(struct rebuild *rebuild, const struct bus_range *ranges, size_t count)
{
    char why[BUS_WHY_SIZE] = "the brokers stopped answering";
    struct bus_reader *reader = NULL;
    enum zp_err err = bus_reader_create(rebuild->wanted->kafka, TOPIC_EVENTS, ranges, count, &reader, why);
    bool done = false;
    while (err == ZP_OK && !done) {
        struct record *record = NULL;
        err = bus_reader_next(reader, OFFSETS_TIMEOUT_MS, &record, &done);
        if (record == NULL) {
            err = err == ZP_OK && !done ? ZP_BUSY : err;
            continue;
        }
        struct event *event = arena_alloc(&rebuild->arena, sizeof *event);
        struct event_meta meta;
        const char *unread = NULL;
        if (event != NULL && message_event_read(record, &rebuild->arena, event, &meta, &unread) == ZP_OK &&
            meta.command_offset >= rebuild->marks[record->partition].published_offset) {
            rebuild->marks[record->partition].published_offset = meta.command_offset + 1;
        }
        arena_reset(&rebuild->arena);
        bus_record_release(record);
    }
    bus_reader_destroy(reader);
    if (err != ZP_OK) {
        snprintf(rebuild->why, WORKER_WHY_SIZE, "%s: %s", TOPIC_EVENTS, why);
    }
    return err;
}

static enum zp_err find_published(struct rebuild *rebuild)
{
    struct store_partition *rows = NULL;
    struct bus_range ranges[BUS_PARTITIONS_MAX];
    int32_t numbers[BUS_PARTITIONS_MAX];
    int64_t first[BUS_PARTITIONS_MAX], end[BUS_PARTITIONS_MAX];
    char why[BUS_WHY_SIZE];
    size_t count = 0;
    enum zp_err err = store_partitions_list(rebuild->store, &rebuild->arena, &rows, &count);
    if (err != ZP_OK || count > BUS_PARTITIONS_MAX) {
        snprintf(rebuild->why, WORKER_WHY_SIZE, "the database: %s", store_trouble(rebuild->store)->why);
        return err == ZP_OK ? ZP_CONFLICT : err;
    }
    for (size_t i = 0; i < count; i++) {
        numbers[i] = rows[i].partition;
    }
    err = bus_offsets(rebuild->wanted->kafka, TOPIC_EVENTS, numbers, count, OFFSETS_TIMEOUT_MS, first, end, why);
    if (err != ZP_OK) {
        snprintf(rebuild->why, WORKER_WHY_SIZE, "%s: %s", TOPIC_EVENTS, why);
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        struct marks *marks = &rebuild->marks[rows[i].partition];
        marks->owned = true; /* in the refiller's eyes: nothing is written to the database */
        marks->published_offset = rows[i].published_offset;
        ranges[i] = (struct bus_range){ numbers[i], rows[i].events_offset, end[i] };
    }
    arena_reset(&rebuild->arena);
    return read_published(rebuild, ranges, count);
}

/* ---- location by location ------------------------------------------------------------------------------------- */

/* Wishes and waits. The location may move under our hands, or its newest event may not be in the log yet: again. */
static enum zp_err rebuild_location(struct rebuild *rebuild, const struct zp_id *id)
{
    struct refiller *refiller = &rebuild->refiller;
    int64_t until_us = clock_mono_us() + LOCATION_US_MAX;
    int64_t looked_us = clock_mono_us();
    refiller_wish(refiller, bus_partition_of_location(id), id);
    while (refiller->wish_count > 0) {
        int64_t now = clock_mono_us();
        if (now > until_us) {
            char text[ID_TEXT_SIZE];
            snprintf(rebuild->why, WORKER_WHY_SIZE, "location %s: %s", id_format(id, text),
                     live_push_trouble(rebuild->push)[0] != '\0'      ? live_push_trouble(rebuild->push)
                     : store_trouble(rebuild->store)->why[0] != '\0' ? store_trouble(rebuild->store)->why
                                                                     : "the log lacks its newest event");
            return ZP_BUSY;
        }
        refiller_step(refiller);
        if (refiller->wish_count > 0) {
            poll(NULL, 0, refiller_wait_ms(refiller, 50));
        }
        if (refiller->wish_count > 0 && now - looked_us > 1000000) { /* perhaps it has been published meanwhile */
            looked_us = now;
            enum zp_err err = find_published(rebuild);
            if (err != ZP_OK) {
                return err;
            }
        }
    }
    return ZP_OK;
}

static enum zp_err rebuild_all(struct rebuild *rebuild)
{
    const struct worker_rebuild *wanted = rebuild->wanted;
    int32_t numbers[BUS_PARTITIONS_MAX];
    struct store_head *heads = NULL;
    struct arena list;
    size_t count = 0, done = 0;
    for (int32_t p = 0; p < bus_partitions(); p++) {
        numbers[p] = p;
    }
    arena_init(&list, LIST_BYTES_MAX);
    enum zp_err err = store_heads(rebuild->store, numbers, (size_t)bus_partitions(), &list, &heads, &count);
    if (err != ZP_OK) {
        snprintf(rebuild->why, WORKER_WHY_SIZE, "the database: %s", store_trouble(rebuild->store)->why);
    }
    bool any = !id_is_none(&wanted->location_id);
    for (size_t i = 0; i < count && err == ZP_OK; i++) {
        if (!any || id_equal(&heads[i].location_id, &wanted->location_id)) {
            err = rebuild_location(rebuild, &heads[i].location_id);
            done++;
        }
        if (wanted->on_progress != NULL) {
            wanted->on_progress(wanted->arg, (int64_t)i + 1, (int64_t)count);
        }
    }
    arena_finish(&list);
    if (err == ZP_OK && any && done == 0) {
        snprintf(rebuild->why, WORKER_WHY_SIZE, "the database has no such location");
        return ZP_NOT_FOUND;
    }
    return err;
}

enum zp_err worker_rebuild_cache(const struct worker_rebuild *wanted, char why[WORKER_WHY_SIZE])
{
    const struct live_settings live = { .uri = wanted->redis, .timeout_ms = REDIS_TIMEOUT_MS,
                                        .closed_order_ttl_s = 3600, .receipt_ttl_s = 3600 };
    const struct store_settings settings = { .uri = wanted->postgres, .application = "zapora rebuild",
                                             .connect_timeout_ms = 5000, .statement_timeout_ms = DATABASE_TIMEOUT_MS };
    struct rebuild *rebuild = calloc(1, sizeof *rebuild);
    enum zp_err err = rebuild == NULL ? ZP_NO_MEMORY : ZP_OK;
    snprintf(why, WORKER_WHY_SIZE, "not enough memory");
    if (err != ZP_OK) {
        return err;
    }
    rebuild->wanted = wanted;
    rebuild->why = why;
    arena_init(&rebuild->arena, LIST_BYTES_MAX);
    if (store_create(&settings, &rebuild->store) != ZP_OK) {
        snprintf(why, WORKER_WHY_SIZE, "postgres is not a usable URI");
        err = ZP_INVALID;
    }
    err = err == ZP_OK ? live_push_create(&live, &rebuild->push, why) : err;
    err = err == ZP_OK ? find_published(rebuild) : err;
    refiller_init(&rebuild->refiller, rebuild->push, rebuild->store, rebuild->marks);
    rebuild->refiller.is_thorough = true;
    rebuild->refiller.patrol_at_us = INT64_MAX;
    err = err == ZP_OK ? rebuild_all(rebuild) : err;
    refiller_finish(&rebuild->refiller);
    arena_finish(&rebuild->arena);
    live_push_destroy(rebuild->push);
    store_destroy(rebuild->store);
    free(rebuild);
    return err;
}
