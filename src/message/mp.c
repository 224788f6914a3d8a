/* mp: reads msgpack (https://github.com/msgpack/msgpack/blob/master/spec.md) without ever reserving memory.
 *
 * Called by unpack. msgpack-c 4.0.0 builds a tree first and reserves gigabytes for five bytes (df0fffffff), so values
 * would have to be scanned before it may see them; a scan that can do that can just as well be the reader.
 * Invariant: at ≤ end, and after a false answer the cursor is of no further use. */
#include "mp.h"

#include <string.h>

/* How the tokens from 0xc0 to 0xdf are to be read; the other head bytes hold their value themselves. */
static const struct head {
    enum mp_type type;
    uint8_t width;  /* bytes of the number that follows: the value, or the length */
    uint8_t extra;  /* bytes between the length and the data: an ext's type */
    uint8_t fixed;  /* fixext: the length itself */
    bool is_signed;
} heads[32] = {
    [0x00] = { MP_NIL },         [0x02] = { MP_BOOL },        [0x03] = { MP_BOOL },        /* c1 is never used */
    [0x04] = { MP_BYTES, 1 },    [0x05] = { MP_BYTES, 2 },    [0x06] = { MP_BYTES, 4 },
    [0x07] = { MP_EXT, 1, 1 },   [0x08] = { MP_EXT, 2, 1 },   [0x09] = { MP_EXT, 4, 1 },
    [0x0a] = { MP_REAL, 4 },     [0x0b] = { MP_REAL, 8 },
    [0x0c] = { MP_INT, 1 },      [0x0d] = { MP_INT, 2 },      [0x0e] = { MP_INT, 4 },      [0x0f] = { MP_INT, 8 },
    [0x10] = { MP_INT, 1, .is_signed = true },                [0x11] = { MP_INT, 2, .is_signed = true },
    [0x12] = { MP_INT, 4, .is_signed = true },                [0x13] = { MP_INT, 8, .is_signed = true },
    [0x14] = { MP_EXT, 0, 1, 1 }, [0x15] = { MP_EXT, 0, 1, 2 }, [0x16] = { MP_EXT, 0, 1, 4 },
    [0x17] = { MP_EXT, 0, 1, 8 }, [0x18] = { MP_EXT, 0, 1, 16 },
    [0x19] = { MP_TEXT, 1 },     [0x1a] = { MP_TEXT, 2 },     [0x1b] = { MP_TEXT, 4 },
    [0x1c] = { MP_LIST, 2 },     [0x1d] = { MP_LIST, 4 },     [0x1e] = { MP_MAP, 2 },      [0x1f] = { MP_MAP, 4 },
};

static size_t bytes_left(const struct mp_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

/* A big-endian number of up to 8 bytes; the caller has seen that they are there. */
static uint64_t take_number(struct mp_cursor *cursor, size_t width)
{
    uint64_t number = 0;

    for (size_t i = 0; i < width; i++) {
        number = number << 8 | *cursor->at++;
    }
    return number;
}

static int64_t extend_sign(uint64_t number, size_t width)
{
    size_t shift = 64 - 8 * width;
    return (int64_t)(number << shift) >> shift;
}

/* Finishes a token that has a length: its data follow, or the elements that it counts, each at least a byte. */
static bool take_length(struct mp_cursor *cursor, struct mp_token *token, uint64_t len)
{
    size_t left = bytes_left(cursor);

    if (len > (token->type == MP_MAP ? left / 2 : left)) {
        return false;
    }
    token->len = (size_t)len;
    if (token->type != MP_LIST && token->type != MP_MAP) {
        token->data = (const char *)cursor->at;
        cursor->at += len;
    }
    return true;
}

/* The tokens whose head byte holds the value or the length itself. */
static bool take_small(struct mp_cursor *cursor, uint8_t head, struct mp_token *token)
{
    if (head < 0x80 || head >= 0xe0) {
        token->type = MP_INT;
        token->num = (int8_t)head;
        return true;
    }
    if (head >= 0xa0) {
        token->type = MP_TEXT;
        return take_length(cursor, token, head & 0x1f);
    }
    token->type = head >= 0x90 ? MP_LIST : MP_MAP;
    return take_length(cursor, token, head & 0x0f);
}

static void take_number_token(struct mp_cursor *cursor, const struct head *head, struct mp_token *token)
{
    uint64_t number = take_number(cursor, head->width);

    if (head->is_signed) {
        token->num = extend_sign(number, head->width);
    } else if (head->type == MP_INT && number > INT64_MAX) {
        token->type = MP_HUGE;
    } else {
        token->num = (int64_t)number;
    }
}

bool mp_next(struct mp_cursor *cursor, struct mp_token *ret_token)
{
    if (cursor->at == cursor->end) {
        return false;
    }
    uint8_t first = *cursor->at++;
    *ret_token = (struct mp_token){ .type = MP_NIL };
    if (first < 0xc0 || first >= 0xe0) {
        return take_small(cursor, first, ret_token);
    }
    const struct head *head = &heads[first - 0xc0];
    if (first == 0xc1 || bytes_left(cursor) < (size_t)head->width + head->extra) {
        return false;
    }
    ret_token->type = head->type;
    if (head->type == MP_INT || head->type == MP_REAL) {
        take_number_token(cursor, head, ret_token);
    } else if (head->type == MP_BOOL) {
        ret_token->num = first & 1;
    } else if (head->type != MP_NIL) {
        uint64_t len = head->fixed != 0 ? head->fixed : take_number(cursor, head->width);
        cursor->at += head->extra;
        return take_length(cursor, ret_token, len);
    }
    return true;
}

bool mp_skip(struct mp_cursor *cursor, size_t depth_max)
{
    struct mp_token token;

    if (!mp_next(cursor, &token)) {
        return false;
    }
    if (token.type != MP_LIST && token.type != MP_MAP) {
        return true;
    }
    if (depth_max == 0) {
        return false;
    }
    for (size_t left = token.type == MP_MAP ? 2 * token.len : token.len; left > 0; left--) {
        if (!mp_skip(cursor, depth_max - 1)) {
            return false;
        }
    }
    return true;
}
