/* array: owns the binary form of arrays.
 *
 * Invariant: a count that was read is at most the value's bytes, so it is safe to reserve memory for it. */
#include "array.h"
#include "column.h"

#include <string.h>

#define ELEMENT_BYTES_MIN 4 /* its length */

void array_put_head(struct buffer *out, Oid element, size_t count)
{
    if (count > INT32_MAX) {
        out->err = ZP_TOO_LARGE;
        return;
    }
    wire_put_i32(out, count > 0 ? 1 : 0); /* dimensions */
    wire_put_i32(out, 0);                 /* no NULLs */
    wire_put_i32(out, (int32_t)element);
    if (count > 0) {
        wire_put_i32(out, (int32_t)count);
        wire_put_i32(out, 1); /* lower bound */
    }
}

void array_put_ids(struct buffer *out, const struct zp_id *ids, size_t count)
{
    array_put_head(out, OID_UUID, count);
    for (size_t i = 0; i < count; i++) {
        wire_put_bytes(out, ids[i].bytes, sizeof(ids[i].bytes));
    }
}

void array_put_i64s(struct buffer *out, const int64_t *values, size_t count)
{
    array_put_head(out, OID_INT8, count);
    for (size_t i = 0; i < count; i++) {
        wire_put_i32(out, sizeof(values[i]));
        wire_put_i64(out, values[i]);
    }
}

void array_put_i32s(struct buffer *out, const int32_t *values, size_t count)
{
    array_put_head(out, OID_INT4, count);
    for (size_t i = 0; i < count; i++) {
        wire_put_i32(out, sizeof(values[i]));
        wire_put_i32(out, values[i]);
    }
}

void array_put_texts(struct buffer *out, const char *const *texts, size_t count)
{
    array_put_head(out, OID_TEXT, count);
    for (size_t i = 0; i < count; i++) {
        wire_put_bytes(out, texts[i], strlen(texts[i]));
    }
}

bool array_take_head(struct field *value, Oid element, size_t *ret_count)
{
    struct field rest = *value;
    int32_t dimensions, has_nulls, type, count = 0, lower = 1;
    if (!wire_take_i32(&rest, &dimensions) || !wire_take_i32(&rest, &has_nulls) || !wire_take_i32(&rest, &type) ||
        dimensions < 0 || dimensions > 1 || (Oid)type != element) {
        return false;
    }
    if (dimensions == 1 && (!wire_take_i32(&rest, &count) || !wire_take_i32(&rest, &lower))) {
        return false;
    }
    if (count < 0 || count > rest.len / ELEMENT_BYTES_MIN) {
        return false;
    }
    *value = rest;
    *ret_count = (size_t)count;
    return true;
}
