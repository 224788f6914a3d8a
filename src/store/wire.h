/* wire: PostgreSQL's binary form of single values: big-endian integers, and times counted from 2000.
 *
 * Called by everything in this room that writes parameters or reads results. */
#ifndef STORE_WIRE_H
#define STORE_WIRE_H

#include "zapora/base.h"

/* One value as the server sent it. Borrowed from its PGresult or from the value around it. */
struct field {
    const char *data;
    int32_t len; /* WIRE_NULL: SQL NULL */
};

#define WIRE_NULL INT32_C(-1)

void wire_put_i32(struct buffer *out, int32_t value);
void wire_put_i64(struct buffer *out, int64_t value);
/* Leaves room for a value's length; wire_close writes what was appended since. */
size_t wire_open(struct buffer *out);
void wire_close(struct buffer *out, size_t opened);

/* A value with its length before it. */
void wire_put_bytes(struct buffer *out, const void *data, size_t len);

/* An integer of 2, 4 or 8 bytes; false for any other width and for NULL. */
bool wire_get_int(struct field field, int64_t *ret_value);
/* Takes the next 4 bytes of a value; false when there are not so many. */
bool wire_take_i32(struct field *rest, int32_t *ret_value);
/* Takes the next value, its length before it; false when the length runs over the end. */
bool wire_take_field(struct field *rest, struct field *ret_field);

/* Microseconds since 1970 to and from PostgreSQL's since 2000. The ends of int64 are the infinities on both sides. */
int64_t wire_time_from_unix(int64_t unix_us);
int64_t wire_time_to_unix(int64_t wire_us);

#endif
