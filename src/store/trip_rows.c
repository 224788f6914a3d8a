/* trip_rows: owns what comes back from a trip: a result's values as our structs.
 *
 * Called by every file that reads. Invariant: whatever the database holds, the worst it does is an error with its
 * table's name. */
#include "trip.h"

#include <string.h>

struct field trip_field(const PGresult *result, int row, int column)
{
    bool is_null = PQgetisnull(result, row, column) != 0;
    return (struct field){ .data = PQgetvalue(result, row, column),
                           .len = is_null ? WIRE_NULL : (int32_t)PQgetlength(result, row, column) };
}

enum zp_err trip_row(struct store *store, struct field value, enum shape_id shape, struct arena *arena, void *ret_thing)
{
    const struct reading reading = { .types = &store->types, .arena = arena };
    enum zp_err err = row_get(&reading, shape, value, ret_thing);
    if (err == ZP_BUSY) {
        (void)connection_trouble(store, err, "the table %s has changed meanwhile", SHAPES[shape].table);
        store->knows_types = false;
    } else if (err == ZP_NO_MEMORY) {
        (void)connection_trouble(store, err, "a row of %s does not fit into the memory for it", SHAPES[shape].table);
    } else if (err != ZP_OK) {
        err = connection_trouble(store, ZP_INTERNAL, "a row of %s cannot be read", SHAPES[shape].table);
    }
    return err;
}

enum zp_err trip_rows(struct store *store, const PGresult *result, enum shape_id shape, struct arena *arena,
                      void *ret_rows, size_t *ret_count)
{
    size_t count = (size_t)PQntuples(result), size = SHAPES[shape].size;
    char *rows = arena_array(arena, count, size);
    if (rows == NULL) {
        return connection_trouble(store, ZP_NO_MEMORY, "%zu rows of %s do not fit into the memory for them", count,
                                  SHAPES[shape].table);
    }
    for (size_t i = 0; i < count; i++) {
        enum zp_err err = trip_row(store, trip_field(result, (int)i, 0), shape, arena, rows + i * size);
        if (err != ZP_OK) {
            return err;
        }
    }
    memcpy(ret_rows, &rows, sizeof(rows));
    *ret_count = count;
    return ZP_OK;
}
