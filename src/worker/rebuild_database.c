/* Owns the making anew of the database from the log: the takeover's fold, from offset 0, into a shadow of the tables.
 * Called by the command line.
 * Invariants: the rows are those that the fold writes, by the same code; a partition is folded by one lane at a time;
 * the live tables are read for the comparison only, and touched in nothing but the swap. */
#include "worker_state.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define OFFSETS_TIMEOUT_MS 10000
#define LANES 3              /* one waits for the database or the log while two have work */
#define LOCATIONS_MAX 4096   /* cached by a lane */
#define FAILURES_MAX 50      /* in a row, of one partition */
#define SWAP_TRIES 25        /* while workers go on, what they publish is folded in between */
#define SWAP_BUSY_TRIES 5    /* of them while somebody is in its way, for orders wait behind each */
#define SWAP_PAUSE_MS 200

struct rebuilding;

/* Folds one partition after the other, on a thread of its own. */
struct lane {
    struct rebuilding *rebuilding;
    struct worker *worker; /* only what a fold needs of one; owned, its store too */
    pthread_t thread;
    enum zp_err err;
    char why[WORKER_WHY_SIZE];
};

struct rebuilding {
    const struct worker_rebuild *wanted;
    struct worker_settings settings;
    struct lane lanes[LANES];
    struct store *live;
    int64_t ends[BUS_PARTITIONS_MAX], folded[BUS_PARTITIONS_MAX]; /* offsets of the events topic */
    atomic_bool has_failed;
    pthread_mutex_t lock;  /* of all below, while lanes run */
    int32_t next;          /* partition */
    int64_t done, total;
    char *why;
};

static enum zp_err fail(char *why, enum zp_err err, const char *what, const char *detail)
{
    snprintf(why, WORKER_WHY_SIZE, "%s: %s", what, detail);
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
    int32_t numbers[BUS_PARTITIONS_MAX];
    char why[BUS_WHY_SIZE];
    for (int32_t p = 0; p < bus_partitions(); p++) {
        numbers[p] = p;
    }
    enum zp_err err = bus_offsets(rebuilding->wanted->kafka, TOPIC_EVENTS, numbers, (size_t)bus_partitions(),
                                  OFFSETS_TIMEOUT_MS, ret_first, rebuilding->ends, why);
    return err == ZP_OK ? ZP_OK : fail(rebuilding->why, err, TOPIC_EVENTS, why);
}

/* One slice of a partition's log; ZP_CATCHING_UP: there is more, or it has to be tried again, for that reason. */
static enum zp_err fold_slice(struct lane *lane, int32_t number, const char **ret_why)
{
    struct worker *worker = lane->worker;
    struct partition *partition = &worker->partitions[number];
    struct takeover takeover = { .partition = number, .events_end = lane->rebuilding->ends[number], .is_ours = true };
    struct zp_id owner = id_fresh();
    if (store_partition_take(worker->store, number, &partition->owner, &owner, &takeover.row) != ZP_OK) {
        *ret_why = store_trouble(worker->store)->why;
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
    *ret_why = takeover.fold_why != NULL ? takeover.fold_why : "see the log lines";
    return takeover.has_failed ? ZP_CATCHING_UP : ZP_OK;
}

/* Notes how far a partition has come. True when that is farther than before. */
static bool note_progress(struct rebuilding *rebuilding, int32_t number, int64_t events_offset)
{
    bool moved = events_offset > rebuilding->folded[number];
    if (moved) {
        pthread_mutex_lock(&rebuilding->lock);
        rebuilding->done += events_offset - rebuilding->folded[number];
        rebuilding->folded[number] = events_offset;
        if (rebuilding->wanted->on_progress != NULL) {
            rebuilding->wanted->on_progress(rebuilding->wanted->arg, rebuilding->done, rebuilding->total);
        }
        pthread_mutex_unlock(&rebuilding->lock);
    }
    return moved;
}

static enum zp_err fold_partition(struct lane *lane, int32_t number)
{
    struct rebuilding *rebuilding = lane->rebuilding;
    const char *why = NULL;
    int failures = 0;
    enum zp_err err = ZP_CATCHING_UP;
    while ((err == ZP_CATCHING_UP || (err == ZP_BUSY && failures < FAILURES_MAX)) && !rebuilding->has_failed) {
        err = fold_slice(lane, number, &why);
        bool moved = note_progress(rebuilding, number, lane->worker->marks[number].events_offset);
        failures = moved ? 0 : failures + 1;
        if (!moved && err != ZP_OK) {
            err = failures < FAILURES_MAX ? err : ZP_BUSY;
            poll(NULL, 0, 100);
        }
    }
    if (err == ZP_CONFLICT) {
        return fail(lane->why, err, TOPIC_EVENTS, "an event does not follow from those before it; see the log line");
    }
    if (err == ZP_OK || err == ZP_CATCHING_UP) { /* the latter: another lane has failed, and says why */
        return ZP_OK;
    }
    return fail(lane->why, err, "the fold", why);
}

/* The next partition that is not folded to its end; bus_partitions(): none. */
static int32_t take_partition(struct rebuilding *rebuilding)
{
    pthread_mutex_lock(&rebuilding->lock);
    while (rebuilding->next < bus_partitions() &&
           rebuilding->ends[rebuilding->next] <= rebuilding->folded[rebuilding->next]) {
        rebuilding->next++;
    }
    int32_t number = rebuilding->next;
    rebuilding->next += number < bus_partitions();
    pthread_mutex_unlock(&rebuilding->lock);
    return number;
}

static void *walk_partitions(void *arg)
{
    struct lane *lane = arg;
    int32_t number;
    lane->err = ZP_OK;
    while (lane->err == ZP_OK && !lane->rebuilding->has_failed &&
           (number = take_partition(lane->rebuilding)) < bus_partitions()) {
        lane->err = fold_partition(lane, number);
    }
    if (lane->err != ZP_OK) {
        lane->rebuilding->has_failed = true;
    }
    return NULL;
}

/* Runs the lanes until nothing is left to fold, or one has failed. */
static enum zp_err fold_in_lanes(struct rebuilding *rebuilding)
{
    enum zp_err err = ZP_OK;
    size_t running = 0;
    rebuilding->next = 0;
    rebuilding->has_failed = false;
    while (err == ZP_OK && running < LANES) {
        struct lane *lane = &rebuilding->lanes[running];
        err = pthread_create(&lane->thread, NULL, walk_partitions, lane) == 0
            ? ZP_OK : fail(rebuilding->why, ZP_NO_MEMORY, "the fold", "no thread could be made");
        running += err == ZP_OK;
    }
    if (err != ZP_OK) {
        rebuilding->has_failed = true;
    }
    for (size_t i = 0; i < running; i++) {
        struct lane *lane = &rebuilding->lanes[i];
        pthread_join(lane->thread, NULL);
        if (err == ZP_OK && lane->err != ZP_OK) {
            err = lane->err;
            snprintf(rebuilding->why, WORKER_WHY_SIZE, "%s", lane->why);
        }
    }
    return err;
}

/* Everything up to the ends as they are now. */
static enum zp_err fold_all(struct rebuilding *rebuilding)
{
    int64_t first[BUS_PARTITIONS_MAX];
    enum zp_err err = find_ends(rebuilding, first);
    rebuilding->total = 0;
    for (int32_t p = 0; err == ZP_OK && p < bus_partitions(); p++) {
        if (first[p] > 0) {
            err = fail(rebuilding->why, ZP_CONFLICT, TOPIC_EVENTS, "the log has lost its beginning");
        }
        rebuilding->total += rebuilding->ends[p];
    }
    return err == ZP_OK ? fold_in_lanes(rebuilding) : err;
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

static enum zp_err make_shadow(struct rebuilding *rebuilding)
{
    struct store *shadow = rebuilding->lanes[0].worker->store;
    if (store_shadow_begin(rebuilding->live) != ZP_OK) {
        return fail(rebuilding->why, ZP_BUSY, "the shadow cannot be made", store_trouble(rebuilding->live)->why);
    }
    enum zp_err err = store_migrate(shadow, rebuilding->wanted->migrations_dir, false, NULL);
    return err == ZP_OK ? ZP_OK : fail(rebuilding->why, err, "the shadow cannot be made", store_trouble(shadow)->why);
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
    return err == ZP_OK ? ZP_OK : fail(rebuilding->why, err, "not swapped", store_trouble(rebuilding->live)->why);
}

static enum zp_err run(struct rebuilding *rebuilding, struct worker_rebuilt *ret_rebuilt)
{
    enum zp_err err = make_shadow(rebuilding);
    if (err == ZP_OK) {
        err = fold_all(rebuilding);
    }
    if (err == ZP_OK &&
        (err = store_shadow_compare(rebuilding->live, ret_rebuilt->tables, &ret_rebuilt->table_count)) != ZP_OK) {
        err = fail(rebuilding->why, err, "the comparison", store_trouble(rebuilding->live)->why);
    }
    ret_rebuilt->records = rebuilding->done;
    return err == ZP_OK && rebuilding->wanted->swaps ? swap(rebuilding) : err;
}

static bool lane_open(struct lane *lane, struct rebuilding *rebuilding)
{
    lane->rebuilding = rebuilding;
    lane->worker = calloc(1, sizeof *lane->worker);
    if (lane->worker == NULL) {
        return false;
    }
    lane->worker->settings = &rebuilding->settings;
    actors_init(&lane->worker->actors, LOCATIONS_MAX);
    lane->worker->store = open_store(rebuilding, STORE_SHADOW_SCHEMA);
    return lane->worker->store != NULL;
}

static void lane_close(struct lane *lane)
{
    if (lane->worker != NULL) {
        actors_finish(&lane->worker->actors);
        store_destroy(lane->worker->store);
        free(lane->worker);
    }
}

enum zp_err worker_rebuild_database(const struct worker_rebuild *wanted, struct worker_rebuilt *ret_rebuilt,
                                    char why[WORKER_WHY_SIZE])
{
    struct rebuilding rebuilding = { .wanted = wanted, .settings = { .kafka = wanted->kafka }, .why = why };
    snprintf(why, WORKER_WHY_SIZE, "not enough memory, or postgres is not a usable URI");
    pthread_mutex_init(&rebuilding.lock, NULL);
    rebuilding.live = open_store(&rebuilding, NULL);
    bool good = rebuilding.live != NULL;
    for (size_t i = 0; good && i < LANES; i++) {
        good = lane_open(&rebuilding.lanes[i], &rebuilding);
    }
    enum zp_err err = good ? run(&rebuilding, ret_rebuilt) : ZP_NO_MEMORY;
    for (size_t i = 0; i < LANES; i++) {
        lane_close(&rebuilding.lanes[i]);
    }
    store_destroy(rebuilding.live);
    pthread_mutex_destroy(&rebuilding.lock);
    return err;
}
