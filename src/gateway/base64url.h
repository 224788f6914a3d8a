/* base64url.h: RFC 4648's base64url without padding, as tokens and page cursors have it. */
#ifndef ZAPORA_GATEWAY_BASE64URL_H
#define ZAPORA_GATEWAY_BASE64URL_H

#include "text.h"

#define BASE64URL_LEN(bytes) (((bytes) * 4 + 2) / 3)

/* Writes BASE64URL_LEN(len) characters and a NUL; returns text. */
char *base64url_write(const void *bytes, size_t len, char *text);
/* Reads the one spelling that a value has: no padding, no other character, unused bits zero. At most max bytes. */
bool base64url_read(struct text text, void *ret_bytes, size_t max, size_t *ret_len);

#endif
