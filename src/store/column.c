/* column: owns the kinds of single values: ids, numbers, times, texts, words, bytes of a fixed length.
 *
 * Invariant: what put writes, get reads back as it was; "none" is NULL in nullable columns and nothing else is. */
#include "column.h"

#include "zapora/order.h"

#include <string.h>

static void put_id(const struct row_types *types, const struct column *column, const void *field, struct buffer *out)
{
    (void)types;
    if (column->nullable && id_is_none(field)) {
        wire_put_i32(out, WIRE_NULL);
    } else {
        wire_put_bytes(out, ((const struct zp_id *)field)->bytes, sizeof(struct zp_id));
    }
}

static enum zp_err get_id(const struct reading *reading, const struct column *column, struct field value,
                          void *ret_field)
{
    (void)reading, (void)column;
    if (value.len != sizeof(struct zp_id)) {
        return ZP_INTERNAL;
    }
    memcpy(ret_field, value.data, sizeof(struct zp_id));
    return ZP_OK;
}

static void put_i64(const struct row_types *types, const struct column *column, const void *field, struct buffer *out)
{
    (void)types;
    int64_t value;
    memcpy(&value, field, sizeof(value));
    if (column->nullable && value == column->empty) {
        wire_put_i32(out, WIRE_NULL);
    } else {
        wire_put_i32(out, sizeof(value));
        wire_put_i64(out, value);
    }
}

static enum zp_err get_i64(const struct reading *reading, const struct column *column, struct field value,
                           void *ret_field)
{
    (void)reading, (void)column;
    int64_t number;
    if (!wire_get_int(value, &number)) {
        return ZP_INTERNAL;
    }
    memcpy(ret_field, &number, sizeof(number));
    return ZP_OK;
}

static void clear_i64(const struct column *column, void *ret_field)
{
    memcpy(ret_field, &column->empty, sizeof(column->empty));
}

static void put_i32(const struct row_types *types, const struct column *column, const void *field, struct buffer *out)
{
    (void)types, (void)column;
    int32_t value;
    memcpy(&value, field, sizeof(value));
    wire_put_i32(out, sizeof(value));
    wire_put_i32(out, value);
}

static enum zp_err get_i32(const struct reading *reading, const struct column *column, struct field value,
                           void *ret_field)
{
    (void)reading, (void)column;
    int64_t number;
    if (value.len != sizeof(int32_t) || !wire_get_int(value, &number)) {
        return ZP_INTERNAL;
    }
    int32_t narrow = (int32_t)number;
    memcpy(ret_field, &narrow, sizeof(narrow));
    return ZP_OK;
}

/* What is beyond an int4 is refused as the record's own fault, not cut. */
static void put_i64_as_i32(const struct row_types *types, const struct column *column, const void *field,
                           struct buffer *out)
{
    (void)types, (void)column;
    int64_t value;
    memcpy(&value, field, sizeof(value));
    if (value != (int32_t)value) {
        out->err = out->err != ZP_OK ? out->err : ZP_TOO_LARGE;
    }
    wire_put_i32(out, sizeof(int32_t));
    wire_put_i32(out, (int32_t)value);
}

static void put_bool(const struct row_types *types, const struct column *column, const void *field, struct buffer *out)
{
    (void)types, (void)column;
    wire_put_i32(out, 1);
    buffer_putc(out, *(const bool *)field ? 1 : 0);
}

static enum zp_err get_bool(const struct reading *reading, const struct column *column, struct field value,
                            void *ret_field)
{
    (void)reading, (void)column;
    if (value.len != 1) {
        return ZP_INTERNAL;
    }
    *(bool *)ret_field = value.data[0] != 0;
    return ZP_OK;
}

static void put_is_open(const struct row_types *types, const struct column *column, const void *field,
                        struct buffer *out)
{
    enum order_state state;
    memcpy(&state, field, sizeof(state));
    bool open = order_is_open(state);
    put_bool(types, column, &open, out);
}

/* The status beside it says the same. */
static enum zp_err skip(const struct reading *reading, const struct column *column, struct field value, void *ret_field)
{
    (void)reading, (void)column, (void)value, (void)ret_field;
    return ZP_OK;
}

static void put_time(const struct row_types *types, const struct column *column, const void *field, struct buffer *out)
{
    (void)types;
    int64_t unix_us;
    memcpy(&unix_us, field, sizeof(unix_us));
    if (column->nullable && unix_us == column->empty) {
        wire_put_i32(out, WIRE_NULL);
    } else {
        wire_put_i32(out, sizeof(unix_us));
        wire_put_i64(out, wire_time_from_unix(unix_us));
    }
}

static enum zp_err get_time(const struct reading *reading, const struct column *column, struct field value,
                            void *ret_field)
{
    (void)reading, (void)column;
    int64_t wire_us;
    if (value.len != sizeof(wire_us) || !wire_get_int(value, &wire_us)) {
        return ZP_INTERNAL;
    }
    int64_t unix_us = wire_time_to_unix(wire_us);
    memcpy(ret_field, &unix_us, sizeof(unix_us));
    return ZP_OK;
}

static void put_text(const struct row_types *types, const struct column *column, const void *field, struct buffer *out)
{
    (void)types;
    const char *text;
    memcpy(&text, field, sizeof(text));
    ZP_ASSERT(text != NULL || column->nullable);
    if (text == NULL) {
        wire_put_i32(out, WIRE_NULL);
    } else {
        wire_put_bytes(out, text, strlen(text));
    }
}

static enum zp_err get_text(const struct reading *reading, const struct column *column, struct field value,
                            void *ret_field)
{
    (void)column;
    char *text = arena_strndup(reading->arena, value.data, (size_t)value.len);
    if (text == NULL) {
        return ZP_NO_MEMORY;
    }
    memcpy(ret_field, &text, sizeof(text));
    return ZP_OK;
}

static void put_word(const struct row_types *types, const struct column *column, const void *field, struct buffer *out)
{
    (void)types;
    unsigned value;
    memcpy(&value, field, sizeof(value));
    ZP_ASSERT(value < column->words->count || (column->nullable && value == column->words->count));
    if (value == column->words->count) {
        wire_put_i32(out, WIRE_NULL);
    } else {
        wire_put_bytes(out, column->words->names[value], strlen(column->words->names[value]));
    }
}

static enum zp_err get_word(const struct reading *reading, const struct column *column, struct field value,
                            void *ret_field)
{
    (void)reading;
    for (unsigned i = 0; i < column->words->count; i++) {
        const char *name = column->words->names[i];
        if (strlen(name) == (size_t)value.len && memcmp(name, value.data, (size_t)value.len) == 0) {
            memcpy(ret_field, &i, sizeof(i));
            return ZP_OK;
        }
    }
    return ZP_INTERNAL;
}

static void clear_word(const struct column *column, void *ret_field)
{
    unsigned none = (unsigned)column->words->count;
    memcpy(ret_field, &none, sizeof(none));
}

static void put_err(const struct row_types *types, const struct column *column, const void *field, struct buffer *out)
{
    (void)types, (void)column;
    enum zp_err err;
    memcpy(&err, field, sizeof(err));
    wire_put_bytes(out, zp_err_name(err), strlen(zp_err_name(err)));
}

static enum zp_err get_err(const struct reading *reading, const struct column *column, struct field value,
                           void *ret_field)
{
    (void)column;
    char *name = arena_strndup(reading->arena, value.data, (size_t)value.len);
    if (name == NULL) {
        return ZP_NO_MEMORY;
    }
    enum zp_err err = zp_err_from_name(name);
    memcpy(ret_field, &err, sizeof(err));
    return ZP_OK;
}

static void put_fixed(const struct row_types *types, const struct column *column, const void *field, struct buffer *out)
{
    (void)types;
    wire_put_bytes(out, field, column->size);
}

static enum zp_err get_fixed(const struct reading *reading, const struct column *column, struct field value,
                             void *ret_field)
{
    (void)reading;
    if ((size_t)value.len != column->size) {
        return ZP_INTERNAL;
    }
    memcpy(ret_field, value.data, column->size);
    return ZP_OK;
}

const struct column_kind COLUMN_ID = { OID_UUID, put_id, get_id, NULL };
const struct column_kind COLUMN_I64 = { OID_INT8, put_i64, get_i64, clear_i64 };
const struct column_kind COLUMN_I32 = { OID_INT4, put_i32, get_i32, NULL };
const struct column_kind COLUMN_I64_AS_I32 = { OID_INT4, put_i64_as_i32, get_i64, NULL };
const struct column_kind COLUMN_BOOL = { OID_BOOL, put_bool, get_bool, NULL };
const struct column_kind COLUMN_TIME = { OID_TIMESTAMPTZ, put_time, get_time, clear_i64 };
const struct column_kind COLUMN_TEXT = { OID_TEXT, put_text, get_text, NULL };
const struct column_kind COLUMN_WORD = { OID_TEXT, put_word, get_word, clear_word };
const struct column_kind COLUMN_ERR = { OID_TEXT, put_err, get_err, NULL };
const struct column_kind COLUMN_BYTES = { OID_BYTEA, put_fixed, get_fixed, NULL };
const struct column_kind COLUMN_IS_OPEN = { OID_BOOL, put_is_open, skip, NULL };
