/* locations: owns how locations are read: one, all, or only their heads.
 *
 * Invariant: a location is made whole or not at all; its settings and menu lie in its own arena. */
#include "locations.h"

#include <stdlib.h>
#include <string.h>

#define LOCATIONS_AT_ONCE 64 /* menus are large: a result holds no more than this many */
#define LOCATIONS_MAX 1000000

static struct location *location_create(const struct zp_id *id)
{
    struct location *location = malloc(sizeof(*location));
    if (location != NULL) {
        location_init(location, id);
    }
    return location;
}

void locations_free(struct location **locations, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        location_finish(locations[i]);
        free(locations[i]);
    }
}

static enum zp_err fill(struct store *store, const PGresult *result, int row, const struct placed_location *found,
                        struct location *location)
{
    location->seq = found->location.seq;
    location->last_number = found->location.last_number;
    location->open_count = found->location.open_count;
    location->open_hash = found->location.open_hash;
    memcpy(location->hash, found->location.hash, sizeof(location->hash));
    struct field menu = trip_field(result, row, 1);
    return menu.len == WIRE_NULL ? ZP_OK : trip_row(store, menu, SHAPE_MENU, &location->arena, location);
}

enum zp_err locations_read(struct store *store, const PGresult *result, int row, struct location **ret_location)
{
    struct placed_location found = { .partition = 0 };
    enum zp_err err = trip_row(store, trip_field(result, row, 0), SHAPE_LOCATION, NULL, &found);
    if (err != ZP_OK) {
        return err;
    }
    struct location *location = location_create(&found.location.id);
    if (location == NULL) {
        return connection_trouble(store, ZP_NO_MEMORY, "no memory for a location");
    }
    err = fill(store, result, row, &found, location);
    if (err != ZP_OK) {
        locations_free(&location, 1);
        return err;
    }
    *ret_location = location;
    return ZP_OK;
}

enum zp_err store_location_get(struct store *store, const struct zp_id *id, struct location **ret_location)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_ids(&params, id, 1);
    trip_add(&trip, STATEMENT_LOCATIONS_GET, &params);
    err = trip_run(&trip);
    if (err != ZP_OK) {
        return err;
    }
    const PGresult *result = trip_result(&trip, 0);
    return PQntuples(result) == 0 ? ZP_NOT_FOUND : locations_read(store, result, 0, ret_location);
}

struct location_list { struct location **items; size_t count; };

/* Adds the next few locations after the last one; *ret_more says whether there may be others behind them. */
static enum zp_err read_some(struct store *store, struct location_list *list, bool *ret_more)
{
    const struct zp_id after = list->count > 0 ? list->items[list->count - 1]->id : ID_NONE;
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_id(&params, &after);
    params_i64(&params, LOCATIONS_AT_ONCE);
    trip_add(&trip, STATEMENT_LOCATIONS_AFTER, &params);
    err = trip_run(&trip);
    if (err != ZP_OK) {
        return err;
    }
    const PGresult *result = trip_result(&trip, 0);
    int rows = PQntuples(result);
    struct location **items = realloc(list->items, (list->count + (size_t)rows + 1) * sizeof(struct location *));
    if (items == NULL || list->count > LOCATIONS_MAX) {
        list->items = items != NULL ? items : list->items;
        return connection_trouble(store, ZP_NO_MEMORY, "too many locations");
    }
    list->items = items;
    for (int row = 0; row < rows && err == ZP_OK; row++) {
        err = locations_read(store, result, row, &items[list->count]);
        list->count += err == ZP_OK;
    }
    *ret_more = rows == LOCATIONS_AT_ONCE;
    return err;
}

enum zp_err store_locations_list(struct store *store, struct location ***ret_locations, size_t *ret_count)
{
    struct location_list list = { .items = NULL };
    enum zp_err err = ZP_OK;
    for (bool more = true; more && err == ZP_OK;) {
        err = read_some(store, &list, &more);
    }
    if (err != ZP_OK) {
        locations_free(list.items, list.count);
        free(list.items);
        return err;
    }
    *ret_locations = list.items;
    *ret_count = list.count;
    return ZP_OK;
}

enum zp_err store_heads(struct store *store, const int32_t *partitions, size_t partition_count, struct arena *arena,
                        struct store_head **ret_heads, size_t *ret_count)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_i32s(&params, partitions, partition_count);
    trip_add(&trip, STATEMENT_HEADS_LIST, &params);
    err = trip_run(&trip);
    return err != ZP_OK ? err : trip_rows(store, trip_result(&trip, 0), SHAPE_HEAD, arena, ret_heads, ret_count);
}
