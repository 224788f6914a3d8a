/* column_list: owns the kinds that are lists in binary form: bytes of any length, ids, an order's lines.
 *
 * Invariant: a list is reserved for as many items as its bytes can hold, never for what its head claims. */
#include "column_list.h"
#include "array.h"
#include "row.h"

#include <string.h>

static const void *count_place(const struct column *column, const void *field)
{
    return (const char *)field - column->offset + column->count_offset;
}

const void *column_list_get(const struct column *column, const void *field, size_t *ret_count)
{
    const void *items;
    memcpy(&items, field, sizeof(items));
    memcpy(ret_count, count_place(column, field), sizeof(*ret_count));
    return items;
}

void column_list_set(const struct column *column, void *ret_field, const void *items, size_t count)
{
    memcpy(ret_field, &items, sizeof(items));
    memcpy((char *)ret_field - column->offset + column->count_offset, &count, sizeof(count));
}

static void put_blob(const struct row_types *types, const struct column *column, const void *field, struct buffer *out)
{
    (void)types;
    size_t len;
    const void *data = column_list_get(column, field, &len);
    wire_put_bytes(out, data, len);
}

static enum zp_err get_blob(const struct reading *reading, const struct column *column, struct field value,
                            void *ret_field)
{
    char *data = arena_strndup(reading->arena, value.data, (size_t)value.len);
    if (data == NULL) {
        return ZP_NO_MEMORY;
    }
    column_list_set(column, ret_field, data, (size_t)value.len);
    return ZP_OK;
}

static void put_ids(const struct row_types *types, const struct column *column, const void *field, struct buffer *out)
{
    (void)types;
    size_t count;
    const struct zp_id *ids = column_list_get(column, field, &count);
    size_t opened = wire_open(out);
    array_put_ids(out, ids, count);
    wire_close(out, opened);
}

static enum zp_err get_ids(const struct reading *reading, const struct column *column, struct field value,
                           void *ret_field)
{
    size_t count;
    if (!array_take_head(&value, OID_UUID, &count)) {
        return ZP_INTERNAL;
    }
    struct zp_id *ids = arena_array(reading->arena, count, sizeof(*ids));
    if (ids == NULL) {
        return ZP_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        struct field id;
        if (!wire_take_field(&value, &id) || id.len != sizeof(ids[i].bytes)) {
            return ZP_INTERNAL;
        }
        memcpy(ids[i].bytes, id.data, sizeof(ids[i].bytes));
    }
    column_list_set(column, ret_field, ids, count);
    return ZP_OK;
}

static void put_lines(const struct row_types *types, const struct column *column, const void *field, struct buffer *out)
{
    size_t count;
    const struct order_line *lines = column_list_get(column, field, &count);
    size_t opened = wire_open(out);
    array_put_head(out, types->of[SHAPE_LINE].type, count);
    for (size_t i = 0; i < count; i++) {
        row_put(types, SHAPE_LINE, &lines[i], out);
    }
    wire_close(out, opened);
}

static enum zp_err get_lines(const struct reading *reading, const struct column *column, struct field value,
                             void *ret_field)
{
    size_t count;
    if (!array_take_head(&value, reading->types->of[SHAPE_LINE].type, &count) || count > ROW_LINES_MAX) {
        return ZP_INTERNAL;
    }
    struct order_line *lines = arena_array(reading->arena, count, sizeof(*lines));
    if (lines == NULL) {
        return ZP_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        struct field line;
        if (!wire_take_field(&value, &line)) {
            return ZP_INTERNAL;
        }
        enum zp_err err = row_get(reading, SHAPE_LINE, line, &lines[i]);
        if (err != ZP_OK) {
            return err;
        }
    }
    column_list_set(column, ret_field, lines, count);
    return ZP_OK;
}

const struct column_kind COLUMN_BLOB = { OID_BYTEA, put_blob, get_blob, NULL };
const struct column_kind COLUMN_IDS = { OID_UUID_ARRAY, put_ids, get_ids, NULL };
const struct column_kind COLUMN_LINES = { InvalidOid, put_lines, get_lines, NULL };
