/* Owns the work of a lane of `zapora verify`: one group of partitions after the other, read from the database, folded
 * from the log, held against Redis. Called by verify.c, which starts the lanes and waits for them.
 * Invariants: each lane has one group in memory; the log is read to the end that was found after the database's
 * snapshot; what is told stands in the order of partitions, whichever lane was faster. */
#include "commands.h"
#include "verify_lane.h"

#include <poll.h>
#include <string.h>

#define LOOK_EVERY 1024 /* records, from one look at the others to the next */
#define BROKER_TIMEOUT_MS 10000
#define QUIET_US 30000000     /* the brokers say nothing for so long: give up */
#define PUBLISH_TRIES 25      /* for what is committed and not published yet */
#define PUBLISH_WAIT_MS 200
#define REDIS_TIMEOUT_MS 5000

/* ---- the log -------------------------------------------------------------------------------------------------- */

/* Counts what was compared. False when another lane has failed: then nobody waits for this one. */
static bool goes_on(struct verify *verify, int64_t things)
{
    pthread_mutex_lock(&verify->lock);
    progress_add(&verify->progress, things);
    bool good = !verify->has_failed;
    pthread_mutex_unlock(&verify->lock);
    return good;
}

static int fold_ranges(struct verify_lane *lane, const struct bus_range *ranges, size_t count)
{
    struct verify *verify = lane->verify;
    char why[BUS_WHY_SIZE] = "";
    struct bus_reader *reader = NULL;
    if (bus_reader_create(verify->settings->kafka, TOPIC_EVENTS, ranges, count, &reader, why) != ZP_OK) {
        return cli_fail("verify: %s cannot be read: %s", TOPIC_EVENTS, why);
    }
    int64_t records = 0, silent_since_us = 0;
    bool done = false;
    int code = 0;
    while (!done && code == 0) {
        struct record *record = NULL;
        enum zp_err err = bus_reader_next(reader, 500, &record, &done);
        if (record != NULL) {
            silent_since_us = 0;
            if (audit_fold(&lane->audit, record) != ZP_OK) {
                code = cli_fail("verify: not enough memory for partition %d", (int)record->partition);
            }
            bus_record_release(record);
            records++;
        } else if (err == ZP_OK && !done) {
            silent_since_us = silent_since_us == 0 ? clock_mono_us() : silent_since_us;
            err = clock_mono_us() - silent_since_us > QUIET_US ? ZP_BUSY : ZP_OK;
        }
        if (err != ZP_OK) {
            const char *trouble = bus_reader_trouble(reader);
            code = cli_fail("verify: the brokers stopped answering: %s", trouble == NULL ? "silence" : trouble);
        }
        if (record == NULL || records == LOOK_EVERY) {
            code = goes_on(verify, records) ? code : 1;
            records = 0;
        }
    }
    (void)goes_on(verify, records);
    bus_reader_destroy(reader);
    return code;
}

/* Where these partitions begin and end now. Gives the exit code. */
int verify_find_ranges(struct bus_watch *watch, const int32_t *partitions, size_t count, struct bus_range *ret_ranges)
{
    int64_t first[BUS_PARTITIONS_MAX], end[BUS_PARTITIONS_MAX];
    if (bus_watch_firsts(watch, TOPIC_EVENTS, partitions, count, BROKER_TIMEOUT_MS, first) != ZP_OK ||
        bus_watch_ends(watch, TOPIC_EVENTS, partitions, count, BROKER_TIMEOUT_MS, end) != ZP_OK) {
        return cli_fail("verify: %s cannot be read: %s", TOPIC_EVENTS, bus_watch_why(watch));
    }
    for (size_t i = 0; i < count; i++) {
        ret_ranges[i] = (struct bus_range){ partitions[i], first[i], end[i] };
    }
    return 0;
}

/* A log that was cut off at its start cannot be folded: everything in it would look like a gap. */
static void check_start(struct verify *verify, const struct bus_range *range)
{
    if (range->from > 0) {
        difference_tell_int(&verify->differences,
                            &(struct difference){ .partition = range->partition, .left = "expected", .right = "log" },
                            "first offset of " TOPIC_EVENTS, 0, range->from);
    }
}

/* A worker publishes what it has committed within milliseconds: reads on for what the log still lacks. */
static int fold_late(struct verify_lane *lane, const struct verify_group *group, struct bus_range *ranges)
{
    const struct audit *audit = &lane->audit;
    for (int i = 0; i < PUBLISH_TRIES; i++) {
        bool waits = false;
        for (size_t p = 0; p < group->count; p++) {
            waits = waits || audit_is_unpublished(audit, group->partitions[p]);
        }
        if (!waits) {
            return 0;
        }
        poll(NULL, 0, i == 0 ? 0 : PUBLISH_WAIT_MS);
        struct bus_range now[VERIFY_GROUP];
        int code = verify_find_ranges(lane->watch, group->partitions, group->count, now);
        if (code != 0) {
            return code;
        }
        bool is_longer = false;
        for (size_t p = 0; p < group->count; p++) {
            now[p].from = ranges[p].to;
            ranges[p].to = now[p].to;
            is_longer = is_longer || now[p].from < now[p].to;
        }
        code = is_longer ? fold_ranges(lane, now, group->count) : 0;
        if (code != 0) {
            return code;
        }
    }
    return 0;
}

static void add_counts(struct verify *verify, const struct audit *audit, const struct cache_audit *cache)
{
    struct audit *total = &verify->total;
    verify->locations += (int64_t)audit->place_count;
    total->facts += audit->facts;
    total->newer += audit->newer;
    total->unreadable += audit->unreadable;
    total->unpublished += audit->unpublished;
    total->held += audit->held;
    total->events += audit->events;
    total->orders_compared += audit->orders_compared;
    total->outcomes_compared += audit->outcomes_compared;
    verify->cache_total.locations += cache->locations;
    verify->cache_total.events += cache->events;
    verify->cache_total.snapshots += cache->snapshots;
}

static int fold_group(struct verify_lane *lane, const struct verify_group *group)
{
    struct bus_range ranges[VERIFY_GROUP];
    int code = verify_find_ranges(lane->watch, group->partitions, group->count, ranges);
    if (code != 0) {
        return code;
    }
    for (size_t i = 0; i < group->count; i++) {
        check_start(lane->verify, &ranges[i]);
    }
    code = fold_ranges(lane, ranges, group->count);
    return code == 0 ? fold_late(lane, group, ranges) : code;
}

/* ---- the database against Redis ------------------------------------------------------------------------------- */

enum zp_err verify_open_push(const struct verify *verify, struct live_push **ret_push, char why[LIVE_WHY_SIZE])
{
    const struct live_settings live = { .uri = verify->settings->redis, .timeout_ms = REDIS_TIMEOUT_MS,
                                        .closed_order_ttl_s = 3600, .receipt_ttl_s = 3600 };
    return live_push_create(&live, ret_push, why);
}

static int fail_cache(const struct cache_audit *cache, enum zp_err err)
{
    const char *why = live_push_trouble(cache->push);
    if (err == ZP_NO_MEMORY) {
        return cli_fail("verify: not enough memory for a location's cache");
    }
    return why[0] != '\0' ? cli_fail("verify: redis: %s", why)
                          : cli_fail("verify: the database cannot be read: %s", store_trouble(cache->store)->why);
}

/* In the order in which the database gave them, so what is told of a partition has one order. */
static int audit_places(struct verify *verify, struct cache_audit *cache, const struct audit *audit)
{
    for (size_t i = 0; i < audit->place_count; i++) {
        const struct audit_place *place = &audit->places[i];
        enum zp_err err = place->has_row ? cache_audit_location(cache, place->partition, &place->id) : ZP_OK;
        if (err != ZP_OK) {
            return fail_cache(cache, err);
        }
        if (place->has_row && !goes_on(verify, 1)) {
            return 1;
        }
    }
    return 0;
}

/* A connection for each group: one that was idle while a log was folded may have been closed. */
static int audit_cache(struct verify_lane *lane)
{
    struct verify *verify = lane->verify;
    struct cache_audit *cache = &lane->cache;
    char why[LIVE_WHY_SIZE] = "";
    cache->locations = cache->events = cache->snapshots = 0;
    if (verify->settings->no_cache) {
        return 0;
    }
    if (verify_open_push(verify, &cache->push, why) != ZP_OK) {
        return cli_fail("verify: redis: %s", why);
    }
    int code = audit_places(verify, cache, &lane->audit);
    live_push_destroy(cache->push);
    cache->push = NULL;
    return code;
}

/* The group's locations are known: they are part of what is to be done. */
static void expect_places(struct verify *verify, const struct audit *audit)
{
    int64_t count = 0;
    for (size_t i = 0; i < audit->place_count; i++) {
        count += audit->places[i].has_row;
    }
    pthread_mutex_lock(&verify->lock);
    verify->progress.total += verify->settings->no_cache ? 0 : count;
    pthread_mutex_unlock(&verify->lock);
}

/* ---- a lane --------------------------------------------------------------------------------------------------- */

static struct verify_group *take_group(struct verify *verify)
{
    pthread_mutex_lock(&verify->lock);
    bool any = !verify->has_failed && verify->taken < verify->group_count;
    struct verify_group *group = any ? &verify->groups[verify->taken++] : NULL;
    pthread_mutex_unlock(&verify->lock);
    return group;
}

void verify_print(struct verify *verify, const int32_t *partitions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        differences_print(&verify->differences, partitions[i]);
    }
}

/* Adds what a lane found out, and prints what stands next in the order of partitions. */
static void settle_group(struct verify *verify, const struct verify_lane *lane, struct verify_group *group)
{
    pthread_mutex_lock(&verify->lock);
    add_counts(verify, &lane->audit, &lane->cache);
    group->is_done = true;
    while (verify->printed < verify->group_count && verify->groups[verify->printed].is_done) {
        const struct verify_group *next = &verify->groups[verify->printed++];
        verify_print(verify, next->partitions, next->count);
    }
    pthread_mutex_unlock(&verify->lock);
}

static int fail_database(const struct verify_lane *lane, enum zp_err err)
{
    return cli_fail("verify: the database cannot be read: %s",
                    err == ZP_NO_MEMORY ? "not enough memory" : store_trouble(lane->store)->why);
}

static int audit_group(struct verify_lane *lane, struct verify_group *group)
{
    struct verify *verify = lane->verify;
    struct audit *audit = &lane->audit;
    audit_reset(audit);
    enum zp_err err = audit_read_database(audit, lane->store, group->partitions, group->count, verify->strays,
                                          verify->stray_count);
    if (err != ZP_OK) {
        return fail_database(lane, err);
    }
    expect_places(verify, audit);
    int code = fold_group(lane, group);
    if (code != 0) {
        return code;
    }
    err = audit_check_journals(audit, lane->store);
    if (err != ZP_OK) {
        return fail_database(lane, err);
    }
    audit_settle(audit);
    code = audit_cache(lane);
    if (code == 0) {
        settle_group(verify, lane, group);
    }
    return code;
}

void *verify_walk_groups(void *arg)
{
    struct verify_lane *lane = arg;
    struct verify *verify = lane->verify;
    struct verify_group *group;
    while (lane->code == 0 && (group = take_group(verify)) != NULL) {
        lane->code = audit_group(lane, group);
    }
    pthread_mutex_lock(&verify->lock);
    verify->has_failed = verify->has_failed || lane->code != 0;
    pthread_mutex_unlock(&verify->lock);
    return NULL;
}

