/* base64url: bytes as text that fits into a URL or a header.
 *
 * Called by token.c and cursor.c. Invariant: reading accepts exactly what writing makes, so two spellings never mean
 * the same value. */
#include "base64url.h"

#include <stdint.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *base64url_write(const void *bytes, size_t len, char *text)
{
    const uint8_t *in = bytes;
    char *out = text;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | in[i];
        for (held += 8; held >= 6; held -= 6) {
            *out++ = digits[bits >> (held - 6) & 63];
        }
    }
    if (held > 0) {
        *out++ = digits[bits << (6 - held) & 63];
    }
    *out = '\0';
    return text;
}

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool base64url_read(struct text text, void *ret_bytes, size_t max, size_t *ret_len)
{
    uint8_t *out = ret_bytes;
    size_t len = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    if (text.len % 4 == 1 || text.len / 4 * 3 + text.len % 4 * 3 / 4 > max) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        int value = digit_value(text.at[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[len++] = (uint8_t)(bits >> held);
        }
    }
    if ((bits & ((1U << held) - 1)) != 0) {
        return false;
    }
    *ret_len = len;
    return true;
}
