/* refill_look: what Redis keeps of a location before it is replaced.
 *
 * Called by refill. Invariant: every order that may have a snapshot without an end to its life is found: those on the
 * board, and, when the history is lost, those of its events. */
#include "refill_look.h"

#include "marks.h"
#include "stream.h"

#include <stdlib.h>

enum zp_err live_id_list_add(struct id_list *list, const struct zp_id *id)
{
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 256 : list->cap * 2;
        struct zp_id *ids = cap > ID_LIST_MAX ? NULL : realloc(list->ids, cap * sizeof(*ids));
        if (ids == NULL) {
            return cap > ID_LIST_MAX ? ZP_TOO_LARGE : ZP_NO_MEMORY;
        }
        list->ids = ids;
        list->cap = cap;
    }
    list->ids[list->count++] = *id;
    return ZP_OK;
}

static enum zp_err look_at_head(struct look *look, const redisReply *reply)
{
    look->head_known = reply->type == REDIS_REPLY_STRING && live_head_parse(reply->str, reply->len, &look->head);
    return ZP_OK;
}

static enum zp_err look_at_open(struct look *look, const redisReply *reply)
{
    enum zp_err err = ZP_OK;
    for (size_t i = 0; err == ZP_OK && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        struct zp_id id;
        const redisReply *member = reply->element[i];
        if (member->type == REDIS_REPLY_STRING && id_parse(member->str, member->len, &id)) {
            err = live_id_list_add(&look->orders, &id);
        }
    }
    return err;
}

/* Orders that a lost history may have closed: their snapshots would outlive it. */
static enum zp_err look_at_events(struct look *look, const redisReply *reply)
{
    enum zp_err err = ZP_OK;
    for (size_t i = 0; err == ZP_OK && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        struct note_frame frame;
        if (live_stream_entry_read(reply->element[i], &frame) && !id_is_none(&frame.note.order_id)) {
            err = live_id_list_add(&look->orders, &frame.note.order_id);
        }
    }
    return err;
}

static enum zp_err take_look(struct live_push *push, void *arg, size_t index, const redisReply *reply)
{
    static enum zp_err (*const by_index[])(struct look *, const redisReply *) = {
        look_at_head,
        look_at_open,
        look_at_events,
    };
    return live_reply_is_outage(reply) ? live_push_refused(push, reply) : by_index[index](arg, reply);
}

enum zp_err live_refill_look(struct live_push *push, struct look *look, bool lost_history)
{
    const struct zp_id *location_id = &look->refill->location_id;
    struct buffer *out = live_push_out(push);
    live_request_get(out, live_key_head(location_id));
    live_request(out, 4);
    live_request_text(out, "ZRANGE");
    live_request_key(out, live_key_open(location_id));
    live_request_text(out, "0");
    live_request_text(out, "-1");
    if (lost_history) {
        live_request(out, 4);
        live_request_text(out, "XRANGE");
        live_request_key(out, live_key_events(location_id));
        live_request_text(out, "-");
        live_request_text(out, "+");
    }
    return live_push_exchange(push, lost_history ? 3 : 2, take_look, look);
}
