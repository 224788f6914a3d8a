/* learn: owns the question which columns each table has, and in which order.
 *
 * Invariant: knows_types is set only when every column that our shapes name is there with the type it must have. */
#include "learn.h"
#include "trip.h"

#include <string.h>

/* The columns of the answer. */
enum { PLACE, TYPE, ARRAY_TYPE, NAME, ATTRIBUTE_TYPE };

static void ask(struct trip *trip)
{
    const char *tables[SHAPE_COUNT];
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        tables[i] = SHAPES[i].table;
    }
    params_scope params;
    params_init(&params);
    params_texts(&params, tables, SHAPE_COUNT);
    trip_add(trip, STATEMENT_ROW_TYPES, &params);
}

static bool note_attribute(struct row_types *types, const PGresult *answer, int row)
{
    int64_t place, type, array_type, attribute_type;
    if (!wire_get_int(trip_field(answer, row, PLACE), &place) || place < 1 || place > SHAPE_COUNT ||
        !wire_get_int(trip_field(answer, row, TYPE), &type) ||
        !wire_get_int(trip_field(answer, row, ARRAY_TYPE), &array_type) ||
        !wire_get_int(trip_field(answer, row, ATTRIBUTE_TYPE), &attribute_type)) {
        return false;
    }
    struct row_type *row_type = &types->of[place - 1];
    row_type->type = (Oid)type;
    row_type->array_type = (Oid)array_type;
    return row_type_add(row_type, &SHAPES[place - 1], PQgetvalue(answer, row, NAME), (Oid)attribute_type);
}

enum zp_err learn_row_types(struct store *store)
{
    trip_scope trip;
    trip_start(&trip, store);
    ask(&trip);
    enum zp_err err = trip_run(&trip);
    if (err != ZP_OK) {
        return err;
    }
    const PGresult *answer = trip_result(&trip, 0);
    memset(&store->types, 0, sizeof(store->types));
    for (int row = 0; row < PQntuples(answer); row++) {
        if (!note_attribute(&store->types, answer, row)) {
            return connection_trouble(store, ZP_BUSY, "the database's tables are not what we can read");
        }
    }
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        const char *missing = row_type_missing(&store->types.of[i], &SHAPES[i], &store->types);
        if (missing != NULL) {
            return connection_trouble(store, ZP_BUSY, "%s.%s is missing or has another type: a migration has not run",
                                      SHAPES[i].table, missing);
        }
    }
    store->knows_types = true;
    return ZP_OK;
}
