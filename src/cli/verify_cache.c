/* Owns the comparison of one location's cache in Redis with the database: head, open tickets, newest events, snapshots.
 * Called by verify.
 * Invariants: the database is read first, so that Redis may only be newer; what changed between the two readings is
 * left out; a cache that is behind has time to catch up before it counts as different. */
#include "verify.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define ORDERS_MAX 5000 /* of the board, read whole, as the worker's refill does; of the others only the tickets */
#define ARENA_BYTES_MAX ((size_t)512 << 20)
#define CATCH_UP_TRIES 15
#define CATCH_UP_MS 200
#define IN_VAIN_MAX 5   /* locations that did not catch up: nobody fills this Redis, so no other is waited for */

/* An order as the database's newest word on it has it. */
struct known {
    struct zp_id id;
    int64_t version, number;
    const struct order *order;   /* NULL: only its ticket was read */
    const char *json; size_t json_len; /* what its snapshot must say, where that is known; NULL: to be rendered */
    bool is_open, is_touched;    /* by an event that only Redis had */
};

struct sides {
    struct store_refill database;
    const struct event **events; /* the database's, decoded; NULL: it can't be, and the journal's own check says so */
    struct live_audit redis;
    struct known *known;
    size_t known_count;
    struct difference about;
};

static void tell(struct cache_audit *audit, const struct sides *sides, const struct zp_id *order_id, int64_t seq,
                 const char *field, const char *database, const char *redis)
{
    struct difference difference = sides->about;
    difference.order_id = order_id;
    difference.seq = seq;
    difference.field = field;
    difference.left_value = database;
    difference.right_value = redis;
    difference_tell(audit->differences, &difference);
}

/* Redis has another text than audit->text. */
static void tell_json(struct cache_audit *audit, const struct difference *about, const char *redis, size_t redis_len)
{
    const char *theirs = arena_strndup(&audit->arena, redis, redis_len);
    if (theirs != NULL) {
        (void)difference_tell_json(audit->differences, about, audit->text.data, theirs, &audit->arena);
    }
}

/* ---- reading both --------------------------------------------------------------------------------------------- */

static enum zp_err read_both(struct cache_audit *audit, const struct zp_id *location_id, struct sides *sides)
{
    for (int64_t limit = LIVE_EVENTS_KEPT;; limit /= 4) { /* large menus make large events */
        arena_reset(&audit->arena);
        enum zp_err err =
            store_refill_get(audit->store, location_id, ORDERS_MAX, limit, &audit->arena, &sides->database);
        if (err == ZP_OK) {
            err = live_audit_get(audit->push, location_id, &audit->arena, &sides->redis);
        }
        if (err != ZP_NO_MEMORY || limit <= 1) {
            return err;
        }
    }
}

static bool is_behind(const struct sides *sides)
{
    return !sides->redis.head_known || sides->redis.head.seq < sides->database.board.head.seq;
}

/* A push follows its commit by milliseconds, a refill by a little more. */
static enum zp_err read_when_even(struct cache_audit *audit, const struct zp_id *location_id, struct sides *sides)
{
    enum zp_err err = read_both(audit, location_id, sides);
    int tries = audit->in_vain < IN_VAIN_MAX ? CATCH_UP_TRIES : 0;
    for (int i = 0; i < tries && err == ZP_OK && is_behind(sides); i++) {
        poll(NULL, 0, CATCH_UP_MS);
        struct live_head now;
        bool known = false;
        err = live_push_heads(audit->push, location_id, 1, &now, &known);
        if (err == ZP_OK && known && now.seq >= sides->database.board.head.seq) {
            err = read_both(audit, location_id, sides);
        }
    }
    audit->in_vain += err == ZP_OK && is_behind(sides);
    return err;
}

/* ---- orders as the database has them -------------------------------------------------------------------------- */

static int compare_known(const void *a, const void *b)
{
    const struct known *one = a, *two = b;
    int order = id_compare(&one->id, &two->id);
    return order != 0 ? order : two->version > one->version ? 1 : two->version < one->version ? -1 : 0;
}

static struct known *known_find(const struct sides *sides, const struct zp_id *id)
{
    size_t low = 0, high = sides->known_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        *(id_compare(&sides->known[middle].id, id) < 0 ? &low : &high) =
            id_compare(&sides->known[middle].id, id) < 0 ? middle + 1 : middle;
    }
    return low < sides->known_count && id_equal(&sides->known[low].id, id) ? &sides->known[low] : NULL;
}

static void keep_newest(struct sides *sides)
{
    size_t kept = 0;
    qsort(sides->known, sides->known_count, sizeof *sides->known, compare_known);
    for (size_t i = 0; i < sides->known_count; i++) {
        if (kept == 0 || !id_equal(&sides->known[kept - 1].id, &sides->known[i].id)) {
            sides->known[kept++] = sides->known[i];
        } else { /* its row, its event, its ticket: the ticket says whether it is open */
            sides->known[kept - 1].is_open = sides->known[kept - 1].is_open || sides->known[i].is_open;
        }
    }
    sides->known_count = kept;
}

static enum zp_err decode_events(struct cache_audit *audit, struct sides *sides)
{
    const struct store_refill *database = &sides->database;
    sides->events = arena_array(&audit->arena, database->event_count, sizeof *sides->events);
    for (size_t i = 0; i < database->event_count; i++) {
        const struct batch_event *row = &database->events[i];
        struct event *event = sides->events == NULL ? NULL : arena_alloc(&audit->arena, sizeof *event);
        const char *why = NULL;
        enum zp_err err = event == NULL ? ZP_NO_MEMORY
                                        : message_event_decode(row->value, row->value_len, &audit->arena, event, &why);
        if (err == ZP_NO_MEMORY) {
            return err;
        }
        sides->events[i] = err == ZP_OK ? event : NULL;
    }
    return sides->events == NULL ? ZP_NO_MEMORY : ZP_OK;
}

/* The open orders, and those of the newest events: what may have a snapshot. */
static enum zp_err learn_orders(struct cache_audit *audit, struct sides *sides)
{
    const struct store_refill *database = &sides->database;
    size_t max = database->ticket_count + database->board.order_count + database->event_count;
    sides->known = arena_array(&audit->arena, max, sizeof *sides->known);
    sides->known_count = 0;
    if (sides->known == NULL) {
        return ZP_NO_MEMORY;
    }
    for (size_t i = 0; i < database->ticket_count; i++) {
        sides->known[sides->known_count++] = (struct known){ .id = database->tickets[i].order_id, .version = -1,
                                                             .number = database->tickets[i].number, .is_open = true };
    }
    for (size_t i = 0; i < database->board.order_count; i++) {
        const struct order *order = &database->board.orders[i];
        sides->known[sides->known_count++] = (struct known){ .id = order->id, .version = order->version,
                                                             .number = order->number, .order = order };
    }
    for (size_t i = 0; i < database->event_count; i++) {
        const struct event *event = sides->events[i];
        if (event == NULL || event->type > EV_ORDER_EXPIRED) {
            continue;
        }
        sides->known[sides->known_count++] = (struct known){ .id = event->order.id, .version = event->order.version,
                                                             .number = event->order.number, .order = &event->order };
    }
    keep_newest(sides);
    for (size_t i = 0; i < sides->redis.note_count; i++) {
        const struct live_note *note = &sides->redis.notes[i];
        struct known *known = note->seq > database->board.head.seq ? known_find(sides, &note->order_id) : NULL;
        if (known != NULL) {
            known->is_touched = true;
        }
    }
    return ZP_OK;
}

/* ---- what is compared ----------------------------------------------------------------------------------------- */

static void compare_heads(struct cache_audit *audit, const struct sides *sides)
{
    const struct store_head *ours = &sides->database.board.head;
    const struct live_head *theirs = &sides->redis.head;
    if (theirs->seq != ours->seq) {
        return; /* newer: its events are compared, up to ours */
    }
    difference_tell_hash(audit->differences, &sides->about, "head hash", ours->hash, theirs->hash);
    difference_tell_int(audit->differences, &sides->about, "head open_hash", (int64_t)ours->open_hash,
                        (int64_t)theirs->board_hash);
    difference_tell_int(audit->differences, &sides->about, "head open_count", ours->open_count, theirs->open_count);
}

static bool was_touched(const struct sides *sides, const struct zp_id *id)
{
    for (size_t i = sides->redis.note_count; i-- > 0;) {
        const struct live_note *note = &sides->redis.notes[i];
        if (note->seq <= sides->database.board.head.seq) {
            return false;
        }
        if (id_equal(&note->order_id, id)) {
            return true;
        }
    }
    return false;
}

static int compare_tickets(const void *a, const void *b)
{
    return id_compare(&((const struct live_ticket *)a)->order_id, &((const struct live_ticket *)b)->order_id);
}

static void compare_open(struct cache_audit *audit, const struct sides *sides)
{
    struct live_ticket *tickets = sides->redis.tickets;
    size_t count = sides->redis.ticket_count;
    char ours[24], theirs[24];
    qsort(tickets, count, sizeof *tickets, compare_tickets);
    for (size_t i = 0; i < sides->known_count; i++) {
        const struct known *known = &sides->known[i];
        if (!known->is_open || known->is_touched) {
            continue;
        }
        const struct live_ticket wanted = { .order_id = known->id };
        const struct live_ticket *ticket = count == 0 ? NULL
            : bsearch(&wanted, tickets, count, sizeof *tickets, compare_tickets);
        if (ticket == NULL || ticket->number != known->number) {
            (void)snprintf(ours, sizeof ours, "ticket %lld", (long long)known->number);
            (void)snprintf(theirs, sizeof theirs, "ticket %lld", ticket == NULL ? 0LL : (long long)ticket->number);
            tell(audit, sides, &known->id, 0, "open", ours, ticket == NULL ? NULL : theirs);
        }
    }
    for (size_t i = 0; i < count; i++) {
        const struct known *known = known_find(sides, &tickets[i].order_id);
        if ((known == NULL || !known->is_open) && !was_touched(sides, &tickets[i].order_id)) {
            (void)snprintf(theirs, sizeof theirs, "ticket %lld", (long long)tickets[i].number);
            tell(audit, sides, &tickets[i].order_id, 0, "open", NULL, theirs);
        }
    }
}

/* Its order is the last member, and perhaps the newest word on it. */
static void know_json(const struct sides *sides, const struct event *event, const struct live_note *note,
                      size_t order_at)
{
    struct known *known = event->type <= EV_ORDER_EXPIRED ? known_find(sides, &event->order.id) : NULL;
    if (known != NULL && known->order == &event->order) {
        known->json = note->json + order_at;
        known->json_len = note->json_len - order_at - 1;
    }
}

static void compare_event(struct cache_audit *audit, const struct sides *sides, size_t at,
                          const struct live_note *note)
{
    const struct batch_event *row = &sides->database.events[at];
    const struct event *event = sides->events[at];
    struct difference about = sides->about;
    size_t order_at = 0;
    about.seq = row->seq;
    audit->events++;
    difference_tell_hash(audit->differences, &about, "event hash", row->hash, note->head.hash);
    if (event == NULL) {
        return;
    }
    buffer_reset(&audit->text);
    message_event_json(event, &audit->text, &order_at);
    if (note->json_len == audit->text.len && memcmp(note->json, audit->text.data, note->json_len) == 0) {
        know_json(sides, event, note, order_at);
    } else {
        tell_json(audit, &about, note->json, note->json_len);
    }
}

/* The stream must be the newest events up to its head, without a gap: who reads after a cursor relies on it. */
static void compare_events(struct cache_audit *audit, const struct sides *sides)
{
    const struct live_audit *redis = &sides->redis;
    const struct store_refill *database = &sides->database;
    int64_t expected = redis->note_count == 0 ? redis->head.seq : redis->notes[0].seq;
    for (size_t i = 0; i < redis->note_count; i++, expected++) {
        const struct live_note *note = &redis->notes[i];
        for (; expected < note->seq; expected++) {
            tell(audit, sides, NULL, expected, "event", "an event", NULL);
        }
        int64_t first = database->event_count == 0 ? INT64_MAX : database->events[0].seq;
        int64_t at = note->seq - first;
        if (at >= 0 && at < (int64_t)database->event_count && database->events[at].seq == note->seq) {
            compare_event(audit, sides, (size_t)at, note);
        }
    }
    for (; expected <= redis->head.seq && expected > 0 && expected <= database->board.head.seq; expected++) {
        tell(audit, sides, NULL, expected, "event", "an event", NULL);
    }
}

static void compare_snapshot(struct cache_audit *audit, const struct sides *sides, const struct known *known,
                             const struct live_snapshot *snapshot)
{
    struct difference about = sides->about;
    about.order_id = &known->id;
    if (snapshot->version == -2) {
        tell(audit, sides, &known->id, 0, "snapshot", "an order", "bytes that are none");
        return;
    }
    if (snapshot->version < known->version) {
        difference_tell_int(audit->differences, &about, "snapshot version", known->version, snapshot->version);
        return;
    }
    audit->snapshots++;
    if (snapshot->version > known->version) {
        return; /* stepped after the database was read */
    }
    if (known->json == NULL || snapshot->json_len != known->json_len ||
        memcmp(snapshot->json, known->json, known->json_len) != 0) {
        buffer_reset(&audit->text);
        message_order_json(known->order, &audit->text);
        if (snapshot->json_len != audit->text.len || memcmp(snapshot->json, audit->text.data, audit->text.len) != 0) {
            tell_json(audit, &about, snapshot->json, snapshot->json_len);
        }
    }
    if (!id_equal(&snapshot->owner, &known->order->owner)) {
        tell(audit, sides, &known->id, 0, "snapshot owner", "a user", "another");
    }
}

/* One that is not there is no difference: it is read from the database. */
static enum zp_err compare_snapshots(struct cache_audit *audit, const struct sides *sides,
                                     const struct zp_id *location_id)
{
    size_t count = sides->known_count;
    struct zp_id *ids = arena_array(&audit->arena, count, sizeof *ids);
    struct live_snapshot *snapshots = arena_array(&audit->arena, count, sizeof *snapshots);
    if (ids == NULL || snapshots == NULL) {
        return ZP_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] = sides->known[i].id;
    }
    enum zp_err err = live_audit_snapshots(audit->push, location_id, ids, count, &audit->arena, snapshots);
    for (size_t i = 0; err == ZP_OK && i < count; i++) {
        if (snapshots[i].version != -1 && sides->known[i].order != NULL && !sides->known[i].is_touched) {
            compare_snapshot(audit, sides, &sides->known[i], &snapshots[i]);
        }
    }
    return err;
}

void cache_audit_init(struct cache_audit *audit, struct differences *differences, struct store *store)
{
    *audit = (struct cache_audit){ .differences = differences, .store = store };
    arena_init(&audit->arena, ARENA_BYTES_MAX);
    buffer_init(&audit->text, VERIFY_TEXT_BYTES);
}

void cache_audit_finish(struct cache_audit *audit)
{
    arena_finish(&audit->arena);
    buffer_finish(&audit->text);
}

enum zp_err cache_audit_location(struct cache_audit *audit, int32_t partition, const struct zp_id *location_id)
{
    struct sides sides = { .about = { .partition = partition, .location_id = location_id, .left = "database",
                                      .right = "redis" } };
    enum zp_err err = read_when_even(audit, location_id, &sides);
    if (err != ZP_OK) {
        return err == ZP_NOT_FOUND ? ZP_OK : err;
    }
    audit->locations++;
    if (!sides.redis.head_known) {
        tell(audit, &sides, NULL, 0, "head", "a head", NULL);
        return ZP_OK;
    }
    if (is_behind(&sides)) {
        difference_tell_int(audit->differences, &sides.about, "head seq", sides.database.board.head.seq,
                            sides.redis.head.seq);
        return ZP_OK; /* all else follows from it */
    }
    if (sides.redis.unreadable > 0) {
        tell(audit, &sides, NULL, 0, "events and open tickets", "readable ones", "bytes that are none");
    }
    err = decode_events(audit, &sides);
    err = err == ZP_OK ? learn_orders(audit, &sides) : err;
    if (err == ZP_OK) {
        compare_heads(audit, &sides);
        compare_open(audit, &sides);
        compare_events(audit, &sides);
        err = compare_snapshots(audit, &sides, location_id);
    }
    return err;
}
