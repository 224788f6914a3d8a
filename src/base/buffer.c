/* buffer: bytes that grow up to a ceiling declared at birth: answers, messages, pages of metrics.
 *
 * Called by every room. Invariants: len ≤ max_bytes, data[len] is NUL once data exists, and after the first error
 * nothing is appended any more, so straight-line code checks `err` once at its end. */
#include "zapora/base.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CAP_BYTES_FIRST ((size_t)256)

/* Room for `more` bytes and the NUL, or the buffer's first error. */
static bool make_room(struct buffer *buf, size_t more)
{
    if (buf->err != ZP_OK) {
        return false;
    }
    if (more > buf->max_bytes - buf->len || buf->max_bytes == SIZE_MAX) {
        buf->err = ZP_TOO_LARGE;
        return false;
    }
    size_t need = buf->len + more + 1;
    if (need <= buf->cap) {
        return true;
    }
    size_t cap = buf->cap > buf->max_bytes / 2 ? buf->max_bytes + 1 : buf->cap * 2;
    if (cap < CAP_BYTES_FIRST) {
        cap = CAP_BYTES_FIRST;
    }
    if (cap < need) {
        cap = need;
    }
    char *data = realloc(buf->data, cap);
    if (data == NULL) {
        buf->err = ZP_NO_MEMORY;
        return false;
    }
    buf->data = data;
    buf->cap = cap;
    return true;
}

void buffer_init(struct buffer *buf, size_t max_bytes)
{
    *buf = (struct buffer){ .max_bytes = max_bytes };
}

void buffer_append(struct buffer *buf, const void *data, size_t len)
{
    if (!make_room(buf, len)) {
        return;
    }
    if (len > 0) {
        memcpy(buf->data + buf->len, data, len);
    }
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buffer_puts(struct buffer *buf, const char *text)
{
    buffer_append(buf, text, strlen(text));
}

void buffer_putc(struct buffer *buf, char c)
{
    buffer_append(buf, &c, 1);
}

void buffer_put_int(struct buffer *buf, int64_t value)
{
    char digits[20]; /* "-9223372036854775808" */
    char *start = digits + sizeof(digits);
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do {
        *--start = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        *--start = '-';
    }
    buffer_append(buf, start, (size_t)(digits + sizeof(digits) - start));
}

void buffer_printf(struct buffer *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0 || !make_room(buf, (size_t)len)) {
        if (buf->err == ZP_OK) {
            buf->err = ZP_TOO_LARGE; /* vsnprintf refuses only what is longer than INT_MAX */
        }
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
    va_end(args);
    buf->len += (size_t)len;
}

void buffer_reset(struct buffer *buf)
{
    buf->len = 0;
    buf->err = ZP_OK;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

void buffer_finish(struct buffer *buf)
{
    free(buf->data);
    buffer_init(buf, buf->max_bytes);
}
