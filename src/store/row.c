/* row: owns the walk over a row's attributes, for writing and reading.
 *
 * Invariant: an attribute's place and type are always the database's own, never assumed. */
#include "row.h"

#include <string.h>

#define NOT_OURS INT16_C(-1)

static int16_t column_of(const struct shape *shape, const char *name)
{
    for (size_t i = 0; i < shape->column_count; i++) {
        if (strcmp(shape->columns[i].name, name) == 0) {
            return (int16_t)i;
        }
    }
    return NOT_OURS;
}

bool row_type_add(struct row_type *type, const struct shape *shape, const char *name, Oid attribute_type)
{
    if (type->attribute_count == ROW_ATTRIBUTES_MAX) {
        return false;
    }
    size_t i = type->attribute_count++;
    type->attributes[i].type = attribute_type;
    type->attributes[i].column = column_of(shape, name);
    return true;
}

/* Only lines are of a type of our own. */
static Oid type_wanted(const struct column *column, const struct row_types *types)
{
    return column->kind->type != InvalidOid ? column->kind->type : types->of[SHAPE_LINE].array_type;
}

const char *row_type_missing(const struct row_type *type, const struct shape *shape, const struct row_types *types)
{
    bool found[ROW_ATTRIBUTES_MAX] = { false };
    ZP_ASSERT(shape->column_count <= ZP_COUNT(found));
    for (size_t i = 0; i < type->attribute_count; i++) {
        int16_t column = type->attributes[i].column;
        if (column != NOT_OURS && type->attributes[i].type == type_wanted(&shape->columns[column], types)) {
            found[column] = true;
        }
    }
    for (size_t i = 0; i < shape->column_count; i++) {
        if (!found[i]) {
            return shape->columns[i].name;
        }
    }
    return NULL;
}

void row_put(const struct row_types *types, enum shape_id id, const void *thing, struct buffer *out)
{
    const struct shape *shape = &SHAPES[id];
    const struct row_type *type = &types->of[id];
    size_t opened = wire_open(out);
    wire_put_i32(out, (int32_t)type->attribute_count);
    for (size_t i = 0; i < type->attribute_count; i++) {
        wire_put_i32(out, (int32_t)type->attributes[i].type);
        int16_t place = type->attributes[i].column;
        if (place == NOT_OURS) {
            wire_put_i32(out, WIRE_NULL);
        } else {
            const struct column *column = &shape->columns[place];
            column->kind->put(types, column, (const char *)thing + column->offset, out);
        }
    }
    wire_close(out, opened);
}

static enum zp_err get_value(const struct reading *reading, const struct column *column, struct field value,
                             void *thing)
{
    void *field = (char *)thing + column->offset;
    if (value.len != WIRE_NULL) {
        return column->kind->get(reading, column, value, field);
    }
    if (column->kind->clear != NULL) {
        column->kind->clear(column, field);
    }
    return column->nullable ? ZP_OK : ZP_INTERNAL;
}

enum zp_err row_get(const struct reading *reading, enum shape_id id, struct field row, void *ret_thing)
{
    const struct shape *shape = &SHAPES[id];
    const struct row_type *type = &reading->types->of[id];
    int32_t count;
    if (!wire_take_i32(&row, &count) || (size_t)count != type->attribute_count) {
        return ZP_BUSY;
    }
    for (size_t i = 0; i < type->attribute_count; i++) {
        int32_t attribute_type;
        struct field value;
        if (!wire_take_i32(&row, &attribute_type) || !wire_take_field(&row, &value)) {
            return ZP_INTERNAL;
        }
        int16_t place = type->attributes[i].column;
        if ((Oid)attribute_type != type->attributes[i].type) {
            return ZP_BUSY;
        }
        enum zp_err err = place == NOT_OURS ? ZP_OK : get_value(reading, &shape->columns[place], value, ret_thing);
        if (err != ZP_OK) {
            return err;
        }
    }
    return row.len == 0 ? ZP_OK : ZP_INTERNAL;
}
