/* trip: one round trip: statements sent in one flush, as one implicit transaction, and their results.
 *
 * Called by every file that asks the database something. Holds its first error and then does nothing; when one
 * statement fails, the server skips all that follow and rolls back. */
#ifndef STORE_TRIP_H
#define STORE_TRIP_H

#include "connection.h"

#define TRIP_STEPS_MAX 24 /* statements, their preparations, a pooled transaction's limits */

enum step_kind {
    STEP_ASKED,    /* by trip_add */
    STEP_PREPARES, /* a statement that is new to the connection */
    STEP_LIMITS,   /* of a transaction in a session that is not ours */
};

struct trip {
    struct store *store;
    enum zp_err err;
    size_t count, settled;       /* steps sent, steps whose result is complete */
    struct { enum statement_id statement; enum step_kind kind; bool got; PGresult *result; } steps[TRIP_STEPS_MAX];
    bool is_sent, is_done;
};

/* Starts a trip on a connection that knows our tables, connecting and learning first where needed. */
enum zp_err trip_begin(struct trip *trip, struct store *store) ZP_MUST_CHECK;
/* Starts one on a connection as it is: for what needs no rows. */
void trip_start(struct trip *trip, struct store *store);
/* Adds a statement; params NULL: it takes none. They are copied and need not outlive the call. */
void trip_add(struct trip *trip, enum statement_id statement, const struct params *params);
/* Sends everything up to the transaction's end. */
void trip_send(struct trip *trip);
/* Waits for all results until a moment of clock_mono_us; false in *ret_done when it passed. */
enum zp_err trip_wait(struct trip *trip, int64_t until_us, bool *ret_done) ZP_MUST_CHECK;
/* Sends and waits, at most for the statement timeout and a little; then the connection is dropped: ZP_BUSY. */
enum zp_err trip_run(struct trip *trip) ZP_MUST_CHECK;
/* The result of the n-th call of trip_add, from 0; after ZP_OK only. Owned by the trip. */
const PGresult *trip_result(const struct trip *trip, size_t n);
/* How many rows that statement touched. */
int64_t trip_touched(const struct trip *trip, size_t n);
void trip_finish(struct trip *trip);

/* A value of a result. Borrowed from it. */
struct field trip_field(const PGresult *result, int row, int column);
/* Reads a composite value of a result into a zeroed thing; strings go to the arena. Notes trouble. */
enum zp_err trip_row(struct store *store, struct field value, enum shape_id shape, struct arena *arena,
                     void *ret_thing) ZP_MUST_CHECK;

/* Reads the first column of all rows into an array in the arena; ret_rows is where the pointer to it goes. */
enum zp_err trip_rows(struct store *store, const PGresult *result, enum shape_id shape, struct arena *arena,
                      void *ret_rows, size_t *ret_count) ZP_MUST_CHECK;

#define trip_scope __attribute__((cleanup(trip_finish))) struct trip

#endif
