/* zapora archive: moves orders that were closed long ago out of the way of those that are still worked on. Workers run
 * meanwhile; it may be stopped and started again at any time, for each batch is a transaction of its own. */
#include "commands.h"
#include "progress.h"
#include "zapora/store.h"

#include <poll.h>

#define HEADS_BYTES_MAX ((size_t)64 << 20) /* of one partition's locations */
#define DAY_US INT64_C(86400000000)

struct archive_settings {
    int64_t batch;
    bool dry_run;
    int64_t older_than;
    const char *postgres;
};

#define ROW(field) .name = #field, .offset = offsetof(struct archive_settings, field)

static const struct setting rows[] = {
    /* sorted by name */
    { ROW(batch), .kind = SETTING_INT, .fallback = "500", .min = 1, .max = 10000,
      .help = "Orders looked at in one transaction; as long as one took, it rests before the next." },
    { ROW(dry_run), .kind = SETTING_BOOL, .fallback = "false",
      .help = "Counts what would be moved, and moves nothing." },
    { ROW(older_than), .kind = SETTING_INT, .fallback = "90", .min = 0, .max = 36500,
      .help = "Days since an order was closed." },
    { ROW(postgres), .kind = SETTING_STR, .min = 1, .max = 2000, .help = "PostgreSQL, as a postgresql:// URI." },
};

struct archive {
    const struct archive_settings *settings;
    struct store *store;
    struct arena heads;
    int64_t before_us;
    int64_t found, moved;
    struct progress progress;
};

static enum zp_err count_location(struct archive *archive, const struct zp_id *location_id)
{
    int64_t count = 0;
    enum zp_err err = store_orders_archivable(archive->store, location_id, archive->before_us, &count);
    archive->found += count;
    return err;
}

static enum zp_err move_location(struct archive *archive, const struct zp_id *location_id)
{
    struct archive_mark mark = { .placed_at = 0 };
    enum zp_err err = ZP_OK;
    for (bool done = false; err == ZP_OK && !done;) {
        int64_t moved = 0, began_us = clock_mono_us();
        err = store_orders_archive(archive->store, location_id, archive->before_us, archive->settings->batch, &mark,
                                   &moved, &done);
        archive->moved += moved;
        progress_add(&archive->progress, moved);
        if (moved > 0) {
            poll(NULL, 0, (int)((clock_mono_us() - began_us) / 1000));
        }
    }
    return err;
}

static enum zp_err walk(struct archive *archive,
                        enum zp_err (*visit)(struct archive *archive, const struct zp_id *location_id))
{
    enum zp_err err = ZP_OK;
    for (int32_t partition = 0; err == ZP_OK && partition < BUS_PARTITIONS_MAX; partition++) {
        struct store_head *heads = NULL;
        size_t count = 0;
        arena_reset(&archive->heads);
        err = store_heads(archive->store, &partition, 1, &archive->heads, &heads, &count);
        for (size_t i = 0; err == ZP_OK && i < count; i++) {
            err = visit(archive, &heads[i].location_id);
        }
    }
    return err;
}

static int run(struct archive *archive)
{
    enum zp_err err = walk(archive, count_location);
    if (err == ZP_OK && archive->settings->dry_run) {
        printf("%lld orders were closed more than %lld days ago; nothing was moved\n", (long long)archive->found,
               (long long)archive->settings->older_than);
        return 0;
    }
    progress_begin(&archive->progress, "archive", "orders", archive->found);
    err = err == ZP_OK ? walk(archive, move_location) : err;
    progress_end(&archive->progress);
    if (err != ZP_OK) {
        return cli_fail("archive: after %lld orders: %s", (long long)archive->moved,
                        store_trouble(archive->store)->why);
    }
    printf("%lld orders that were closed more than %lld days ago are in the archive now\n", (long long)archive->moved,
           (long long)archive->settings->older_than);
    return 0;
}

int cli_archive(int argc, char **argv)
{
    struct archive_settings settings;
    char *words[1];
    int code = 0;
    if (!cli_load("zapora archive [--older-than DAYS] [--dry-run]", rows, ZP_COUNT(rows), argc, argv, &settings, words,
                  0, &code)) {
        return code;
    }
    const struct store_settings store_settings = { .uri = settings.postgres, .application = "zapora archive",
                                                   .connect_timeout_ms = 5000, .statement_timeout_ms = 60000,
                                                   .lock_timeout_ms = 2000 };
    struct archive archive = { .settings = &settings,
                               .before_us = clock_wall_us() - settings.older_than * DAY_US };
    if (store_create(&store_settings, &archive.store) != ZP_OK) {
        return cli_fail("archive: postgres is not a usable URI");
    }
    arena_init(&archive.heads, HEADS_BYTES_MAX);
    code = run(&archive);
    arena_finish(&archive.heads);
    store_destroy(archive.store);
    return code;
}
