/* zapora verify: can the log be believed, and do the database and Redis show what it says? Folds the events topic with
 * the same `evolve` as the worker and compares. Works while the system runs. Owns the command: its settings, the lanes'
 * beginning and end (verify_lane.c is their work), the summary. */
#include "commands.h"
#include "verify_lane.h"

#include <signal.h>
#include <string.h>

#define DATABASE_TIMEOUT_MS 60000

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
    { ROW(partition), .kind = SETTING_INT, .fallback = "-1", .min = -1, .max = BUS_PARTITIONS_MAX - 1,
      .help = "One partition; -1: all." },
    { ROW(postgres), .kind = SETTING_STR, .min = 1, .max = 2000, .help = "PostgreSQL, as a postgresql:// URI." },
    { ROW(redis), .kind = SETTING_STR, .fallback = "redis://127.0.0.1:6379/0", .min = 1, .max = 2000,
      .help = "Redis, as redis://[[user]:password@]host:port/db." },
};

static struct store *open_store(const char *uri, const char *application)
{
    const struct store_settings settings = { .uri = uri, .application = application, .connect_timeout_ms = 5000,
                                             .statement_timeout_ms = DATABASE_TIMEOUT_MS };
    struct store *store = NULL;
    return store_create(&settings, &store) == ZP_OK ? store : NULL;
}

/* ---- all lanes ------------------------------------------------------------------------------------------------ */

static size_t wanted_partitions(const struct verify *verify, int32_t *ret_partitions)
{
    size_t count = 0;
    for (int32_t p = 0; p < bus_partitions(); p++) {
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
    for (size_t i = 0; i < VERIFY_LANES; i++) {
        if (bus_watch_create(verify->settings->kafka, "zapora-verify", &verify->lanes[i].watch, why) != ZP_OK) {
            return cli_fail("verify: %s cannot be read: %s", TOPIC_EVENTS, why);
        }
    }
    return 0;
}

static int count_total(struct verify *verify, const int32_t *partitions, size_t count)
{
    struct bus_range ranges[BUS_PARTITIONS_MAX];
    int64_t total = 0;
    int code = verify_find_ranges(verify->lanes[0].watch, partitions, count, ranges);
    for (size_t i = 0; code == 0 && i < count; i++) {
        total += ranges[i].to - ranges[i].from;
    }
    progress_begin(&verify->progress, "verify", "records and locations", total);
    return code;
}

static void make_groups(struct verify *verify, const int32_t *partitions, size_t count)
{
    size_t size = count / (VERIFY_LANES * VERIFY_GROUPS_A_LANE);
    size = size < 1 ? 1 : size > VERIFY_GROUP ? VERIFY_GROUP : size;
    ZP_ASSERT((count + size - 1) / size <= VERIFY_GROUPS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct verify_group *group = &verify->groups[i / size];
        group->partitions[group->count++] = partitions[i];
        verify->group_count = i / size + 1;
    }
}

static int audit_all(struct verify *verify, const int32_t *partitions, size_t count)
{
    make_groups(verify, partitions, count);
    int code = open_watches(verify);
    code = code == 0 ? count_total(verify, partitions, count) : code;
    size_t running = 0;
    while (code == 0 && running < VERIFY_LANES && running < verify->group_count) {
        struct verify_lane *lane = &verify->lanes[running];
        if (pthread_create(&lane->thread, NULL, verify_walk_groups, lane) != 0) {
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
    verify_print(verify, partitions, count); /* after a failure, what was found before it */
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

/* Before the long work begins: who asked for Redis and has none is told at once. */
static int ask_redis(const struct verify *verify)
{
    char why[LIVE_WHY_SIZE] = "";
    struct live_push *push = NULL;
    int code = 0;
    if (verify_open_push(verify, &push, why) != ZP_OK) {
        return cli_fail("verify: redis: %s", why);
    }
    if (live_push_heads(push, NULL, 0, NULL, NULL) != ZP_OK) { /* of no location: whether it answers */
        code = cli_fail("verify: redis: %s; --no-cache leaves it out", live_push_trouble(push));
    }
    live_push_destroy(push);
    return code;
}

static int run(struct verify *verify)
{
    int32_t partitions[BUS_PARTITIONS_MAX];
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
    for (size_t i = 0; i < VERIFY_LANES; i++) {
        struct verify_lane *lane = &verify->lanes[i];
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
    for (size_t i = 0; i < VERIFY_LANES; i++) {
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
    if (!cli_learn_partitions(settings.kafka, TOPIC_EVENTS)) {
        return 1;
    }
    if (settings.partition >= bus_partitions()) {
        cli_fail("verify: %s has %d partitions, from 0 on", TOPIC_EVENTS, bus_partitions());
        return 2;
    }
    signal(SIGPIPE, SIG_DFL);
    code = open_verify(&verify, &settings) ? run(&verify) : cli_fail("postgres is not a usable URI");
    close_verify(&verify);
    return fflush(stdout) == 0 ? code : cli_fail("cannot write the differences");
}
