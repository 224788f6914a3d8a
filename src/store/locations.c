/* locations: owns how locations are read: whole, or only their heads or marks.
 *
 * Invariant: a location is made whole or not at all; its settings and menu lie in its own arena. */
#include "locations.h"

#include <stdlib.h>
#include <string.h>

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

enum zp_err locations_read_all(struct store *store, const PGresult *result, size_t limit,
                               struct location **ret_locations, size_t *ret_count)
{
    enum zp_err err = ZP_OK;
    size_t count = 0;
    for (int row = 0; row < PQntuples(result) && count < limit && err == ZP_OK; row++) {
        err = locations_read(store, result, row, &ret_locations[count]);
        count += err == ZP_OK;
    }
    if (err != ZP_OK) {
        locations_free(ret_locations, count);
        return err;
    }
    *ret_count = count;
    return ZP_OK;
}

enum zp_err store_locations_get(struct store *store, const struct zp_id *ids, size_t count,
                                struct location **ret_locations, size_t *ret_count)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_ids(&params, ids, count);
    trip_add(&trip, STATEMENT_LOCATIONS_GET, &params);
    err = trip_run(&trip);
    if (err != ZP_OK) {
        return err;
    }
    return locations_read_all(store, trip_result(&trip, 0), count, ret_locations, ret_count);
}

enum zp_err store_location_get(struct store *store, const struct zp_id *id, struct location **ret_location)
{
    size_t count = 0;
    enum zp_err err = store_locations_get(store, id, 1, ret_location, &count);
    return err == ZP_OK && count == 0 ? ZP_NOT_FOUND : err;
}

static bool read_mark(const PGresult *result, int row, struct store_location_mark *ret_mark)
{
    struct field id = trip_field(result, row, 0);
    if (id.len != (int32_t)sizeof(ret_mark->location_id.bytes) ||
        !wire_get_int(trip_field(result, row, 1), &ret_mark->mark)) {
        return false;
    }
    memcpy(ret_mark->location_id.bytes, id.data, sizeof(ret_mark->location_id.bytes));
    return true;
}

enum zp_err store_location_marks(struct store *store, const struct zp_id *after, size_t limit,
                                 struct store_location_mark *ret_marks, size_t *ret_count)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_id(&params, after);
    params_i64(&params, (int64_t)limit);
    trip_add(&trip, STATEMENT_LOCATION_MARKS, &params);
    err = trip_run(&trip);
    if (err != ZP_OK) {
        return err;
    }
    const PGresult *result = trip_result(&trip, 0);
    size_t count = 0;
    for (int row = 0; row < PQntuples(result) && count < limit; row++) {
        if (!read_mark(result, row, &ret_marks[count++])) {
            return connection_trouble(store, ZP_INTERNAL, "the mark of a location cannot be read");
        }
    }
    *ret_count = count;
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
