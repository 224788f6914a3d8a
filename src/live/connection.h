/* connection: one connection to Redis on somebody's event loop: connects by itself, pipelines calls, never blocks. */
#ifndef ZAPORA_LIVE_CONNECTION_H
#define ZAPORA_LIVE_CONNECTION_H

#include "lookup.h"
#include "request.h"
#include "uri.h"

#include <hiredis/hiredis.h>

/* One or more commands sent together and the replies they wait for. Embedded in what its owner wants to remember. */
struct call {
    struct call *next;
    int64_t deadline_us;
    int64_t patience_us; /* on top of the connection's timeout */
    size_t wanted, got;
    /* One reply, which now belongs to the callee. */
    void (*on_reply)(struct call *call, redisReply *reply);
    /* Once, as the last thing: ZP_OK after `wanted` replies, ZP_BUSY when the connection was lost before. */
    void (*on_end)(struct call *call, enum zp_err err);
};

enum connection_state {
    CONNECTION_DOWN,       /* until retry_at_us */
    CONNECTION_LOOKING_UP, /* the host's addresses */
    CONNECTION_CONNECTING, /* to `address` */
    CONNECTION_GREETING,   /* AUTH, SELECT and PING are on their way */
    CONNECTION_UP,
};

struct connection {
    /* Set by the owner before the first tick. */
    const struct live_uri *uri;         /* borrowed for life */
    const struct live_reactor *reactor; /* borrowed for life */
    int64_t timeout_us;                 /* of a connect and of each reply */
    int64_t keepalive_us;               /* how long it may be silent before it is asked; 0: never asked */
    void *owner;
    void (*on_up)(struct connection *connection);
    void (*on_down)(struct connection *connection);
    /* Given: once up, every reply goes there and belongs to the callee; for a connection that subscribes. */
    void (*on_message)(struct connection *connection, redisReply *reply);

    struct buffer out;       /* commands are appended here, then live_connection_send */
    int64_t connects;        /* greetings that succeeded */
    char why[LIVE_WHY_SIZE]; /* the last trouble, "" before the first */

    /* The connection's own. */
    enum connection_state state;
    size_t out_sent; /* of out, already on its way */
    struct lookup *lookup;
    const struct addrinfo *address; /* the one being tried */
    int fd;
    void *handle;
    bool wants_write;
    bool doomed;
    redisReader *reader;
    struct call greeting, keepalive;
    struct call *calls, **calls_end; /* in the order sent */
    size_t call_count;
    int64_t deadline_us;        /* of connecting and greeting */
    int64_t heard_us, asked_us; /* last bytes received; last question on a subscribing connection, 0 none */
    int64_t up_us, retry_at_us, backoff_us;
};

void live_connection_init(struct connection *connection, size_t out_bytes_max);
/* Ends it for good; its calls get ZP_BUSY. on_down is not called. */
void live_connection_finish(struct connection *connection);
/* Connects when it is time to, gives up what takes too long. */
void live_connection_tick(struct connection *connection, int64_t now_us);
/* Sends what was appended to `out`; a call waits for its replies (NULL on a subscribing connection). Only while up. */
void live_connection_send(struct connection *connection, struct call *call);
/* Remembers a failure as a sentence in `why`. */
void live_connection_trouble(struct connection *connection, const char *why);
/* Drops the connection as soon as nobody is inside of it; `why` says so in words. */
void live_connection_doom(struct connection *connection, const char *why);

static inline bool live_connection_is_up(const struct connection *connection)
{
    return connection->state == CONNECTION_UP && !connection->doomed;
}

/* Between the connection's two files: moves what can be moved now; trouble dooms the connection. Hear: something
 * came. */
void live_connection_flush(struct connection *connection);
bool live_connection_hear(struct connection *connection);
void live_connection_want_write(struct connection *connection, bool write);

/* An error that says that this server can't serve now or is not the one we want: to be dropped and connected again. */
bool live_reply_is_outage(const redisReply *reply);

static inline void live_reply_cleanup(redisReply **reply)
{
    if (*reply != NULL) {
        freeReplyObject(*reply);
    }
}
#define REPLY_CLEANUP __attribute__((cleanup(live_reply_cleanup)))

#endif
