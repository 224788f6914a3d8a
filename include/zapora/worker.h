/* worker: the role that applies commands: mailbox in, database, log and cache out. */
#ifndef ZAPORA_WORKER_H
#define ZAPORA_WORKER_H

#include "zapora/store.h"

/* Filled by config_load from WORKER_SETTINGS. */
struct worker_settings {
    const char *worker_id;         /* stable: static membership of the group */
    const char *ops_listen;
    const char *kafka, *postgres, *redis;
    int64_t partitions;            /* of each topic; cli gives them to bus */
    int64_t batch_records_max;
    int64_t batch_bytes_max;
    int64_t locations_max;         /* cached actors */
    int64_t closed_order_ttl_s, receipt_ttl_s;
    int64_t watchdog_ms;           /* of silence of a thread */
    const char *log_level;
};

extern const struct setting WORKER_SETTINGS[];
extern const size_t WORKER_SETTING_COUNT;

/* Runs until SIGTERM or SIGINT, then finishes the batch in flight and releases its partitions. Returns the exit
 * code. */
int worker_run(const struct worker_settings *settings);

/* ---- rehearsals: what a command would do if it came next ---------------------------------------------- */

struct worker_rehearsal {
    enum {
        REHEARSED_EVENT,     /* something would happen: event; outcome->err says whether it is an answer of no */
        REHEARSED_REFUSED,   /* it would be refused and nothing else: outcome->reasons */
        REHEARSED_DUPLICATE, /* it was settled before: outcome is what is stored, nothing would change */
        REHEARSED_PARKED,    /* it would be parked */
    } kind;
    const struct outcome *outcome;
    const struct event *event;        /* NULL unless REHEARSED_EVENT */
    const struct order *before;       /* the order as it is now; NULL: none */
    struct worker_rehearsal_parts *parts; /* what the others point into */
};

/* Judges a record of the mailbox exactly as a worker would, on the database's present state, and writes nothing. The
 * record's partition and timestamp must be set. Gives what the store gave, or ZP_NO_MEMORY; finish after ZP_OK. */
enum zp_err worker_rehearse(struct store *store, const struct record *record,
                            struct worker_rehearsal *ret_rehearsal) ZP_MUST_CHECK;
void worker_rehearsal_finish(struct worker_rehearsal *rehearsal);

/* ---- making anew, for the command line ------------------------------------------------------------------------ */

#define WORKER_WHY_SIZE 600

struct worker_rebuild {
    const char *kafka, *postgres, *redis;
    const char *migrations_dir;    /* of the database: where the shadow's tables come from */
    bool swaps;                    /* the database: puts the shadow in the live tables' place */
    struct zp_id location_id;      /* of the cache: ID_NONE: all */
    void (*on_progress)(void *arg, int64_t done, int64_t total); /* may be NULL */
    void *arg;
};

/* Makes what Redis keeps of each location equal to the database, by the same refill as a worker's; workers may run
 * meanwhile. ZP_OK; else a sentence in why: ZP_NOT_FOUND: no such location, ZP_BUSY, ZP_INVALID, ZP_NO_MEMORY. */
enum zp_err worker_rebuild_cache(const struct worker_rebuild *wanted, char why[WORKER_WHY_SIZE]) ZP_MUST_CHECK;

struct worker_rebuilt {
    int64_t records;
    struct store_shadow_table tables[STORE_SHADOW_TABLES_MAX];
    size_t table_count;
};
/* Makes the database's tables anew from the log, in a schema of their own, and compares them with the live ones; with
 * `swaps`, puts them in their place, which fences every running worker. ZP_OK; else a sentence in why, and the live
 * tables are as they were: ZP_CONFLICT: the log does not follow from itself, or a swapped-out schema is in the way,
 * ZP_CATCHING_UP: workers are committing what the log does not have yet, ZP_BUSY, ZP_NO_MEMORY. */
enum zp_err worker_rebuild_database(const struct worker_rebuild *wanted, struct worker_rebuilt *ret_rebuilt,
                                    char why[WORKER_WHY_SIZE]) ZP_MUST_CHECK;

#endif
