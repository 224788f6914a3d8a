/* zapora verify: can the log be believed, and do the database and Redis show what it says? Folds the events topic with
 * the same `evolve` as the worker and compares. Works while the system runs.
 * Invariants: each lane has one group of partitions in memory; the log is read to the end that was found after the
 * database's snapshot; what is told stands in the order of partitions, whichever lane was faster. */
#include "commands.h"
#include "progress.h"
#include "verify.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define GROUP 4 /* partitions: each group has a reader of its own, whose start and end cost some 100 ms */
#define GROUPS_MAX ((BUS_PARTITIONS + GROUP - 1) / GROUP)
#define LANES 3 /* while one waits for the database or for a reader to begin, the others go on */
#define LOOK_EVERY 1024 /* records, from one look at the others to the next */
#define BROKER_TIMEOUT_MS 10000
#define QUIET_US 30000000     /* the brokers say nothing for so long: give up */
#define PUBLISH_TRIES 25      /* for what is committed and not published yet */
#define PUBLISH_WAIT_MS 200
#define REDIS_TIMEOUT_MS 5000
#define DATABASE_TIMEOUT_MS 60000

struct verify_settings {
    int64_t differences_max;
    bool json;
    const char *kafka, *location;
    bool no_cache;
    int64_t partition;
    const char *postgres, *redis;
};

#define ROW(field) .name = #field, .offset = offsetof(struct verify_settings, field)

static const struct setting rows[] = {
    /* sorted by name */
    { ROW(differences_max), .kind = SETTING_INT, .fallback = "1000", .min = 1, .max = INT64_MAX,
      .help = "How many differences are printed; the rest is counted." },
    { ROW(json), .kind = SETTING_BOOL, .fallback = "false", .help = "One JSON object a difference." },
    { ROW(kafka), .kind = SETTING_STR, .fallback = "127.0.0.1:9092", .min = 1, .max = 2000,
      .help = "Kafka brokers, host:port[,host:port…]." },
    { ROW(location), .kind = SETTING_STR, .fallback = "", .min = 0, .max = 36,
      .help = "One location's UUID; without it, all." },
    { ROW(no_cache), .kind = SETTING_BOOL, .fallback = "false", .help = "Leave Redis out." },
    { ROW(partition), .kind = SETTING_INT, .fallback = "-1", .min = -1, .max = BUS_PARTITIONS - 1,
      .help = "One partition; -1: all." },
    { ROW(postgres), .kind = SETTING_STR, .min = 1, .max = 2000, .help = "PostgreSQL, as a postgresql:// URI." },
    { ROW(redis), .kind = SETTING_STR, .fallback = "redis://127.0.0.1:6379/0", .min = 1, .max = 2000,
      .help = "Redis, as redis://[[user]:password@]host:port/db." },
};

struct group {
    int32_t partitions[GROUP];
    size_t count;
    bool is_done;
};

/* Takes one group after the other: reads it from the database, folds it, then looks at what Redis has of it. */
struct lane {
    struct verify *verify;
    struct audit audit;
    struct cache_audit cache;
    struct store *store;  /* owned: first the snapshot's, then for details and for Redis */
    struct bus_watch *watch; /* owned: says where the log ends */
    pthread_t thread;
    int code;
};

struct verify {
    const struct verify_settings *settings;
    struct zp_id only;
    struct lane lanes[LANES];
    struct differences differences;
    struct store *store;  /* owned */
    struct arena arena;   /* of the whole run */
    struct zp_id *strays;
    size_t stray_count;
    struct group groups[GROUPS_MAX];
    size_t group_count;
    pthread_mutex_t lock; /* of all below, while lanes run */
    size_t taken, printed; /* groups */
    bool has_failed;
    struct progress progress;
    struct audit total;   /* counts only */
    int64_t locations;
    struct cache_audit cache_total; /* the same */
};

static struct store *open_store(const char *uri, const char *application)
{
    const struct store_settings settings = { .uri = uri, .application = application, .connect_timeout_ms = 5000,
                                             .statement_timeout_ms = DATABASE_TIMEOUT_MS };
    struct store *store = NULL;
    return store_create(&settings, &store) == ZP_OK ? store : NULL;
}

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

static int fold_ranges(struct lane *lane, const struct bus_range *ranges, size_t count)
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
static int find_ranges(struct bus_watch *watch, const int32_t *partitions, size_t count, struct bus_range *ret_ranges)
{
    int64_t first[BUS_PARTITIONS], end[BUS_PARTITIONS];
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
static int fold_late(struct lane *lane, const struct group *group, struct bus_range *ranges)
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
        struct bus_range now[GROUP];
        int code = find_ranges(lane->watch, group->partitions, group->count, now);
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

static int fold_group(struct lane *lane, const struct group *group)
{
    struct bus_range ranges[GROUP];
    int code = find_ranges(lane->watch, group->partitions, group->count, ranges);
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

static enum zp_err open_push(const struct verify *verify, struct live_push **ret_push, char why[LIVE_WHY_SIZE])
{
    const struct live_settings live = { .uri = verify->settings->redis, .timeout_ms = REDIS_TIMEOUT_MS,
                                        .closed_order_ttl_s = 3600, .receipt_ttl_s = 3600 };
    return live_push_create(&live, ret_push, why);
}

/* Before the long work begins: who asked for Redis and has none is told at once. */
static int ask_redis(const struct verify *verify)
{
    char why[LIVE_WHY_SIZE] = "";
    struct live_push *push = NULL;
    int code = 0;
    if (open_push(verify, &push, why) != ZP_OK) {
        return cli_fail("verify: redis: %s", why);
    }
    if (live_push_heads(push, NULL, 0, NULL, NULL) != ZP_OK) { /* of no location: whether it answers */
        code = cli_fail("verify: redis: %s; --no-cache leaves it out", live_push_trouble(push));
    }
    live_push_destroy(push);
    return code;
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
static int audit_cache(struct lane *lane)
{
    struct verify *verify = lane->verify;
    struct cache_audit *cache = &lane->cache;
    char why[LIVE_WHY_SIZE] = "";
    cache->locations = cache->events = cache->snapshots = 0;
    if (verify->settings->no_cache) {
        return 0;
    }
    if (open_push(verify, &cache->push, why) != ZP_OK) {
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

static struct group *take_group(struct verify *verify)
{
    pthread_mutex_lock(&verify->lock);
    bool any = !verify->has_failed && verify->taken < verify->group_count;
    struct group *group = any ? &verify->groups[verify->taken++] : NULL;
    pthread_mutex_unlock(&verify->lock);
    return group;
}

static void print_all(struct verify *verify, const int32_t *partitions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        differences_print(&verify->differences, partitions[i]);
    }
}

/* Adds what a lane found out, and prints what stands next in the order of partitions. */
static void settle_group(struct verify *verify, const struct lane *lane, struct group *group)
{
    pthread_mutex_lock(&verify->lock);
    add_counts(verify, &lane->audit, &lane->cache);
    group->is_done = true;
    while (verify->printed < verify->group_count && verify->groups[verify->printed].is_done) {
        const struct group *next = &verify->groups[verify->printed++];
        print_all(verify, next->partitions, next->count);
    }
    pthread_mutex_unlock(&verify->lock);
}

static int fail_database(const struct lane *lane, enum zp_err err)
{
    return cli_fail("verify: the database cannot be read: %s",
                    err == ZP_NO_MEMORY ? "not enough memory" : store_trouble(lane->store)->why);
}

static int audit_group(struct lane *lane, struct group *group)
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

static void *walk_groups(void *arg)
{
    struct lane *lane = arg;
    struct verify *verify = lane->verify;
    struct group *group;
    while (lane->code == 0 && (group = take_group(verify)) != NULL) {
        lane->code = audit_group(lane, group);
    }
    pthread_mutex_lock(&verify->lock);
    verify->has_failed = verify->has_failed || lane->code != 0;
    pthread_mutex_unlock(&verify->lock);
    return NULL;
}

/* ---- all lanes ------------------------------------------------------------------------------------------------ */

static size_t wanted_partitions(const struct verify *verify, int32_t *ret_partitions)
{
    size_t count = 0;
    for (int32_t p = 0; p < BUS_PARTITIONS; p++) {
        bool is_wanted = verify->settings->partition < 0 || verify->settings->partition == p;
        bool may_hold = id_is_none(&verify->only) || bus_partition_of_location(&verify->only) == p;
        if (is_wanted && may_hold) {
            ret_partitions[count++] = p;
        }
    }
    return count;
}

static int open_watches(struct verify *verify)
{
    char why[BUS_WHY_SIZE] = "";
    for (size_t i = 0; i < LANES; i++) {
        if (bus_watch_create(verify->settings->kafka, "zapora-verify", &verify->lanes[i].watch, why) != ZP_OK) {
            return cli_fail("verify: %s cannot be read: %s", TOPIC_EVENTS, why);
        }
    }
    return 0;
}

static int count_total(struct verify *verify, const int32_t *partitions, size_t count)
{
    struct bus_range ranges[BUS_PARTITIONS];
    int64_t total = 0;
    int code = find_ranges(verify->lanes[0].watch, partitions, count, ranges);
    for (size_t i = 0; code == 0 && i < count; i++) {
        total += ranges[i].to - ranges[i].from;
    }
    progress_begin(&verify->progress, "verify", "records and locations", total);
    return code;
}

static void make_groups(struct verify *verify, const int32_t *partitions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct group *group = &verify->groups[i / GROUP];
        group->partitions[group->count++] = partitions[i];
        verify->group_count = i / GROUP + 1;
    }
}

static int audit_all(struct verify *verify, const int32_t *partitions, size_t count)
{
    make_groups(verify, partitions, count);
    int code = open_watches(verify);
    code = code == 0 ? count_total(verify, partitions, count) : code;
    size_t running = 0;
    while (code == 0 && running < LANES && running < verify->group_count) {
        struct lane *lane = &verify->lanes[running];
        if (pthread_create(&lane->thread, NULL, walk_groups, lane) != 0) {
            code = cli_fail("verify: no thread could be made");
            break;
        }
        running++;
    }
    for (size_t i = 0; i < running; i++) { /* after a failure some may still be reading */
        pthread_join(verify->lanes[i].thread, NULL);
        code = code == 0 ? verify->lanes[i].code : code;
    }
    progress_end(&verify->progress);
    print_all(verify, partitions, count); /* after a failure, what was found before it */
    return code;
}

/* ---- the command ---------------------------------------------------------------------------------------------- */

static enum zp_err order_get(void *arg, const struct zp_id *id, struct arena *arena, struct order *ret_order)
{
    return store_order_get(arg, id, arena, ret_order);
}

static enum zp_err outcome_get(void *arg, int32_t partition, int64_t offset, struct arena *arena,
                               struct outcome *ret_outcome)
{
    struct journal_entry *entries = NULL;
    size_t count = 0;
    enum zp_err err = store_outcomes_from(arg, partition, offset, 1, arena, &entries, &count);
    if (err == ZP_OK && (count == 0 || entries[0].outcome.offset != offset)) {
        err = ZP_NOT_FOUND;
    }
    if (err == ZP_OK) {
        *ret_outcome = entries[0].outcome;
    }
    return err;
}

static void summarize(const struct verify *verify)
{
    const struct audit *total = &verify->total;
    int64_t ms = (clock_mono_us() - verify->progress.began_us) / 1000;
    fprintf(stderr, "log: %lld records, %lld events of %lld locations, %lld orders and %lld outcomes compared in "
            "%lld ms (%lld/s)\n", (long long)total->facts, (long long)total->events, (long long)verify->locations,
            (long long)total->orders_compared, (long long)total->outcomes_compared, (long long)ms,
            (long long)(ms == 0 ? 0 : total->facts * 1000 / ms));
    if (total->newer > 0) {
        fprintf(stderr, "log: %lld records are newer than what was read of the database\n", (long long)total->newer);
    }
    if (total->unpublished > 0) {
        fprintf(stderr, "log: %lld events of the database are not published yet; their locations were not compared\n",
                (long long)total->unpublished);
    }
    if (total->unreadable > 0) {
        fprintf(stderr, "log: %lld records cannot be read and were skipped\n", (long long)total->unreadable);
    }
    if (total->held > 0) {
        fprintf(stderr, "log: %lld locations were not followed beyond a gap of theirs\n", (long long)total->held);
    }
    if (!verify->settings->no_cache) {
        const struct cache_audit *cache = &verify->cache_total;
        fprintf(stderr, "redis: %lld locations, %lld events and %lld snapshots compared\n",
                (long long)cache->locations, (long long)cache->events, (long long)cache->snapshots);
    }
}

static int run(struct verify *verify)
{
    int32_t partitions[BUS_PARTITIONS];
    size_t count = wanted_partitions(verify, partitions);
    if (store_audit_strays(verify->store, &verify->arena, &verify->strays, &verify->stray_count) != ZP_OK) {
        return cli_fail("verify: the database cannot be read: %s", store_trouble(verify->store)->why);
    }
    int code = verify->settings->no_cache ? 0 : ask_redis(verify);
    code = code == 0 ? audit_all(verify, partitions, count) : code;
    if (code != 0) {
        return code;
    }
    summarize(verify);
    const struct differences *differences = &verify->differences;
    if (differences->shown < differences->count) {
        fprintf(stderr, "only the first %lld are shown\n", (long long)differences->shown);
    }
    fprintf(stderr, "%lld differences\n", (long long)differences->count);
    return differences->count == 0 ? 0 : 1;
}

static bool open_verify(struct verify *verify, const struct verify_settings *settings)
{
    verify->settings = settings;
    verify->store = open_store(settings->postgres, "zapora verify");
    differences_init(&verify->differences, stdout, settings->json, settings->differences_max);
    arena_init(&verify->arena, VERIFY_ARENA_BYTES);
    bool good = verify->store != NULL;
    pthread_mutex_init(&verify->lock, NULL);
    for (size_t i = 0; i < LANES; i++) {
        struct lane *lane = &verify->lanes[i];
        lane->verify = verify;
        lane->store = open_store(settings->postgres, "zapora verify");
        audit_init(&lane->audit, &verify->differences);
        lane->audit.order_get = order_get;
        lane->audit.outcome_get = outcome_get;
        lane->audit.arg = lane->store;
        lane->audit.only = verify->only;
        cache_audit_init(&lane->cache, &verify->differences, lane->store);
        good = good && lane->store != NULL;
    }
    return good;
}

static void close_verify(struct verify *verify)
{
    for (size_t i = 0; i < LANES; i++) {
        audit_finish(&verify->lanes[i].audit);
        cache_audit_finish(&verify->lanes[i].cache);
        store_destroy(verify->lanes[i].store);
        bus_watch_destroy(verify->lanes[i].watch);
    }
    pthread_mutex_destroy(&verify->lock);
    store_destroy(verify->store);
    arena_finish(&verify->arena);
    differences_finish(&verify->differences);
}

int cli_verify(int argc, char **argv)
{
    struct verify_settings settings;
    static struct verify verify;
    char *words[1];
    int code = 0;
    if (!cli_load("zapora verify [--location L] [--partition P] [--no-cache] [--json]", rows, ZP_COUNT(rows), argc,
                  argv, &settings, words, 0, &code)) {
        return code;
    }
    if (settings.location[0] != '\0' && !id_parse(settings.location, strlen(settings.location), &verify.only)) {
        cli_fail("verify: location is not a UUID");
        return 2;
    }
    signal(SIGPIPE, SIG_DFL);
    code = open_verify(&verify, &settings) ? run(&verify) : cli_fail("postgres is not a usable URI");
    close_verify(&verify);
    return fflush(stdout) == 0 ? code : cli_fail("cannot write the differences");
}
