/* outcomes: owns how a command's outcome is read back, and how old ones go.
 *
 * Called by the gateway and by the worker's housekeeping. Invariant: an outcome that is parked, not yet published, or
 * younger than asked by log time or by wall time stays. */
#include "trip.h"

enum zp_err store_outcome_get(struct store *store, const struct zp_id *command_id, struct arena *arena,
                              struct outcome *ret_outcome)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_ids(&params, command_id, 1);
    trip_add(&trip, STATEMENT_OUTCOMES_GET, &params);
    err = trip_run(&trip);
    if (err != ZP_OK) {
        return err;
    }
    const PGresult *result = trip_result(&trip, 0);
    if (PQntuples(result) == 0) {
        return ZP_NOT_FOUND;
    }
    struct outcome outcome = { .seq = 0 };
    err = trip_row(store, trip_field(result, 0, 0), SHAPE_OUTCOME, arena, &outcome);
    if (err == ZP_OK) {
        *ret_outcome = outcome;
    }
    return err;
}

enum zp_err store_outcomes_purge(struct store *store, int32_t partition, int64_t before_us, int64_t limit,
                                 int64_t *ret_deleted)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_i32(&params, partition);
    params_time(&params, before_us);
    params_i64(&params, limit);
    trip_add(&trip, STATEMENT_OUTCOMES_PURGE, &params);
    err = trip_run(&trip);
    if (err == ZP_OK) {
        *ret_deleted = trip_touched(&trip, 0);
    }
    return err;
}
