/* events: what happened after a cursor, from the ring, else from the stream.
 *
 * Called by the gateway's streams when they begin and when they fell behind. Invariant: what is handed out begins at
 * the cursor's next seq and has no gap; the newest known head goes with it, so that the asker knows whether to ask
 * again. */
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

static const struct ring *covering_ring(struct live_hub *hub, const struct zp_id *location_id, int64_t after_seq)
{
    const struct place *place = live_place_find(hub, location_id);
    return place != NULL && place->live && live_ring_covers(&place->ring, after_seq) ? &place->ring : NULL;
}

/* On the loop: the ring as it is by now. */
static void answer_from_ring(struct question *question, enum zp_err err)
{
    const struct ring *ring = covering_ring(question->hub, &question->location_id, question->after_seq);
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
    size_t count = live_ring_after(ring, question->after_seq, notes, question->max);
    give(question, ZP_OK, &head, notes, count);
}

/* ---- from the stream -------------------------------------------------------------------------------------------- */

/* The entries' events that follow the cursor without a gap; each is held and belongs to the caller. The first entry may
 * be the cursor's own. */
static size_t take_prefix(const redisReply *entries, int64_t after_seq, size_t max, struct live_shared **ret_shared)
{
    size_t count = 0;
    for (size_t i = 0; entries->type == REDIS_REPLY_ARRAY && i < entries->elements && count < max; i++) {
        struct live_shared *shared = live_stream_entry(entries->element[i]);
        int64_t seq = shared == NULL ? -1 : shared->frame.note.seq;
        if (seq == after_seq + 1 + (int64_t)count) {
            ret_shared[count++] = shared;
            continue;
        }
        live_shared_release(shared);
        if (i > 0 || seq != after_seq) {
            break;
        }
    }
    return count;
}

static void give_prefix(struct question *question, struct live_head head)
{
    struct live_shared *shared[HUB_EVENTS_MAX];
    struct live_note notes[HUB_EVENTS_MAX];
    size_t count = take_prefix(question->replies[1], question->after_seq, question->max, shared);
    for (size_t i = 0; i < count; i++) {
        notes[i] = shared[i]->frame.note;
    }
    if (count > 0 && notes[count - 1].head.seq > head.seq) {
        head = notes[count - 1].head; /* pushed between the two reads */
    }
    bool found = count > 0 || head.seq == question->after_seq;
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

static struct question *prepare(struct live_hub *hub, const struct zp_id *location_id, int64_t after_seq, size_t max,
                                live_events_cb *cb, void *arg)
{
    struct question *question = live_question_create(hub, answer_from_stream);
    question->location_id = *location_id;
    question->after_seq = after_seq < 0 ? 0 : after_seq;
    question->max = max > HUB_EVENTS_MAX ? HUB_EVENTS_MAX : max;
    question->cb.events = cb;
    question->arg = arg;
    return question;
}

static void ask_stream(struct question *question)
{
    struct buffer *out = live_question_begin(question, 2);
    live_request_get(out, live_key_head(&question->location_id));
    live_stream_ask(out, &question->location_id, question->after_seq, question->max + 1);
    live_question_send(question);
}

/* The ring moved on between the asking and the answer. */
static void fall_back(const struct question *from)
{
    ask_stream(prepare(from->hub, &from->location_id, from->after_seq, from->max, from->cb.events, from->arg));
}

void live_hub_events_after(struct live_hub *hub, const struct zp_id *location_id, int64_t after_seq, size_t max,
                           live_events_cb *cb, void *arg)
{
    ZP_ASSERT(max > 0);
    struct question *question = prepare(hub, location_id, after_seq, max, cb, arg);
    if (covering_ring(hub, location_id, after_seq) == NULL) {
        ask_stream(question);
        return;
    }
    question->answer = answer_from_ring;
    live_question_settle(question, ZP_OK);
}
