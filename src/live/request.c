/* request: commands for Redis in its protocol (RESP2): an array of strings that say their lengths.
 *
 * Called by whatever asks Redis for something; the replies are read by hiredis. Invariant: a word of any bytes stays
 * one word. */
#include "request.h"

#include <string.h>

static void put_length(struct buffer *out, char mark, size_t length)
{
    buffer_putc(out, mark);
    buffer_put_int(out, (int64_t)length);
    buffer_append(out, "\r\n", 2);
}

void live_request(struct buffer *out, size_t words)
{
    put_length(out, '*', words);
}

void live_request_bytes(struct buffer *out, const void *data, size_t len)
{
    put_length(out, '$', len);
    buffer_append(out, data, len);
    buffer_append(out, "\r\n", 2);
}

void live_request_text(struct buffer *out, const char *text)
{
    live_request_bytes(out, text, strlen(text));
}

void live_request_int(struct buffer *out, int64_t value)
{
    char text[24];
    live_request_bytes(out, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)value));
}

void live_request_key(struct buffer *out, struct key key)
{
    live_request_bytes(out, key.text, key.len);
}

void live_request_note(struct buffer *out, const struct note_frame *frame)
{
    put_length(out, '$', live_note_size(frame));
    live_note_encode(frame, out);
    buffer_append(out, "\r\n", 2);
}

void live_request_get(struct buffer *out, struct key key)
{
    live_request(out, 2);
    live_request_text(out, "GET");
    live_request_key(out, key);
}
