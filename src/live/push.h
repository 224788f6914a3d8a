/* push: what the files of the worker's side share: a connection that is driven by poll. */
#ifndef ZAPORA_LIVE_PUSH_H
#define ZAPORA_LIVE_PUSH_H

#include "router.h"
#include "scripts.h"

#define PUSH_REQUESTS_MAX  512                   /* commands in one window */
#define PUSH_WINDOW_BYTES  ((size_t)1024 * 1024) /* a window is sent when it is this full */
#define PUSH_OUT_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* A descriptor that the reactor watches. */
struct push_watch {
    int fd; /* -1: free */
    bool read, write;
    void (*on_ready)(void *arg, bool readable, bool writable);
    void *arg;
};

struct live_push {
    struct live_settings settings; /* its uri is not kept */
    struct live_uri uri;
    struct live_reactor reactor;
    struct push_watch watches[ROUTER_NODES_MAX];
    struct router router;
    char push_sha[SCRIPT_SHA_SIZE]; /* of LIVE_SCRIPT_PUSH on this connection's server, "" unknown */
    bool is_full;                   /* the last receipt that was tried found no memory */
};

/* Connected and greeted. ZP_BUSY: not, and the connection's `why` says so; costs nothing while a backoff lasts, and at
 * most a few milliseconds after a failure. */
enum zp_err live_push_ready(struct live_push *push) ZP_MUST_CHECK;
/* Where to append commands. */
struct buffer *live_push_out(struct live_push *push);
/* Sends what was appended and waits for `wanted` replies; each goes to take with its place, borrowed until it returns.
 * ZP_BUSY: the connection was lost, or take gave it. ZP_TOO_LARGE: it was too much to send, and nothing was. */
typedef enum zp_err push_take_fn(struct live_push *push, void *arg, size_t index, const redisReply *reply);
enum zp_err live_push_exchange(struct live_push *push, size_t wanted, push_take_fn *take, void *arg) ZP_MUST_CHECK;
/* An error reply as trouble; ends the connection when it says that this server can't serve. Returns ZP_BUSY. */
enum zp_err live_push_refused(struct live_push *push, const redisReply *reply);

#endif
