/* connection: one connection to Redis on somebody's event loop: it comes up, goes down and comes up again.
 *
 * Owned by the hub (two of them) and by the worker's push (one, driven by poll). hiredis' own connections are not
 * used, since they lack timeouts, forget AUTH and SELECT and free themselves in callbacks. Invariants: every call
 * ends exactly once and in order, also when the connection is lost; the descriptor is unwatched before it is closed. */
#include "connection.h"

#include "reader.h"
#include "socket.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#define BACKOFF_MIN_US 50000
#define BACKOFF_MAX_US 1000000
#define STEADY_US      5000000 /* a connection that held this long starts again with the shortest backoff */

void live_connection_init(struct connection *connection, size_t out_bytes_max)
{
    connection->fd = -1;
    connection->backoff_us = BACKOFF_MIN_US;
    connection->calls_end = &connection->calls;
    buffer_init(&connection->out, out_bytes_max);
}

/* ---- going down ------------------------------------------------------------------------------------------------- */

static void close_socket(struct connection *connection)
{
    if (connection->handle != NULL) {
        connection->reactor->unwatch(connection->handle);
        connection->handle = NULL;
    }
    if (connection->fd >= 0) {
        (void)close(connection->fd);
        connection->fd = -1;
    }
    connection->wants_write = false;
}

/* Frees what belongs to this connect and ends its calls. They may ask again at once: they find it down. */
static void take_down(struct connection *connection)
{
    close_socket(connection);
    live_lookup_drop(connection->lookup);
    connection->lookup = NULL;
    connection->address = NULL;
    if (connection->reader != NULL) {
        redisReaderFree(connection->reader);
        connection->reader = NULL;
    }
    buffer_finish(&connection->out);
    connection->out_sent = 0;
    connection->asked_us = 0;
    connection->doomed = false;
    connection->state = CONNECTION_DOWN;
}

static void end_calls(struct connection *connection)
{
    struct call *call = connection->calls;
    connection->calls = NULL;
    connection->calls_end = &connection->calls;
    connection->call_count = 0;
    while (call != NULL) {
        struct call *next = call->next;
        call->on_end(call, ZP_BUSY);
        call = next;
    }
}

static void drop(struct connection *connection, int64_t now_us)
{
    bool was_up = connection->state == CONNECTION_UP;
    if (was_up && now_us - connection->up_us >= STEADY_US) {
        connection->backoff_us = BACKOFF_MIN_US;
    }
    connection->retry_at_us = now_us + connection->backoff_us;
    connection->backoff_us = connection->backoff_us * 2 > BACKOFF_MAX_US ? BACKOFF_MAX_US : connection->backoff_us * 2;
    take_down(connection);
    if (was_up && connection->on_down != NULL) {
        connection->on_down(connection);
    }
    end_calls(connection);
}

void live_connection_trouble(struct connection *connection, const char *why)
{
    (void)snprintf(connection->why, sizeof(connection->why), "Redis at %.80s:%s: %.140s", connection->uri->host,
                   connection->uri->port, why);
}

void live_connection_doom(struct connection *connection, const char *why)
{
    if (!connection->doomed) {
        connection->doomed = true;
        live_connection_trouble(connection, why);
    }
}

void live_connection_finish(struct connection *connection)
{
    take_down(connection);
    connection->retry_at_us = INT64_MAX;
    end_calls(connection);
}

/* ---- coming up -------------------------------------------------------------------------------------------------- */

static void greeted(struct call *call, redisReply *taken)
{
    struct connection *connection = (struct connection *)((char *)call - offsetof(struct connection, greeting));
    REPLY_CLEANUP redisReply *reply = taken;
    if (reply->type == REDIS_REPLY_ERROR) {
        live_connection_doom(connection, reply->str);
    }
}

static void greeting_ended(struct call *call, enum zp_err err)
{
    struct connection *connection = (struct connection *)((char *)call - offsetof(struct connection, greeting));
    if (err != ZP_OK || connection->doomed) {
        return;
    }
    connection->state = CONNECTION_UP;
    connection->connects++;
    connection->up_us = connection->heard_us;
    if (connection->on_up != NULL) {
        connection->on_up(connection);
    }
}

static void greet(struct connection *connection)
{
    const struct live_uri *uri = connection->uri;
    struct buffer *out = &connection->out;
    bool with_user = uri->user[0] != '\0', with_password = uri->password[0] != '\0';
    bool with_db = uri->db != 0 && connection->on_message == NULL; /* channels belong to no database */
    if (with_password) {
        live_request(out, with_user ? 3 : 2);
        live_request_text(out, "AUTH");
        if (with_user) {
            live_request_text(out, uri->user);
        }
        live_request_text(out, uri->password);
    }
    if (with_db) {
        live_request(out, 2);
        live_request_text(out, "SELECT");
        live_request_int(out, uri->db);
    }
    live_request(out, 1);
    live_request_text(out, "PING");
    connection->state = CONNECTION_GREETING;
    connection->greeting = (struct call){
        .wanted = (size_t)with_password + (size_t)with_db + 1,
        .on_reply = greeted,
        .on_end = greeting_ended,
    };
    live_connection_send(connection, &connection->greeting);
}

static void on_ready(void *arg, bool readable, bool writable);

/* Tries the remaining addresses until one is under way. */
static void try_addresses(struct connection *connection, const char *trouble)
{
    for (; connection->address != NULL; connection->address = connection->address->ai_next) {
        connection->fd = live_socket_connect(connection->address);
        if (connection->fd >= 0) {
            connection->handle =
                connection->reactor->watch(connection->reactor->loop, connection->fd, on_ready, connection);
            if (connection->handle != NULL) {
                connection->state = CONNECTION_CONNECTING;
                live_connection_want_write(connection, true);
                return;
            }
        }
        trouble = strerror(errno);
        close_socket(connection);
    }
    live_connection_doom(connection, trouble);
}

static void connected(struct connection *connection)
{
    int code = live_socket_error(connection->fd);
    if (code != 0) {
        close_socket(connection);
        connection->address = connection->address->ai_next;
        try_addresses(connection, strerror(code));
        return;
    }
    connection->reader = live_reader_create();
    if (connection->reader == NULL) {
        live_connection_doom(connection, "no memory");
        return;
    }
    greet(connection);
}

static void look_up(struct connection *connection)
{
    const char *why = "";
    enum lookup_state state = live_lookup_poll(connection->lookup, &connection->address, &why);
    if (state == LOOKUP_FAILED) {
        live_connection_doom(connection, why);
    } else if (state == LOOKUP_DONE) {
        try_addresses(connection, "no address");
    }
}

static void start(struct connection *connection, int64_t now_us)
{
    connection->deadline_us = now_us + connection->timeout_us;
    connection->heard_us = now_us;
    connection->state = CONNECTION_LOOKING_UP;
    connection->lookup = live_lookup_start(connection->uri->host, connection->uri->port);
    if (connection->lookup == NULL) {
        live_connection_doom(connection, "no memory or no thread to look the host up");
        return;
    }
    look_up(connection);
}

/* ---- the loop's calls ------------------------------------------------------------------------------------------- */

static void on_ready(void *arg, bool readable, bool writable)
{
    struct connection *connection = arg;
    if (connection->state == CONNECTION_CONNECTING) {
        connected(connection);
    } else if (readable) {
        live_connection_hear(connection);
    }
    if (!connection->doomed && connection->reader != NULL && (writable || connection->out.len > 0)) {
        live_connection_flush(connection);
    }
    if (connection->doomed) {
        drop(connection, clock_mono_us());
        return;
    }
    live_connection_want_write(connection, connection->state == CONNECTION_CONNECTING || connection->out.len > 0);
}

static void keepalive_reply(struct call *call, redisReply *reply)
{
    (void)call;
    freeReplyObject(reply);
}

static void keepalive_ended(struct call *call, enum zp_err err)
{
    (void)err;
    call->wanted = 0; /* it may be sent again */
}

/* Asks a silent connection whether it still lives: half-open ones look fine until somebody writes. */
static void ask_if_alive(struct connection *connection, int64_t now_us)
{
    if (connection->keepalive_us == 0 || now_us - connection->heard_us < connection->keepalive_us) {
        connection->asked_us = 0;
        return;
    }
    if (connection->asked_us != 0 || connection->calls != NULL || connection->keepalive.wanted != 0) {
        return; /* an answer is waited for already */
    }
    struct call *call = connection->on_message == NULL ? &connection->keepalive : NULL;
    connection->keepalive =
        (struct call){ .wanted = call != NULL, .on_reply = keepalive_reply, .on_end = keepalive_ended };
    connection->asked_us = now_us;
    live_request(&connection->out, 1);
    live_request_text(&connection->out, "PING");
    live_connection_send(connection, call);
}

/* What it has waited for in vain, in words; NULL: nothing. */
static const char *overdue(const struct connection *connection, int64_t now_us)
{
    bool late = now_us > connection->deadline_us;
    switch (connection->state) {
    case CONNECTION_LOOKING_UP:
        return late ? "its name was not looked up in time" : NULL;
    case CONNECTION_CONNECTING:
    case CONNECTION_GREETING:
        return late ? "no connection in time" : NULL;
    case CONNECTION_UP:
        late = (connection->calls != NULL && now_us > connection->calls->deadline_us) ||
               (connection->on_message != NULL && connection->asked_us != 0 &&
                now_us - connection->asked_us > connection->timeout_us);
        return late ? "no answer in time" : NULL;
    default:
        return NULL;
    }
}

/* When the loop itself was held up, the answer may lie in the socket: it counts. */
static bool hears_something(struct connection *connection)
{
    return connection->reader != NULL && live_connection_hear(connection);
}

void live_connection_tick(struct connection *connection, int64_t now_us)
{
    if (connection->state == CONNECTION_DOWN && now_us >= connection->retry_at_us) {
        start(connection, now_us);
    } else if (connection->state == CONNECTION_LOOKING_UP) {
        look_up(connection);
    }
    const char *trouble = overdue(connection, now_us);
    if (trouble != NULL && !hears_something(connection)) {
        live_connection_doom(connection, trouble);
    } else if (connection->state == CONNECTION_UP) {
        ask_if_alive(connection, now_us);
    }
    if (connection->doomed) {
        drop(connection, now_us);
    }
}
