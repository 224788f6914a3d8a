/* archive: owns how closed orders get out of the way of those that are still worked on.
 *
 * Called by the command line. Invariants: a row is in `orders` or in `orders_archive`, never in both or in
 * neither, for it moves in one statement; only closed orders move, and their rows never change again. */
#include "trip.h"

#include <string.h>

enum { MOVED, SEEN, PLACED_AT, ORDER_ID };

static enum zp_err read_move(struct store *store, const PGresult *result, struct archive_mark *ret_mark,
                             int64_t *ret_moved, int64_t *ret_seen)
{
    struct field id = trip_field(result, 0, ORDER_ID);
    int64_t moved, seen, placed_at;
    if (!wire_get_int(trip_field(result, 0, MOVED), &moved) || !wire_get_int(trip_field(result, 0, SEEN), &seen) ||
        !wire_get_int(trip_field(result, 0, PLACED_AT), &placed_at) ||
        id.len != (int32_t)sizeof(ret_mark->order_id.bytes)) {
        return connection_trouble(store, ZP_INTERNAL, "what was archived cannot be read");
    }
    ret_mark->placed_at = wire_time_to_unix(placed_at);
    memcpy(ret_mark->order_id.bytes, id.data, sizeof(ret_mark->order_id.bytes));
    *ret_moved = moved;
    *ret_seen = seen;
    return ZP_OK;
}

enum zp_err store_orders_archive(struct store *store, const struct zp_id *location_id, int64_t before_us,
                                 int64_t limit, struct archive_mark *mark, int64_t *ret_moved, bool *ret_done)
{
    ZP_ASSERT(limit > 0);
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_id(&params, location_id);
    params_time(&params, mark->placed_at == 0 ? INT64_MIN : mark->placed_at);
    params_id(&params, &mark->order_id);
    params_time(&params, before_us);
    params_i64(&params, limit);
    trip_add(&trip, STATEMENT_ARCHIVE_MOVE, &params);
    err = trip_run(&trip);
    int64_t moved = 0, seen = 0;
    if (err == ZP_OK && PQntuples(trip_result(&trip, 0)) > 0) {
        err = read_move(store, trip_result(&trip, 0), mark, &moved, &seen);
    }
    if (err == ZP_OK) {
        *ret_moved = moved;
        *ret_done = seen < limit;
    }
    return err;
}

enum zp_err store_orders_archivable(struct store *store, const struct zp_id *location_id, int64_t before_us,
                                    int64_t *ret_count)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_id(&params, location_id);
    params_time(&params, before_us);
    trip_add(&trip, STATEMENT_ARCHIVE_COUNT, &params);
    err = trip_run(&trip);
    if (err == ZP_OK && !wire_get_int(trip_field(trip_result(&trip, 0), 0, 0), ret_count)) {
        err = connection_trouble(store, ZP_INTERNAL, "a count cannot be read");
    }
    return err;
}
