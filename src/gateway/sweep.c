/* sweep: drops the connections whose clients are slow or dead, each for a reason that is counted and logged.
 *
 * Called by loop.c each round and by connection.c when there is no room. h2o 2.2.5 has no write timeout, cuts a
 * connection ten seconds after its last answer even in the middle of a request, and does not look at a client that it
 * owes an answer. Streams and early answers guard themselves (stream.c, early.c).
 * A pass over all connections goes by slices, then frees memory by slices, and each drops only some: a crowd that came
 * in one moment is due in one moment, and its end must not keep the others waiting.
 * Invariants: a connection whose request has come whole is answered before it is dropped; a request has
 * REQUEST_US from its first byte on, an answer that is not taken has time for its length; what requests and answers of
 * a loop hold in memory is bounded, and the slow go first. */
#include "sweep.h"

#include "call.h"
#include "gateway_parts.h"

#include <errno.h>
#include <sys/socket.h>

#define IDLE_US INT64_C(10000000)     /* an ingress keeps its connections for 5 s: it closes them first */
#define REQUEST_US INT64_C(10000000)
#define PASS_EVERY_US INT64_C(500000)
#define SLICE_EVERY_US INT64_C(10000)
#define SLICES_A_PASS 20
#define DROPS_A_SLICE 32              /* about a millisecond, closing included */
#define MAKE_ROOM_EVERY_US INT64_C(20000)
#define CROWD_US_MIN INT64_C(1000000) /* nobody is called slow before */
#define REQUEST_BYTES_MAX ((size_t)64 * 1024 * 1024) /* of requests under way, in a loop */
#define LARGE_BYTES ((size_t)4096)    /* who holds less frees nothing by being dropped */
#define LOOK_FOR_CLIENT_US 1000000    /* a wait older than that: is there still somebody? */
#define QUIET_US INT64_C(6000000)     /* longer than an ingress keeps a connection */

/* What a pass has dropped, by reason: a line in the log for each, not for each connection. */
static const struct { enum gateway_metric metric; const char *name; enum log_level level; } reasons[] = {
    { METRIC_DROP_IDLE, "idle", LOG_DEBUG },
    { METRIC_DROP_SLOW_REQUEST, "slow_request", LOG_INFO },
    { METRIC_DROP_SLOW_READER, "slow_reader", LOG_INFO },
    { METRIC_DROP_CROWDED, "crowded", LOG_INFO },
    { METRIC_DROP_LEFT, "client_left", LOG_DEBUG },
};

_Static_assert(ZP_COUNT(reasons) == SWEEP_REASONS, "a count for each reason");

static void count(struct tally *tally, enum gateway_metric reason)
{
    metric_add(&gateway_metrics[reason], 1);
    for (size_t i = 0; i < ZP_COUNT(reasons); i++) {
        tally->counts[i] += reasons[i].metric == reason;
    }
}

static void drop(struct connection *connection, struct tally *tally, enum gateway_metric reason)
{
    connection->dropped = true;
    count(tally, reason);
    if (connection->call != NULL) {
        connection->call->req->http1_is_persistent = 0; /* else h2o goes on with what was sent behind it */
    }
    if (reason == METRIC_DROP_IDLE) {
        connection_break(connection);
    } else {
        connection_abort(connection);
    }
}

static void tell(struct loop *loop)
{
    struct tally *tally = &loop->sweep.tally;
    for (size_t i = 0; i < ZP_COUNT(reasons); i++) {
        if (tally->counts[i] > 0) {
            LOG_AT(reasons[i].level, "connections dropped", L_STR("reason", reasons[i].name),
                   L_INT("count", tally->counts[i]), L_INT("open", loop->connection_count), { .key = NULL });
        }
    }
    *tally = (struct tally){ 0 };
}

/* Nothing is owed to the client: it is idle, or has not sent its request whole. */
static bool is_quiet(const struct connection *connection)
{
    return connection->call == NULL && connection->early == NULL && !connection->dropped;
}

static bool is_sending(const struct connection *connection)
{
    return connection->socket->input->size > 0;
}

/* ---- one connection ---- */

/* What recv says of a byte, without taking it: more than 0 when there is one. */
static ssize_t peek(const struct connection *connection)
{
    char byte;
    return recv(h2o_socket_get_fd(connection->socket), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

/* An idle connection may have been sent a request this moment, which then must be answered. */
static void drop_idle(struct connection *connection, struct tally *tally, enum gateway_metric reason)
{
    if (peek(connection) <= 0) {
        drop(connection, tally, reason);
    }
}

static void look_at_quiet(struct connection *connection, int64_t now_us, struct tally *tally)
{
    if (!is_sending(connection)) {
        connection->sending_since_us = 0;
        if (now_us - connection->since_us > IDLE_US) {
            drop_idle(connection, tally, METRIC_DROP_IDLE);
        }
    } else if (connection->sending_since_us == 0) {
        connection->sending_since_us = now_us;
    } else if (now_us - connection->sending_since_us > REQUEST_US) {
        drop(connection, tally, METRIC_DROP_SLOW_REQUEST);
    }
}

/* The end of what it sends: it has left, or it will send no more and may still listen. */
static bool has_left(const struct connection *connection)
{
    ssize_t got = peek(connection);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

static void look_at_call(struct connection *connection, int64_t now_us, struct tally *tally)
{
    struct call *call = connection->call;
    if (call->answered) {
        if (connection->stream == NULL && now_us > call->taken_by_us) {
            drop(connection, tally, METRIC_DROP_SLOW_READER);
        }
    } else if (call->on_deadline != NULL && now_us - call->began_us > LOOK_FOR_CLIENT_US && has_left(connection)) {
        count(tally, METRIC_DROP_LEFT);
        call_hurry(call); /* nobody waits: who only closed one direction gets what there is */
    }
}

/* ---- all of them ---- */

static int64_t dropped(const struct tally *tally)
{
    int64_t sum = 0;
    for (size_t i = 0; i < ZP_COUNT(reasons); i++) {
        sum += tally->counts[i];
    }
    return sum;
}

static bool is_too_much(const struct sweep *pass)
{
    return pass->request_bytes > REQUEST_BYTES_MAX || pass->answer_bytes > CALL_ANSWERS_BYTES_MAX / 2;
}

/* Drops those that hold a part of a large request, or an answer, for longer than that, until there is room again. */
static void free_older_than(struct loop *loop, int64_t age_us, int64_t drops_end)
{
    struct sweep *pass = &loop->sweep;
    int64_t since_us = loop->now_us - age_us;
    for (struct connection *it = loop->connections; it != NULL && dropped(&pass->tally) < drops_end; it = it->next) {
        size_t held = it->socket->input->size;
        const struct call *call = it->dropped || it->stream != NULL ? NULL : it->call;
        bool holds_request = is_quiet(it) && held >= LARGE_BYTES && it->sending_since_us > 0 &&
                             it->sending_since_us < since_us;
        bool holds_answer = call != NULL && call->counted_bytes > 0 && call->answered_us < since_us;
        if (holds_request && pass->request_bytes > REQUEST_BYTES_MAX) {
            pass->request_bytes -= held;
            drop(it, &pass->tally, METRIC_DROP_CROWDED);
        } else if (holds_answer && pass->answer_bytes > CALL_ANSWERS_BYTES_MAX / 2) {
            pass->answer_bytes -= call->counted_bytes;
            drop(it, &pass->tally, METRIC_DROP_CROWDED);
        }
    }
}

static void begin_pass(struct loop *loop)
{
    loop->sweep = (struct sweep){
        .under_way = true, .next = loop->connections, .pass_at_us = loop->now_us + PASS_EVERY_US,
        .tally = loop->sweep.tally, /* what went to make room since the last one */
    };
}

static void look_at(struct connection *connection, struct tally *tally)
{
    if (is_quiet(connection)) {
        look_at_quiet(connection, connection->loop->now_us, tally);
    } else if (connection->call != NULL && !connection->dropped) {
        look_at_call(connection, connection->loop->now_us, tally);
    }
}

static void look_at_some(struct loop *loop, int64_t drops_end)
{
    struct sweep *pass = &loop->sweep;
    size_t count_left = loop->connection_count / SLICES_A_PASS + 1;
    while (pass->next != NULL && count_left-- > 0) {
        struct connection *it = pass->next;
        pass->next = it->next; /* an answer may end it */
        pass->request_bytes += it->socket->input->size;
        if (dropped(&pass->tally) < drops_end) {
            look_at(it, &pass->tally);
        } else {
            pass->pass_at_us = loop->now_us; /* the next pass, which begins behind this one, looks at the rest */
        }
    }
    pass->answer_bytes = loop->answer_bytes;
}

/* False when there is room again, or nobody else to be dropped for it. */
static bool free_some(struct loop *loop, int64_t drops_end)
{
    struct sweep *pass = &loop->sweep;
    for (int64_t age_us = REQUEST_US / 2; age_us >= CROWD_US_MIN; age_us /= 2) { /* the slowest first */
        if (is_too_much(pass)) {
            free_older_than(loop, age_us, drops_end);
        }
    }
    return is_too_much(pass) && dropped(&pass->tally) == drops_end;
}

static void run_slice(struct loop *loop)
{
    struct sweep *pass = &loop->sweep;
    int64_t drops_end = dropped(&pass->tally) + DROPS_A_SLICE;
    pass->slice_at_us = loop->now_us + SLICE_EVERY_US;
    if (pass->next != NULL) {
        look_at_some(loop, drops_end);
    }
    if (pass->next == NULL && !free_some(loop, drops_end)) {
        pass->under_way = false;
        tell(loop);
    }
}

void sweep(struct loop *loop)
{
    struct sweep *pass = &loop->sweep;
    if (loop->now_us < pass->slice_at_us) {
        return;
    }
    if (!pass->under_way && loop->now_us >= pass->pass_at_us) {
        begin_pass(loop);
    }
    if (pass->under_way) {
        run_slice(loop);
    }
}

static int64_t oldest_quiet_us(const struct loop *loop)
{
    int64_t oldest_us = INT64_MAX;
    for (const struct connection *it = loop->connections; it != NULL; it = it->next) {
        oldest_us = is_quiet(it) && it->since_us < oldest_us ? it->since_us : oldest_us;
    }
    return oldest_us;
}

/* Some of those in the oldest quarter of the time that the longest one has been quiet for: at least that one. */
void sweep_make_room(struct loop *loop)
{
    struct tally *tally = &loop->sweep.tally;
    int64_t drops_end = dropped(tally) + DROPS_A_SLICE;
    if (loop->now_us < loop->crowd_at_us) {
        return; /* a pass over all of them for each that knocks would cost more than they do */
    }
    loop->crowd_at_us = loop->now_us + MAKE_ROOM_EVERY_US;
    int64_t oldest_us = oldest_quiet_us(loop);
    if (oldest_us > loop->now_us - CROWD_US_MIN) {
        return;
    }
    int64_t until_us = oldest_us + (loop->now_us - oldest_us) / 4;
    for (struct connection *it = loop->connections; it != NULL && dropped(tally) < drops_end; it = it->next) {
        if (is_quiet(it) && it->since_us <= until_us && is_sending(it)) {
            drop(it, tally, METRIC_DROP_CROWDED);
        } else if (is_quiet(it) && it->since_us <= until_us) {
            drop_idle(it, tally, METRIC_DROP_CROWDED);
        }
    }
}

size_t sweep_unsettled(const struct loop *loop)
{
    size_t count_unsettled = 0;
    for (const struct connection *it = loop->connections; it != NULL; it = it->next) {
        bool settled = it->dropped || (is_quiet(it) && !is_sending(it) && loop->now_us - it->since_us > QUIET_US);
        count_unsettled += !settled;
    }
    return count_unsettled;
}
