/* partitions: owns the fence's rows outside of a batch: taking, releasing, trying, listing.
 *
 * Called by the worker, and by an operator's command line. Invariant: only a take and an operator's word write an
 * owner; everything but a take is owner-checked. */
#include "trip.h"

#define HELD_US                                                                                                        \
    (INT64_C(2) * 1000000) /* whoever holds a row longer is a frozen worker; once ended, it is gone well within */

static enum zp_err read_partition(struct store *store, const struct trip *trip, struct store_partition *ret_partition)
{
    const PGresult *result = trip_result(trip, 1);
    if (PQntuples(result) != 1) {
        return connection_trouble(store, ZP_INTERNAL, "taking a partition gave %d rows", PQntuples(result));
    }
    struct store_partition partition = { .takeovers = 0 };
    enum zp_err err = trip_row(store, trip_field(result, 0, 0), SHAPE_PARTITION, NULL, &partition);
    if (err == ZP_OK && partition.trying_offset < -1) { /* named by an earlier owner, see STATEMENT_PARTITION_TAKE */
        partition.trying_offset = -2 - partition.trying_offset;
    }
    if (err == ZP_OK) {
        *ret_partition = partition;
    }
    return err;
}

/* Ends, from a second connection, the backends that the first one waits for. A client that was stopped in the middle
 * of a pipeline keeps its locks whatever the idle timeout says, and nothing but this takes them from it. */
static enum zp_err end_blockers(struct store *store)
{
    struct store *helper;
    enum zp_err err = store_create(&store->settings, &helper);
    if (err != ZP_OK) {
        return err;
    }
    err = store_connect(helper);
    if (err == ZP_OK) {
        trip_scope trip;
        trip_start(&trip, helper);
        params_scope params;
        params_init(&params);
        params_i32(&params, PQbackendPID(store->conn));
        trip_add(&trip, STATEMENT_BLOCKERS_END, &params);
        err = trip_run(&trip);
    }
    store_destroy(helper);
    return err;
}

static void send_take(struct trip *trip, int32_t partition, const struct zp_id *was, const struct zp_id *owner)
{
    trip_add(trip, STATEMENT_TAKE_LIMITS, NULL);
    params_scope take;
    params_init(&take);
    params_i32(&take, partition);
    params_id(&take, owner);
    params_id(&take, was);
    trip_add(trip, STATEMENT_PARTITION_TAKE, &take);
    trip_send(trip);
}

enum zp_err store_partition_take(struct store *store, int32_t partition, const struct zp_id *was,
                                 const struct zp_id *owner, struct store_partition *ret_partition)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    send_take(&trip, partition, was, owner);
    bool done = false;
    err = trip.err != ZP_OK ? trip.err : trip_wait(&trip, clock_mono_us() + HELD_US, &done);
    if (err == ZP_OK && !done) {
        err = end_blockers(store);
        if (err != ZP_OK) {
            return connection_trouble(store, ZP_BUSY,
                                      "the partition's row is locked, and who locks it cannot be ended");
        }
        err = trip_wait(&trip, clock_mono_us() + HELD_US, &done);
    }
    if (err == ZP_OK && !done) {
        return connection_trouble(store, ZP_BUSY, "the partition's row is still locked");
    }
    return err != ZP_OK ? err : read_partition(store, &trip, ret_partition);
}

/* A row that is not ours any more is not touched. */
static enum zp_err run_owned(struct trip *trip, int32_t partition)
{
    enum zp_err err = trip_run(trip);
    if (err == ZP_OK && trip_touched(trip, 0) != 1) {
        err = connection_trouble(trip->store, ZP_FENCED, "partition %d has another owner", (int)partition);
    }
    return err;
}

enum zp_err store_partition_release(struct store *store, const struct store_partition *partition)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_i32(&params, partition->partition);
    params_id(&params, &partition->owner);
    params_i64(&params, partition->published_offset);
    params_i64(&params, partition->events_offset);
    trip_add(&trip, STATEMENT_PARTITION_RELEASE, &params);
    return run_owned(&trip, partition->partition);
}

enum zp_err store_partition_try(struct store *store, int32_t partition, const struct zp_id *owner, int64_t offset)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_i32(&params, partition);
    params_id(&params, owner);
    if (offset < 0) {
        params_null(&params, OID_INT8);
    } else {
        params_i64(&params, offset);
    }
    trip_add(&trip, STATEMENT_PARTITION_TRY, &params);
    return run_owned(&trip, partition);
}

enum zp_err store_partition_accept(struct store *store, const struct store_partition *seen,
                                   const struct store_partition *fresh)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_i32(&params, seen->partition);
    params_id(&params, &seen->owner);
    params_i64(&params, seen->next_offset);
    params_id(&params, &fresh->owner);
    params_i64(&params, fresh->next_offset);
    if (id_is_none(&fresh->last_command_id)) {
        params_null(&params, OID_UUID);
    } else {
        params_id(&params, &fresh->last_command_id);
    }
    params_i64(&params, fresh->events_offset);
    trip_add(&trip, STATEMENT_PARTITION_ACCEPT, &params);
    return run_owned(&trip, seen->partition);
}

enum zp_err store_partitions_list(struct store *store, struct arena *arena, struct store_partition **ret_rows,
                                  size_t *ret_count)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    trip_add(&trip, STATEMENT_PARTITIONS_LIST, NULL);
    err = trip_run(&trip);
    return err != ZP_OK ? err : trip_rows(store, trip_result(&trip, 0), SHAPE_PARTITION, arena, ret_rows, ret_count);
}
