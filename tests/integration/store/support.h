/* support: a database of its own for each test program, and makers of what goes into it.
 *
 * ZAPORA_TEST_POSTGRES names a server and a role that may create databases; without it every test is skipped,
 * loudly. */
#ifndef TESTS_STORE_SUPPORT_H
#define TESTS_STORE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "zapora/store.h"

#define OK(call) assert_int_equal((call), ZP_OK)

struct world {
    bool is_there;
    char database[64];
    char uri[1024];      /* of the database */
    struct store *store; /* connected to it, migrated */
    PGconn *sql;         /* a client of the tests' own */
    struct arena arena;  /* emptied after each test */
    struct location *locations[16]; /* made by the test; finished after it */
    size_t location_count;
};
extern struct world world;

/* Group set-up: creates the database and migrates it; the bare one leaves it empty. */
int world_begin(void **state);
int world_begin_bare(void **state);
int world_end(void **state);
/* Test set-up: skips without a server; empties all tables. */
int world_clean(void **state);
int world_forget(void **state);
#define world_test(f) cmocka_unit_test_setup_teardown(f, world_clean, world_forget)
/* First line of each test. */
#define NEEDS_WORLD() do { if (!world.is_there) { skip(); } } while (0)

struct store *world_store(int64_t statement_timeout_ms);
PGconn *world_sql(void);
void sql_run(const char *sql);
int64_t sql_int(const char *sql);
/* Waits until a query gives what is expected; fails after 10 s. */
void sql_wait(const char *sql, int64_t expected);

struct zp_id id_of(uint32_t number);

/* An order with everything in it; `lines` lines. Memory from the world's arena. */
struct order *make_order(const struct zp_id *id, const struct zp_id *location_id, int64_t number, size_t lines);
/* A location with settings and a menu; the world frees it after the test. */
struct location *make_location(const struct zp_id *id, int64_t seq);
void assert_orders_equal(const struct order *a, const struct order *b);

/* A batch under construction: placements and steps of one location and partition, from one offset on. */
#define DRAFT_MAX 1200
struct draft_batch {
    struct batch batch;
    struct batch_partition partition;
    struct order *new_orders[DRAFT_MAX], *changed_orders[DRAFT_MAX];
    struct batch_event events[DRAFT_MAX];
    struct outcome outcomes[DRAFT_MAX];
    struct location *locations[DRAFT_MAX], *edited[DRAFT_MAX];
    int32_t location_partitions[DRAFT_MAX];
};
/* Takes the partition under `owner` and starts a batch at its next offset. */
struct draft_batch *draft_begin(int32_t partition, const struct zp_id *owner);
/* Adds an outcome at the next offset. */
struct outcome *draft_outcome(struct draft_batch *draft, const struct zp_id *command_id,
                              const struct zp_id *location_id);
/* Adds a placement: order, event and outcome; the command has the order's id. */
void draft_place(struct draft_batch *draft, struct order *order);
/* Adds a step: the order as it is afterwards. */
void draft_step(struct draft_batch *draft, struct order *order, const struct zp_id *command_id, enum event_type type);
void draft_location(struct draft_batch *draft, struct location *location, bool edited);
enum zp_err draft_commit(struct draft_batch *draft);
/* Commits and moves on to the next offset, empty. */
void draft_flush(struct draft_batch *draft);

#endif
