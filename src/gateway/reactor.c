/* reactor: watches other people's descriptors with h2o's event loop.
 *
 * Called by live's hub through struct live_reactor. Invariants: h2o never reads from the descriptor (DONT_READ), it
 * only tells; and it never closes it: h2o_socket_close would, and hiredis would close the number a second time,
 * perhaps when it is somebody else's. A first wish to write is the kernel's to grant, for it says that a connection has
 * come about; a later one is granted at the end of the round, and the kernel is asked only when that was not enough.
 * Asking each time cost two more rounds of the loop and two calls of epoll_ctl for what nearly always may be sent. */
#include "reactor.h"

#include <stdlib.h>

struct watch {
    h2o_socket_t *socket;
    void (*on_ready)(void *arg, bool readable, bool writable);
    void *arg;
    struct reactor *reactor;
    struct watch *next;  /* of those that ask */
    bool is_asking, was_writable, wants_write;
};

static void on_readable(h2o_socket_t *socket, const char *err)
{
    struct watch *watch = socket->data;
    (void)err; /* whoever reads finds it out */
    watch->on_ready(watch->arg, true, false); /* may have freed the watch */
}

/* ---- writing ---- */

static void on_writable(h2o_socket_t *socket, const char *err);

static void ask_kernel(struct watch *watch)
{
    if (!h2o_socket_is_writing(watch->socket)) {
        h2o_socket_notify_write(watch->socket, on_writable);
    }
}

static void grant(struct watch *watch)
{
    struct reactor *reactor = watch->reactor;
    reactor->serving = watch;
    watch->on_ready(watch->arg, false, true); /* may free the watch */
    bool is_left = reactor->serving == watch;
    reactor->serving = NULL;
    if (is_left && watch->wants_write) {
        ask_kernel(watch);
    }
}

static void on_writable(h2o_socket_t *socket, const char *err)
{
    struct watch *watch = socket->data;
    (void)err;
    watch->was_writable = true;
    if (watch->wants_write) { /* else the answer to an old question: h2o can't take one back */
        grant(watch);
    }
}

static void ask(struct watch *watch)
{
    if (!watch->is_asking) {
        watch->is_asking = true;
        watch->next = watch->reactor->asking;
        watch->reactor->asking = watch;
    }
}

static void ask_no_more(struct watch *watch)
{
    struct watch **at = &watch->reactor->asking;
    while (*at != NULL && *at != watch) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = watch->next;
    }
    watch->is_asking = false;
}

void reactor_flush(struct reactor *reactor)
{
    while (reactor->asking != NULL) {
        struct watch *watch = reactor->asking;
        ask_no_more(watch);
        if (watch->wants_write) {
            grant(watch);
        }
    }
}

/* ---- lent to live ---- */

static void *watch_start(void *lent, int fd, void (*on_ready)(void *arg, bool readable, bool writable), void *arg)
{
    struct reactor *reactor = lent;
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return NULL;
    }
    watch->on_ready = on_ready;
    watch->arg = arg;
    watch->reactor = reactor;
    watch->socket = h2o_evloop_socket_create(reactor->evloop, fd, H2O_SOCKET_FLAG_DONT_READ);
    watch->socket->data = watch;
    return watch;
}

static void watch_want(void *handle, bool read, bool write)
{
    struct watch *watch = handle;
    if (read && !h2o_socket_is_reading(watch->socket)) {
        h2o_socket_read_start(watch->socket, on_readable);
    } else if (!read && h2o_socket_is_reading(watch->socket)) {
        h2o_socket_read_stop(watch->socket);
    }
    watch->wants_write = write;
    if (write && !watch->was_writable) {
        ask_kernel(watch);
    } else if (write && watch->reactor->serving != watch) {
        ask(watch);
    }
}

static void watch_stop(void *handle)
{
    struct watch *watch = handle;
    h2o_socket_export_t given_back;
    if (watch->reactor->serving == watch) {
        watch->reactor->serving = NULL;
    }
    ask_no_more(watch);
    h2o_socket_read_stop(watch->socket);
    watch->socket->_cb.write = NULL; /* a question that was not answered: h2o asserts that there is none */
    (void)h2o_socket_export(watch->socket, &given_back); /* frees the socket and leaves the descriptor open */
    h2o_buffer_dispose(&given_back.input);
    free(watch);
}

struct live_reactor reactor_lend(struct reactor *reactor)
{
    return (struct live_reactor){ .loop = reactor, .watch = watch_start, .want = watch_want, .unwatch = watch_stop };
}
