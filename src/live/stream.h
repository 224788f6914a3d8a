/* stream: a location's events as Redis keeps them. */
#ifndef ZAPORA_LIVE_STREAM_H
#define ZAPORA_LIVE_STREAM_H

#include "shared.h"

#include <hiredis/hiredis.h>

/* XRANGE of the events from that seq on, itself included. */
void live_stream_ask(struct buffer *out, const struct zp_id *location_id, int64_t from_seq, size_t max);
/* The event in one entry of the reply, its texts borrowed from it; false for anything else. */
bool live_stream_entry_read(const redisReply *entry, struct note_frame *ret_frame);
/* The same, held once; NULL also without memory. */
struct live_shared *live_stream_entry(const redisReply *entry);

#endif
