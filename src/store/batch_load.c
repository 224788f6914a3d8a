/* batch_load: owns what a batch needs to know before it decides, in one round trip.
 *
 * Called by the worker. Invariant: on failure nothing is left for the caller to free. */
#include "locations.h"

enum { LOCATIONS, OUTCOMES, ORDERS };

static void add_ids(struct trip *trip, enum statement_id statement, const struct zp_id *ids, size_t count)
{
    params_scope params;
    params_init(&params);
    params_ids(&params, ids, count);
    trip_add(trip, statement, &params);
}

static enum zp_err read_locations(struct store *store, const PGresult *result, struct arena *arena,
                                  struct store_found *found)
{
    size_t count = (size_t)PQntuples(result);
    found->locations = arena_array(arena, count, sizeof(struct location *));
    if (found->locations == NULL) {
        return connection_trouble(store, ZP_NO_MEMORY, "no memory for %zu locations", count);
    }
    for (size_t i = 0; i < count; i++) {
        enum zp_err err = locations_read(store, result, (int)i, &found->locations[i]);
        if (err != ZP_OK) {
            return err;
        }
        found->location_count++;
    }
    return ZP_OK;
}

enum zp_err store_batch_load(struct store *store, const struct store_wanted *wanted, struct arena *arena,
                             struct store_found *ret_found)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    add_ids(&trip, STATEMENT_LOCATIONS_GET, wanted->location_ids, wanted->location_count);
    add_ids(&trip, STATEMENT_OUTCOMES_GET, wanted->command_ids, wanted->command_count);
    add_ids(&trip, STATEMENT_ORDERS_GET, wanted->order_ids, wanted->order_count);
    err = trip_run(&trip);
    if (err != ZP_OK) {
        return err;
    }
    struct store_found found = { .locations = NULL };
    err = trip_rows(store, trip_result(&trip, OUTCOMES), SHAPE_OUTCOME, arena, &found.outcomes, &found.outcome_count);
    if (err == ZP_OK) {
        err = trip_rows(store, trip_result(&trip, ORDERS), SHAPE_ORDER, arena, &found.orders, &found.order_count);
    }
    if (err == ZP_OK) {
        err = read_locations(store, trip_result(&trip, LOCATIONS), arena, &found);
    }
    if (err != ZP_OK) {
        locations_free(found.locations, found.location_count);
        return err;
    }
    *ret_found = found;
    return ZP_OK;
}
