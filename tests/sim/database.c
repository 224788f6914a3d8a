/* database.c: owns what happens between a worker and the fake store; see database.h.
 *
 * A commit is one flush: the server may be through with it, or hold its rows' locks, while the client stands still. A
 * client that dies takes its transaction along, its locks a little later; one that stands still holds them until a
 * taker has it ended. */
#include "database.h"

#include "clients.h"
#include "memory.h"
#include "sim.h"
#include "wraps.h"
#include "zapora/planted.h"

#include <string.h>

#define CONNECT_US (2 * SIM_SECOND_US)
#define LOCK_US (2 * SIM_SECOND_US)

static struct {
    struct process *holder[BUS_PARTITIONS_MAX]; /* whose transaction has locked the row */
    int64_t orphaned_until[BUS_PARTITIONS_MAX]; /* a dead client's lock */
    int64_t down_until;
    struct { int32_t partition; int64_t offset; } hiccup; /* the turn that had the last one */
    struct fake_db *backup, *replica;
} server;

WRAPPED(enum zp_err, store_batch_commit, struct store *store, const struct batch *batch);
WRAPPED(enum zp_err, store_batch_load, struct store *store, const struct store_wanted *wanted, struct arena *arena,
        struct store_found *ret_found);
WRAPPED(enum zp_err, store_partition_take, struct store *store, int32_t partition, const struct zp_id *was,
        const struct zp_id *owner, struct store_partition *ret_partition);
WRAPPED(enum zp_err, store_partition_try, struct store *store, int32_t partition, const struct zp_id *owner,
        int64_t offset);
WRAPPED(enum zp_err, store_partition_release, struct store *store, const struct store_partition *partition);
WRAPPED(enum zp_err, store_outcomes_from, struct store *store, int32_t partition, int64_t offset, size_t limit,
        struct arena *arena, struct journal_entry **ret_entries, size_t *ret_count);
WRAPPED(enum zp_err, store_outcomes_purge, struct store *store, int32_t partition, int64_t before_us, int64_t limit,
        int64_t *ret_deleted);
WRAPPED(enum zp_err, store_heads, struct store *store, const int32_t *partitions, size_t partition_count,
        struct arena *arena, struct store_head **ret_heads, size_t *ret_count);
WRAPPED(enum zp_err, store_refill_get, struct store *store, const struct zp_id *location_id, int64_t open_max,
        int64_t event_limit, struct arena *arena, struct store_refill *ret_refill);

void database_open(void)
{
    memset(&server, 0, sizeof server);
    fake_db_open();
}

void database_close(void)
{
    fake_db_forget(server.backup);
    fake_db_forget(server.replica);
    server.backup = server.replica = NULL;
    fake_db_close();
}

void database_down_until(int64_t until_us)
{
    server.down_until = until_us;
}

void database_backup(void)
{
    if (server.backup == NULL) {
        server.backup = fake_db_save();
    }
}

bool database_has_backup(void)
{
    return server.backup != NULL;
}

void database_restore(void)
{
    fake_db_restore(server.backup);
    fake_db_forget(server.replica);
    server.backup = server.replica = NULL;
}

void database_replica_lags(void)
{
    fake_db_forget(server.replica);
    server.replica = fake_db_save();
}

static bool has_other_owners(const struct fake_db *copy)
{
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        if (db.has_row[p] != copy->has_row[p] || !id_equal(&db.partitions[p].owner, &copy->partitions[p].owner)) {
            return true;
        }
    }
    return false;
}

bool database_replica_takes_over(void)
{
    struct fake_db *replica = server.replica;
    server.replica = NULL;
    if (replica == NULL || has_other_owners(replica)) {
        fake_db_forget(replica);
        return false;
    }
    fake_db_restore(replica);
    for (int i = 0; i < process_count; i++) {
        processes[i].connection_lost = processes[i].is_running;
    }
    memset(server.holder, 0, sizeof server.holder);
    memset(server.orphaned_until, 0, sizeof server.orphaned_until);
    return true;
}

/* ---- locks ----------------------------------------------------------------------------------------------------- */

void database_process_gone(struct process *process)
{
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        if (server.holder[p] == process) {
            server.holder[p] = NULL;
            server.orphaned_until[p] = sim.now_us + chance_between(&sim.faults, 0, 5 * SIM_SECOND_US);
        }
    }
    process->connection_lost = false;
}

static bool is_locked(int32_t partition)
{
    return server.orphaned_until[partition] > sim.now_us ||
           (server.holder[partition] != NULL && server.holder[partition] != process_now());
}

static bool wait_for_lock(int32_t partition, int64_t until)
{
    while (is_locked(partition) && sim.now_us < until) {
        fiber_sleep_until(sim.now_us + 5000);
    }
    return !is_locked(partition);
}

static void end_holder(int32_t partition)
{
    struct process *holder = server.holder[partition];
    server.orphaned_until[partition] = 0;
    for (int32_t p = 0; holder != NULL && p < BUS_PARTITIONS_MAX; p++) {
        server.holder[p] = server.holder[p] == holder ? NULL : server.holder[p];
    }
    if (holder != NULL) {
        holder->connection_lost = true;
    }
}

/* ---- failures -------------------------------------------------------------------------------------------------- */

static const char *const passing[] = { "", "", "08006", "57P01", "53200", "40001", "55P03", "25006", "XX000" };

static const char *some_sqlstate(void)
{
    return passing[chance_between(&sim.faults, 0, (int64_t)ZP_COUNT(passing) - 1)];
}

/* Has the fake say it, so that the connection's trouble is what went wrong. */
static struct fake_failure failure(enum zp_err err, const char *sqlstate)
{
    return (struct fake_failure){ err, sqlstate, 1, false };
}

/* The database cannot be reached, or this very call fails. */
static bool fails(const char *what, enum fault fault)
{
    point(what);
    struct process *process = process_now();
    if (server.down_until > sim.now_us) {
        fiber_sleep_until(sim.now_us + CONNECT_US);
        return true;
    }
    if (process != NULL && process->connection_lost && fiber_current() == process->main) { /* ended by a taker */
        process->connection_lost = false;
        return true;
    }
    return fault_strikes(fault);
}

/* ---- the batch ------------------------------------------------------------------------------------------------- */

static bool lock_rows(const struct batch *batch)
{
    int64_t until = sim.now_us + LOCK_US;
    for (size_t i = 0; i < batch->partition_count; i++) {
        if (!wait_for_lock(batch->partitions[i].partition, until)) {
            return false;
        }
        server.holder[batch->partitions[i].partition] = process_now();
    }
    return true;
}

static void unlock_rows(void)
{
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        if (server.holder[p] == process_now()) {
            server.holder[p] = NULL;
        }
    }
}

/* Nobody writes for a partition that is another's. */
static bool is_owned(const struct batch *batch)
{
    for (size_t i = 0; i < batch->partition_count; i++) {
        const struct batch_partition *slice = &batch->partitions[i];
        if (!id_equal(&db.partitions[slice->partition].owner, &slice->owner)) {
            return false;
        }
    }
    return true;
}

static enum zp_err write_batch(struct store *store, const struct batch *batch)
{
    SIM_MEMORY;
    bool owned = is_owned(batch);
    enum zp_err err = MEMORY_SPARE(__real_store_batch_commit(store, batch));
    if (err == ZP_OK && !owned) {
        sim_fail("fence", "a commit was written by who does not own the partition any more");
    }
    sim_trace("commit of %zu outcomes: %s", batch->outcome_count, zp_err_name(err));
    sim_observe_int(err);
    for (size_t i = 0; err == ZP_OK && i < batch->partition_count; i++) {
        sim_observe_int(batch->partitions[i].next_offset);
    }
    return err;
}

static bool is_poisoned(const struct batch *batch)
{
    for (size_t i = 0; i < batch->outcome_count; i++) {
        if (batch->outcomes[i].err != ZP_PARKED && client_sent(SHELF_POISON, &batch->outcomes[i].command_id)) {
            return true;
        }
    }
    return false;
}

/* An error that passes, though it looks like the record's own: not twice over the same record, which would be its. */
static bool has_hiccup(const struct batch *batch)
{
    const struct batch_partition *first = &batch->partitions[0];
    if ((server.hiccup.partition == first->partition && server.hiccup.offset == first->from_offset) ||
        !fault_strikes(FAULT_COMMIT_HICCUP)) {
        return false;
    }
    server.hiccup.partition = first->partition;
    server.hiccup.offset = first->from_offset;
    return true;
}

static enum zp_err commit_locked(struct store *store, const struct batch *batch)
{
    struct process *process = process_now();
    if (PLANTED(OFFSET_BEFORE_EFFECT)) {
        struct batch offsets = { .partitions = batch->partitions, .partition_count = batch->partition_count };
        enum zp_err err = write_batch(store, &offsets);
        point("commit: offsets moved");
        if (err == ZP_OK) {
            SIM_MEMORY;
            fake_db_write_rows(batch);
        }
        return err;
    }
    if (chance_permille(&sim.faults, 500)) { /* the server is through with it whatever its client does */
        enum zp_err err = write_batch(store, batch);
        unlock_rows();
        point("commit: written");
        return err;
    }
    point("commit: locked");
    if (process->connection_lost) { /* a taker has ended it: rolled back */
        process->connection_lost = false;
        return ZP_BUSY;
    }
    return write_batch(store, batch);
}

enum zp_err __wrap_store_batch_commit(struct store *store, const struct batch *batch)
{
    if (fails("commit", FAULT_COMMIT_FAILS)) {
        db.on_commit = failure(ZP_BUSY, some_sqlstate());
        return MEMORY_SPARE(__real_store_batch_commit(store, batch));
    }
    if (is_poisoned(batch) || has_hiccup(batch)) {
        db.on_commit = failure(ZP_INTERNAL, "22P05");
        return MEMORY_SPARE(__real_store_batch_commit(store, batch));
    }
    enum zp_err err = ZP_BUSY;
    if (lock_rows(batch)) {
        err = commit_locked(store, batch);
    }
    unlock_rows();
    point("commit: answered");
    return err == ZP_OK && fault_strikes(FAULT_COMMIT_UNKNOWN) ? ZP_BUSY : err;
}

enum zp_err __wrap_store_batch_load(struct store *store, const struct store_wanted *wanted, struct arena *arena,
                                    struct store_found *ret_found)
{
    if (fails("load", FAULT_LOAD_FAILS)) {
        db.on_load = failure(ZP_BUSY, some_sqlstate());
    }
    enum zp_err err = MEMORY_SPARE(__real_store_batch_load(store, wanted, arena, ret_found));
    point("loaded");
    return err;
}

/* ---- partitions ------------------------------------------------------------------------------------------------ */

enum zp_err __wrap_store_partition_take(struct store *store, int32_t partition, const struct zp_id *was,
                                        const struct zp_id *owner, struct store_partition *ret_partition)
{
    if (fails("take", FAULT_TAKE_FAILS)) {
        db.on_take = failure(ZP_BUSY, some_sqlstate());
    } else if (!wait_for_lock(partition, sim.now_us + LOCK_US)) {
        end_holder(partition);
    }
    enum zp_err err = MEMORY_SPARE(__real_store_partition_take(store, partition, was, owner, ret_partition));
    point("taken");
    return err == ZP_OK && fault_strikes(FAULT_TAKE_UNKNOWN) ? ZP_BUSY : err;
}

enum zp_err __wrap_store_partition_try(struct store *store, int32_t partition, const struct zp_id *owner,
                                       int64_t offset)
{
    if (fails("try", FAULT_TRY_FAILS) || !wait_for_lock(partition, sim.now_us + LOCK_US)) {
        db.on_try = failure(ZP_BUSY, some_sqlstate());
    }
    enum zp_err err = MEMORY_SPARE(__real_store_partition_try(store, partition, owner, offset));
    point("tried");
    return err;
}

enum zp_err __wrap_store_partition_release(struct store *store, const struct store_partition *partition)
{
    if (fails("release", FAULT_RELEASE_FAILS) || !wait_for_lock(partition->partition, sim.now_us + LOCK_US)) {
        return ZP_BUSY;
    }
    enum zp_err err = MEMORY_SPARE(__real_store_partition_release(store, partition));
    point("released");
    return err;
}

/* ---- reads and housekeeping ------------------------------------------------------------------------------------ */

enum zp_err __wrap_store_outcomes_from(struct store *store, int32_t partition, int64_t offset, size_t limit,
                                       struct arena *arena, struct journal_entry **ret_entries, size_t *ret_count)
{
    if (fails("outcomes", FAULT_READ_FAILS)) {
        db.on_outcomes = failure(ZP_BUSY, some_sqlstate());
    }
    return MEMORY_SPARE(__real_store_outcomes_from(store, partition, offset, limit, arena, ret_entries, ret_count));
}

enum zp_err __wrap_store_outcomes_purge(struct store *store, int32_t partition, int64_t before_us, int64_t limit,
                                        int64_t *ret_deleted)
{
    if (fails("purge", FAULT_READ_FAILS)) {
        return ZP_BUSY;
    }
    return MEMORY_SPARE(__real_store_outcomes_purge(store, partition, before_us, limit, ret_deleted));
}

enum zp_err __wrap_store_heads(struct store *store, const int32_t *partitions, size_t partition_count,
                               struct arena *arena, struct store_head **ret_heads, size_t *ret_count)
{
    if (fails("heads", FAULT_READ_FAILS)) {
        return ZP_BUSY;
    }
    return MEMORY_SPARE(__real_store_heads(store, partitions, partition_count, arena, ret_heads, ret_count));
}

enum zp_err __wrap_store_refill_get(struct store *store, const struct zp_id *location_id, int64_t open_max,
                                    int64_t event_limit, struct arena *arena, struct store_refill *ret_refill)
{
    if (fails("snapshot", FAULT_READ_FAILS)) {
        db.on_refill = failure(ZP_BUSY, some_sqlstate());
    }
    enum zp_err err = MEMORY_SPARE(__real_store_refill_get(store, location_id, open_max, event_limit, arena,
                                                               ret_refill));
    point("snapshot read");
    return err;
}
