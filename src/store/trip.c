/* trip: owns the conversation with the server.
 *
 * Invariants: nothing blocks but poll(2) with a deadline, so a server that stops reading while it sends can't hold us;
 * when a trip ends, the connection is idle and outside of any transaction, or it is dropped. */
#include "trip.h"
#include "learn.h"
#include "sqlstate.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#define TRIP_US_DEFAULT (INT64_C(60) * 1000000) /* where the server has no limit either */
#define TRIP_GRACE_US (INT64_C(2) * 1000000)    /* so that the server's own word on a timeout comes first */
#define SILENCES_MAX    16 /* ends of results in a row that end nothing: libpq has lost its thread */

enum zp_err trip_begin(struct trip *trip, struct store *store)
{
    enum zp_err err = store_connect(store);
    if (err == ZP_OK && !store->knows_types) {
        err = learn_row_types(store);
    }
    if (err != ZP_OK) {
        *trip = (struct trip){ .store = store, .err = err };
        return err;
    }
    trip_start(trip, store);
    return trip->err;
}

void trip_start(struct trip *trip, struct store *store)
{
    *trip = (struct trip){ .store = store };
    if (store->conn == NULL) {
        trip->err = connection_lost(store, "starting");
    } else {
        (void)connection_trouble(store, ZP_OK, "%s", "");
    }
}

static void lose(struct trip *trip, const char *doing)
{
    trip->err = connection_lost(trip->store, doing);
}

/* The types of its parameters as PostgreSQL is told them. */
static int param_types(const struct statement *statement, Oid types[PARAMS_MAX])
{
    size_t count = statement_param_count(statement);
    for (size_t i = 0; i < count; i++) {
        types[i] = statement->params[i] == PARAM_ROWS ? InvalidOid : statement->params[i];
    }
    return (int)count;
}

static void prepare(struct trip *trip, enum statement_id id)
{
    const struct statement *statement = &STATEMENTS[id];
    Oid types[PARAMS_MAX];
    int count = param_types(statement, types);
    ZP_ASSERT(trip->count < TRIP_STEPS_MAX);
    if (PQsendPrepare(trip->store->conn, statement->name, statement->sql, count, types) != 1) {
        lose(trip, statement->name);
        return;
    }
    trip->steps[trip->count].statement = id;
    trip->steps[trip->count++].kind = STEP_PREPARES;
}

static void check_params(const struct statement *statement, const struct params *params)
{
    size_t count = statement_param_count(statement);
    ZP_ASSERT((params == NULL ? 0 : params->count) == count);
    for (size_t i = 0; i < count; i++) {
        ZP_ASSERT(params->fields[i].type == statement->params[i]);
    }
}

/* PostgreSQL takes a pointer and a length for each parameter; NULL is told by the pointer. */
static int execute(const struct store *store, const struct statement *statement, const struct params *params)
{
    Oid types[PARAMS_MAX];
    const char *values[PARAMS_MAX];
    int lengths[PARAMS_MAX], formats[PARAMS_MAX];
    size_t count = params == NULL ? 0 : params->count;
    for (size_t i = 0; i < count; i++) {
        bool is_null = params->fields[i].len == WIRE_NULL;
        const char *bytes = params->bytes.data != NULL ? params->bytes.data : "";
        values[i] = is_null ? NULL : bytes + params->fields[i].start;
        lengths[i] = is_null ? 0 : params->fields[i].len;
        formats[i] = 1;
    }
    if (store->settings.is_pooled) {
        (void)param_types(statement, types);
        return PQsendQueryParams(store->conn, statement->sql, (int)count, types, values, lengths, formats, 1);
    }
    return PQsendQueryPrepared(store->conn, statement->name, (int)count, values, lengths, formats, 1);
}

static void send_step(struct trip *trip, enum statement_id id, const struct params *params, enum step_kind kind)
{
    const struct statement *statement = &STATEMENTS[id];
    ZP_ASSERT(trip->count < TRIP_STEPS_MAX);
    if (execute(trip->store, statement, params) != 1) {
        lose(trip, statement->name);
        return;
    }
    trip->steps[trip->count].statement = id;
    trip->steps[trip->count++].kind = kind;
}

/* A trip is a transaction: what bounds its statements and their plans is said at its start, for whatever session it
 * meets; behind the word that begins a snapshot, which must come first. */
static void say_limits(struct trip *trip)
{
    params_scope params;
    params_init(&params);
    connection_limits(trip->store, &params);
    if (params.bytes.err != ZP_OK) {
        trip->err = ZP_NO_MEMORY;
        return;
    }
    send_step(trip, STATEMENT_SESSION_ONCE, &params, STEP_LIMITS);
}

void trip_add(struct trip *trip, enum statement_id id, const struct params *params)
{
    const struct statement *statement = &STATEMENTS[id];
    ZP_ASSERT(!trip->is_sent);
    check_params(statement, params);
    if (trip->err == ZP_OK && params != NULL && params->bytes.err != ZP_OK) {
        trip->err = params->bytes.err == ZP_NO_MEMORY ? ZP_NO_MEMORY : ZP_INTERNAL;
        (void)connection_trouble(trip->store, trip->err, "%s: the parameters are too large", statement->name);
    }
    bool is_first = trip->count == 0, is_pooled = trip->store->settings.is_pooled;
    bool is_snapshot = id == STATEMENT_SNAPSHOT;
    bool is_new = trip->err == ZP_OK && !is_pooled && !trip->store->prepared[id];
    for (size_t i = 0; is_new && i < trip->count; i++) {
        is_new = !(trip->steps[i].kind == STEP_PREPARES && trip->steps[i].statement == id);
    }
    if (is_new) {
        prepare(trip, id);
    }
    if (trip->err == ZP_OK && is_pooled && is_first && !is_snapshot) {
        say_limits(trip);
    }
    if (trip->err == ZP_OK) {
        send_step(trip, id, params, STEP_ASKED);
    }
    if (trip->err == ZP_OK && is_pooled && is_snapshot) {
        say_limits(trip);
    }
}

void trip_send(struct trip *trip)
{
    ZP_ASSERT(!trip->is_sent);
    if (trip->err == ZP_OK && (PQpipelineSync(trip->store->conn) != 1 || PQflush(trip->store->conn) < 0)) {
        lose(trip, "sending");
    }
    trip->is_sent = true;
}

/* Lets bytes go out and come in until there is a result to take, or the moment has passed. */
static bool wait_for_result(struct trip *trip, int64_t until_us)
{
    PGconn *conn = trip->store->conn;
    while (PQisBusy(conn)) {
        int pending = PQflush(conn);
        int64_t left_us = until_us - clock_mono_us();
        if (pending < 0) {
            lose(trip, "sending");
            return false;
        }
        if (left_us <= 0) {
            return false;
        }
        short events = (short)(pending > 0 ? POLLIN | POLLOUT : POLLIN);
        struct pollfd fd = { .fd = PQsocket(conn), .events = events };
        int64_t left_ms = (left_us + 999) / 1000;
        int ready = poll(&fd, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
        if (ready < 0 && errno != EINTR) {
            lose(trip, "polling");
            return false;
        }
        if (ready > 0 && (fd.revents & (POLLIN | POLLERR | POLLHUP)) != 0 && PQconsumeInput(conn) != 1) {
            lose(trip, "receiving");
            return false;
        }
    }
    return true;
}

/* A step's result, or the word that ends the trip. Only the first error counts: the rest follow from it. An error may
 * also come in place of the end: that of the commit itself. */
static void take(struct trip *trip, PGresult *result)
{
    size_t n = trip->settled;
    switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
        trip->is_done = true;
        break;
    case PGRES_PIPELINE_ABORTED:
        break;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (n < trip->count && trip->steps[n].kind == STEP_PREPARES) {
            trip->store->prepared[trip->steps[n].statement] = true;
        } else if (n < trip->count && trip->steps[n].kind == STEP_ASKED && trip->steps[n].result == NULL) {
            trip->steps[n].result = result;
            result = NULL;
        }
        break;
    default:
        if (trip->err == ZP_OK) {
            trip->err = connection_judge(trip->store, result);
        }
    }
    if (n < trip->count) {
        trip->steps[n].got = true;
    }
    PQclear(result);
}

/* What an error left behind: a dead connection, an open transaction, plans that are out of date. */
static void tidy(struct trip *trip)
{
    struct store *store = trip->store;
    if (store->conn == NULL || trip->err == ZP_OK) {
        return;
    }
    bool usable = PQstatus(store->conn) == CONNECTION_OK && PQtransactionStatus(store->conn) == PQTRANS_IDLE;
    if (!usable || sqlstate_find(store->trouble.sqlstate)->reconnects) {
        store_disconnect(store);
    }
}

/* libpq says NULL after each step's result. More of them than that would go on for ever. */
static void take_silence(struct trip *trip, int *silences)
{
    if (trip->settled < trip->count && trip->steps[trip->settled].got) {
        trip->settled++;
    } else if (PQstatus(trip->store->conn) != CONNECTION_OK || ++*silences > SILENCES_MAX) {
        if (trip->err == ZP_OK) {
            lose(trip, "receiving");
        }
        store_disconnect(trip->store);
    }
}

enum zp_err trip_wait(struct trip *trip, int64_t until_us, bool *ret_done)
{
    ZP_ASSERT(trip->is_sent);
    int silences = 0;
    while (!trip->is_done && trip->store->conn != NULL && wait_for_result(trip, until_us)) {
        PGresult *result = PQgetResult(trip->store->conn);
        if (result != NULL) {
            take(trip, result);
        } else {
            take_silence(trip, &silences);
        }
    }
    *ret_done = trip->is_done || trip->store->conn == NULL;
    if (*ret_done) {
        tidy(trip);
    }
    return trip->err;
}

enum zp_err trip_run(struct trip *trip)
{
    int64_t limit_us = trip->store->settings.statement_timeout_ms * 1000;
    limit_us = limit_us > 0 ? limit_us + TRIP_GRACE_US : TRIP_US_DEFAULT;
    trip_send(trip);
    bool done = true;
    if (trip->err == ZP_OK && trip_wait(trip, clock_mono_us() + limit_us, &done) == ZP_OK && !done) {
        trip->err = connection_trouble(trip->store, ZP_BUSY, "no answer within %lld ms", (long long)limit_us / 1000);
        store_disconnect(trip->store);
    }
    return trip->err;
}

static size_t step_of(const struct trip *trip, size_t n)
{
    size_t i = 0;
    for (; i < trip->count; i++) {
        if (trip->steps[i].kind == STEP_ASKED && n-- == 0) {
            break;
        }
    }
    ZP_ASSERT(i < trip->count);
    return i;
}

const PGresult *trip_result(const struct trip *trip, size_t n)
{
    ZP_ASSERT(trip->is_done && trip->err == ZP_OK);
    return trip->steps[step_of(trip, n)].result;
}

int64_t trip_touched(const struct trip *trip, size_t n)
{
    return strtoll(PQcmdTuples((PGresult *)trip_result(trip, n)), NULL, 10);
}

/* A trip that was not waited for to its end leaves a connection that nobody can use. */
void trip_finish(struct trip *trip)
{
    for (size_t i = 0; i < trip->count; i++) {
        PQclear(trip->steps[i].result);
        trip->steps[i].result = NULL;
    }
    if (trip->count > 0 && !trip->is_done) {
        store_disconnect(trip->store);
    }
    trip->count = 0;
}
