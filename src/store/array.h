/* array: PostgreSQL's binary form of one-dimensional arrays.
 *
 * Called by params for arrays of ids and numbers, by row for arrays of rows. */
#ifndef STORE_ARRAY_H
#define STORE_ARRAY_H

#include "wire.h"

#include <libpq-fe.h>

/* Appends the head of an array; exactly `count` elements, each with its length before it, must follow. An array of none
 * is written as PostgreSQL has it: without a dimension. */
void array_put_head(struct buffer *out, Oid element, size_t count);
void array_put_ids(struct buffer *out, const struct zp_id *ids, size_t count);
void array_put_i64s(struct buffer *out, const int64_t *values, size_t count);
void array_put_i32s(struct buffer *out, const int32_t *values, size_t count);
void array_put_texts(struct buffer *out, const char *const *texts, size_t count);

/* Reads the head of an array value and leaves its elements in *value, to be taken with wire_take_field. False for more
 * than one dimension, another element type, or a count that can't fit into the value's length. */
bool array_take_head(struct field *value, Oid element, size_t *ret_count);

#endif
