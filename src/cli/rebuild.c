/* zapora rebuild: makes what is derived anew: Redis from the database, or the database from the log. */
#include "commands.h"
#include "progress.h"
#include "zapora/worker.h"

#include <string.h>

struct rebuild_settings {
    bool cache, database;
    const char *kafka, *location, *migrations_dir, *postgres, *redis;
    bool swap;
};

#define ROW(field) .name = #field, .offset = offsetof(struct rebuild_settings, field)

static const struct setting rows[] = {
    /* sorted by name */
    { ROW(cache), .kind = SETTING_BOOL, .fallback = "false",
      .help = "Redis from PostgreSQL: heads, boards, events and snapshots of each location." },
    { ROW(database), .kind = SETTING_BOOL, .fallback = "false",
      .help = "The database's tables from the log, in the schema " STORE_SHADOW_SCHEMA ", and compares." },
    { ROW(kafka), .kind = SETTING_STR, .fallback = "127.0.0.1:9092", .min = 1, .max = 2000,
      .help = "Kafka brokers, host:port[,host:port…]." },
    { ROW(location), .kind = SETTING_STR, .fallback = "", .min = 0, .max = 36,
      .help = "One location's UUID; without it, all." },
    { ROW(migrations_dir), .kind = SETTING_STR, .fallback = ZAPORA_DATA_DIR "/migrations", .min = 1, .max = 4000,
      .help = "Folder of the NNNN_name.sql files." },
    { ROW(postgres), .kind = SETTING_STR, .min = 1, .max = 2000, .help = "PostgreSQL, as a postgresql:// URI." },
    { ROW(redis), .kind = SETTING_STR, .fallback = "redis://127.0.0.1:6379/0", .min = 1, .max = 2000,
      .help = "Redis, as redis://[[user]:password@]host:port/db." },
    { ROW(swap), .kind = SETTING_BOOL, .fallback = "false",
      .help = "With --database: puts the rebuilt tables in the place of the live ones; these go to the schema "
              STORE_REPLACED_SCHEMA "." },
};

static void on_progress(void *arg, int64_t done, int64_t total)
{
    struct progress *progress = arg;
    progress->total = total;
    progress_add(progress, done - progress->done);
}

static int rebuild_cache(const struct rebuild_settings *settings, const struct zp_id *location_id)
{
    struct progress progress;
    progress_begin(&progress, "redis", "locations", 0);
    const struct worker_rebuild wanted = { .kafka = settings->kafka, .postgres = settings->postgres,
                                           .redis = settings->redis, .location_id = *location_id,
                                           .on_progress = on_progress, .arg = &progress };
    char why[WORKER_WHY_SIZE] = "";
    enum zp_err err = worker_rebuild_cache(&wanted, why);
    progress_end(&progress);
    if (err != ZP_OK) {
        return cli_fail("rebuild: after %lld locations: %s", (long long)progress.done, why);
    }
    printf("redis holds what the database has of %lld locations\n",
           id_is_none(location_id) ? (long long)progress.done : 1LL);
    return 0;
}

static void print_comparison(const struct worker_rebuilt *rebuilt)
{
    for (size_t i = 0; i < rebuilt->table_count; i++) {
        const struct store_shadow_table *table = &rebuilt->tables[i];
        if (table->is_kept_short) {
            printf("%s: %lld rows only in the live table (old rows of it are purged)\n", table->name,
                   (long long)table->only_live);
        } else {
            printf("%s: %lld rows only in the live table, %lld only in the rebuilt one\n", table->name,
                   (long long)table->only_live, (long long)table->only_shadow);
        }
    }
}

static int rebuild_database(const struct rebuild_settings *settings)
{
    struct progress progress;
    progress_begin(&progress, "log", "records", 0);
    const struct worker_rebuild wanted = { .kafka = settings->kafka, .postgres = settings->postgres,
                                           .migrations_dir = settings->migrations_dir, .swaps = settings->swap,
                                           .on_progress = on_progress, .arg = &progress };
    struct worker_rebuilt rebuilt = { .records = 0 };
    char why[WORKER_WHY_SIZE] = "";
    enum zp_err err = worker_rebuild_database(&wanted, &rebuilt, why);
    progress_end(&progress);
    print_comparison(&rebuilt);
    if (err == ZP_CATCHING_UP) {
        return cli_fail("rebuild: %s. Stop the workers in order (SIGTERM), so that nothing is unpublished, and try "
                        "again", why);
    }
    if (err != ZP_OK) {
        return cli_fail("rebuild: %s", why);
    }
    printf("%lld records of the log were folded; %s\n", (long long)rebuilt.records,
           settings->swap ? "the rebuilt tables are live, those before lie in the schema " STORE_REPLACED_SCHEMA
                          : "the rebuilt tables lie in the schema " STORE_SHADOW_SCHEMA "; --swap makes them live");
    return 0;
}

int cli_rebuild(int argc, char **argv)
{
    struct rebuild_settings settings;
    struct zp_id location_id = ID_NONE;
    char *words[1];
    int code = 0;
    if (!cli_load("zapora rebuild --cache [--location L] | --database [--swap]", rows, ZP_COUNT(rows), argc, argv,
                  &settings, words, 0, &code)) {
        return code;
    }
    if (settings.location[0] != '\0' && !id_parse(settings.location, strlen(settings.location), &location_id)) {
        cli_fail("rebuild: location is not a UUID");
        return 2;
    }
    const char *wrong = settings.cache == settings.database ? "what? --cache or --database"
                        : settings.swap && !settings.database ? "--swap goes with --database"
                        : settings.database && !id_is_none(&location_id) ? "--location goes with --cache"
                                                                         : NULL;
    if (wrong != NULL) {
        cli_fail("rebuild: %s", wrong);
        return 2;
    }
    if (!cli_learn_partitions(settings.kafka, TOPIC_EVENTS)) {
        return 1;
    }
    return settings.cache ? rebuild_cache(&settings, &location_id) : rebuild_database(&settings);
}
