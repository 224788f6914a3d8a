/* watchers: who is told what, while they come and go.
 *
 * Called by places. Invariants: a callback may unlink any watcher, itself too, and link new ones, which the round under
 * way may or may not reach; no place is freed while somebody is being told. */
#include "watchers.h"
#include "hub.h"

#include <string.h>

static struct live_watcher **bucket_of(struct live_hub *hub, const struct zp_id *id)
{
    uint64_t hash; /* ids end in random or hashed bytes */
    memcpy(&hash, id->bytes + sizeof(id->bytes) - sizeof(hash), sizeof(hash));
    return &hub->waiters[hash % WAITER_BUCKETS];
}

/* ---- linking ---------------------------------------------------------------------------------------------------- */

static void link_into(struct live_watcher **list, struct live_watcher *watcher)
{
    watcher->next = *list;
    watcher->link = list;
    if (*list != NULL) {
        (*list)->link = &watcher->next;
    }
    *list = watcher;
}

static void link_peers(struct live_watcher **list, struct live_watcher *watcher)
{
    watcher->peer_next = *list;
    watcher->peer_link = list;
    if (*list != NULL) {
        (*list)->peer_link = &watcher->peer_next;
    }
    *list = watcher;
}

void live_watcher_link(struct live_watcher *watcher, struct place *place)
{
    bool waits = !id_is_none(&watcher->only);
    ZP_ASSERT(watcher->link == NULL);
    watcher->hub = place->hub;
    watcher->place = place;
    watcher->live = false;
    link_into(waits ? &place->waiters : &place->watchers, watcher);
    if (waits) {
        link_peers(bucket_of(place->hub, &watcher->only), watcher);
    }
}

void live_watcher_unlink(struct live_watcher *watcher)
{
    if (watcher->link == NULL) {
        return;
    }
    struct place *place = watcher->place;
    for (struct round *round = place->hub->rounds; round != NULL; round = round->outer) {
        if (round->next == watcher) {
            round->next = round->peers ? watcher->peer_next : watcher->next;
        }
    }
    *watcher->link = watcher->next;
    if (watcher->next != NULL) {
        watcher->next->link = watcher->link;
    }
    if (watcher->peer_link != NULL) {
        *watcher->peer_link = watcher->peer_next;
        if (watcher->peer_next != NULL) {
            watcher->peer_next->peer_link = watcher->peer_link;
        }
    }
    watcher->next = watcher->peer_next = NULL;
    watcher->link = watcher->peer_link = NULL;
    watcher->place = NULL;
    if (place->watchers == NULL && place->waiters == NULL) {
        place->idle_since_us = place->hub->now_us;
    }
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

typedef void tell_fn(struct live_watcher *watcher, const void *what);

static void walk(struct live_hub *hub, struct live_watcher *first, bool peers, tell_fn *tell, const void *what)
{
    struct round round = { .next = first, .peers = peers, .outer = hub->rounds };
    hub->rounds = &round;
    hub->walking++;
    while (round.next != NULL) {
        struct live_watcher *watcher = round.next;
        round.next = peers ? watcher->peer_next : watcher->next;
        tell(watcher, what);
    }
    hub->walking--;
    hub->rounds = round.outer;
}

static void tell_note(struct live_watcher *watcher, const void *what)
{
    if (watcher->on_note != NULL) {
        watcher->on_note(watcher, what);
    }
}

/* What a waiter is looked up by, and the note it gets. */
struct word {
    const struct place *place;
    const struct zp_id *id;
    const struct live_note *note;
};

static void tell_waiter(struct live_watcher *watcher, const void *what)
{
    const struct word *word = what;
    if (watcher->place == word->place && id_equal(&watcher->only, word->id)) {
        tell_note(watcher, word->note);
    }
}

static void tell_waiters_of(struct place *place, const struct zp_id *id, const struct live_note *note)
{
    if (!id_is_none(id)) {
        const struct word word = { .place = place, .id = id, .note = note };
        walk(place->hub, *bucket_of(place->hub, id), true, tell_waiter, &word);
    }
}

void live_watchers_word(struct place *place, const struct live_note *note)
{
    tell_waiters_of(place, &note->order_id, note);
    if (!id_equal(&note->order_id, &note->command_id)) { /* a placement's order has the command's id */
        tell_waiters_of(place, &note->command_id, note);
    }
}

void live_watchers_event(struct place *place, const struct live_note *note)
{
    walk(place->hub, place->watchers, false, tell_note, note);
    live_watchers_word(place, note);
}

static void tell_live(struct live_watcher *watcher, const void *what)
{
    (void)what;
    bool before = watcher->live;
    watcher->live = true;
    if (!before && watcher->on_live != NULL) {
        watcher->on_live(watcher);
    }
}

static void tell_lost(struct live_watcher *watcher, const void *what)
{
    (void)what;
    bool before = watcher->live;
    watcher->live = false;
    if (before && watcher->on_lost != NULL) {
        watcher->on_lost(watcher);
    }
}

static void tell_reset(struct live_watcher *watcher, const void *what)
{
    if (watcher->on_reset != NULL) {
        watcher->on_reset(watcher, what);
    }
}

static void walk_all(struct place *place, tell_fn *tell, const void *what)
{
    walk(place->hub, place->watchers, false, tell, what);
    walk(place->hub, place->waiters, false, tell, what);
}

void live_watchers_live(struct place *place)
{
    walk_all(place, tell_live, NULL);
}

void live_watchers_lost(struct place *place)
{
    walk_all(place, tell_lost, NULL);
}

void live_watchers_reset(struct place *place, const struct live_head *head)
{
    walk_all(place, tell_reset, head);
}
