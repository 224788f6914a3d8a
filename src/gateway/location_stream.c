/* location_stream: GET /locations/{id}/events: every event of a location, once and in order.
 *
 * Called through the table of routes. The stream keeps its own cursor. A note that is the next one goes straight
 * out; anything else (a gap, a full queue, a new connection to Redis) only says that there is more, and the stream
 * pulls what it lacks: from the hub's ring, from Redis, from PostgreSQL. So a slow client never makes the queue
 * grow: it is served at its own pace.
 * Invariants: the seqs sent are consecutive, but behind a `reset`, which says where it goes on; and what is sent
 * follows from what was sent before: every source is held against the cursor's hash, since the word of a reset may
 * come later than the events of the new history. */
#include "stream.h"

#include "errand.h"
#include "handlers.h"
#include "journal_look.h"
#include "mailbox.h"
#include "places.h"

#include <stdlib.h>

#define PULL_EVENTS_MAX 100

struct location_stream {
    struct stream stream; /* first */
    struct live_watcher watcher;
    struct live_cursor cursor; /* the last event sent */
    bool begun;           /* false: the cursor is not known yet, it starts at the head */
    bool behind;          /* there is, or may be, more than was sent */
    bool pulling;
};

struct wanted {
    struct zp_id location_id;
    struct live_cursor after;
    size_t bytes_max;
};

static void pull(struct location_stream *self);

static void put_note(struct location_stream *self, const struct live_note *note)
{
    self->cursor = live_cursor_at(&note->head);
    stream_put_event(&self->stream, event_text_of(&self->stream.call->loop->event_texts, note));
}

static void begin_at(struct location_stream *self, const struct live_cursor *cursor)
{
    self->cursor = *cursor;
    self->begun = true;
}

static void reset_to(struct location_stream *self, const struct live_cursor *head, const char *reason)
{
    char data[96];
    int len = snprintf(data, sizeof(data), "{\"head\":%lld,\"reason\":\"%s\"}", (long long)head->seq, reason);
    begin_at(self, head);
    metric_add(&gateway_metrics[METRIC_STREAM_RESETS], 1);
    stream_put(&self->stream, 0, "reset", data, (size_t)len);
}

/* ---- PostgreSQL ---- */

/* Runs on a helper thread. */
static void look_in_journal(struct errand *errand, struct store *store)
{
    const struct wanted *wanted = errand->question;
    struct journal_found *found = arena_alloc(&errand->arena, sizeof(*found));
    errand->found = found;
    errand->err = found == NULL ? ZP_NO_MEMORY
                                : journal_look(store, &wanted->location_id, &wanted->after, wanted->bytes_max,
                                               &errand->arena, &errand->out, found);
}

/* Why a cursor that the journal does not continue begins anew; NULL: it need not. */
static const char *const reset_reasons[JOURNAL_VERDICT_COUNT] = {
    [JOURNAL_OTHER] = "history_replaced",
    [JOURNAL_BEYOND] = "cursor_beyond_head",
    [JOURNAL_NOT_KEPT] = "not_kept",
};

static void obey(struct location_stream *self, enum journal_verdict verdict, const struct errand *errand)
{
    const struct journal_found *found = errand->found;
    if (verdict == JOURNAL_GOES_ON) {
        self->cursor = found->last;
        stream_put_text(&self->stream, errand->out.data, errand->out.len);
        pull(self);
    } else if (verdict == JOURNAL_ENDS) {
        self->behind = false; /* that is all; Redis will say more, or that its history was another one */
    } else if (reset_reasons[verdict] != NULL) {
        reset_to(self, &found->head, reset_reasons[verdict]);
        pull(self);
    }
}

static void on_journal(struct call *call, struct errand *errand)
{
    struct location_stream *self = (void *)stream_of(call);
    const struct wanted *wanted = errand->question;
    const struct journal_found *found = errand->found;
    if (self == NULL) {
        return;
    }
    self->pulling = false;
    if (errand->err != ZP_OK || errand->out.err != ZP_OK) {
        return; /* still behind: the next heartbeat tries again */
    }
    if (!self->begun) {
        begin_at(self, &found->head);
    } else if (wanted->after.seq != self->cursor.seq || !live_cursor_has(&wanted->after, self->cursor.hash)) {
        pull(self); /* reset meanwhile */
    } else {
        obey(self, journal_judge(&wanted->after, found, mailbox_lag_ms(call->loop, self->stream.partition) == 0),
             errand);
    }
}

static void pull_from_journal(struct location_stream *self)
{
    struct wanted wanted = { self->stream.location_id, self->cursor, stream_room(&self->stream) };
    if (!self->begun) {
        wanted.after = (struct live_cursor){ .seq = INT64_MAX - 1 }; /* only the head */
    }
    self->pulling = errand_start_quietly(self->stream.call, &wanted, sizeof(wanted), look_in_journal, on_journal);
}

/* ---- ring and Redis ---- */

static void take_notes(struct location_stream *self, const struct live_head *head, const struct live_note *notes,
                       size_t count)
{
    for (size_t i = 0; i < count && stream_has_room(&self->stream); i++) {
        if (live_cursor_fits(&self->cursor, &notes[i])) {
            put_note(self, &notes[i]);
        }
    }
    self->behind = self->cursor.seq < head->seq;
    if (self->behind && count > 0) {
        pull(self);
    }
}

static void on_events(void *arg, enum zp_err err, const struct live_head *head, const struct live_note *notes,
                      size_t count)
{
    struct call *call = arg;
    struct location_stream *self = (void *)stream_of(call);
    if (self != NULL) {
        self->pulling = false;
        if (err == ZP_OK) {
            take_notes(self, head, notes, count);
        } else if (err == ZP_NOT_FOUND) {
            pull_from_journal(self); /* too old, of another history, or beyond the head that Redis has */
        }
    }
    call_release(call);
}

static void pull(struct location_stream *self)
{
    struct call *call = self->stream.call;
    self->behind = true;
    if (self->pulling || self->stream.ending || self->stream.queue.len > stream_room(&self->stream) / 2) {
        return; /* on_drained goes on */
    }
    metric_add(&gateway_metrics[METRIC_STREAM_PULLS], 1);
    self->pulling = true;
    call_hold(call);
    live_hub_events_after(call->loop->hub, &self->stream.location_id, &self->cursor, PULL_EVENTS_MAX, on_events, call);
}

/* ---- what is heard ---- */

static struct location_stream *self_of(struct live_watcher *watcher)
{
    return H2O_STRUCT_FROM_MEMBER(struct location_stream, watcher, watcher);
}

static void on_note(struct live_watcher *watcher, const struct live_note *note)
{
    struct location_stream *self = self_of(watcher);
    if (note->seq == 0) {
        return; /* an outcome that is no event */
    }
    if (!self->begun) { /* the head was just before it */
        begin_at(self, &(struct live_cursor){ .seq = note->seq - 1 });
    }
    if (live_cursor_fits(&self->cursor, note) && !self->behind && stream_has_room(&self->stream)) {
        put_note(self, note);
    } else if (note->seq > self->cursor.seq) {
        pull(self);
    }
}

static void on_live(struct live_watcher *watcher)
{
    struct location_stream *self = self_of(watcher);
    if (self->begun) {
        pull(self);
    }
}

static void on_lost(struct live_watcher *watcher)
{
    (void)watcher; /* heartbeats tell how old what is known has become */
}

static void on_reset(struct live_watcher *watcher, const struct live_head *head)
{
    struct location_stream *self = self_of(watcher);
    self->behind = false;
    const struct live_cursor cursor = live_cursor_at(head);
    reset_to(self, &cursor, "history_replaced");
}

/* ---- the pipe's words ---- */

static void on_drained(struct stream *stream)
{
    struct location_stream *self = (void *)stream;
    if (self->behind && self->begun) {
        pull(self);
    }
}

static void on_beat(struct stream *stream, enum zp_err err, const struct live_head *head)
{
    struct location_stream *self = (void *)stream;
    if (!self->begun && err == ZP_OK) {
        const struct live_cursor cursor = live_cursor_at(head);
        begin_at(self, &cursor);
    } else if (!self->begun && !self->pulling) {
        pull_from_journal(self);
    } else if (self->behind || (err == ZP_OK && head->seq > self->cursor.seq)) {
        pull(self);
    }
}

static void on_gone(struct stream *stream)
{
    struct location_stream *self = (void *)stream;
    live_hub_unwatch(&self->watcher);
}

static const struct stream_kind kind = { on_drained, on_beat, on_gone };

/* ---- the request ---- */

struct asking {
    bool given;
    int64_t cursor;
};

static void begin(struct call *call, const struct place *place)
{
    const struct asking asking = *(const struct asking *)call->state;
    struct location_stream *self =
        (void *)stream_open(call, &kind, sizeof(*self), &place->location->id, place->partition);
    if (self == NULL) {
        return;
    }
    self->cursor.seq = asking.given ? asking.cursor : 0; /* a client brings no hash */
    self->begun = self->behind = asking.given;
    self->watcher =
        (struct live_watcher){ .on_note = on_note, .on_live = on_live, .on_lost = on_lost, .on_reset = on_reset };
    if (live_hub_watch(call->loop->hub, &self->stream.location_id, &self->watcher) != ZP_OK) {
        stream_end(&self->stream,
                   METRIC_STREAM_FAILED); /* too many locations are heard here: another gateway may have room */
        return;
    }
    beat_start(&self->stream); /* also finds the head, or pulls what the cursor lacks */
}

static void place_again(struct call *call, bool known)
{
    const struct place *place = places_find(call->loop->places, &call->id);
    if (place != NULL) {
        begin(call, place);
    } else if (known) {
        call_problem(call, ZP_NOT_FOUND, NULL);
    } else {
        call_unavailable(call, METRIC_BACKING, "The locations are not known yet; try again.");
    }
}

void location_events_get(struct call *call)
{
    struct asking *asking = arena_alloc(&call->arena, sizeof(*asking));
    const struct place *place = places_find(call->loop->places, &call->id);
    if (asking == NULL) {
        call_problem(call, ZP_NO_MEMORY, NULL);
        return;
    }
    if (!stream_take_cursor(call, &asking->given, &asking->cursor)) {
        return;
    }
    call->state = asking;
    if (!actor_is_staff_of(&call->actor, &call->id)) {
        call_problem(call, ZP_NOT_FOUND, NULL); /* staff of elsewhere learns nothing */
    } else if (place != NULL) {
        begin(call, place);
    } else if (!places_wait(call, place_again)) {
        call_problem(call, ZP_NO_MEMORY, NULL);
    }
}
