/* cursor.h: where the next page of GET /orders goes on, as text that clients hand back unread. */
#ifndef ZAPORA_GATEWAY_CURSOR_H
#define ZAPORA_GATEWAY_CURSOR_H

#include "text.h"
#include "zapora/base.h"

struct cursor {
    int64_t placed_at;
    struct zp_id id; /* of the last order of the page before */
};

#define CURSOR_KEY_SIZE 32
#define CURSOR_TEXT_SIZE 44 /* 32 bytes in base64url, and the NUL */

char *cursor_write(const struct cursor *cursor, const uint8_t key[CURSOR_KEY_SIZE], char text[CURSOR_TEXT_SIZE]);
/* False for what cursor_write did not make with this key. */
bool cursor_read(struct text text, const uint8_t key[CURSOR_KEY_SIZE], struct cursor *ret_cursor);

#endif
