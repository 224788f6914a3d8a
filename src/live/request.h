/* request: commands for Redis, appended to a buffer in its protocol without a copy in between. */
#ifndef ZAPORA_LIVE_REQUEST_H
#define ZAPORA_LIVE_REQUEST_H

#include "keys.h"
#include "note.h"

/* Begins a command of that many words; exactly as many must follow. */
void live_request(struct buffer *out, size_t words);
void live_request_bytes(struct buffer *out, const void *data, size_t len);
void live_request_text(struct buffer *out, const char *text);
void live_request_int(struct buffer *out, int64_t value);
void live_request_key(struct buffer *out, struct key key);
void live_request_note(struct buffer *out, const struct note_frame *frame);
/* GET key. */
void live_request_get(struct buffer *out, struct key key);

#endif
