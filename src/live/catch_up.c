/* catch_up: how a place finds out what it missed.
 *
 * Called by place. The steps are driven by state, not by replies: whoever loses a reply, the next tick tries again.
 * Invariants: one read at a time; a reply that belongs to an earlier state is dropped by its serial; a ring is
 * continued only after its last event was seen in the stream with the same hash, else it begins again. What follows is
 * told as a reset when another history was seen in the place of the ring's, or one that stays shorter. When Redis
 * merely keeps too little, the watchers are lost for a moment: each looks for itself what the journal has behind its
 * own cursor. */
#include "catch_up.h"

#include "marks.h"
#include "question.h"
#include "stream.h"
#include "watchers.h"

#include <string.h>

#define LOOK_US        1000000 /* how often the head is looked at: the channel may lose a note */
#define LOOK_SPREAD_US 125000
#define LOOK_SPREADS   8 /* places take turns, at most 2 s apart */
#define REFILL_US      5000000 /* by then a worker has refilled what Redis lost, and said so */

void live_place_restart(struct place *place, const struct live_head *head, bool tell)
{
    const struct live_head copy = *head; /* the ring may hold what it points into */
    live_ring_rebase(&place->ring, &copy);
    place->heard_seq = copy.seq;
    place->broken = place->forked = false;
    place->lower_since_us = 0;
    place->checked = true;
    place->read_serial = 0;
    if (tell) {
        live_watchers_reset(place, &copy);
    }
}

/* ---- reads ------------------------------------------------------------------------------------------------------ */

static struct question *ask(struct place *place, void (*answer)(struct question *, enum zp_err))
{
    struct question *question = live_question_create(place->hub, answer);
    question->location_id = place->location_id;
    question->serial = place->read_serial = ++place->hub->serial;
    place->read_from = place->ring.head;
    place->read_based = place->ring.based;
    place->read_hash = place->ring.hash_known;
    return question;
}

/* The place that waits for this very read, or NULL. */
static struct place *asker(const struct question *question)
{
    struct place *place = live_place_find(question->hub, &question->location_id);
    if (place == NULL || place->read_serial != question->serial) {
        return NULL;
    }
    place->read_serial = 0;
    return place;
}

/* True when the head shows another history than the ring had when it was asked for. */
static bool contradicts(const struct place *place, const struct live_head *head)
{
    const struct live_head *ours = &place->read_from;
    if (!place->read_based || head->seq > ours->seq) {
        return false;
    }
    return head->seq < ours->seq || (place->read_hash && !live_head_same(head, ours));
}

/* True while a head that is behind what was told already may be of a Redis that lost its newest: a worker refills it
 * within moments. A database that went back is told as a reset at once; when that word was lost, the head stays. */
static bool fell_back(struct place *place, const struct live_head *head)
{
    if (!place->read_based || head->seq >= place->read_from.seq) {
        place->lower_since_us = 0;
        return false;
    }
    if (place->lower_since_us == 0) {
        place->lower_since_us = place->hub->now_us;
    }
    return place->hub->now_us - place->lower_since_us < REFILL_US;
}

/* Redis says nothing new, and so nothing else: whoever refills it will say so. */
static void wait_for_refill(struct place *place)
{
    place->heard_seq = place->ring.head.seq;
    place->checked = true;
}

/* Nothing shows another history: who is told to look again need not begin anew. live_catch_up tells. */
static void skip_to(struct place *place, const struct live_head *head)
{
    live_place_restart(place, head, false);
    if (place->live) {
        place->live = false;
        live_watchers_lost(place);
    }
}

static void compare(struct place *place, const struct live_head *head)
{
    struct ring *ring = &place->ring;
    bool behind = fell_back(place, head);
    if (!ring->based) {
        live_place_restart(place, head, place->live);
    } else if (behind && !place->forked) {
        wait_for_refill(place);
    } else if (place->forked || contradicts(place, head)) {
        live_place_restart(place, head, true);
    } else if (place->broken) {
        skip_to(place, head);
    } else if (head->seq > ring->head.seq) {
        place->heard_seq = head->seq > place->heard_seq ? head->seq : place->heard_seq;
    } else if (head->seq == ring->head.seq) {
        live_ring_know(ring, head);
    }
    place->checked = true;
}

static void head_read(struct question *question, enum zp_err err)
{
    struct place *place = asker(question);
    if (place == NULL || err != ZP_OK) {
        return;
    }
    struct live_head head;
    size_t len;
    const char *text = live_question_text(question, 0, &len);
    place->check_at_us = place->hub->now_us + LOOK_US + question->serial % LOOK_SPREADS * LOOK_SPREAD_US;
    if (text != NULL && live_head_parse(text, len, &head)) {
        compare(place, &head);
    } else {
        wait_for_refill(place);
    }
    live_catch_up(place);
}

static void read_head(struct place *place)
{
    struct question *question = ask(place, head_read);
    live_request_get(live_question_begin(question, 1), live_key_head(&place->location_id));
    live_question_send(question);
}

/* Takes one event of the stream. False: the ring can't be continued from here on. */
static bool take(struct place *place, const struct live_note *note, struct live_shared *shared, bool first)
{
    struct ring *ring = &place->ring;
    const struct live_head *from = &place->read_from;
    if (first && from->seq > 0 && place->read_hash && !live_head_same(&note->head, from)) {
        place->forked = note->seq == from->seq;
        return false; /* our last event must stand there, and be the same */
    }
    if (note->seq <= ring->head.seq) {
        return true;
    }
    if (note->seq != ring->head.seq + 1) {
        return false;
    }
    live_ring_append(ring, shared, live_places_share(place->hub));
    live_watchers_event(place, note);
    return true;
}

static void events_read(struct question *question, enum zp_err err)
{
    struct place *place = asker(question);
    if (place == NULL || err != ZP_OK) {
        return;
    }
    const redisReply *reply = question->replies[0];
    bool good = reply->type == REDIS_REPLY_ARRAY;
    for (size_t i = 0; good && i < reply->elements; i++) {
        struct live_shared *shared = live_stream_entry(reply->element[i]);
        good = shared != NULL && take(place, &shared->frame.note, shared, i == 0);
        live_shared_release(shared);
    }
    if (place->ring.head.seq == place->read_from.seq && place->heard_seq > place->ring.head.seq) {
        place->broken = true; /* no step forward */
        place->checked = false;
    }
    live_catch_up(place);
}

static void read_events(struct place *place)
{
    struct question *question = ask(place, events_read);
    live_stream_ask(live_question_begin(question, 1), &place->location_id, place->ring.head.seq, HUB_EVENTS_MAX + 1);
    live_question_send(question);
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

void live_catch_up(struct place *place)
{
    if (place->hearing != PLACE_HEARD) {
        return;
    }
    bool behind = place->broken || place->heard_seq > place->ring.head.seq;
    if (place->checked && !behind && !place->live) {
        place->live = true;
        live_watchers_live(place);
    }
    if (place->read_serial != 0 || !live_router_is_up(&place->hub->commands)) {
        return;
    }
    if (!place->checked) {
        read_head(place);
    } else if (behind && !place->broken) {
        read_events(place);
    }
}

void live_place_look(struct place *place)
{
    if (place->hub->now_us >= place->check_at_us && place->read_serial == 0) {
        place->checked = false;
    }
    live_catch_up(place);
}
