/* live: Redis. Snapshots, the recent events of each location, receipts, ticks, and the hub that tells a gateway
 * thread what just happened. hiredis stays behind this door. Nothing here is the truth: a lost Redis loses nothing.
 *
 * Two sides. The worker's: struct live_push, blocking with short timeouts, on its announcer thread. The gateway's:
 * struct live_hub, one for each event-loop thread, never blocking.
 *
 * Keys ({L} is "{<location id>}"): {L}:head "<seq> <hash> <board hash> <open count> <at>"; {L}:events stream, ids
 * <seq>-0, field n: the note; {L}:open zset of open tickets by ticket number; {L}:order:<id> the order's newest
 * note; channel {L}:live: notes; receipt:<command id> a line of words and the reasons; tick:<partition> "<next>
 * <end> <asked at>". Strings, not hashes: they cost Redis less. What a note's bytes are stands in src/live/note.c. */
#ifndef ZAPORA_LIVE_H
#define ZAPORA_LIVE_H

#include "zapora/message.h"

#define LIVE_WHY_SIZE 256
#define LIVE_EVENTS_KEPT 1000 /* events in a location's stream */

/* ---- what is told ------------------------------------------------------------------------------------------ */

/* A location's newest known state, as heartbeats carry it. */
struct live_head {
    int64_t seq;
    uint8_t hash[HASH_SIZE];  /* the journal's chain */
    uint64_t board_hash;
    int64_t open_count;
    int64_t at;               /* of the event with that seq */
};

/* One thing that just happened at a location: what the channel carries and the stream keeps. */
struct live_note {
    struct zp_id location_id, order_id, command_id;
    struct zp_id owner;        /* of the order; ID_NONE when the event has no order */
    enum event_type type;      /* EV_COMMAND_REFUSED/PARKED: outcomes without a seq, told to waiters only */
    enum zp_err err;           /* the command's outcome */
    int64_t seq;               /* 0 without */
    int64_t version;           /* of the order, 0 without */
    struct live_head head;     /* after this event; of a refusal: the head as it is */
    const char *json;          /* the event as streams show it (message_event_json); NULL for refusals */
    size_t json_len;
    const char *order_json;    /* the order alone (points into json when it holds one), else NULL */
    size_t order_json_len;
    const char *reasons_json;  /* refusals: [{code,pointer,detail}], else NULL */
    size_t reasons_json_len;
    /* The hub's, of notes that it hands out: */
    int64_t before;             /* an event: live_hash_mark of the chain hash that it follows; 0: not known */
    struct live_shared *shared; /* whose bytes these are */
};

/* Where a reader of a location's events stands: at which event, and of which history. */
struct live_cursor {
    int64_t seq;              /* 0: before the first event, where all histories are the same */
    bool hash_known;          /* false: a seq alone, as a client brings it; it is believed */
    uint8_t hash[HASH_SIZE];  /* the chain after that event */
};

/* The first 63 bits of a hash: enough to tell one history from another by chance. */
int64_t live_hash_mark(const uint8_t hash[HASH_SIZE]);
struct live_cursor live_cursor_at(const struct live_head *head);
/* True unless the hash is another history's. */
bool live_cursor_has(const struct live_cursor *cursor, const uint8_t hash[HASH_SIZE]);
/* True when the note is the cursor's next event, and of the same history as far as both sides know. */
bool live_cursor_fits(const struct live_cursor *cursor, const struct live_note *note);

/* ---- worker's side ------------------------------------------------------------------------------------------- */

struct live_push;

struct live_settings {
    const char *uri;              /* redis://[[user]:password@]host:port/db */
    int64_t timeout_ms;           /* of a connect and of each reply */
    int64_t closed_order_ttl_s;   /* snapshots of orders that left the board; 1 s while Redis is full */
    int64_t receipt_ttl_s;
};

enum zp_err live_push_create(const struct live_settings *settings, struct live_push **ret_push,
                             char why[LIVE_WHY_SIZE]) ZP_MUST_CHECK;
void live_push_destroy(struct live_push *push);
/* The last failure as a sentence, "" before the first. */
const char *live_push_trouble(const struct live_push *push);
/* True since a push found Redis full (maxmemory): receipts and snapshots of closed orders are left out of it then, and
 * readers find both in the database. */
bool live_push_is_full(const struct live_push *push);
/* Counts connections made: when it has changed since the last look, all heads must be compared again. */
int64_t live_push_connections(const struct live_push *push);

/* Pushes of one location: consecutive events, seq first…last, after a head of (first - 1, before_hash). */
struct live_item {
    const struct live_note *notes; size_t note_count;   /* seq ascending without gaps */
    struct zp_id location_id;
    uint8_t before_hash[HASH_SIZE];
    const bool *open;                                   /* for each note: its order is on the board afterwards */
    const int64_t *numbers;                             /* for each note: the ticket number, the board's order */
    enum { LIVE_PUSHED, LIVE_ALREADY, LIVE_REFILL } result; /* filled in: done; all of it was there; head differs */
};
/* Pipelines all items in one round trip: each is one script that requires {L}:head = (first - 1, before_hash),
 * appends to the stream, sets the snapshots if newer, the open set, the head, and publishes to {L}:live. Also stores
 * the outcomes' receipts (first: who hears of an outcome may read it) and publishes refusals (notes without a seq,
 * in `refusals`; a duplicate's repeated announcement goes there too, of whatever type: such notes are told to
 * waiters and kept nowhere, but that a placement's order, if the note has it, becomes the snapshot where there is no
 * newer one). ZP_OK, or ZP_BUSY: nothing is known. A settled receipt's submitted_at is the outcome's `at`. */
enum zp_err live_push_items(struct live_push *push, struct live_item *items, size_t item_count,
                            const struct live_note *refusals, size_t refusal_count,
                            const struct outcome *outcomes, size_t outcome_count) ZP_MUST_CHECK;

/* {L}:head as Redis has it; ret_known false when it has none. Array form: one round trip. */
enum zp_err live_push_heads(struct live_push *push, const struct zp_id *locations, size_t count,
                            struct live_head *ret_heads, bool *ret_known) ZP_MUST_CHECK;

/* Replaces a location's cache by one snapshot of the database, only if the head is still `seen` (seen_known false:
 * still none). Publishes a reset when the head went back or its hash differs, else what streams missed can be read
 * from the stream. tickets: all open ones by number; orders: the first of them, whole; events: the newest up to
 * the head, without a gap, with json and each one's head.seq and head.hash (boards of the past may be 0).
 * Snapshots that don't fit 8 MiB are left to the database. *ret_replaced false: somebody was faster. ZP_OK;
 * ZP_BUSY; ZP_INTERNAL: the events have a gap; ZP_TOO_LARGE: more open orders than one script can take (some
 * 200,000); ZP_NO_MEMORY. */
struct live_ticket { struct zp_id order_id; int64_t number; };
struct live_refill {
    struct zp_id location_id;
    struct live_head head;
    const struct live_note *events; size_t event_count;
    const struct live_ticket *tickets; size_t ticket_count;
    const struct order *orders; size_t order_count; /* those of tickets[0 … order_count - 1] */
    bool is_thorough; /* also forgets the snapshots of closed orders, as far as the stream names them */
};
enum zp_err live_push_refill(struct live_push *push, const struct live_refill *refill, bool seen_known,
                             const struct live_head *seen, bool *ret_replaced) ZP_MUST_CHECK;

/* tick:<partition>: commands below `next` are applied, the mailbox ended at `end` when it was asked at `asked_at`. */
struct live_tick { int32_t partition; int64_t next, end, asked_at; };
/* True when it proves that what was acknowledged before `arrived_at` is in the database: it was asked for later and
 * shows no backlog. */
bool live_tick_proves(const struct live_tick *tick, int64_t arrived_at);
enum zp_err live_push_ticks(struct live_push *push, const struct live_tick *ticks, size_t count) ZP_MUST_CHECK;

/* An order's snapshot as it is kept. */
struct live_snapshot {
    int64_t version;
    struct zp_id owner;
    const char *json; size_t json_len;
    struct live_tick tick;     /* the partition's, read at the same time; asked_at 0: none */
};

/* What is kept of a location, for an audit: head, open tickets by number, and the newest events, of one moment. What
 * can't be read is counted. Memory is the arena's. ZP_OK, ZP_BUSY, ZP_NO_MEMORY. */
struct live_audit {
    bool head_known;
    struct live_head head;
    struct live_ticket *tickets; size_t ticket_count;
    struct live_note *notes; size_t note_count; /* by seq */
    size_t unreadable;
};
enum zp_err live_audit_get(struct live_push *push, const struct zp_id *location_id, struct arena *arena,
                           struct live_audit *ret_audit) ZP_MUST_CHECK;
/* The snapshots of these orders; version -1: there is none, -2: it can't be read. */
enum zp_err live_audit_snapshots(struct live_push *push, const struct zp_id *location_id, const struct zp_id *orders,
                                 size_t count, struct arena *arena, struct live_snapshot *ret_snapshots) ZP_MUST_CHECK;

/* ---- gateway's side: the hub
 * -------------------------------------------------------------------------------------- */

/* What an event loop lends to live. All callbacks happen on the loop's thread. */
struct live_reactor {
    void *loop;
    /* Watches a descriptor that live owns, level-triggered; nothing is wanted at first. Returns a handle; NULL on
     * failure. on_ready may call want and unwatch. */
    void *(*watch)(void *loop, int fd, void (*on_ready)(void *arg, bool readable, bool writable), void *arg);
    void (*want)(void *handle, bool read, bool write);
    void (*unwatch)(void *handle);   /* leaves the descriptor open */
};

struct live_hub;

struct live_hub_settings {
    const char *uri;
    int64_t timeout_ms;        /* of a connect and of a reply */
    int64_t receipt_ttl_s;
    size_t ring_events_max;    /* recent events kept for each watched location */
    size_t ring_bytes_max;
    size_t rings_bytes_max;    /* of all rings together, as long as each can have 16 KiB */
    size_t watched_max;        /* locations */
    size_t pending_max;        /* replies waited for; more gives ZP_BUSY at once */
};

enum zp_err live_hub_create(const struct live_hub_settings *settings, const struct live_reactor *reactor,
                            struct live_hub **ret_hub, char why[LIVE_WHY_SIZE]) ZP_MUST_CHECK;
/* Calls every waiting callback with ZP_BUSY, unlinks the watchers without a word, then frees. Not from inside of a
 * callback. NULL is fine. */
void live_hub_destroy(struct live_hub *hub);
/* Must be called every 50–100 ms: timeouts, reconnects, forgetting of idle locations, gap checks. */
void live_hub_tick(struct live_hub *hub, int64_t mono_us);
/* Both connections are up. */
bool live_hub_connected(const struct live_hub *hub);
/* The last failure as a sentence, "" before the first. */
const char *live_hub_trouble(const struct live_hub *hub);

/* -- one-shot reads and writes: the callback is called exactly once, never from inside the call itself; replies are
 * borrowed until it returns. err: ZP_OK, ZP_NOT_FOUND, ZP_BUSY; the pointers are NULL unless ZP_OK, or as said. -- */

/* With ZP_NOT_FOUND a snapshot without json: its tick counts. */
typedef void live_snapshot_cb(void *arg, enum zp_err err, const struct live_snapshot *snapshot);
void live_hub_order_get(struct live_hub *hub, const struct zp_id *location_id, int32_t partition,
                        const struct zp_id *order_id, live_snapshot_cb *cb, void *arg);

struct live_receipt {
    bool settled;              /* false: published, outcome not known yet */
    uint8_t fingerprint[16];
    struct zp_id user_id, order_id, location_id;
    int64_t submitted_at;
    enum zp_err err;           /* when settled */
    int64_t seq, offset;
    int32_t partition;
    const char *reasons_json; size_t reasons_json_len;
};
typedef void live_receipt_cb(void *arg, enum zp_err err, const struct live_receipt *receipt);
void live_hub_receipt_get(struct live_hub *hub, const struct zp_id *command_id, live_receipt_cb *cb, void *arg);

/* Writes a command's receipt, if there is none. cb may be NULL. */
struct live_submission {
    const struct command *command;
    int32_t partition;
    int64_t offset;
};
typedef void live_done_cb(void *arg, enum zp_err err);
void live_hub_submitted(struct live_hub *hub, const struct live_submission *submission, live_done_cb *cb, void *arg);

typedef void live_tick_cb(void *arg, enum zp_err err, const struct live_tick *tick);
void live_hub_tick_get(struct live_hub *hub, int32_t partition, live_tick_cb *cb, void *arg);

/* A board read in one piece: open orders' JSON by ticket number, at most BOARD_TICKETS_MAX. ZP_NOT_FOUND: not
 * (wholly) in Redis, ask the database. */
struct live_board {
    struct live_head head;
    const char *const *orders;
    const size_t *order_lens;
    size_t order_count;
    bool more;
};
typedef void live_board_cb(void *arg, enum zp_err err, const struct live_board *board);
void live_hub_board_get(struct live_hub *hub, const struct zp_id *location_id, live_board_cb *cb, void *arg);

/* Events after a cursor, from the ring, else from the stream in Redis: a prefix without gaps, at most `max` and at
 * most 200; may be empty when the cursor is the head. While head.seq is beyond the last one's seq there is more: ask
 * again. ZP_NOT_FOUND: the cursor is older than what is kept, of another history than what is kept (its reset may
 * still be on its way), or beyond the head (then head.seq < cursor.seq): ask the database; head is NULL when Redis has
 * none. */
typedef void live_events_cb(void *arg, enum zp_err err, const struct live_head *head, const struct live_note *notes,
                            size_t count);
void live_hub_events_after(struct live_hub *hub, const struct zp_id *location_id, const struct live_cursor *cursor,
                           size_t max, live_events_cb *cb, void *arg);

/* The head and tick as Redis has them now, for a heartbeat. ZP_NOT_FOUND: head NULL, the tick counts; its asked_at is 0
 * when there is none. */
typedef void live_head_cb(void *arg, enum zp_err err, const struct live_head *head, const struct live_tick *tick);
void live_hub_head_get(struct live_hub *hub, const struct zp_id *location_id, int32_t partition, live_head_cb *cb,
                       void *arg);

/* A note that was handed out, kept beyond the callback: copy the struct, hold it, release the copy. Its thread only. */
void live_note_hold(const struct live_note *note);
void live_note_release(const struct live_note *note);

/* -- being told. A watcher is embedded in its owner, all zero at first; while linked it must not move. Callbacks may
 *    unlink any watcher and link others; each may be NULL. -- */

struct live_watcher {
    /* Set by the owner. */
    void (*on_note)(struct live_watcher *watcher,
                    const struct live_note *note);   /* in the order heard; may skip or repeat
                                                         a seq after trouble: the owner compares with its own cursor
                                                         (live_cursor_fits) */
    void (*on_live)(struct live_watcher *watcher);   /* from now on everything is heard; again after each reconnect, and
                                                        when more was missed than Redis keeps */
    void (*on_lost)(struct live_watcher *watcher);   /* nothing is heard until the next on_live */
    void (*on_reset)(struct live_watcher *watcher,
                     const struct live_head *head); /* the location's history was replaced */
    struct zp_id only;   /* ID_NONE: every note of the location; else those of this order or command (found by hash) */
    /* The hub's. */
    struct live_watcher *next, **link;           /* in its location's list */
    struct live_watcher *peer_next, **peer_link; /* in the bucket of its order or command */
    struct live_hub *hub;
    void *place;
    bool live;                                   /* on_live was told last, not on_lost */
};

/* Links a watcher to a location and subscribes when it is the first. on_live is called later, never from inside. Gives
 * ZP_OK or ZP_BUSY (too many locations). Idle locations stay subscribed for a minute. */
enum zp_err live_hub_watch(struct live_hub *hub, const struct zp_id *location_id,
                           struct live_watcher *watcher) ZP_MUST_CHECK;
/* Unlinks; fine for one that is not linked, also after the hub's end. */
void live_hub_unwatch(struct live_watcher *watcher);
/* True while the location's channel is being heard. */
bool live_hub_is_live(struct live_hub *hub, const struct zp_id *location_id);

#endif
