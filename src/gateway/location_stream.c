/* location_stream: GET /locations/{id}/events: every event of a location, once and in order.
 *
 * Called through the table of routes. The stream keeps its own next seq. A note that is the next one goes straight
 * out; anything else (a gap, a full queue, a new connection to Redis) only says that there is more, and the stream
 * pulls what it lacks: from the hub's ring, from Redis, from PostgreSQL. So a slow client never makes the queue
 * grow: it is served at its own pace.
 * Invariant: the seqs sent are consecutive, but behind a `reset`, which says where it goes on. */
#include "stream.h"

#include "errand.h"
#include "handlers.h"
#include "mailbox.h"
#include "places.h"
#include "zapora/message.h"

#include <stdlib.h>

#define PULL_EVENTS_MAX 100
#define TABLE_EVENTS_MAX 200

struct location_stream {
    struct stream stream; /* first */
    struct live_watcher watcher;
    int64_t next;         /* seq of the next event to send; 0: not known yet, it starts at the head */
    bool behind;          /* there is, or may be, more than was sent */
    bool pulling;
};

/* What a helper thread found behind a cursor; the events' text is in the errand's buffer. */
struct pulled {
    int64_t first, last; /* seqs; 0: none */
    int64_t head;        /* of the journal; -1: no such location */
};

struct wanted {
    struct zp_id location_id;
    int64_t after;
};

static void pull(struct location_stream *self);

static void put_note(struct location_stream *self, const struct live_note *note)
{
    self->next = note->seq + 1;
    stream_put(&self->stream, note->seq, EVENT_WORDS.names[note->type], note->json, note->json_len);
}

static void reset_to(struct location_stream *self, int64_t head, const char *reason)
{
    char data[96];
    int len = snprintf(data, sizeof(data), "{\"head\":%lld,\"reason\":\"%s\"}", (long long)head, reason);
    self->next = head + 1;
    metric_add(&gateway_metrics[METRIC_STREAM_RESETS], 1);
    stream_put(&self->stream, 0, "reset", data, (size_t)len);
}

/* ---- PostgreSQL ---- */

/* Runs on a helper thread. */
static bool put_event(const struct batch_event *row, struct arena *arena, struct buffer *out)
{
    struct event event;
    const char *why;
    if (message_event_decode(row->value, row->value_len, arena, &event, &why) != ZP_OK) {
        return false;
    }
    buffer_printf(out, "id: %lld\nevent: %s\ndata: ", (long long)row->seq, EVENT_WORDS.names[row->type]);
    message_event_json(&event, out, NULL);
    buffer_puts(out, "\n\n");
    return true;
}

static void look_in_journal(struct errand *errand, struct store *store)
{
    const struct wanted *wanted = errand->question;
    struct pulled *pulled = arena_alloc(&errand->arena, sizeof(*pulled));
    struct location *location = NULL;
    struct batch_event *rows = NULL;
    size_t count = 0;
    if (pulled == NULL) {
        errand->err = ZP_NO_MEMORY;
        return;
    }
    errand->found = pulled;
    errand->err = store_events_after(store, &wanted->location_id, wanted->after, TABLE_EVENTS_MAX, STREAM_ROOM_BYTES,
                                     &errand->arena, &rows, &count);
    for (size_t i = 0; errand->err == ZP_OK && i < count && put_event(&rows[i], &errand->arena, &errand->out); i++) {
        pulled->first = i == 0 ? rows[i].seq : pulled->first;
        pulled->last = rows[i].seq;
    }
    if (errand->err == ZP_OK) {
        errand->err = store_location_get(store, &wanted->location_id, &location);
        pulled->head = errand->err == ZP_OK ? location->seq : -1;
    }
    if (errand->err == ZP_OK) {
        location_finish(location);
        free(location);
    }
}

static void on_journal(struct call *call, struct errand *errand)
{
    struct location_stream *self = (void *)stream_of(call);
    const struct wanted *wanted = errand->question;
    const struct pulled *pulled = errand->found;
    if (self == NULL) {
        return;
    }
    self->pulling = false;
    if (errand->err != ZP_OK || errand->out.err != ZP_OK) {
        return; /* still behind: the next heartbeat tries again */
    }
    if (self->next == 0) {
        self->next = pulled->head + 1;
    } else if (wanted->after + 1 != self->next) {
        pull(self); /* reset meanwhile */
    } else if (pulled->first == self->next) {
        self->next = pulled->last + 1;
        stream_put_text(&self->stream, errand->out.data, errand->out.len);
        pull(self);
    } else if (wanted->after <= pulled->head || mailbox_lag_ms(call->loop, self->stream.partition) == 0) {
        reset_to(self, pulled->head, wanted->after > pulled->head ? "cursor_beyond_head" : "not_kept");
        pull(self);
    } /* else: a database that was put back may not have the cursor yet: wait until its partition has caught up */
}

static void pull_from_journal(struct location_stream *self)
{
    const struct wanted wanted = { self->stream.location_id, self->next == 0 ? INT64_MAX - 1 : self->next - 1 };
    self->pulling = errand_start_quietly(self->stream.call, &wanted, sizeof(wanted), look_in_journal, on_journal);
}

/* ---- ring and Redis ---- */

static void take_notes(struct location_stream *self, const struct live_head *head, const struct live_note *notes,
                       size_t count)
{
    for (size_t i = 0; i < count && stream_has_room(&self->stream); i++) {
        if (notes[i].seq == self->next) {
            put_note(self, &notes[i]);
        }
    }
    self->behind = self->next <= head->seq;
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
            pull_from_journal(self); /* too old, or beyond the head that Redis has: PostgreSQL knows which */
        }
    }
    call_release(call);
}

static void pull(struct location_stream *self)
{
    struct call *call = self->stream.call;
    self->behind = true;
    if (self->pulling || self->stream.ending || self->stream.queue.len > STREAM_ROOM_BYTES / 2) {
        return; /* on_drained goes on */
    }
    metric_add(&gateway_metrics[METRIC_STREAM_PULLS], 1);
    self->pulling = true;
    call_hold(call);
    live_hub_events_after(call->loop->hub, &self->stream.location_id, self->next - 1, PULL_EVENTS_MAX, on_events, call);
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
    if (self->next == 0) {
        self->next = note->seq; /* the head was just before it */
    }
    if (note->seq == self->next && !self->behind && stream_has_room(&self->stream)) {
        put_note(self, note);
    } else if (note->seq >= self->next) {
        pull(self);
    }
}

static void on_live(struct live_watcher *watcher)
{
    struct location_stream *self = self_of(watcher);
    if (self->next > 0) {
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
    reset_to(self, head->seq, "history_replaced");
}

/* ---- the pipe's words ---- */

static void on_drained(struct stream *stream)
{
    struct location_stream *self = (void *)stream;
    if (self->behind && self->next > 0) {
        pull(self);
    }
}

static void on_beat(struct stream *stream, enum zp_err err, const struct live_head *head)
{
    struct location_stream *self = (void *)stream;
    if (self->next == 0 && err == ZP_OK) {
        self->next = head->seq + 1;
    } else if (self->next == 0 && !self->pulling) {
        pull_from_journal(self);
    } else if (self->behind || (err == ZP_OK && head->seq >= self->next)) {
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
    self->next = asking.given ? asking.cursor + 1 : 0;
    self->behind = asking.given;
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
