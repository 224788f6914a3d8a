/* mp: msgpack's tokens, read one after the other. Private to this room. */
#ifndef MESSAGE_MP_H
#define MESSAGE_MP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mp_type {
    MP_NIL,
    MP_BOOL,
    MP_INT,  /* any width that fits in int64_t */
    MP_REAL, /* a float */
    MP_HUGE, /* an integer above INT64_MAX */
    MP_TEXT,
    MP_BYTES,
    MP_LIST,
    MP_MAP,
    MP_EXT,
};

struct mp_token {
    enum mp_type type;
    int64_t num;      /* MP_BOOL, MP_INT */
    const char *data; /* MP_TEXT, MP_BYTES, MP_EXT: borrowed from the value */
    size_t len;       /* their bytes; elements of MP_LIST, pairs of MP_MAP */
};

struct mp_cursor { const uint8_t *at, *end; };

/* Takes the next token. False when the bytes end in it, when it is no msgpack, or when it is the head of a list or
 * map that could not be in the bytes left: whatever a caller reserves for it is bounded by the value's own length. */
bool mp_next(struct mp_cursor *cursor, struct mp_token *ret_token);
/* Takes one whole value, at most depth_max lists and maps deep. */
bool mp_skip(struct mp_cursor *cursor, size_t depth_max);

#endif
