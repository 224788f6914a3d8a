/* connection_io: what goes over a connection: commands out, replies in.
 *
 * Called by connection when its socket is ready, and by whoever sends. hiredis reads the protocol. Invariants: every
 * reply goes to the call that it answers, in the order they were sent; nobody is called back from inside of
 * live_connection_send. */
#include "connection.h"

#include "socket.h"

#include <errno.h>
#include <string.h>

#define READ_BYTES     16384
#define READS_MAX      16 /* for one readiness: others on the loop have their turn */
#define COMPACT_BYTES  ((size_t)64 * 1024)
#define OUT_KEPT_BYTES ((size_t)4 * 1024 * 1024) /* an empty buffer that is larger is given back */

/* ---- sending ---------------------------------------------------------------------------------------------------- */

void live_connection_want_write(struct connection *connection, bool write)
{
    if (connection->handle != NULL && connection->wants_write != write) {
        connection->wants_write = write;
        connection->reactor->want(connection->handle, true, write);
    }
}

static void queue(struct connection *connection, struct call *call)
{
    call->next = NULL;
    call->got = 0;
    call->deadline_us = clock_mono_us() + connection->timeout_us + call->patience_us;
    *connection->calls_end = call;
    connection->calls_end = &call->next;
    connection->call_count++;
}

void live_connection_send(struct connection *connection, struct call *call)
{
    ZP_ASSERT(connection->state == CONNECTION_UP || connection->state == CONNECTION_GREETING);
    if (call != NULL) {
        queue(connection, call);
    }
    live_connection_want_write(connection, true);
}

/* Moves what is still to be sent to the front, so that a server that reads slowly does not make the buffer grow. */
static void compact(struct connection *connection)
{
    struct buffer *out = &connection->out;
    if (connection->out_sent >= COMPACT_BYTES) {
        out->len -= connection->out_sent;
        memmove(out->data, out->data + connection->out_sent, out->len);
        connection->out_sent = 0;
    }
}

void live_connection_flush(struct connection *connection)
{
    struct buffer *out = &connection->out;
    while (connection->out_sent < out->len) {
        ssize_t sent =
            live_socket_send(connection->fd, out->data + connection->out_sent, out->len - connection->out_sent);
        if (sent == 0) {
            compact(connection);
            return;
        }
        if (sent < 0) {
            live_connection_doom(connection, strerror(errno));
            return;
        }
        connection->out_sent += (size_t)sent;
    }
    connection->out_sent = 0;
    if (out->cap > OUT_KEPT_BYTES) {
        buffer_finish(out);
    }
    buffer_reset(out);
}

/* ---- hearing ---------------------------------------------------------------------------------------------------- */

bool live_reply_is_outage(const redisReply *reply)
{
    static const char *const words[] = { "ASK ",        "BUSY ",  "CLUSTERDOWN ", "LOADING ",
                                         "MASTERDOWN ", "MOVED ", "NOAUTH ",      "READONLY " };
    for (size_t i = 0; reply->type == REDIS_REPLY_ERROR && i < ZP_COUNT(words); i++) {
        if (strncmp(reply->str, words[i], strlen(words[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Gives a reply to whom it belongs. */
static void hand_out(struct connection *connection, redisReply *reply, int64_t now_us)
{
    if (connection->on_message != NULL && connection->state == CONNECTION_UP) {
        connection->on_message(connection, reply);
        return;
    }
    struct call *call = connection->calls;
    if (call == NULL) {
        freeReplyObject(reply);
        live_connection_doom(connection, "a reply that nobody asked for");
        return;
    }
    call->deadline_us = now_us + connection->timeout_us;
    call->got++;
    bool last = call->got == call->wanted;
    if (last) {
        connection->calls = call->next;
        connection->calls_end = call->next == NULL ? &connection->calls : connection->calls_end;
        connection->call_count--;
    }
    call->on_reply(call, reply);
    if (last) {
        call->on_end(call, ZP_OK);
    }
}

static void hand_out_all(struct connection *connection, int64_t now_us)
{
    while (!connection->doomed) {
        void *reply = NULL;
        if (redisReaderGetReply(connection->reader, &reply) != REDIS_OK) {
            live_connection_doom(connection, connection->reader->errstr);
        }
        if (reply == NULL) {
            return;
        }
        hand_out(connection, reply, now_us);
    }
}

bool live_connection_hear(struct connection *connection)
{
    char bytes[READ_BYTES];
    bool heard = false;
    for (int i = 0; i < READS_MAX && !connection->doomed; i++) {
        ssize_t got = live_socket_receive(connection->fd, bytes, sizeof(bytes));
        if (got == 0) {
            break;
        }
        if (got < 0) {
            live_connection_doom(connection, errno == 0 ? "the connection was closed" : strerror(errno));
            break;
        }
        heard = true;
        connection->heard_us = clock_mono_us();
        if (redisReaderFeed(connection->reader, bytes, (size_t)got) != REDIS_OK) {
            live_connection_doom(connection, connection->reader->errstr);
            break;
        }
        hand_out_all(connection, connection->heard_us);
    }
    return heard;
}
