/* audit: owns reading a partition whole, as it was at one moment: its row, its outcomes, its locations, their orders
 * and journal.
 *
 * Called by verify. Invariant: every read between begin and end sees the same snapshot; a connection that was lost
 * meanwhile is not made anew behind the reader's back, for its snapshot is gone. */
#include "journal.h"
#include "locations.h"

#include <string.h>

enum zp_err store_audit_begin(struct store *store)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err == ZP_OK) {
        trip_add(&trip, STATEMENT_SNAPSHOT, NULL);
        err = trip_run(&trip);
    }
    return err;
}

void store_audit_end(struct store *store)
{
    if (store->conn == NULL || PQtransactionStatus(store->conn) == PQTRANS_IDLE) {
        return;
    }
    trip_scope trip;
    trip_start(&trip, store);
    trip_add(&trip, STATEMENT_COMMIT, NULL);
    if (trip_run(&trip) != ZP_OK) {
        store_disconnect(store);
    }
}

static enum zp_err begin(struct trip *trip, struct store *store)
{
    if (store->conn == NULL || PQtransactionStatus(store->conn) != PQTRANS_INTRANS) {
        *trip = (struct trip){ .store = store };
        return connection_trouble(store, ZP_BUSY, "the connection was lost, and its snapshot with it");
    }
    trip_start(trip, store);
    return trip->err;
}

enum zp_err store_audit_locations(struct store *store, int32_t partition, const struct zp_id *after, int64_t limit,
                                  struct location **ret_locations, size_t *ret_count)
{
    trip_scope trip;
    enum zp_err err = begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_i32(&params, partition);
    params_id(&params, after);
    params_i64(&params, limit);
    trip_add(&trip, STATEMENT_AUDIT_LOCATIONS, &params);
    err = trip_run(&trip);
    if (err != ZP_OK) {
        return err;
    }
    return locations_read_all(store, trip_result(&trip, 0), (size_t)limit, ret_locations, ret_count);
}

/* The column `open` as the row has it: nothing but the database's own word tells where the next page begins. */
static enum zp_err read_open(struct store *store, const PGresult *result, struct audit_order *ret_orders)
{
    for (int row = 0; row < PQntuples(result); row++) {
        int64_t open;
        if (!wire_get_int(trip_field(result, row, 1), &open)) {
            return connection_trouble(store, ZP_INTERNAL, "a row of orders cannot be read");
        }
        ret_orders[row].open = open != 0;
    }
    return ZP_OK;
}

enum zp_err store_audit_orders(struct store *store, const struct zp_id *location_id, const struct audit_order *after,
                               int64_t limit, struct arena *arena, struct audit_order **ret_orders, size_t *ret_count)
{
    trip_scope trip;
    enum zp_err err = begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_id(&params, location_id);
    params_i64(&params, after == NULL ? 0 : after->open);
    params_time(&params, after == NULL ? INT64_MIN : after->order.placed_at);
    params_id(&params, after == NULL ? &ID_NONE : &after->order.id);
    params_i64(&params, limit);
    trip_add(&trip, STATEMENT_AUDIT_ORDERS, &params);
    err = trip_run(&trip);
    if (err != ZP_OK) {
        return err;
    }
    const PGresult *result = trip_result(&trip, 0);
    size_t count = (size_t)PQntuples(result);
    struct audit_order *orders = arena_array(arena, count, sizeof(*orders));
    if (orders == NULL) {
        return connection_trouble(store, ZP_NO_MEMORY, "%zu orders do not fit into the memory for them", count);
    }
    for (size_t i = 0; i < count && err == ZP_OK; i++) {
        err = trip_row(store, trip_field(result, (int)i, 0), SHAPE_ORDER, arena, &orders[i].order);
    }
    if (err == ZP_OK) {
        err = read_open(store, result, orders);
    }
    if (err == ZP_OK) {
        *ret_orders = orders;
        *ret_count = count;
    }
    return err;
}

enum zp_err store_audit_events(struct store *store, const struct zp_id *location_id, int64_t after_seq, int64_t limit,
                               size_t bytes_max, struct arena *arena, struct batch_event **ret_events,
                               size_t *ret_count)
{
    trip_scope trip;
    enum zp_err err = begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_id(&params, location_id);
    params_i64(&params, after_seq);
    params_i64(&params, limit);
    params_i64(&params, (int64_t)bytes_max);
    trip_add(&trip, STATEMENT_EVENTS_AFTER, &params);
    err = trip_run(&trip);
    return err != ZP_OK ? err : journal_read(store, trip_result(&trip, 0), arena, ret_events, ret_count);
}

enum zp_err store_audit_outcomes(struct store *store, int32_t partition, int64_t after_offset, int64_t limit,
                                 struct arena *arena, struct outcome **ret_outcomes, size_t *ret_count)
{
    trip_scope trip;
    enum zp_err err = begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_i32(&params, partition);
    params_i64(&params, after_offset);
    params_i64(&params, limit);
    trip_add(&trip, STATEMENT_AUDIT_OUTCOMES, &params);
    err = trip_run(&trip);
    return err != ZP_OK ? err : trip_rows(store, trip_result(&trip, 0), SHAPE_OUTCOME, arena, ret_outcomes, ret_count);
}

enum zp_err store_audit_partitions(struct store *store, struct arena *arena, struct store_partition **ret_rows,
                                   size_t *ret_count)
{
    trip_scope trip;
    enum zp_err err = begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    trip_add(&trip, STATEMENT_PARTITIONS_LIST, NULL);
    err = trip_run(&trip);
    return err != ZP_OK ? err : trip_rows(store, trip_result(&trip, 0), SHAPE_PARTITION, arena, ret_rows, ret_count);
}

enum zp_err store_audit_strays(struct store *store, struct arena *arena, struct zp_id **ret_ids, size_t *ret_count)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    trip_add(&trip, STATEMENT_AUDIT_STRAYS, NULL);
    err = trip_run(&trip);
    if (err != ZP_OK) {
        return err;
    }
    const PGresult *result = trip_result(&trip, 0);
    size_t count = (size_t)PQntuples(result);
    struct zp_id *ids = arena_array(arena, count, sizeof(*ids));
    for (size_t i = 0; ids != NULL && i < count; i++) {
        struct field value = trip_field(result, (int)i, 0);
        if (value.len != (int32_t)sizeof(ids[i].bytes)) {
            return connection_trouble(store, ZP_INTERNAL, "a location's id cannot be read");
        }
        memcpy(ids[i].bytes, value.data, sizeof(ids[i].bytes));
    }
    if (ids == NULL) {
        return connection_trouble(store, ZP_NO_MEMORY, "%zu locations do not fit into the memory for them", count);
    }
    *ret_ids = ids;
    *ret_count = count;
    return ZP_OK;
}
