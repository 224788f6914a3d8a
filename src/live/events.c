/* events: what happened after a cursor, from the ring, else from the stream.
 *
 * Called by the gateway's streams when they begin and when they fell behind. Invariant: what is handed out begins at
 * the cursor's next seq, has no gap and is of the cursor's history; the newest known head goes with it, so that the
 * asker knows whether to ask again. A reset comes over another connection than these answers, sooner or later, so
 * it can't be what tells one history from the other. */
#include "marks.h"
#include "question.h"
#include "stream.h"

#include <string.h>

static void fall_back(const struct question *from);

static void give(struct question *question, enum zp_err err, const struct live_head *head,
                 const struct live_note *notes, size_t count)
{
    question->hub->walking++; /* the notes may be a ring's: no place is freed meanwhile */
    question->cb.events(question->arg, err, head, notes, count);
    question->hub->walking--;
}

/* ---- from the ring ---------------------------------------------------------------------------------------------- */

static const struct ring *covering_ring(struct live_hub *hub, const struct zp_id *location_id,
                                        const struct live_cursor *cursor)
{
    const struct place *place = live_place_find(hub, location_id);
    return place != NULL && place->live && live_ring_covers(&place->ring, cursor) ? &place->ring : NULL;
}

/* On the loop: the ring as it is by now. */
static void answer_from_ring(struct question *question, enum zp_err err)
{
    const struct ring *ring = covering_ring(question->hub, &question->location_id, &question->cursor);
    if (err != ZP_OK) {
        give(question, err, NULL, NULL, 0);
        return;
    }
    if (ring == NULL) {
        fall_back(question);
        return;
    }
    struct live_note notes[HUB_EVENTS_MAX];
    const struct live_head head = ring->head;
    size_t count = live_ring_after(ring, &question->cursor, notes, question->max);
    give(question, ZP_OK, &head, notes, count);
}

/* ---- from the stream -------------------------------------------------------------------------------------------- */

/* The entries' events that follow the cursor without a gap; each is held and belongs to the caller. The first entry may
 * be the cursor's own, and shows whether its history is the cursor's; else the first event must. */
static size_t take_prefix(const redisReply *entries, const struct live_cursor *cursor, size_t max,
                          struct live_shared **ret_shared)
{
    size_t count = 0;
    bool vouched = cursor->seq == 0 || !cursor->hash_known;
    for (size_t i = 0; entries->type == REDIS_REPLY_ARRAY && i < entries->elements && count < max; i++) {
        struct live_shared *shared = live_stream_entry(entries->element[i]);
        const struct live_note *note = shared == NULL ? NULL : &shared->frame.note;
        if (note != NULL && note->seq == cursor->seq + 1 + (int64_t)count &&
            (vouched || (note->before != 0 && live_cursor_fits(cursor, note)))) {
            vouched = true;
            ret_shared[count++] = shared;
            continue;
        }
        bool own = i == 0 && note != NULL && note->seq == cursor->seq && live_cursor_has(cursor, note->head.hash);
        live_shared_release(shared);
        if (!own) {
            break;
        }
        vouched = true;
    }
    return count;
}

static void give_prefix(struct question *question, struct live_head head)
{
    struct live_shared *shared[HUB_EVENTS_MAX];
    struct live_note notes[HUB_EVENTS_MAX];
    size_t count = take_prefix(question->replies[1], &question->cursor, question->max, shared);
    for (size_t i = 0; i < count; i++) {
        notes[i] = shared[i]->frame.note;
    }
    if (count > 0 && notes[count - 1].head.seq > head.seq) {
        head = notes[count - 1].head; /* pushed between the two reads */
    }
    bool at_head = head.seq == question->cursor.seq && live_cursor_has(&question->cursor, head.hash);
    bool found = count > 0 || at_head;
    give(question, found ? ZP_OK : ZP_NOT_FOUND, &head, notes, count);
    for (size_t i = 0; i < count; i++) {
        live_shared_release(shared[i]);
    }
}

static void answer_from_stream(struct question *question, enum zp_err err)
{
    struct live_head head;
    size_t len = 0;
    const char *text = err == ZP_OK ? live_question_text(question, 0, &len) : NULL;
    if (err != ZP_OK) {
        give(question, err, NULL, NULL, 0);
    } else if (text == NULL || !live_head_parse(text, len, &head)) {
        give(question, ZP_NOT_FOUND, NULL, NULL, 0);
    } else {
        give_prefix(question, head);
    }
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

static struct question *prepare(struct live_hub *hub, const struct zp_id *location_id,
                                const struct live_cursor *cursor, size_t max, live_events_cb *cb, void *arg)
{
    struct question *question = live_question_create(hub, answer_from_stream);
    question->location_id = *location_id;
    question->cursor = *cursor;
    question->cursor.seq = cursor->seq < 0 ? 0 : cursor->seq;
    question->max = max > HUB_EVENTS_MAX ? HUB_EVENTS_MAX : max;
    question->cb.events = cb;
    question->arg = arg;
    return question;
}

static void ask_stream(struct question *question)
{
    struct buffer *out = live_question_begin(question, 2);
    live_request_get(out, live_key_head(&question->location_id));
    live_stream_ask(out, &question->location_id, question->cursor.seq, question->max + 1);
    live_question_send(question);
}

/* The ring moved on between the asking and the answer. */
static void fall_back(const struct question *from)
{
    ask_stream(prepare(from->hub, &from->location_id, &from->cursor, from->max, from->cb.events, from->arg));
}

void live_hub_events_after(struct live_hub *hub, const struct zp_id *location_id, const struct live_cursor *cursor,
                           size_t max, live_events_cb *cb, void *arg)
{
    ZP_ASSERT(max > 0);
    struct question *question = prepare(hub, location_id, cursor, max, cb, arg);
    if (covering_ring(hub, location_id, &question->cursor) == NULL) {
        ask_stream(question);
        return;
    }
    question->answer = answer_from_ring;
    live_question_settle(question, ZP_OK);
}
