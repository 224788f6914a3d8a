/* row: our structs as the database's rows, both ways.
 *
 * A row travels as one composite value: `unnest($1::orders[])` in, `SELECT o FROM orders o` out. A shape says which of
 * our structs lies in which table and how; the database says, once for each connection, which columns that table has
 * and in which order. Columns that we don't know are written as NULL and skipped when read, so a migration may add some
 * while we run. */
#ifndef STORE_ROW_H
#define STORE_ROW_H

#include "column.h"

#include "zapora/store.h"

enum shape_id {
    SHAPE_PARTITION,   /* struct store_partition */
    SHAPE_LOCATION,    /* struct placed_location */
    SHAPE_HEAD,        /* struct store_head: a part of locations */
    SHAPE_MENU,        /* struct location */
    SHAPE_ORDER,       /* struct order */
    SHAPE_ORDER_STEP,  /* struct order: what may change after the placement */
    SHAPE_LINE,        /* struct order_line: within orders */
    SHAPE_EVENT,       /* struct journal_row */
    SHAPE_OUTCOME,     /* struct outcome */
    SHAPE_ACCOUNT,     /* struct account */
    SHAPE_COUNT
};

/* A location with the partition it lives in. */
struct placed_location { struct location location; int32_t partition; };
/* An event with the partition of its command. */
struct journal_row { struct batch_event event; int32_t partition; };

struct shape {
    const char *table;
    size_t size; /* of our struct */
    const struct column *columns;
    size_t column_count;
};

extern const struct shape SHAPES[SHAPE_COUNT];

#define ROW_ATTRIBUTES_MAX 48
#define ROW_LINES_MAX 1000 /* of one order: far above ORDER_LINES_MAX, so a ceiling and not a rule */

/* What the database says of one shape's table. */
struct row_type {
    Oid type, array_type;
    size_t attribute_count;
    struct { Oid type; int16_t column; } attributes[ROW_ATTRIBUTES_MAX]; /* column -1: not ours */
};

struct row_types { struct row_type of[SHAPE_COUNT]; };

/* Notes an attribute of a shape's table, in the table's order. False when there are too many. */
bool row_type_add(struct row_type *type, const struct shape *shape, const char *name, Oid attribute_type);
/* The name of a column of ours that the table lacks or has with another type, or NULL. */
const char *row_type_missing(const struct row_type *type, const struct shape *shape, const struct row_types *types);

/* Appends `thing` as a composite value with its length before it. */
void row_put(const struct row_types *types, enum shape_id shape, const void *thing, struct buffer *out);
/* Reads a composite value into a zeroed thing. ZP_OK, ZP_NO_MEMORY; ZP_BUSY when the table has changed since its
 * type was learnt; ZP_INTERNAL for a value that can't be what we wrote. */
enum zp_err row_get(const struct reading *reading, enum shape_id shape, struct field row, void *ret_thing);

#endif
