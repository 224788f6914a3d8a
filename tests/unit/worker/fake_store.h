/* fake_store: the store room's door over tables in memory, for tests of the worker. One database for all connections.
 *
 * It keeps the promises of store.h that the worker leans on: the fence compares owner and offset before anything is
 * written, a batch is written as a whole or not at all, ids are unique. Failures are asked for by filling `db`. */
#ifndef FAKE_STORE_H
#define FAKE_STORE_H

#include "zapora/bus.h"
#include "zapora/store.h"

#define FAKE_ROWS_MAX 4096

/* The next `times` calls fail like this. `applied`: a commit that is written all the same, and whose word is lost. */
struct fake_failure { enum zp_err err; const char *sqlstate; int times; bool applied; };

struct fake_event_row { int32_t partition; struct batch_event event; };
struct fake_location_row { int32_t partition; int64_t updated_at; struct location location; };

struct fake_db {
    bool has_row[BUS_PARTITIONS_MAX];
    struct store_partition partitions[BUS_PARTITIONS_MAX];
    struct outcome outcomes[FAKE_ROWS_MAX];
    int64_t written_at[FAKE_ROWS_MAX]; /* of each outcome */
    size_t outcome_count;
    struct fake_event_row events[FAKE_ROWS_MAX];
    size_t event_count;
    struct order orders[FAKE_ROWS_MAX];
    size_t order_count;
    struct fake_location_row locations[FAKE_ROWS_MAX];
    size_t location_count;
    struct arena arena; /* owns what the rows point to */

    /* scripts */
    struct fake_failure on_load, on_commit, on_take, on_try, on_outcomes, on_refill;
    int64_t whole_max;       /* 0: as asked; orders that a refill gets whole */
    struct zp_id unreadable; /* a location whose snapshot can't be read */
    struct zp_id poison; /* a batch with this command fails by an error of its own */

    /* what the last commit held, by count */
    struct { size_t partitions, new_orders, changed_orders, events, outcomes, locations, edited; } last;
    int commits;         /* that were written */
    int takes;
};

extern struct fake_db db;

void fake_db_open(void);
/* Empties every table, as a restore to the beginning would. */
void fake_db_clear(void);
void fake_db_close(void);
/* A backup, and the database as it was then; restoring frees it, as forgetting does. */
struct fake_db *fake_db_save(void);
void fake_db_restore(struct fake_db *copy);
void fake_db_forget(struct fake_db *copy);

/* A location that nothing is known of but its seq. */
void fake_db_add_location(const struct zp_id *location_id, int32_t partition, int64_t seq);

/* The rows of a batch without its partitions, asking nobody: what no database should do. */
void fake_db_write_rows(const struct batch *batch);

/* Rows, or NULL. */
const struct outcome *fake_outcome(const struct zp_id *command_id);
const struct order *fake_order(const struct zp_id *order_id);
const struct location *fake_location(const struct zp_id *location_id);

#endif
