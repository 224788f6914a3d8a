/* Owns the way from the database to a cache that lost something. Called by the announcer's thread.
 * Invariants: nothing is shown that the log does not have: a snapshot whose newest event is not yet acknowledged is
 * held until it is; and a refill ends, however busy its location: what is held is put in between the push of the turn
 * with its newest event, which Redis did not take, and the push of the next one, which begins behind it. */
#include "refill.h"

#include "metrics.h"
#include "tell.h"
#include "zapora/planted.h"

#include <string.h>

#define REFILL_BYTES_MAX (64u << 20)
#define REFILL_ORDERS_MAX 5000 /* whole; of the others only the tickets */
#define REFILL_RETRY_US 250000
#define PATROL_US 250000 /* one owned partition after the other: all of them within 16 s */
#define PATROL_IDLE_US 2000000 /* a busier location is on its way to Redis, or its next push finds what is wrong */

void refiller_init(struct refiller *refiller, struct live_push *push, struct store *store, struct marks *marks)
{
    *refiller = (struct refiller){ .push = push, .store = store, .marks = marks,
                                   .patrol_at_us = clock_mono_us() + PATROL_US };
    arena_init(&refiller->arena, REFILL_BYTES_MAX);
    arena_init(&refiller->held_arena, REFILL_BYTES_MAX);
    buffer_init(&refiller->scratch, TURN_JSON_BYTES_MAX);
}

void refiller_finish(struct refiller *refiller)
{
    arena_finish(&refiller->arena);
    arena_finish(&refiller->held_arena);
    buffer_finish(&refiller->scratch);
}

static void queue(struct refiller *refiller, int32_t partition, const struct zp_id *location_id)
{
    for (size_t i = 0; i < refiller->wish_count; i++) {
        if (id_equal(&refiller->wishes[i].location_id, location_id)) {
            return;
        }
    }
    if (refiller->wish_count == REFILL_QUEUE_MAX) {
        refiller->compare_wanted[partition] = true;
        return;
    }
    refiller->wishes[refiller->wish_count++] = (struct refill_wish){ *location_id, partition };
}

void refiller_doubt_all(struct refiller *refiller)
{
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        if (refiller->marks[p].owned) {
            refiller->compare_wanted[p] = true;
        }
    }
}

static int32_t next_compare(const struct refiller *refiller)
{
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        if (refiller->compare_wanted[p]) {
            return p;
        }
    }
    return -1;
}

int refiller_wait_ms(const struct refiller *refiller, int longest_ms)
{
    if (refiller->wish_count == 0 && next_compare(refiller) < 0) {
        return longest_ms;
    }
    int64_t rest_us = refiller->retry_at_us - clock_mono_us();
    return rest_us <= 0 ? 0 : rest_us / 1000 >= longest_ms ? longest_ms : (int)(rest_us / 1000) + 1;
}

static bool heads_equal(const struct store_head *ours, const struct live_head *theirs)
{
    return ours->seq == theirs->seq && memcmp(ours->hash, theirs->hash, HASH_SIZE) == 0;
}

/* Compares the heads of one partition with Redis and wishes for what differs and has been so since before idle_since,
 * on the database's clock. */
static enum zp_err compare(struct refiller *refiller, int32_t partition, int64_t idle_since)
{
    if (PLANTED(HEADS_UNCOMPARED)) {
        return ZP_OK;
    }
    struct store_head *heads = NULL;
    size_t count = 0;
    enum zp_err err = store_heads(refiller->store, &partition, 1, &refiller->arena, &heads, &count);
    if (err != ZP_OK || count == 0) {
        return err;
    }
    struct zp_id *ids = arena_array(&refiller->arena, count, sizeof *ids);
    struct live_head *theirs = arena_array(&refiller->arena, count, sizeof *theirs);
    bool *known = arena_array(&refiller->arena, count, sizeof *known);
    if (ids == NULL || theirs == NULL || known == NULL) {
        return ZP_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] = heads[i].location_id;
    }
    err = live_push_heads(refiller->push, ids, count, theirs, known);
    for (size_t i = 0; err == ZP_OK && i < count; i++) {
        if (heads[i].updated_at < idle_since && (!known[i] || !heads_equal(&heads[i], &theirs[i]))) {
            queue(refiller, partition, &ids[i]);
        }
    }
    return err;
}

static enum zp_err note_from_row(struct refiller *refiller, const struct batch_event *row, struct live_head *head,
                                 struct live_note *ret_note)
{
    struct event *event = arena_alloc(&refiller->arena, sizeof *event);
    const char *why = NULL;
    if (event == NULL) {
        return ZP_NO_MEMORY;
    }
    enum zp_err err = message_event_decode(row->value, row->value_len, &refiller->arena, event, &why);
    if (err == ZP_OK && (event->seq != row->seq || !id_equal(&event->location_id, &row->location_id))) {
        why = "its bytes are those of another event";
        err = ZP_MALFORMED;
    }
    if (err == ZP_MALFORMED) {
        log_error("an event of the journal cannot be read; the cache begins behind it",
                  L_ID("location", &row->location_id), L_INT("seq", row->seq), L_STR("why", why));
        metric_add(&worker_metrics[WM_UNREADABLE], 1);
    }
    return err != ZP_OK ? err : tell_note(event, head, &refiller->scratch, &refiller->arena, ret_note);
}

/* The history that Redis gets: what follows the newest row that cannot be decoded. A screen that stands before it is
 * told to begin anew, as before any history that is too short. */
static enum zp_err notes_from_journal(struct refiller *refiller, const struct store_refill *found,
                                      struct live_note **ret_notes, size_t *ret_count)
{
    struct live_note *notes = arena_array(&refiller->arena, found->event_count, sizeof *notes);
    size_t count = 0;
    for (size_t i = 0; i < found->event_count; i++) {
        const struct batch_event *row = &found->events[i];
        struct live_head head = { .seq = row->seq, .at = row->at };
        memcpy(head.hash, row->hash, HASH_SIZE);
        if (i + 1 == found->event_count) { /* the board is known as it is after the newest only */
            head.board_hash = found->board.head.open_hash;
            head.open_count = found->board.head.open_count;
        }
        enum zp_err err = notes == NULL ? ZP_NO_MEMORY : note_from_row(refiller, row, &head, &notes[count]);
        if (err != ZP_OK && err != ZP_MALFORMED) {
            return err;
        }
        count = err == ZP_MALFORMED ? 0 : count + 1;
    }
    *ret_notes = notes;
    *ret_count = count;
    return ZP_OK;
}

/* ---- one location ------------------------------------------------------------------------------------------ */

/* True when the log has everything that the snapshot shows. */
static bool is_published(const struct refiller *refiller, const struct refill_snapshot *snapshot)
{
    return PLANTED(REFILL_UNPUBLISHED) ||
           snapshot->last_offset < refiller->marks[snapshot->wish.partition].published_offset;
}

static enum zp_err tickets_of(struct refiller *refiller, const struct store_refill *found,
                              struct live_ticket **ret_tickets)
{
    struct live_ticket *tickets = arena_array(&refiller->arena, found->ticket_count, sizeof *tickets);
    if (tickets == NULL) {
        return ZP_NO_MEMORY;
    }
    for (size_t i = 0; i < found->ticket_count; i++) {
        tickets[i] = (struct live_ticket){ found->tickets[i].order_id, found->tickets[i].number };
    }
    *ret_tickets = tickets;
    return ZP_OK;
}

/* Reads the head, then one snapshot of the database. *ret_differs false: there is nothing to refill. */
static enum zp_err take_snapshot(struct refiller *refiller, const struct refill_wish *wish, int64_t event_limit,
                                 struct refill_snapshot *ret_snapshot, bool *ret_differs)
{
    struct refill_snapshot snapshot = { .wish = *wish, .last_offset = -1 };
    struct store_refill found = { 0 };
    struct live_note *notes = NULL;
    size_t note_count = 0;
    struct live_ticket *tickets = NULL;
    *ret_differs = false;
    enum zp_err err = live_push_heads(refiller->push, &wish->location_id, 1, &snapshot.seen, &snapshot.seen_known);
    if (err != ZP_OK) {
        return err;
    }
    err = store_refill_get(refiller->store, &wish->location_id, REFILL_ORDERS_MAX, event_limit, &refiller->arena,
                           &found);
    if (err != ZP_OK) {
        return err == ZP_NOT_FOUND ? ZP_OK : err;
    }
    const struct store_head *head = &found.board.head;
    if (snapshot.seen_known && heads_equal(head, &snapshot.seen) && !refiller->is_thorough) {
        return ZP_OK;
    }
    err = notes_from_journal(refiller, &found, &notes, &note_count);
    if (err == ZP_OK) {
        err = tickets_of(refiller, &found, &tickets);
    }
    if (err != ZP_OK) {
        return err;
    }
    if (found.event_count > 0) {
        snapshot.last_offset = found.events[found.event_count - 1].command_offset;
    }
    snapshot.refill = (struct live_refill){
        .location_id = wish->location_id,
        .head = { .seq = head->seq, .board_hash = head->open_hash, .open_count = head->open_count,
                  .at = head->updated_at },
        .events = notes, .event_count = note_count,
        .tickets = tickets, .ticket_count = found.ticket_count,
        .orders = found.board.orders, .order_count = found.board.order_count,
        .is_thorough = refiller->is_thorough,
    };
    memcpy(snapshot.refill.head.hash, head->hash, HASH_SIZE);
    *ret_snapshot = snapshot;
    *ret_differs = true;
    return ZP_OK;
}

/* Replaces what Redis has, if its head is unchanged. ZP_CATCHING_UP: it is not. A server that answered a moment ago and
 * takes nothing has trouble of its own: others would be read from the database in vain, too. */
static enum zp_err put_in(struct refiller *refiller, const struct refill_snapshot *snapshot)
{
    bool replaced = false;
    enum zp_err err =
        live_push_refill(refiller->push, &snapshot->refill, snapshot->seen_known, &snapshot->seen, &replaced);
    if (err == ZP_BUSY) {
        refiller->retry_at_us = clock_mono_us() + REFILL_RETRY_US;
    }
    if (err != ZP_OK) {
        return err;
    }
    metric_add(&worker_metrics[WM_REFILLS], replaced);
    return replaced ? ZP_OK : ZP_CATCHING_UP;
}

/* ---- the one that waits for the log ------------------------------------------------------------------------ */

static bool holds(const struct refiller *refiller, const struct zp_id *location_id)
{
    return refiller->holds && id_equal(&refiller->held.wish.location_id, location_id);
}

/* Keeps the snapshot with the arena that it lies in. */
static void hold(struct refiller *refiller, const struct refill_snapshot *snapshot)
{
    const struct arena spare = refiller->held_arena;
    refiller->held_arena = refiller->arena;
    refiller->arena = spare;
    refiller->held = *snapshot;
    refiller->holds = true;
}

static void let_go(struct refiller *refiller)
{
    refiller->holds = false;
    arena_reset(&refiller->held_arena);
}

/* Pushes fit only behind a head that is right: where they went on beyond the snapshot, nothing was missing. */
static enum zp_err was_overtaken(struct refiller *refiller)
{
    struct live_head head = { 0 };
    bool known = false;
    enum zp_err err = live_push_heads(refiller->push, &refiller->held.wish.location_id, 1, &head, &known);
    return err != ZP_OK ? err : known && head.seq >= refiller->held.refill.head.seq ? ZP_OK : ZP_CATCHING_UP;
}

/* Its newest event is in the log: puts it in, or drops it when Redis has changed under it. */
static enum zp_err put_in_held(struct refiller *refiller)
{
    enum zp_err err = put_in(refiller, &refiller->held);
    if (err == ZP_CATCHING_UP) {
        err = was_overtaken(refiller);
    }
    let_go(refiller);
    return err;
}

static enum zp_err refill_with(struct refiller *refiller, const struct refill_wish *wish, int64_t event_limit)
{
    struct refill_snapshot snapshot;
    bool differs = false;
    enum zp_err err = take_snapshot(refiller, wish, event_limit, &snapshot, &differs);
    if (err != ZP_OK || !differs) {
        return err;
    }
    if (is_published(refiller, &snapshot)) {
        return put_in(refiller, &snapshot);
    }
    if (!refiller->holds) {
        hold(refiller, &snapshot);
    }
    return ZP_CATCHING_UP;
}

/* With as long a history as fits: large menus make large events. ZP_CATCHING_UP: later. */
static enum zp_err refill(struct refiller *refiller, const struct refill_wish *wish)
{
    if (holds(refiller, &wish->location_id)) {
        return is_published(refiller, &refiller->held) ? put_in_held(refiller) : ZP_CATCHING_UP;
    }
    int64_t event_limit = LIVE_EVENTS_KEPT;
    enum zp_err err = refill_with(refiller, wish, event_limit);
    while ((err == ZP_NO_MEMORY || err == ZP_TOO_LARGE) && event_limit > 1) {
        arena_reset(&refiller->arena);
        event_limit /= 4;
        err = refill_with(refiller, wish, event_limit);
    }
    return err;
}

static void forget_wish(struct refiller *refiller, const struct zp_id *location_id)
{
    for (size_t i = 0; i < refiller->wish_count; i++) {
        if (id_equal(&refiller->wishes[i].location_id, location_id)) {
            refiller->wish_count--;
            memmove(refiller->wishes + i, refiller->wishes + i + 1,
                    (refiller->wish_count - i) * sizeof *refiller->wishes);
            return;
        }
    }
}

void refiller_wish(struct refiller *refiller, int32_t partition, const struct zp_id *location_id)
{
    if (holds(refiller, location_id) && is_published(refiller, &refiller->held) && put_in_held(refiller) == ZP_OK) {
        forget_wish(refiller, location_id);
        return;
    }
    queue(refiller, partition, location_id);
}

static void heed_connection(struct refiller *refiller)
{
    int64_t connections = live_push_connections(refiller->push);
    if (connections != refiller->connections_seen) {
        refiller->connections_seen = connections;
        refiller_doubt_all(refiller);
    }
}

/* Redis may lose something without the connection telling: a FLUSHALL, a key that somebody deleted. A busy location's
 * next push finds out by itself; the others are looked at in turn: the partition whose turn it is, or -1. */
static int32_t next_patrol(struct refiller *refiller, int64_t now)
{
    if (now < refiller->patrol_at_us) {
        return -1;
    }
    refiller->patrol_at_us = now + PATROL_US;
    for (int32_t i = 0; i < BUS_PARTITIONS_MAX; i++) {
        refiller->patrolled = (refiller->patrolled + 1) % BUS_PARTITIONS_MAX;
        if (refiller->marks[refiller->patrolled].owned) {
            return refiller->patrolled;
        }
    }
    return -1;
}

/* What was read before the doubt may be older than what another owner has committed and pushed since: put in behind a
 * takeover that this thread did not see, it would answer the wish that the comparison makes. */
static void forget_held(struct refiller *refiller, int32_t partition)
{
    if (refiller->holds && refiller->held.wish.partition == partition) {
        let_go(refiller);
    }
}

void refiller_step(struct refiller *refiller)
{
    int64_t now = clock_mono_us();
    if (now < refiller->retry_at_us) {
        return;
    }
    heed_connection(refiller);
    if (refiller->holds && !refiller->marks[refiller->held.wish.partition].owned) {
        let_go(refiller);
    }
    bool has_room = refiller->wish_count <= REFILL_QUEUE_MAX / 2; /* for what differs */
    int32_t partition = has_room ? next_compare(refiller) : -1;
    int32_t patrolled = has_room && partition < 0 ? next_patrol(refiller, now) : -1;
    enum zp_err err = ZP_OK;
    if (patrolled >= 0) {
        err = compare(refiller, patrolled, clock_wall_us() - PATROL_IDLE_US);
    } else if (partition >= 0) {
        refiller->compare_wanted[partition] = false; /* a doubt that comes meanwhile counts again */
        forget_held(refiller, partition);
        err = compare(refiller, partition, INT64_MAX);
        if (err != ZP_OK) {
            refiller->compare_wanted[partition] = true;
        }
    } else if (refiller->wish_count > 0) {
        struct refill_wish wish = refiller->wishes[0];
        if (refiller->marks[wish.partition].owned) {
            err = refill(refiller, &wish);
        }
        memmove(refiller->wishes, refiller->wishes + 1, --refiller->wish_count * sizeof wish);
        if (err != ZP_OK) { /* again, behind the others, which are tried before all of them rest */
            queue(refiller, wish.partition, &wish.location_id);
        }
    }
    refiller->failures = err == ZP_OK ? 0 : refiller->failures + 1;
    if (refiller->failures > refiller->wish_count) { /* nothing that waits can be done now */
        refiller->failures = 0;
        refiller->retry_at_us = now + (err == ZP_CATCHING_UP ? 1000 : REFILL_RETRY_US);
    }
    arena_reset(&refiller->arena);
}
