/* Owns the making anew of the database from the log: the takeover's fold, from offset 0, into a shadow of the tables.
 * Called by the command line.
 * Invariants: the rows are those that the fold writes, by the same code; the live tables are read for the comparison
 * only, and touched in nothing but the swap. */
#include "worker_state.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define OFFSETS_TIMEOUT_MS 10000
#define LOCATIONS_MAX 4096
#define FAILURES_MAX 50      /* in a row, of one partition */
#define SWAP_TRIES 25        /* while workers go on, what they publish is folded in between */
#define SWAP_BUSY_TRIES 5    /* of them while somebody is in its way, for orders wait behind each */
#define SWAP_PAUSE_MS 200

struct rebuilding {
    const struct worker_rebuild *wanted;
    struct worker_settings settings;
    struct worker *worker; /* only what a fold needs of one */
    struct store *live;
    int64_t ends[BUS_PARTITIONS], done, total;
    char *why;
};

static enum zp_err fail(struct rebuilding *rebuilding, enum zp_err err, const char *what, const char *why)
{
    snprintf(rebuilding->why, WORKER_WHY_SIZE, "%s: %s", what, why);
    return err;
}

static struct store *open_store(struct rebuilding *rebuilding, const char *schema)
{
    const struct store_settings settings = { .uri = rebuilding->wanted->postgres, .application = "zapora rebuild",
                                             .connect_timeout_ms = 5000, .statement_timeout_ms = 60000,
                                             .schema = schema };
    struct store *store = NULL;
    return store_create(&settings, &store) == ZP_OK ? store : NULL;
}

/* ---- folding -------------------------------------------------------------------------------------------------- */

static enum zp_err find_ends(struct rebuilding *rebuilding, int64_t *ret_first)
{
    int32_t numbers[BUS_PARTITIONS];
    char why[BUS_WHY_SIZE];
    for (int32_t p = 0; p < BUS_PARTITIONS; p++) {
        numbers[p] = p;
    }
    enum zp_err err = bus_offsets(rebuilding->wanted->kafka, TOPIC_EVENTS, numbers, BUS_PARTITIONS, OFFSETS_TIMEOUT_MS,
                                  ret_first, rebuilding->ends, why);
    return err == ZP_OK ? ZP_OK : fail(rebuilding, err, TOPIC_EVENTS, why);
}

/* One slice of a partition's log; ZP_CATCHING_UP: there is more, or it has to be tried again. */
static enum zp_err fold_slice(struct rebuilding *rebuilding, int32_t number)
{
    struct worker *worker = rebuilding->worker;
    struct partition *partition = &worker->partitions[number];
    struct takeover takeover = { .partition = number, .events_end = rebuilding->ends[number], .is_ours = true };
    struct zp_id owner = id_fresh();
    if (store_partition_take(worker->store, number, &partition->owner, &owner, &takeover.row) != ZP_OK) {
        return ZP_BUSY;
    }
    actors_drop_partition(&worker->actors, number);
    partition->owner = owner;
    partition->state = PARTITION_TAKING;
    partition->next_offset = partition->gathered_offset = takeover.row.next_offset;
    partition->last_command_id = takeover.row.last_command_id;
    worker->marks[number].published_offset = takeover.row.published_offset;
    worker->marks[number].events_offset = takeover.row.events_offset;
    fold(worker, &takeover, 1);
    actors_trim(&worker->actors);
    if (partition->state == PARTITION_STOPPED) {
        return ZP_CONFLICT;
    }
    return takeover.has_failed ? ZP_CATCHING_UP : ZP_OK;
}

static void tell_progress(struct rebuilding *rebuilding, int32_t number, int64_t before)
{
    rebuilding->done += rebuilding->worker->marks[number].events_offset - before;
    if (rebuilding->wanted->on_progress != NULL) {
        rebuilding->wanted->on_progress(rebuilding->wanted->arg, rebuilding->done, rebuilding->total);
    }
}

static enum zp_err fold_partition(struct rebuilding *rebuilding, int32_t number)
{
    struct worker *worker = rebuilding->worker;
    int failures = 0;
    enum zp_err err = ZP_CATCHING_UP;
    while (err == ZP_CATCHING_UP || (err == ZP_BUSY && failures < FAILURES_MAX)) {
        int64_t before = worker->marks[number].events_offset;
        err = fold_slice(rebuilding, number);
        tell_progress(rebuilding, number, before);
        bool moved = worker->marks[number].events_offset > before;
        failures = moved ? 0 : failures + 1;
        if (!moved && err != ZP_OK) {
            err = failures < FAILURES_MAX ? err : ZP_BUSY;
            poll(NULL, 0, 100);
        }
    }
    if (err == ZP_CONFLICT) {
        return fail(rebuilding, err, TOPIC_EVENTS, "an event does not follow from those before it; see the log line");
    }
    return err == ZP_OK ? ZP_OK : fail(rebuilding, err, "the fold", store_trouble(worker->store)->why);
}

/* Everything up to the ends as they are now. */
static enum zp_err fold_all(struct rebuilding *rebuilding)
{
    int64_t first[BUS_PARTITIONS];
    enum zp_err err = find_ends(rebuilding, first);
    rebuilding->total = 0;
    for (int32_t p = 0; err == ZP_OK && p < BUS_PARTITIONS; p++) {
        if (first[p] > 0) {
            err = fail(rebuilding, ZP_CONFLICT, TOPIC_EVENTS, "the log has lost its beginning");
        }
        rebuilding->total += rebuilding->ends[p];
    }
    for (int32_t p = 0; err == ZP_OK && p < BUS_PARTITIONS; p++) {
        if (rebuilding->ends[p] > rebuilding->worker->marks[p].events_offset) {
            err = fold_partition(rebuilding, p);
        }
    }
    return err;
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

static enum zp_err make_shadow(struct rebuilding *rebuilding)
{
    struct store *shadow = rebuilding->worker->store;
    if (store_shadow_begin(rebuilding->live) != ZP_OK) {
        return fail(rebuilding, ZP_BUSY, "the shadow cannot be made", store_trouble(rebuilding->live)->why);
    }
    enum zp_err err = store_migrate(shadow, rebuilding->wanted->migrations_dir, false, NULL);
    return err == ZP_OK ? ZP_OK : fail(rebuilding, err, "the shadow cannot be made", store_trouble(shadow)->why);
}

/* Who does not know whether the swap was done asks for it again and folds nothing: the shadow may be gone. */
static enum zp_err swap(struct rebuilding *rebuilding)
{
    enum zp_err err = ZP_CATCHING_UP;
    int busy = 0;
    for (int i = 0; i < SWAP_TRIES && (err == ZP_CATCHING_UP || (err == ZP_BUSY && busy < SWAP_BUSY_TRIES)); i++) {
        if (i > 0) {
            poll(NULL, 0, SWAP_PAUSE_MS);
        }
        if (err == ZP_CATCHING_UP && (err = fold_all(rebuilding)) != ZP_OK) {
            return err;
        }
        err = store_shadow_swap(rebuilding->live);
        busy += err == ZP_BUSY;
    }
    return err == ZP_OK ? ZP_OK : fail(rebuilding, err, "not swapped", store_trouble(rebuilding->live)->why);
}

static enum zp_err run(struct rebuilding *rebuilding, struct worker_rebuilt *ret_rebuilt)
{
    enum zp_err err = make_shadow(rebuilding);
    if (err == ZP_OK) {
        err = fold_all(rebuilding);
    }
    if (err == ZP_OK &&
        (err = store_shadow_compare(rebuilding->live, ret_rebuilt->tables, &ret_rebuilt->table_count)) != ZP_OK) {
        err = fail(rebuilding, err, "the comparison", store_trouble(rebuilding->live)->why);
    }
    ret_rebuilt->records = rebuilding->done;
    return err == ZP_OK && rebuilding->wanted->swaps ? swap(rebuilding) : err;
}

enum zp_err worker_rebuild_database(const struct worker_rebuild *wanted, struct worker_rebuilt *ret_rebuilt,
                                    char why[WORKER_WHY_SIZE])
{
    struct rebuilding rebuilding = { .wanted = wanted, .settings = { .kafka = wanted->kafka }, .why = why };
    struct worker *worker = calloc(1, sizeof *worker);
    enum zp_err err = ZP_NO_MEMORY;
    snprintf(why, WORKER_WHY_SIZE, "not enough memory, or postgres is not a usable URI");
    if (worker != NULL) {
        worker->settings = &rebuilding.settings;
        rebuilding.worker = worker;
        actors_init(&worker->actors, LOCATIONS_MAX);
        worker->store = open_store(&rebuilding, STORE_SHADOW_SCHEMA);
        rebuilding.live = open_store(&rebuilding, NULL);
        if (worker->store != NULL && rebuilding.live != NULL) {
            err = run(&rebuilding, ret_rebuilt);
        }
        actors_finish(&worker->actors);
        store_destroy(worker->store);
    }
    store_destroy(rebuilding.live);
    free(worker);
    return err;
}
