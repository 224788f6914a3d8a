/* put: buffer_append for the many small pieces of a message, without a call where there is room. Private to this
 * room. */
#ifndef MESSAGE_PUT_H
#define MESSAGE_PUT_H

#include "zapora/base.h"

#include <string.h>

/* memcpy of a few bytes without a call: two copies of one fixed size that may overlap. */
static inline void put_copy(char *to, const char *from, size_t len)
{
    if (len > 16) {
        memcpy(to, from, len);
    } else if (len >= 8) {
        memcpy(to, from, 8);
        memcpy(to + len - 8, from + len - 8, 8);
    } else if (len >= 4) {
        memcpy(to, from, 4);
        memcpy(to + len - 4, from + len - 4, 4);
    } else {
        for (size_t i = 0; i < len; i++) {
            to[i] = from[i];
        }
    }
}

static inline void put_bytes(struct buffer *out, const void *bytes, size_t len)
{
    if (out->err == ZP_OK && len < out->cap - out->len && len <= out->max_bytes - out->len) {
        put_copy(out->data + out->len, bytes, len);
        out->len += len;
        out->data[out->len] = '\0';
    } else {
        buffer_append(out, bytes, len); /* grows, or keeps the error */
    }
}

/* A string literal. */
#define PUT(out, literal) put_bytes(out, literal, sizeof(literal) - 1)

#endif
