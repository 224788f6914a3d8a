/* refill: replaces what Redis keeps of a location by one snapshot of the database.
 *
 * Called by the worker when a head differs from the database's. First it looks at what is there, then one script
 * swaps it, if the head is still the one that was seen. Invariant: after a swap nothing of an older or a lost
 * history is left: what is not written anew is forgotten, and read from the database until it changes again. */
#include "marks.h"
#include "push.h"
#include "refill_look.h"

#include <stdlib.h>

#define EVENTS_BYTES_MAX    ((size_t)4 * 1024 * 1024) /* the newest that fit */
#define SNAPSHOTS_BYTES_MAX ((size_t)8 * 1024 * 1024) /* of the tickets that stand first on the board */

/* The end of the script's words, written before its beginning, which says how many they are. */
struct plan {
    const struct live_refill *refill;
    size_t first_event;       /* earlier ones did not fit */
    size_t snapshot_count;    /* the first so many orders */
    struct buffer words;      /* events, then snapshots, then tickets */
    struct id_list forgotten; /* orders that may have a snapshot and get none now */
};

/* ---- what comes in its place ------------------------------------------------------------------------------------ */

static void plan_events(struct plan *plan)
{
    const struct live_refill *refill = plan->refill;
    size_t bytes = 0;
    plan->first_event = refill->event_count;
    while (plan->first_event > 0 && refill->event_count - plan->first_event < LIVE_EVENTS_KEPT) {
        const struct note_frame frame = { .kind = NOTE_EVENT, .note = refill->events[plan->first_event - 1] };
        bytes += live_note_size(&frame);
        if (bytes > EVENTS_BYTES_MAX) {
            break;
        }
        plan->first_event--;
    }
    for (size_t i = plan->first_event; i < refill->event_count; i++) {
        struct note_frame frame = { .kind = NOTE_EVENT, .note = refill->events[i] };
        frame.note.before = i == 0 ? 0 : live_hash_mark(refill->events[i - 1].head.hash);
        if (i + 1 == refill->event_count) {
            frame.note.head = refill->head; /* with the board as it is; earlier boards are not known any more */
        }
        live_request_note(&plan->words, &frame);
    }
}

static void put_snapshot(struct plan *plan, const struct order *order, const struct buffer *json)
{
    const struct note_frame frame = {
        .kind = NOTE_ORDER,
        .note = {
            .location_id = order->location_id,
            .order_id = order->id,
            .owner = order->owner,
            .type = EV_COUNT,
            .seq = order->seq,
            .version = order->version,
            .order_json = json->data,
            .order_json_len = json->len,
        },
    };
    live_request_note(&plan->words, &frame);
}

static void plan_snapshots(struct plan *plan)
{
    const struct live_refill *refill = plan->refill;
    size_t start = plan->words.len;
    struct buffer json;
    buffer_init(&json, NOTE_BYTES_MAX / 2);
    while (plan->snapshot_count < refill->order_count && plan->words.len - start < SNAPSHOTS_BYTES_MAX) {
        const struct order *order = &refill->orders[plan->snapshot_count];
        buffer_reset(&json);
        message_order_json(order, &json);
        if (json.err != ZP_OK || json.len == 0) {
            break;
        }
        put_snapshot(plan, order, &json);
        plan->snapshot_count++;
    }
    buffer_finish(&json);
}

static void plan_tickets(struct plan *plan)
{
    for (size_t i = 0; i < plan->refill->ticket_count; i++) {
        char id[ID_TEXT_SIZE];
        live_request_int(&plan->words, plan->refill->tickets[i].number);
        live_request_text(&plan->words, id_format(&plan->refill->tickets[i].order_id, id));
    }
}

static int compare(const void *a, const void *b)
{
    return id_compare(a, b);
}

static void sort(struct id_list *list)
{
    if (list->count > 0) {
        qsort(list->ids, list->count, sizeof(*list->ids), compare);
    }
}

static bool contains(const struct id_list *sorted, const struct zp_id *id)
{
    return sorted->count > 0 && bsearch(id, sorted->ids, sorted->count, sizeof(*sorted->ids), compare) != NULL;
}

/* All that may have a snapshot, and the orders that get none, each once, but not those that are written anew. */
static enum zp_err plan_forgotten(struct plan *plan, struct id_list *found)
{
    const struct live_refill *refill = plan->refill;
    struct id_list anew = { .count = 0 };
    enum zp_err err = ZP_OK;
    for (size_t i = 0; err == ZP_OK && i < refill->ticket_count; i++) {
        err = live_id_list_add(i < plan->snapshot_count ? &anew : found, &refill->tickets[i].order_id);
    }
    sort(&anew);
    sort(found);
    for (size_t i = 0; err == ZP_OK && i < found->count; i++) {
        const struct zp_id *id = &found->ids[i];
        bool twice = i > 0 && id_equal(id, &found->ids[i - 1]);
        if (!twice && !contains(&anew, id)) {
            err = live_id_list_add(&plan->forgotten, id);
        }
    }
    free(anew.ids);
    return err;
}

/* ---- the swap --------------------------------------------------------------------------------------------------- */

static void put_keys(struct buffer *out, const struct plan *plan)
{
    const struct live_refill *refill = plan->refill;
    live_request_key(out, live_key_head(&refill->location_id));
    live_request_key(out, live_key_events(&refill->location_id));
    live_request_key(out, live_key_open(&refill->location_id));
    for (size_t i = 0; i < plan->snapshot_count; i++) {
        live_request_key(out, live_key_order(&refill->location_id, &refill->orders[i].id));
    }
    for (size_t i = 0; i < plan->forgotten.count; i++) {
        live_request_key(out, live_key_order(&refill->location_id, &plan->forgotten.ids[i]));
    }
}

/* The script's call; scripts.c says what the words mean. */
static void put_swap(struct buffer *out, const struct plan *plan, const struct live_head *seen, bool reset)
{
    const struct live_refill *refill = plan->refill;
    size_t event_count = refill->event_count - plan->first_event;
    size_t key_count = 3 + plan->snapshot_count + plan->forgotten.count;
    char before[HEAD_TEXT_SIZE], after[HEAD_TEXT_SIZE];
    const struct note_frame word = {
        .kind = reset ? NOTE_RESET : NOTE_HEAD,
        .note = { .location_id = refill->location_id, .type = EV_COUNT, .head = refill->head },
    };
    live_request(out, 3 + key_count + 8 + event_count + plan->snapshot_count + 2 * refill->ticket_count);
    live_request_text(out, "EVAL");
    live_request_text(out, LIVE_SCRIPT_REFILL);
    live_request_int(out, (int64_t)key_count);
    put_keys(out, plan);
    live_request_bytes(out, before, seen == NULL ? 0 : live_head_print_start(seen->seq, seen->hash, before));
    live_request_bytes(out, after, live_head_print(&refill->head, after));
    live_request_key(out, live_key_channel(&refill->location_id));
    live_request_note(out, &word);
    live_request_int(out, event_count == 0 ? 0 : refill->events[plan->first_event].seq);
    live_request_int(out, (int64_t)event_count);
    live_request_int(out, (int64_t)plan->snapshot_count);
    live_request_int(out, (int64_t)refill->ticket_count);
    buffer_append(out, plan->words.data, plan->words.len);
}

static enum zp_err take_swap(struct live_push *push, void *arg, size_t index, const redisReply *reply)
{
    bool *replaced = arg;
    (void)index;
    if (reply->type != REDIS_REPLY_INTEGER) {
        return live_push_refused(push, reply);
    }
    *replaced = reply->integer == 1;
    return ZP_OK;
}

static enum zp_err swap(struct live_push *push, struct look *look, const struct live_head *seen, bool reset,
                        bool *ret_replaced)
{
    struct plan plan = { .refill = look->refill };
    buffer_init(&plan.words, PUSH_OUT_BYTES_MAX / 2);
    plan_events(&plan);
    plan_snapshots(&plan);
    plan_tickets(&plan);
    enum zp_err err = plan.words.err == ZP_OK ? plan_forgotten(&plan, &look->orders) : plan.words.err;
    if (err == ZP_OK) {
        put_swap(live_push_out(push), &plan, seen, reset);
        err = live_push_exchange(push, 1, take_swap, ret_replaced);
    }
    buffer_finish(&plan.words);
    free(plan.forgotten.ids);
    return err;
}

/* True when streams that stand at `seen` can't simply go on: the history went back, or is another one. */
static bool is_other_history(const struct live_refill *refill, const struct live_head *seen)
{
    if (refill->head.seq <= seen->seq) {
        return !live_head_same(&refill->head, seen);
    }
    for (size_t i = 0; i < refill->event_count; i++) {
        if (refill->events[i].seq == seen->seq) {
            return !live_head_same(&refill->events[i].head, seen);
        }
    }
    return false; /* too far back to know; the hubs compare for themselves */
}

/* The events must be the newest ones up to the head, without a gap; the orders the first ones of the tickets. */
static bool is_sound(const struct live_refill *refill)
{
    if (refill->order_count > refill->ticket_count) {
        return false;
    }
    for (size_t i = 0; i < refill->order_count; i++) {
        if (!id_equal(&refill->orders[i].id, &refill->tickets[i].order_id)) {
            return false;
        }
    }
    for (size_t i = 0; i < refill->event_count; i++) {
        int64_t seq = refill->head.seq - (int64_t)(refill->event_count - 1 - i);
        if (refill->events[i].seq != seq || refill->events[i].head.seq != seq || refill->events[i].json == NULL) {
            return false;
        }
    }
    return true;
}

enum zp_err live_push_refill(struct live_push *push, const struct live_refill *refill, bool seen_known,
                             const struct live_head *seen, bool *ret_replaced)
{
    struct look look = { .refill = refill };
    const struct live_head *before = seen_known ? seen : NULL;
    bool other = before != NULL && is_other_history(refill, before);
    bool replaced = false;
    enum zp_err err = is_sound(refill) ? live_push_ready(push) : ZP_INTERNAL;
    if (err == ZP_OK) {
        err = live_refill_look(push, &look, other || refill->is_thorough);
    }
    bool as_seen = look.head_known == seen_known && (before == NULL || live_head_same(&look.head, before));
    if (err == ZP_OK && as_seen) {
        err = swap(push, &look, before, other, &replaced);
    }
    free(look.orders.ids);
    if (err == ZP_OK) {
        *ret_replaced = replaced;
    }
    return err;
}
