/* audit: what Redis keeps of a location, read whole and as it is, for whoever compares it with the database.
 *
 * Called by verify. Invariants: head, open tickets and events are of one moment, which the head shows, that every push
 * moves: it is read before and after them. (A script could read all at once, but takes four times as long to hand over
 * a thousand events, and nobody else is served meanwhile.) Nothing that was read points into a reply. */
#include "marks.h"
#include "push.h"

#include <stdlib.h>
#include <string.h>

#define LOOKS_MAX 20

struct looking {
    struct arena *arena;
    struct live_audit *found;
    const char *head; size_t head_len; /* its text, as it was before the rest was read; NULL: there was none */
    bool has_moved;
};

static enum zp_err look_at_head(struct looking *looking, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING) {
        return ZP_OK;
    }
    looking->head = arena_strndup(looking->arena, reply->str, reply->len);
    looking->head_len = reply->len;
    looking->found->head_known = live_head_parse(reply->str, reply->len, &looking->found->head);
    return looking->head == NULL ? ZP_NO_MEMORY : ZP_OK;
}

static enum zp_err look_at_head_again(struct looking *looking, const redisReply *reply)
{
    looking->has_moved = reply->type != REDIS_REPLY_STRING ? looking->head != NULL
        : looking->head == NULL || reply->len != looking->head_len ||
              memcmp(reply->str, looking->head, reply->len) != 0;
    return ZP_OK;
}

static enum zp_err look_at_tickets(struct looking *looking, const redisReply *reply)
{
    struct live_audit *found = looking->found;
    size_t count = reply->type == REDIS_REPLY_ARRAY ? reply->elements / 2 : 0;
    found->tickets = arena_array(looking->arena, count, sizeof(*found->tickets));
    if (found->tickets == NULL) {
        return ZP_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        const redisReply *id = reply->element[2 * i], *number = reply->element[2 * i + 1];
        struct live_ticket *ticket = &found->tickets[found->ticket_count];
        if (id->type != REDIS_REPLY_STRING || number->type != REDIS_REPLY_STRING ||
            !id_parse(id->str, id->len, &ticket->order_id)) {
            found->unreadable++;
            continue;
        }
        ticket->number = strtoll(number->str, NULL, 10);
        found->ticket_count++;
    }
    return ZP_OK;
}

/* The note in a copy of its bytes; false for bytes that are none. */
static bool read_note(struct arena *arena, const redisReply *bytes, struct note_frame *ret_frame, enum zp_err *err)
{
    if (bytes->type != REDIS_REPLY_STRING) {
        return false;
    }
    const char *copy = arena_strndup(arena, bytes->str, bytes->len);
    if (copy == NULL) {
        *err = ZP_NO_MEMORY;
        return false;
    }
    return live_note_decode(copy, bytes->len, ret_frame);
}

static enum zp_err look_at_events(struct looking *looking, const redisReply *reply)
{
    struct live_audit *found = looking->found;
    size_t count = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
    enum zp_err err = ZP_OK;
    found->notes = arena_array(looking->arena, count, sizeof(*found->notes));
    if (found->notes == NULL) {
        return ZP_NO_MEMORY;
    }
    for (size_t i = count; err == ZP_OK && i-- > 0;) { /* they come newest first */
        const redisReply *entry = reply->element[i];
        struct note_frame frame;
        bool is_entry = entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 &&
                        entry->element[0]->type == REDIS_REPLY_STRING &&
                        entry->element[1]->type == REDIS_REPLY_ARRAY && entry->element[1]->elements == 2;
        if (!is_entry || !read_note(looking->arena, entry->element[1]->element[1], &frame, &err) ||
            frame.kind != NOTE_EVENT || strtoll(entry->element[0]->str, NULL, 10) != frame.note.seq) {
            found->unreadable++;
            continue;
        }
        found->notes[found->note_count++] = frame.note;
    }
    return err;
}

static enum zp_err take_look(struct live_push *push, void *arg, size_t index, const redisReply *reply)
{
    static enum zp_err (*const looks[])(struct looking *looking, const redisReply *reply) = {
        look_at_head, look_at_tickets, look_at_events, look_at_head_again,
    };
    return reply->type == REDIS_REPLY_ERROR ? live_push_refused(push, reply) : looks[index](arg, reply);
}

static enum zp_err look(struct live_push *push, const struct zp_id *location_id, struct looking *looking)
{
    enum zp_err err = live_push_ready(push);
    if (err != ZP_OK) {
        return err;
    }
    struct buffer *out = live_push_out(push);
    live_request_get(out, live_key_head(location_id));
    live_request(out, 5);
    live_request_text(out, "ZRANGE");
    live_request_key(out, live_key_open(location_id));
    live_request_text(out, "0");
    live_request_text(out, "-1");
    live_request_text(out, "WITHSCORES");
    live_request(out, 6);
    live_request_text(out, "XREVRANGE");
    live_request_key(out, live_key_events(location_id));
    live_request_text(out, "+");
    live_request_text(out, "-");
    live_request_text(out, "COUNT");
    live_request_int(out, LIVE_EVENTS_KEPT);
    live_request_get(out, live_key_head(location_id));
    return live_push_exchange(push, 4, take_look, looking);
}

enum zp_err live_audit_get(struct live_push *push, const struct zp_id *location_id, struct arena *arena,
                           struct live_audit *ret_audit)
{
    enum zp_err err = ZP_OK;
    bool has_moved = true;
    for (int i = 0; err == ZP_OK && has_moved && i < LOOKS_MAX; i++) {
        struct live_audit found = { .head_known = false };
        struct looking looking = { .arena = arena, .found = &found };
        err = look(push, location_id, &looking);
        has_moved = looking.has_moved;
        if (err == ZP_OK && !has_moved) {
            *ret_audit = found;
        }
    }
    if (err == ZP_OK && has_moved) {
        live_router_trouble(&push->router, "a location moved each time that it was looked at");
        err = ZP_BUSY;
    }
    return err;
}

struct collecting {
    struct arena *arena;
    struct live_snapshot *snapshots;
};

static enum zp_err take_snapshot(struct live_push *push, void *arg, size_t index, const redisReply *reply)
{
    const struct collecting *collecting = arg;
    struct live_snapshot *snapshot = &collecting->snapshots[index];
    struct note_frame frame;
    enum zp_err err = ZP_OK;
    if (live_reply_is_outage(reply)) {
        return live_push_refused(push, reply);
    }
    *snapshot = (struct live_snapshot){ .version = -1 };
    if (reply->type == REDIS_REPLY_NIL) {
        return ZP_OK;
    }
    snapshot->version = -2;
    if (read_note(collecting->arena, reply, &frame, &err)) {
        *snapshot = (struct live_snapshot){ .version = frame.note.version, .owner = frame.note.owner,
                                            .json = frame.note.order_json,
                                            .json_len = frame.note.order_json_len };
    }
    return err;
}

enum zp_err live_audit_snapshots(struct live_push *push, const struct zp_id *location_id, const struct zp_id *orders,
                                 size_t count, struct arena *arena, struct live_snapshot *ret_snapshots)
{
    enum zp_err err = live_push_ready(push);
    for (size_t from = 0; err == ZP_OK && from < count; from += PUSH_REQUESTS_MAX) {
        size_t some = count - from > PUSH_REQUESTS_MAX ? PUSH_REQUESTS_MAX : count - from;
        struct collecting collecting = { .arena = arena, .snapshots = ret_snapshots + from };
        for (size_t i = 0; i < some; i++) {
            live_request_get(live_push_out(push), live_key_order(location_id, &orders[from + i]));
        }
        err = live_push_exchange(push, some, take_snapshot, &collecting);
    }
    return err;
}
