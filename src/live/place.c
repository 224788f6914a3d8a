/* place: a location that this hub hears.
 *
 * Owned by the hub's table. The channel tells at most once, the stream remembers: a place adds to its ring what it
 * hears in order, looks at the head now and then, and reads from the stream what it missed (catch_up.c). Invariants:
 * a note is told to the watchers of a location in the order of seq; `live` is only true while the channel is
 * subscribed. */
#include "catch_up.h"
#include "hub.h"
#include "marks.h"
#include "watchers.h"

#include <stdlib.h>
#include <string.h>

#define RING_BYTES_MIN ((size_t)16 * 1024)
#define IDLE_US (60 * INT64_C(1000000))

/* ---- the table -------------------------------------------------------------------------------------------------- */

static struct place **bucket_of(struct live_hub *hub, const struct zp_id *location_id)
{
    uint64_t hash;
    memcpy(&hash, location_id->bytes + sizeof(location_id->bytes) - sizeof(hash), sizeof(hash));
    return &hub->places.buckets[hash % PLACE_BUCKETS];
}

static struct place **link_of(struct live_hub *hub, const struct zp_id *location_id)
{
    struct place **link = bucket_of(hub, location_id);
    while (*link != NULL && !id_equal(&(*link)->location_id, location_id)) {
        link = &(*link)->next;
    }
    return link;
}

struct place *live_place_find(struct live_hub *hub, const struct zp_id *location_id)
{
    return *link_of(hub, location_id);
}

/* Calls each place once. */
static void each(struct live_hub *hub, void (*visit)(struct place *place))
{
    for (size_t i = 0; i < PLACE_BUCKETS; i++) {
        for (struct place *place = hub->places.buckets[i]; place != NULL; place = place->next) {
            visit(place);
        }
    }
}

/* ---- subscribing ------------------------------------------------------------------------------------------------ */

static void send_channel(struct place *place, const char *command)
{
    struct buffer *out = live_router_out(&place->hub->notes);
    size_t before = out->len;
    live_request(out, 2);
    live_request_text(out, command);
    live_request_key(out, live_key_channel(&place->location_id));
    if (out->err != ZP_OK) {
        out->len = before;
        live_router_doom(&place->hub->notes, "too much to send");
        return;
    }
    live_router_send(&place->hub->notes, NULL);
}

static void subscribe(struct place *place)
{
    if (live_router_is_up(&place->hub->notes)) {
        send_channel(place, "SSUBSCRIBE");
        place->hearing = PLACE_ASKED;
    }
}

static void place_free(struct place *place)
{
    live_ring_finish(&place->ring);
    free(place);
}

/* Unsubscribes an idle place and frees it; `link` is what points to it. */
static void close_idle(struct place **link)
{
    struct place *place = *link;
    ZP_ASSERT(place->hub->walking == 0 && place->watchers == NULL && place->waiters == NULL);
    if (place->hearing != PLACE_SILENT && live_router_is_up(&place->hub->notes)) {
        send_channel(place, "SUNSUBSCRIBE");
    }
    *link = place->next;
    place->hub->places.count--;
    place_free(place);
}

static bool is_idle(const struct place *place)
{
    return place->watchers == NULL && place->waiters == NULL;
}

/* Makes room by closing the place that has been idle for longest. */
static void close_idlest(struct live_hub *hub)
{
    struct place **idlest = NULL;
    for (size_t i = 0; i < PLACE_BUCKETS && hub->walking == 0; i++) {
        for (struct place **link = &hub->places.buckets[i]; *link != NULL; link = &(*link)->next) {
            if (is_idle(*link) && (idlest == NULL || (*link)->idle_since_us < (*idlest)->idle_since_us)) {
                idlest = link;
            }
        }
    }
    if (idlest != NULL) {
        close_idle(idlest);
    }
}

size_t live_places_share(const struct live_hub *hub)
{
    size_t share = hub->settings.rings_bytes_max / (hub->places.count > 0 ? hub->places.count : 1);
    return share > RING_BYTES_MIN ? share : RING_BYTES_MIN;
}

struct place *live_place_open(struct live_hub *hub, const struct zp_id *location_id)
{
    struct place *place = live_place_find(hub, location_id);
    if (place != NULL) {
        return place;
    }
    if (hub->places.count >= hub->settings.watched_max) {
        close_idlest(hub);
    }
    if (hub->places.count >= hub->settings.watched_max) {
        return NULL;
    }
    place = calloc(1, sizeof(*place));
    if (place == NULL ||
        live_ring_init(&place->ring, hub->settings.ring_events_max, hub->settings.ring_bytes_max) != ZP_OK) {
        free(place);
        return NULL;
    }
    place->hub = hub;
    place->location_id = *location_id;
    place->idle_since_us = hub->now_us;
    struct place **bucket = bucket_of(hub, location_id);
    place->next = *bucket;
    *bucket = place;
    hub->places.count++;
    subscribe(place);
    return place;
}

void live_place_confirmed(struct place *place)
{
    if (place->hearing == PLACE_SILENT) {
        return;
    }
    place->hearing = PLACE_HEARD;
    place->checked = false;
    place->read_serial = 0;
    live_catch_up(place);
}

/* ---- hearing ---------------------------------------------------------------------------------------------------- */

static void on_event(struct place *place, struct live_shared *shared)
{
    const struct live_note *note = &shared->frame.note;
    struct ring *ring = &place->ring;
    if (!ring->based) {
        live_ring_rebase_before(ring, note);
    }
    const struct live_cursor here = live_ring_cursor(ring);
    bool behind = place->broken || place->heard_seq > ring->head.seq;
    if (!behind && note->seq == here.seq + 1 && !live_cursor_fits(&here, note)) {
        place->checked = false; /* of another history: either it or the ring is outdated, and the head shows which */
        live_catch_up(place);
        return;
    }
    if (place->heard_seq < note->seq) {
        place->heard_seq = note->seq;
    }
    if (note->seq <= ring->head.seq) {
        live_watchers_word(place, note); /* said again */
    } else if (!behind && note->seq == ring->head.seq + 1) {
        live_ring_append(ring, shared, live_places_share(place->hub));
        live_watchers_event(place, note);
    } else {
        live_catch_up(place); /* it stands in the stream, with what is missing before it */
    }
}

static void on_word(struct place *place, struct live_shared *shared)
{
    live_watchers_word(place, &shared->frame.note);
}

/* The cache was refilled up to this head. It may be long ago: the ring is continued over the other connection, too. */
static void on_head(struct place *place, struct live_shared *shared)
{
    const struct live_head *head = &shared->frame.note.head;
    struct ring *ring = &place->ring;
    bool forked = head->seq == ring->head.seq && ring->hash_known && !live_head_same(head, &ring->head);
    if (!ring->based) {
        live_place_restart(place, head, place->live);
    } else if (forked || head->seq < ring->head.seq) {
        place->checked = false; /* the head as it is now shows whether anything went back ... */
        place->read_serial = 0; /* ... but not one that was read before */
    } else if (head->seq > place->heard_seq) {
        place->heard_seq = head->seq;
    }
    live_catch_up(place);
}

static void on_reset(struct place *place, struct live_shared *shared)
{
    live_place_restart(place, &shared->frame.note.head, true);
    live_catch_up(place);
}

void live_place_note(struct place *place, const void *bytes, size_t len)
{
    static void (*const by_kind[NOTE_KIND_COUNT])(struct place *, struct live_shared *) = {
        [NOTE_EVENT] = on_event,
        [NOTE_WORD] = on_word,
        [NOTE_HEAD] = on_head,
        [NOTE_RESET] = on_reset,
    };
    if (place->hearing != PLACE_HEARD) {
        return; /* of a subscription that was given up */
    }
    struct live_shared *shared = live_shared_read(bytes, len);
    if (shared == NULL) {
        place->checked = false; /* unreadable: the head will show what it was */
        live_catch_up(place);
        return;
    }
    if (by_kind[shared->frame.kind] != NULL && id_equal(&shared->frame.note.location_id, &place->location_id)) {
        by_kind[shared->frame.kind](place, shared);
    }
    live_shared_release(shared);
}

/* ---- the hub's calls -------------------------------------------------------------------------------------------- */

void live_places_up(struct live_hub *hub)
{
    each(hub, subscribe);
}

static void silence(struct place *place)
{
    bool was_live = place->live;
    place->hearing = PLACE_SILENT;
    place->live = false;
    place->checked = false;
    place->read_serial = 0;
    if (was_live) {
        live_watchers_lost(place);
    }
}

void live_places_down(struct live_hub *hub)
{
    each(hub, silence);
}

void live_places_tick(struct live_hub *hub)
{
    for (size_t i = 0; i < PLACE_BUCKETS; i++) {
        struct place **link = &hub->places.buckets[i];
        while (*link != NULL) {
            struct place *place = *link;
            if (is_idle(place) && hub->now_us - place->idle_since_us > IDLE_US) {
                close_idle(link);
                continue;
            }
            live_place_look(place);
            link = &place->next;
        }
    }
}

void live_places_finish(struct live_hub *hub)
{
    for (size_t i = 0; i < PLACE_BUCKETS; i++) {
        while (hub->places.buckets[i] != NULL) {
            struct place *place = hub->places.buckets[i];
            while (place->watchers != NULL) {
                live_watcher_unlink(place->watchers);
            }
            while (place->waiters != NULL) {
                live_watcher_unlink(place->waiters);
            }
            hub->places.buckets[i] = place->next;
            place_free(place);
        }
    }
    hub->places.count = 0;
}
