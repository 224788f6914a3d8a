/* push: the worker's way to Redis: blocking for its caller, but never for long.
 *
 * Owned by the worker's announcer thread. It drives the same router as the hub, with poll in place of an event
 * loop.
 * Invariants: a call ends when its replies are there or when nothing came for timeout_ms; after a failure no call
 * waits for a connection more than PATIENCE_US, so that a dead Redis does not slow the worker down. */
#include "push.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_US  2000 /* for a reconnect, in one call */
#define BYTES_PER_US 4    /* that fast a server takes what it is sent, on top of the timeout */
#define TURN_MS_MAX  20

/* ---- a reactor of a few descriptors ------------------------------------------------------------------------------ */

static void *watch(void *loop, int fd, void (*on_ready)(void *arg, bool readable, bool writable), void *arg)
{
    struct live_push *push = loop;
    for (size_t i = 0; i < ZP_COUNT(push->watches); i++) {
        if (push->watches[i].fd < 0) {
            push->watches[i] = (struct push_watch){ .fd = fd, .on_ready = on_ready, .arg = arg };
            return &push->watches[i];
        }
    }
    return NULL;
}

static void want(void *handle, bool read, bool write)
{
    struct push_watch *watched = handle;
    watched->read = read;
    watched->write = write;
}

static void unwatch(void *handle)
{
    struct push_watch *watched = handle;
    watched->fd = -1;
}

/* Lets what was polled act, unless another one has taken its place meanwhile. */
static void act(struct push_watch *watched, const struct pollfd *polled)
{
    const short failed = POLLERR | POLLHUP | POLLNVAL;
    if (polled->revents != 0 && watched->fd == polled->fd) {
        watched->on_ready(watched->arg, (polled->revents & (POLLIN | failed)) != 0,
                          (polled->revents & (POLLOUT | failed)) != 0);
    }
}

/* Waits for the descriptors at most that long and lets the connections act. */
static void turn(struct live_push *push, int wait_ms)
{
    struct pollfd polled[ROUTER_NODES_MAX];
    size_t places[ROUTER_NODES_MAX], count = 0;
    for (size_t i = 0; i < ZP_COUNT(push->watches); i++) {
        const struct push_watch *watched = &push->watches[i];
        if (watched->fd >= 0) {
            polled[count].fd = watched->fd;
            polled[count].events = (short)((watched->read ? POLLIN : 0) | (watched->write ? POLLOUT : 0));
            polled[count].revents = 0;
            places[count++] = i;
        }
    }
    if (poll(polled, count, wait_ms) > 0) {
        for (size_t i = 0; i < count; i++) {
            act(&push->watches[places[i]], &polled[i]);
        }
    }
    live_router_tick(&push->router, clock_mono_us());
}

/* ---- connecting ------------------------------------------------------------------------------------------------- */

enum zp_err live_push_ready(struct live_push *push)
{
    struct router *router = &push->router;
    bool fresh = live_router_why(router)[0] == '\0';
    int64_t until_us = clock_mono_us() + (fresh ? router->timeout_us : PATIENCE_US);
    turn(push, 0); /* notices an end that came while nobody looked */
    while (!router->is_whole && live_router_is_coming(router) && clock_mono_us() < until_us) {
        turn(push, 1);
    }
    return live_router_is_up(router) ? ZP_OK : ZP_BUSY;
}

static void on_down(struct router *router)
{
    struct live_push *push = router->owner;
    push->push_sha[0] = '\0'; /* another server may answer next time */
}

enum zp_err live_push_create(const struct live_settings *settings, struct live_push **ret_push, char why[LIVE_WHY_SIZE])
{
    struct live_push *push = calloc(1, sizeof(*push));
    if (push == NULL) {
        (void)snprintf(why, LIVE_WHY_SIZE, "no memory");
        return ZP_NO_MEMORY;
    }
    enum zp_err err = live_uri_parse(settings->uri, &push->uri, why);
    if (err != ZP_OK) {
        free(push);
        return err;
    }
    push->settings = *settings;
    push->settings.uri = NULL;
    push->reactor = (struct live_reactor){ .loop = push, .watch = watch, .want = want, .unwatch = unwatch };
    for (size_t i = 0; i < ZP_COUNT(push->watches); i++) {
        push->watches[i].fd = -1;
    }
    push->router.uri = &push->uri;
    push->router.reactor = &push->reactor;
    push->router.timeout_us = settings->timeout_ms * 1000;
    push->router.owner = push;
    push->router.on_down = on_down;
    err = live_router_init(&push->router, PUSH_OUT_BYTES_MAX);
    if (err != ZP_OK) {
        (void)snprintf(why, LIVE_WHY_SIZE, "no memory");
        crypto_wipe(&push->uri, sizeof(push->uri));
        free(push);
        return err;
    }
    *ret_push = push;
    return ZP_OK;
}

void live_push_destroy(struct live_push *push)
{
    if (push == NULL) {
        return;
    }
    live_router_finish(&push->router);
    crypto_wipe(&push->uri, sizeof(push->uri));
    free(push);
}

const char *live_push_trouble(const struct live_push *push)
{
    return live_router_why(&push->router);
}

bool live_push_is_full(const struct live_push *push)
{
    return push->is_full;
}

int64_t live_push_connections(const struct live_push *push)
{
    return push->router.connects;
}

/* ---- asking and waiting ----------------------------------------------------------------------------------------- */

struct exchange {
    struct call call; /* first */
    struct live_push *push;
    push_take_fn *take;
    void *arg;
    enum zp_err err;
    bool ended;
};

static void on_reply(struct call *call, redisReply *taken)
{
    struct exchange *exchange = (struct exchange *)call;
    REPLY_CLEANUP redisReply *reply = taken;
    enum zp_err err = exchange->take(exchange->push, exchange->arg, call->got - 1, reply);
    if (exchange->err == ZP_OK) {
        exchange->err = err;
    }
}

static void on_end(struct call *call, enum zp_err err)
{
    struct exchange *exchange = (struct exchange *)call;
    exchange->ended = true;
    exchange->err = exchange->err == ZP_OK ? err : exchange->err;
}

struct buffer *live_push_out(struct live_push *push)
{
    return live_router_out(&push->router);
}

enum zp_err live_push_exchange(struct live_push *push, size_t wanted, push_take_fn *take, void *arg)
{
    struct exchange exchange = {
        .call = { .wanted = wanted, .on_reply = on_reply, .on_end = on_end },
        .push = push,
        .take = take,
        .arg = arg,
    };
    struct buffer *out = live_router_out(&push->router);
    if (out->err != ZP_OK) {
        enum zp_err err = out->err;
        buffer_reset(out);
        return err;
    }
    if (wanted == 0) {
        return ZP_OK;
    }
    if (!live_router_is_up(&push->router)) {
        buffer_reset(out);
        return ZP_BUSY;
    }
    exchange.call.patience_us = (int64_t)out->len / BYTES_PER_US;
    live_router_send(&push->router, &exchange.call);
    while (!exchange.ended) {
        turn(push, TURN_MS_MAX);
    }
    return exchange.err;
}

enum zp_err live_push_refused(struct live_push *push, const redisReply *reply)
{
    const char *why = reply->type == REDIS_REPLY_ERROR ? reply->str : "a reply of an unexpected kind";
    if (live_reply_is_outage(reply)) {
        live_router_doom(&push->router, why);
    } else {
        live_router_trouble(&push->router, why);
    }
    return ZP_BUSY;
}
