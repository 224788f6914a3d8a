/* What the parts of `zapora verify` share: the log's facts folded anew, held against what the database has.
 *
 * A group of partitions is audited at a time. First the database is read, in one snapshot (verify_database.c): of each
 * order only its place, version, seq and a digest are kept. Then the log is folded up to that snapshot (verify_fold.c),
 * and what it makes is compared. At last the database's locations are held against Redis (verify_cache.c). */
#ifndef ZAPORA_CLI_VERIFY_H
#define ZAPORA_CLI_VERIFY_H

#include "zapora/bus.h"
#include "zapora/live.h"
#include "zapora/store.h"

#include <pthread.h>

#define VERIFY_PIECE 1000                   /* rows of one read */
#define VERIFY_PIECE_BYTES ((size_t)8 << 20)
#define VERIFY_ARENA_BYTES ((size_t)256 << 20)
#define VERIFY_TEXT_BYTES ((size_t)64 << 20)

/* ---- differences ---------------------------------------------------------------------------------------------- */

/* Two sides, in the words of the report: "log" and "database", or "database" and "redis". */
struct difference {
    int32_t partition;
    const struct zp_id *location_id, *order_id; /* NULL: of no order */
    const struct zp_id *command_id;             /* NULL: not of a command's outcome */
    int64_t seq;                                /* 0: of no event */
    const char *field;                          /* a JSON pointer into the order, or a word */
    const char *left, *left_value;              /* NULL: there is nothing */
    const char *right, *right_value;
};

/* Told by any thread, and kept until their partition is printed: so their order is no matter of which was faster. */
struct differences {
    pthread_mutex_t lock;
    FILE *out;
    bool is_json;
    int64_t shown_max;  /* more are counted, not shown */
    int64_t count, shown;
    struct buffer line;
    struct kept { struct buffer lines; int64_t count; } kept[BUS_PARTITIONS_MAX]; /* as many as may be shown */
};

void differences_init(struct differences *differences, FILE *out, bool is_json, int64_t shown_max);
void differences_finish(struct differences *differences);
void difference_tell(struct differences *differences, const struct difference *difference);
/* Writes what was told of a partition since it was printed last. */
void differences_print(struct differences *differences, int32_t partition);
/* Tells where two texts of JSON differ, which must be of the same renderer: by pointer, in place of about->field. Gives
 * how many places those were. */
size_t difference_tell_json(struct differences *differences, const struct difference *about, const char *left,
                            const char *right, struct arena *arena);
/* The same for two numbers or words, when they differ. */
void difference_tell_int(struct differences *differences, const struct difference *about, const char *field,
                         int64_t left, int64_t right);
void difference_tell_hash(struct differences *differences, const struct difference *about, const char *field,
                          const uint8_t left[HASH_SIZE], const uint8_t right[HASH_SIZE]);

/* ---- what is audited ------------------------------------------------------------------------------------------ */

struct audit_order_state {
    struct zp_id id;
    uint32_t place;            /* index */
    uint8_t log_status;        /* enum order_state */
    bool in_log, in_database;
    int64_t log_version, log_seq;
    int64_t version, seq;      /* the database's */
    uint64_t digest;
};

/* A location's journal. */
struct audit_rows {
    uint64_t *digests; size_t count, max; /* owned: of each row, by seq */
    size_t met;                           /* so many from seq 1 on are what the log has, byte for byte, */
    uint8_t met_hash[HASH_SIZE];          /* and its chain holds up to there, with this hash */
};

struct audit_place {
    struct zp_id id;
    int32_t partition;
    struct location folded;    /* as the log makes it; owned */
    bool is_held;              /* the log has a gap here: nothing behind it is folded */
    bool has_other_hash;       /* a hash of the log did not fit: */
    uint8_t other_hash[HASH_SIZE]; /* the chain goes on from this one, or from folded.hash */
    uint64_t folded_ids;       /* over command, order and offset of its events: these stand beside the hashed value */
    /* The database's: */
    bool has_row;
    int64_t seq, last_number, open_count;
    uint64_t open_hash;
    uint8_t hash[HASH_SIZE];
    uint64_t settings, menu;   /* digests */
    uint64_t ids;
    struct audit_rows rows;
    int64_t journal_seq;       /* the last row of its journal */
    int64_t published_seq;     /* its newest event of which the database knows that the log has it */
};

struct audit_cut { int64_t next_offset, published_offset; };

/* A partition's outcomes as the database has them, by command offset. */
struct audit_outcome { int64_t offset; uint64_t digest; };
struct audit_outcomes {
    struct audit_outcome *rows; size_t count, max; /* owned */
    size_t met;                                    /* so many stand before the fact that was folded last */
};

struct audit {
    struct differences *differences;
    /* The database's order as it is now, to say what differs. Not the snapshot's. */
    enum zp_err (*order_get)(void *arg, const struct zp_id *id, struct arena *arena, struct order *ret_order);
    /* And its outcome of the command at an offset. */
    enum zp_err (*outcome_get)(void *arg, int32_t partition, int64_t offset, struct arena *arena,
                               struct outcome *ret_outcome);
    void *arg;
    struct zp_id only;         /* ID_NONE: every location */
    uint8_t key[CRYPTO_SHORT_KEY_SIZE]; /* of the digests */
    struct audit_cut cuts[BUS_PARTITIONS_MAX];
    int64_t told[BUS_PARTITIONS_MAX]; /* command offset of the fact that was folded last; -1 */
    struct audit_outcomes outcomes[BUS_PARTITIONS_MAX];
    int64_t kept_since;        /* the log's time: outcomes of older commands may have been purged */
    struct audit_place *places; size_t place_count, place_max;     /* owned */
    struct audit_order_state *orders; size_t order_count, order_max;
    uint32_t *place_slots, *order_slots; size_t place_slot_count, order_slot_count;
    struct arena arena;        /* of one record or one piece */
    struct buffer text, other_text;
    int64_t facts, newer, unreadable, unpublished, held, events, orders_compared, outcomes_compared;
};

void audit_init(struct audit *audit, struct differences *differences);
/* Forgets the group and its counts. */
void audit_reset(struct audit *audit);
void audit_finish(struct audit *audit);
/* Found or made; NULL without memory. Borrowed until the next is made. */
struct audit_place *audit_place(struct audit *audit, const struct zp_id *id, int32_t partition);
struct audit_place *audit_place_find(struct audit *audit, const struct zp_id *id);
struct audit_order_state *audit_order(struct audit *audit, const struct zp_id *id, uint32_t place);

/* Digests over everything that stands in an order's row, in settings, in a menu. Under the audit's own key, so that
 * nobody can make two things whose digests are the same; they mean nothing outside of it. */
uint64_t audit_digest_order(struct audit *audit, const struct order *order);
uint64_t audit_digest_settings(struct audit *audit, const struct location *location);
uint64_t audit_digest_menu(struct audit *audit, const struct location *location);
/* Of what stands in audit->text. */
uint64_t audit_digest(const struct audit *audit);
/* What stands beside an event's value, as a number that sums up. */
uint64_t audit_ids(const struct batch_event *event);

/* ---- the database: verify_database.c -------------------------------------------------------------------------- */

/* Reads what the database has of these partitions, in one snapshot. ZP_OK, ZP_NO_MEMORY, or the store's error. */
enum zp_err audit_read_database(struct audit *audit, struct store *store, const int32_t *partitions, size_t count,
                                const struct zp_id *strays, size_t stray_count) ZP_MUST_CHECK;

/* ---- the journal: verify_journal.c ---------------------------------------------------------------------------- */

/* Takes a row of the database in; a location's rows come by seq. ZP_OK or ZP_NO_MEMORY. */
enum zp_err audit_take_row(struct audit *audit, struct audit_place *place, const struct batch_event *row) ZP_MUST_CHECK;
/* Holds an event of the log, up to which its chain holds, against the row of its seq; events come by seq. */
void audit_meet_row(struct audit *audit, struct audit_place *place, const struct event *event,
                    const struct event_meta *meta, const struct record *record);
/* When all is folded: checks of each journal by itself what was not met: dense, and its chain holds. ZP_OK, or the
 * store's error. */
enum zp_err audit_check_journals(struct audit *audit, struct store *store) ZP_MUST_CHECK;
/* The same, row by row. */
struct journal_check {
    const struct audit_place *place;
    int64_t seq;
    uint8_t hash[HASH_SIZE], other_hash[HASH_SIZE];
    bool has_other_hash;
};
void audit_check_journal(struct audit *audit, struct journal_check *check, const struct batch_event *row);
/* ---- outcomes: verify_outcomes.c ------------------------------------------------------------------------------- */

/* Takes a row of the database in; rows come by offset. ZP_OK or ZP_NO_MEMORY. */
enum zp_err audit_take_outcome(struct audit *audit, const struct outcome *row) ZP_MUST_CHECK;
/* Holds the outcome that a fact of the log tells of against the row at its offset; facts come by offset. */
void audit_compare_outcome(struct audit *audit, const struct outcome *logged);
/* Rows that no fact of the log is about. */
void audit_settle_outcomes(struct audit *audit);

/* ---- the log: verify_fold.c ----------------------------------------------------------------------------------- */

/* Folds one record of the events topic; readers' rules: told twice is dropped, then seq = last + 1 with a fitting
 * hash. ZP_OK or ZP_NO_MEMORY. */
enum zp_err audit_fold(struct audit *audit, const struct record *record) ZP_MUST_CHECK;
/* True while the database has events that the log does not have yet and that a worker may be publishing now. */
bool audit_is_unpublished(const struct audit *audit, int32_t partition);
/* Compares what was folded with what the database has. */
void audit_settle(struct audit *audit);

/* ---- Redis: verify_cache.c ------------------------------------------------------------------------------------ */

struct cache_audit {
    struct differences *differences; /* borrowed, as the store and the connection */
    struct store *store;
    struct live_push *push;          /* set by whoever audits, before the first location */
    struct arena arena;              /* of one location */
    struct buffer text;
    int64_t locations, events, snapshots, in_vain; /* in_vain: were waited for and stayed behind */
};

void cache_audit_init(struct cache_audit *audit, struct differences *differences, struct store *store);
void cache_audit_finish(struct cache_audit *audit);
/* Compares one location's cache with the database. ZP_OK, or the error of whichever could not be read. */
enum zp_err cache_audit_location(struct cache_audit *audit, int32_t partition,
                                 const struct zp_id *location_id) ZP_MUST_CHECK;

#endif
