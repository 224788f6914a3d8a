/* order_stream: GET /orders/{id}/events: one order, first as it is now, then each of its events.
 *
 * Called through the table of routes. The order's own version is its cursor: an event whose version is not the next
 * one, or that may have been missed, is told as a `snapshot`, which holds the whole order as it is then. A resume
 * therefore begins with a snapshot too, and Last-Event-ID is taken but not needed.
 * Invariant: versions only grow along a stream. */
#include "stream.h"

#include "absence.h"
#include "handlers.h"
#include "orders.h"
#include "places.h"

struct order_stream {
    struct stream stream; /* first */
    struct live_watcher watcher;
    struct zp_id order_id;
    int64_t version;      /* the last one told */
    bool stale;           /* there may be a newer one */
    bool reading;
};

static void put_snapshot(struct order_stream *self, int64_t version, const char *json, size_t len)
{
    struct buffer data;
    buffer_init(&data, STREAM_QUEUE_BYTES_MAX);
    buffer_puts(&data, "{\"order\":");
    buffer_append(&data, json, len);
    buffer_putc(&data, '}');
    self->version = version;
    if (data.err == ZP_OK) {
        stream_put(&self->stream, 0, "snapshot", data.data, data.len);
    }
    buffer_finish(&data);
}

/* ---- catching up ---- */

static void on_read(void *arg, enum zp_err err, const struct live_snapshot *snapshot)
{
    struct call *call = arg;
    struct order_stream *self = (void *)stream_of(call);
    if (self != NULL) {
        self->reading = false;
        if (err == ZP_OK) {
            self->stale = false;
            if (snapshot->version > self->version) {
                put_snapshot(self, snapshot->version, snapshot->json, snapshot->json_len);
            }
        } /* else: the next heartbeat tries again */
    }
    call_release(call);
}

static void read_again(struct order_stream *self)
{
    struct call *call = self->stream.call;
    self->stale = true;
    if (!self->reading && stream_has_room(&self->stream)) {
        self->reading = true;
        call_hold(call);
        live_hub_order_get(call->loop->hub, &self->stream.location_id, self->stream.partition, &self->order_id, on_read,
                           call);
    }
}

/* ---- what is heard ---- */

static struct order_stream *self_of(struct live_watcher *watcher)
{
    return H2O_STRUCT_FROM_MEMBER(struct order_stream, watcher, watcher);
}

static void on_note(struct live_watcher *watcher, const struct live_note *note)
{
    struct order_stream *self = self_of(watcher);
    if (note->seq == 0 || !id_equal(&note->order_id, &self->order_id) || note->version <= self->version) {
        return;
    }
    if (!stream_has_room(&self->stream)) {
        self->stale = true; /* on_drained reads */
    } else if (note->version == self->version + 1) {
        self->version = note->version;
        stream_put(&self->stream, note->seq, EVENT_WORDS.names[note->type], note->json, note->json_len);
    } else {
        put_snapshot(self, note->version, note->order_json, note->order_json_len);
    }
}

static void on_live(struct live_watcher *watcher)
{
    read_again(self_of(watcher));
}

static void on_lost(struct live_watcher *watcher)
{
    (void)watcher;
}

static void on_reset(struct live_watcher *watcher, const struct live_head *head)
{
    (void)head;
    read_again(self_of(watcher));
}

static void on_drained(struct stream *stream)
{
    struct order_stream *self = (void *)stream;
    if (self->stale) {
        read_again(self);
    }
}

static void on_beat(struct stream *stream, enum zp_err err, const struct live_head *head)
{
    (void)err;
    (void)head;
    on_drained(stream);
}

static void on_gone(struct stream *stream)
{
    struct order_stream *self = (void *)stream;
    live_hub_unwatch(&self->watcher);
}

static const struct stream_kind kind = { on_drained, on_beat, on_gone };

/* ---- the request ---- */

struct asking {
    struct zp_id location_id;
    int32_t partition;
    bool looked_again;
};

static void on_found(struct call *call, const struct order_found *found);

static void read_order(struct call *call)
{
    struct asking *asking = call->state;
    order_read(call, &asking->location_id, asking->partition, &call->id, 0, on_found);
}

static void look_again(struct call *call)
{
    ((struct asking *)call->state)->looked_again = true;
    read_order(call);
}

static void begin(struct call *call, const struct order_found *found)
{
    const struct asking *asking = call->state; /* in the arena: stays when the state becomes the stream */
    struct order_stream *self =
        (void *)stream_open(call, &kind, sizeof(*self), &asking->location_id, asking->partition);
    if (self == NULL) {
        return;
    }
    self->order_id = call->id;
    self->watcher = (struct live_watcher){
        .on_note = on_note, .on_live = on_live, .on_lost = on_lost, .on_reset = on_reset, .only = call->id,
    };
    if (live_hub_watch(call->loop->hub, &asking->location_id, &self->watcher) != ZP_OK) {
        stream_end(&self->stream, METRIC_STREAM_FAILED);
        return;
    }
    put_snapshot(self, found->version, found->json, found->json_len);
    beat_start(&self->stream);
}

static void on_found(struct call *call, const struct order_found *found)
{
    const struct asking *asking = call->state;
    if (found->err == ZP_NOT_FOUND && !asking->looked_again) {
        absence_prove(call, asking->partition, look_again);
    } else if (found->err == ZP_NOT_FOUND) {
        absence_conclude(call);
    } else if (found->err != ZP_OK) {
        call_unavailable(call, METRIC_BACKING, "The order cannot be read at the moment; try again.");
    } else if (!order_may_be_seen(call, &asking->location_id, &found->owner)) {
        call_problem(call, ZP_NOT_FOUND, NULL);
    } else {
        begin(call, found);
    }
}

static void begin_reading(struct call *call, const struct place *place)
{
    struct asking *asking = call->state;
    asking->location_id = place->location->id;
    asking->partition = place->partition;
    read_order(call);
}

static void place_again(struct call *call, bool known)
{
    const struct place *place = places_find_prefix(call->loop->places, id_prefix(&call->id));
    if (place != NULL) {
        begin_reading(call, place);
    } else if (known) {
        call_problem(call, ZP_NOT_FOUND, NULL);
    } else {
        call_unavailable(call, METRIC_BACKING, "The locations are not known yet; try again.");
    }
}

void order_events_get(struct call *call)
{
    bool given;
    int64_t cursor;
    const struct place *place = places_find_prefix(call->loop->places, id_prefix(&call->id));
    if (!stream_take_cursor(call, &given, &cursor)) {
        return;
    }
    call->state = arena_alloc(&call->arena, sizeof(struct asking));
    if (call->state == NULL) {
        call_problem(call, ZP_NO_MEMORY, NULL);
    } else if (place != NULL) {
        begin_reading(call, place);
    } else if (!places_wait(call, place_again)) {
        call_problem(call, ZP_NO_MEMORY, NULL);
    }
}
