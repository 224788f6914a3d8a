/* stream: a location's events as Redis keeps them: entries <seq>-0 with one field, the note.
 *
 * Called by places that missed something and by reads after a cursor. Invariant: an entry whose id is not its note's
 * seq is no event. */
#include "stream.h"

#include "request.h"

#include <string.h>

static size_t print_entry_id(int64_t seq, char text[24])
{
    return (size_t)snprintf(text, 24, "%lld-0", (long long)seq);
}

void live_stream_ask(struct buffer *out, const struct zp_id *location_id, int64_t from_seq, size_t max)
{
    char start[24];
    live_request(out, 6);
    live_request_text(out, "XRANGE");
    live_request_key(out, live_key_events(location_id));
    live_request_bytes(out, start, print_entry_id(from_seq, start));
    live_request_text(out, "+");
    live_request_text(out, "COUNT");
    live_request_int(out, (int64_t)max);
}

static bool is_array(const redisReply *reply, size_t elements)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == elements;
}

bool live_stream_entry_read(const redisReply *entry, struct note_frame *ret_frame)
{
    char text[24];
    if (!is_array(entry, 2) || !is_array(entry->element[1], 2) || entry->element[0]->type != REDIS_REPLY_STRING ||
        entry->element[1]->element[1]->type != REDIS_REPLY_STRING) {
        return false;
    }
    const redisReply *id = entry->element[0], *note = entry->element[1]->element[1];
    return live_note_decode(note->str, note->len, ret_frame) && ret_frame->kind == NOTE_EVENT &&
           print_entry_id(ret_frame->note.seq, text) == id->len && memcmp(text, id->str, id->len) == 0;
}

struct live_shared *live_stream_entry(const redisReply *entry)
{
    struct note_frame frame;
    if (!live_stream_entry_read(entry, &frame)) {
        return NULL;
    }
    const redisReply *note = entry->element[1]->element[1];
    return live_shared_read(note->str, note->len);
}
