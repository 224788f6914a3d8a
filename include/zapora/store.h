/* store: PostgreSQL. Connections, migrations, the batch with its fence, and what is read back. libpq and SQL stay
 * behind this door.
 *
 * A struct store is one connection, used by one thread at a time. Results are copied into the caller's arena. */
#ifndef ZAPORA_STORE_H
#define ZAPORA_STORE_H

#include "zapora/message.h"

#define STORE_WHY_SIZE 512

struct store;

/* What went wrong in the last call of this connection: for logs and for the worker's decision. */
struct store_trouble {
    char sqlstate[6];          /* "" when the connection itself failed */
    char why[STORE_WHY_SIZE];
};

struct store_settings {
    const char *uri;           /* postgresql://… */
    const char *application;   /* application_name */
    int64_t connect_timeout_ms;
    int64_t statement_timeout_ms; /* 0: none */
    int64_t lock_timeout_ms;      /* 0: none */
    const char *schema;           /* its tables alone are seen; NULL: those on the role's own search path. The URI's
                                     own `options` don't count then */
    bool is_pooled;               /* each transaction may meet another session (a pooler's transaction mode, whatever it
                                     keeps of sessions): nothing is prepared and no session is set up. For reads, and
                                     without a schema */
    const char *lists_uri;        /* a read replica for store_orders_page; NULL: none */
};

/* Prepares a connection; does not connect yet. ZP_OK, ZP_NO_MEMORY, ZP_INVALID for a bad URI. */
enum zp_err store_create(const struct store_settings *settings, struct store **ret_store) ZP_MUST_CHECK;
/* Connects when not connected; statements are prepared on first use. Each call below does this by itself. ZP_OK or
 * ZP_BUSY. Blocks at most for connect_timeout_ms (never less than 2 s) for each host that the URI names. */
enum zp_err store_connect(struct store *store) ZP_MUST_CHECK;
/* Drops the connection; the next call connects again. */
void store_disconnect(struct store *store);
const struct store_trouble *store_trouble(const struct store *store);
void store_destroy(struct store *store);

/* Every call below gives ZP_OK, or: ZP_BUSY for what passes by itself (lost connections, SQLSTATE classes 08 0A 25
 * 26 28 3D 40 42 53 55 57 58 XX, a full disk), ZP_FENCED for ZF001, ZP_NO_MEMORY when the arena's ceiling was hit,
 * ZP_INTERNAL for every other error (the record's own, or a unique violation: see store_trouble). After ZP_BUSY of a
 * commit its outcome is unknown. */

/* ---- migrations --------------------------------------------------------------------------------------- */

/* Applies the missing dir/NNNN_name.sql in order, each in a transaction, under an advisory lock with lock_timeout 5
 * s; checks the SHA-256 of those applied. dry: only says. Writes one line a migration to words, if it is not NULL.
 * ZP_CONFLICT: a file changed, vanished, or the database is newer than the folder. */
enum zp_err store_migrate(struct store *store, const char *dir, bool dry, FILE *words) ZP_MUST_CHECK;
/* The number of the newest applied migration; 0 for an empty database. */
enum zp_err store_schema_version(struct store *store, int64_t *ret_version) ZP_MUST_CHECK;
#define STORE_SCHEMA_VERSION 2 /* the one this program needs at least */

/* ---- partitions: the fence's rows ------------------------------------------------------------------------ */

struct store_partition {
    int32_t partition;
    struct zp_id owner;
    int64_t next_offset;          /* first command offset not applied yet */
    struct zp_id last_command_id; /* of the record before it; ID_NONE at 0 */
    int64_t published_offset;     /* outcomes below are known to be in the events topic */
    int64_t events_offset;        /* events-topic offset below which everything is in this database */
    int32_t takeovers;            /* since the last commit or orderly release */
    int64_t trying_offset;        /* a record being tried alone, or that was when the owner changed; -1 none */
};

/* Step 1 of a takeover: writes a fresh owner and counts takeovers, except from `was`, the caller's own last one
 * (ID_NONE: it had none), for a takeover that its process survived says nothing about its records, and except from one
 * that did not come to name a record again after its own takeover; creating the row
 * (offsets 0) when there is none. Who holds the row's lock for more than 2 s is terminated, when its role is ours, and
 * the row taken; ZP_BUSY when that did not free it within 2 s more. */
enum zp_err store_partition_take(struct store *store, int32_t partition, const struct zp_id *was,
                                 const struct zp_id *owner,
                                 struct store_partition *ret_partition) ZP_MUST_CHECK;
/* Orderly release: sets takeovers to 0, published_offset and events_offset forward, when the owner still fits and
 * everything published is applied; sets no owner free (the next owner takes it). ZP_FENCED when it does not fit. */
enum zp_err store_partition_release(struct store *store, const struct store_partition *partition) ZP_MUST_CHECK;
/* Writes trying_offset (owner-checked; -1: none) in its own transaction. Naming another offset than the row's sets
 * takeovers to 3, so that takeovers count the deaths over this very record. */
enum zp_err store_partition_try(struct store *store, int32_t partition, const struct zp_id *owner,
                                int64_t offset) ZP_MUST_CHECK;
/* An operator accepts the logs as they are: writes fresh, which is a new owner (so that whoever owns the row is fenced
 * off), next_offset, last_command_id and events_offset, and forgets takeovers and suspects; only if owner and
 * next_offset are still those of `seen`, else ZP_FENCED. */
enum zp_err store_partition_accept(struct store *store, const struct store_partition *seen,
                                   const struct store_partition *fresh) ZP_MUST_CHECK;
enum zp_err store_partitions_list(struct store *store, struct arena *arena, struct store_partition **ret_rows,
                                  size_t *ret_count) ZP_MUST_CHECK;

/* ---- the batch -------------------------------------------------------------------------------------------- */

/* What one partition's slice of a batch does to its row. */
struct batch_partition {
    int32_t partition;
    struct zp_id owner;           /* must still be the row's */
    int64_t from_offset;          /* must still be the row's next_offset */
    int64_t next_offset;          /* and becomes this */
    struct zp_id last_command_id; /* of the record at next_offset - 1 */
    int64_t published_offset;     /* moved forward to these, never back */
    int64_t events_offset;
};

struct batch_event {
    struct zp_id location_id, order_id, command_id;
    int64_t seq;
    enum event_type type;
    int64_t at;
    uint8_t hash[HASH_SIZE];
    int64_t command_offset;       /* in the partition of its location */
    const void *value;            /* the event's bytes as hashed and published */
    size_t value_len;
};

/* All arrays are borrowed until the call returns. */
struct batch {
    const struct batch_partition *partitions; size_t partition_count; /* sorted by partition */
    struct order *const *new_orders;          size_t new_order_count; /* with all their lines */
    struct order *const *changed_orders;      size_t changed_order_count; /* order row and line states */
    const struct batch_event *events;         size_t event_count;
    const struct outcome *outcomes;           size_t outcome_count;
    struct location *const *locations;        size_t location_count; /* every touched one: seq, hash, numbers, board */
    const int32_t *location_partitions;       /* of each of locations */
    struct location *const *edited_locations;
    size_t edited_location_count; /* those whose settings or menu changed too */
    /* Facts of the log: an outcome takes the place of an earlier one of its command, which was purged in the database
     * that the log knew. No command stands twice in the batch. */
    bool are_facts;
};

/* Writes a batch in one transaction, one flush: the fence first (rows locked in order of partition, owner and offset
 * compared, ZF001 on a mismatch), then everything else, set-based. */
enum zp_err store_batch_commit(struct store *store, const struct batch *batch) ZP_MUST_CHECK;

/* What a batch needs to know before it decides: one round trip. */
struct store_wanted {
    const struct zp_id *location_ids; size_t location_count; /* not cached by the worker */
    const struct zp_id *command_ids;  size_t command_count;  /* for dedupe */
    const struct zp_id *order_ids;    size_t order_count;    /* steps' orders, and placements' (duplicate at any age) */
};

struct store_found {
    struct location **locations;
    size_t location_count; /* each allocated by location_init: the caller finishes and frees */
    struct outcome *outcomes;     size_t outcome_count;
    struct order *orders;         size_t order_count;
};

enum zp_err store_batch_load(struct store *store, const struct store_wanted *wanted, struct arena *arena,
                             struct store_found *ret_found) ZP_MUST_CHECK;

/* Outcomes of a partition from a command offset on, in offset order, each with its event when it has one: what a new
 * owner publishes again. At most `limit` rows. */
struct journal_entry { struct outcome outcome; struct batch_event event; /* event.seq 0: none */ };
enum zp_err store_outcomes_from(struct store *store, int32_t partition, int64_t offset, size_t limit,
                                struct arena *arena, struct journal_entry **ret_entries,
                                size_t *ret_count) ZP_MUST_CHECK;
/* For so long an outcome stays at least, by the log's time and by the wall's. */
#define STORE_OUTCOMES_KEPT_US (48 * INT64_C(3600) * 1000000)
/* Deletes outcomes older than `before_us` of log and wall time, below published_offset, never parked ones; at most
 * limit. */
enum zp_err store_outcomes_purge(struct store *store, int32_t partition, int64_t before_us, int64_t limit,
                                 int64_t *ret_deleted) ZP_MUST_CHECK;

/* ---- reads --------------------------------------------------------------------------------------------------- */

/* A location, and a number that is another one whenever its settings or its menu were written. */
struct store_location_mark { struct zp_id location_id; int64_t mark; };
/* The locations behind `after`, sorted by id, at most limit. */
enum zp_err store_location_marks(struct store *store, const struct zp_id *after, size_t limit,
                                 struct store_location_mark *ret_marks, size_t *ret_count) ZP_MUST_CHECK;
/* Those of so many different locations that there are, in no order, with settings and menu. Allocated each by
 * location_init: the caller finishes and frees them. Menus are large: ask for few at a time. */
enum zp_err store_locations_get(struct store *store, const struct zp_id *ids, size_t count,
                                struct location **ret_locations, size_t *ret_count) ZP_MUST_CHECK;
/* One location as it is; ZP_NOT_FOUND. */
enum zp_err store_location_get(struct store *store, const struct zp_id *id,
                               struct location **ret_location) ZP_MUST_CHECK;
struct store_head {
    struct zp_id location_id;
    int64_t seq;
    uint8_t hash[HASH_SIZE];
    int64_t open_count;
    uint64_t open_hash;
    int64_t updated_at;
};
/* Heads of all locations of these partitions. */
enum zp_err store_heads(struct store *store, const int32_t *partitions, size_t partition_count, struct arena *arena,
                        struct store_head **ret_heads, size_t *ret_count) ZP_MUST_CHECK;

enum zp_err store_order_get(struct store *store, const struct zp_id *id, struct arena *arena,
                            struct order *ret_order) ZP_MUST_CHECK;
/* The same, with the seq of its location's head (0: no such location); the order is not older than the head. */
enum zp_err store_order_get_with_head(struct store *store, const struct zp_id *id, const struct zp_id *location_id,
                                      struct arena *arena, struct order *ret_order, int64_t *ret_head) ZP_MUST_CHECK;
enum zp_err store_outcome_get(struct store *store, const struct zp_id *command_id, struct arena *arena,
                              struct outcome *ret_outcome) ZP_MUST_CHECK;

/* A keyset page, newest first. Of an owner, of a location, or of both; neither: ZP_INVALID. */
#define STORE_LOOK_MAX 2000
struct order_query {
    struct zp_id owner;          /* ID_NONE: any */
    struct zp_id location_id;    /* ID_NONE: any */
    enum order_state status;     /* ORDER_NONE: any */
    int64_t updated_since;       /* 0: any */
    int64_t before_placed_at;    /* where the page before ended; 0: first page */
    struct zp_id before_id;
    int64_t limit;               /* 1–100 */
    int64_t look_max;            /* of so many orders those that fit are taken, at least limit; 0: STORE_LOOK_MAX. So a
                                    page costs the same, however rare what is asked for */
};
/* The page, and what it is not older than: the seq of the query's location (0: there is no such location), or, when the
 * query names none, the rows of all partitions. */
struct store_page {
    struct order *orders; size_t order_count;
    int64_t end_placed_at;       /* where the next page goes on, after a short or empty one, too; 0: this is the last */
    struct zp_id end_id;
    int64_t head;
    struct store_partition *partitions; size_t partition_count;
};
/* With a replica (lists_uri) the page is the replica's, when it has applied every command that the database had applied
 * when it was asked; it is waited for some milliseconds, and not asked for some seconds after it failed. */
enum zp_err store_orders_page(struct store *store, const struct order_query *query, struct arena *arena,
                              struct store_page *ret_page) ZP_MUST_CHECK;

/* A location's board from one snapshot: its head and the open orders by ticket number, at most BOARD_TICKETS_MAX. */
struct store_board { struct store_head head; struct order *orders; size_t order_count; bool more; };
enum zp_err store_board_get(struct store *store, const struct zp_id *location_id, struct arena *arena,
                            struct store_board *ret_board) ZP_MUST_CHECK;

/* Events after a cursor, in seq order: at most `limit`, and at most bytes_max of values, but always the first one, so
 * that a reader gets on. */
enum zp_err store_events_after(struct store *store, const struct zp_id *location_id, int64_t after_seq, int64_t limit,
                               size_t bytes_max, struct arena *arena, struct batch_event **ret_events,
                               size_t *ret_count) ZP_MUST_CHECK;

/* One snapshot for refilling a location's cache: its board as above but with up to open_max orders, the tickets of all
 * open orders in the same order, and the newest `event_limit` events in seq order. ZP_TOO_LARGE: more open orders than
 * STORE_TICKETS_MAX; never a part of them. */
#define STORE_TICKETS_MAX 200000
struct store_ticket { struct zp_id order_id; int64_t number; };
struct store_refill {
    struct store_board board;
    struct store_ticket *tickets; size_t ticket_count;
    struct batch_event *events; size_t event_count;
};
enum zp_err store_refill_get(struct store *store, const struct zp_id *location_id, int64_t open_max,
                             int64_t event_limit, struct arena *arena, struct store_refill *ret_refill) ZP_MUST_CHECK;

/* ---- the archive: orders that were closed long ago, out of the way ----------------------------------------------- */

/* How far a walk through a location's closed orders has come; zeroed: at its first. */
struct archive_mark { int64_t placed_at; struct zp_id order_id; };
/* Looks at the next closed orders of a location, at most `limit`, and moves those that were closed before `before_us`
 * into the archive, in one short transaction that no worker waits for. Readers see them as before. Moves the mark.
 * ret_done: there is no order behind it that could be old enough. */
enum zp_err store_orders_archive(struct store *store, const struct zp_id *location_id, int64_t before_us,
                                 int64_t limit, struct archive_mark *mark, int64_t *ret_moved,
                                 bool *ret_done) ZP_MUST_CHECK;
/* How many orders of the location there are to move. */
enum zp_err store_orders_archivable(struct store *store, const struct zp_id *location_id, int64_t before_us,
                                    int64_t *ret_count) ZP_MUST_CHECK;

/* ---- audits: the database as it was at one moment, piece by piece ------------------------------------------------ */

/* Opens a snapshot: the audit's reads see the database as it is now, until _end. The server ends one in which nothing
 * was asked for 10 s; a read after that, or after a lost connection, gives ZP_BUSY: the audit must begin anew. */
enum zp_err store_audit_begin(struct store *store) ZP_MUST_CHECK;
void store_audit_end(struct store *store);
enum zp_err store_audit_partitions(struct store *store, struct arena *arena, struct store_partition **ret_rows,
                                   size_t *ret_count) ZP_MUST_CHECK;
/* The partition's locations behind `after` by id, with settings and menu: at most `limit`, for which ret_locations has
 * room. Allocated each by location_init: the caller finishes and frees them. */
enum zp_err store_audit_locations(struct store *store, int32_t partition, const struct zp_id *after, int64_t limit,
                                  struct location **ret_locations, size_t *ret_count) ZP_MUST_CHECK;
/* A location's orders behind the one read last (NULL: from the first), at most `limit`, in any order but a fixed one.
 * open: the column, which should be order_is_open of the status. */
struct audit_order { struct order order; bool open; };
enum zp_err store_audit_orders(struct store *store, const struct zp_id *location_id, const struct audit_order *after,
                               int64_t limit, struct arena *arena, struct audit_order **ret_orders,
                               size_t *ret_count) ZP_MUST_CHECK;
/* As store_events_after. */
enum zp_err store_audit_events(struct store *store, const struct zp_id *location_id, int64_t after_seq, int64_t limit,
                               size_t bytes_max, struct arena *arena, struct batch_event **ret_events,
                               size_t *ret_count) ZP_MUST_CHECK;
/* A partition's outcomes behind a command offset (-1: from the first), in offset order. */
enum zp_err store_audit_outcomes(struct store *store, int32_t partition, int64_t after_offset, int64_t limit,
                                 struct arena *arena, struct outcome **ret_outcomes, size_t *ret_count) ZP_MUST_CHECK;
/* Locations that have orders, events or a menu, but no row of their own; at most 1,000. Needs no snapshot. */
enum zp_err store_audit_strays(struct store *store, struct arena *arena, struct zp_id **ret_ids,
                               size_t *ret_count) ZP_MUST_CHECK;

/* ---- shadows: the tables made anew from the log, beside the live ones -------------------------------------------- */

#define STORE_SHADOW_SCHEMA "zapora_rebuild"
#define STORE_REPLACED_SCHEMA "zapora_replaced"
#define STORE_SHADOW_TABLES_MAX 8

/* These run on a connection to the live tables, block, and take as long as it takes: for commands only. */

/* Makes the schema STORE_SHADOW_SCHEMA empty; one that is there is dropped. Then: store_migrate on a connection with
 * that schema, and everything else that fills tables. */
enum zp_err store_shadow_begin(struct store *store) ZP_MUST_CHECK;
/* How many rows each table has that the other one lacks or has otherwise, at one moment. */
struct store_shadow_table {
    const char *name;
    int64_t only_live, only_shadow;
    bool is_kept_short; /* the live one is purged of old rows: only_shadow says nothing */
};
enum zp_err store_shadow_compare(struct store *store, struct store_shadow_table ret_tables[STORE_SHADOW_TABLES_MAX],
                                 size_t *ret_count) ZP_MUST_CHECK;
/* Puts the shadow's tables in the place of the live ones, which go to STORE_REPLACED_SCHEMA, in one transaction. Every
 * running worker is fenced by it, for the partitions have other owners then. ZP_CATCHING_UP: the live tables have
 * outcomes that the shadow lacks; ZP_CONFLICT: STORE_REPLACED_SCHEMA is there already; ZP_BUSY: nothing was done, and
 * when that is because of somebody's lock, the trouble says whose; or nobody knows, and calling it again tells: ZP_OK
 * then, also when it was done. */
enum zp_err store_shadow_swap(struct store *store) ZP_MUST_CHECK;
/* True for a table that a swap moves or knowingly leaves. */
bool store_shadow_knows(const char *table);

/* ---- accounts --------------------------------------------------------------------------------------------------- */

struct account {
    struct zp_id id;
    const char *email, *name, *password_hash;
    enum actor_role role;
    struct zp_id *locations;
    size_t location_count;
    bool disabled;
};

/* ZP_CONFLICT when the email is taken. Emails compare without case. */
enum zp_err store_account_add(struct store *store, const struct account *account) ZP_MUST_CHECK;
enum zp_err store_account_by_email(struct store *store, const char *email, struct arena *arena,
                                   struct account *ret_account) ZP_MUST_CHECK;
enum zp_err store_account_by_id(struct store *store, const struct zp_id *id, struct arena *arena,
                                struct account *ret_account) ZP_MUST_CHECK;

#endif
