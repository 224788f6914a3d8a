/* reactor: watches other people's descriptors with h2o's event loop.
 *
 * Called by live's hub through struct live_reactor. Invariants: h2o never reads from the descriptor (DONT_READ), it
 * only tells; and it never closes it: h2o_socket_close would, and hiredis would close the number a second time,
 * perhaps when it is somebody else's. */
#include "reactor.h"

#include <stdlib.h>

struct watch {
    h2o_socket_t *socket;
    void (*on_ready)(void *arg, bool readable, bool writable);
    void *arg;
    bool wants_write;
};

static void on_readable(h2o_socket_t *socket, const char *err)
{
    struct watch *watch = socket->data;
    (void)err; /* whoever reads finds it out */
    watch->on_ready(watch->arg, true, false); /* may have freed the watch */
}

static void on_writable(h2o_socket_t *socket, const char *err)
{
    struct watch *watch = socket->data;
    (void)err;
    if (!watch->wants_write) { /* h2o can't take a question back: the answer to an old one */
        return;
    }
    h2o_socket_notify_write(socket,
                            on_writable); /* h2o tells once for each question; before the call, which may free */
    watch->on_ready(watch->arg, false, true);
}

static void *watch_start(void *loop, int fd, void (*on_ready)(void *arg, bool readable, bool writable), void *arg)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return NULL;
    }
    watch->on_ready = on_ready;
    watch->arg = arg;
    watch->socket = h2o_evloop_socket_create(loop, fd, H2O_SOCKET_FLAG_DONT_READ);
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
    if (write && !h2o_socket_is_writing(watch->socket)) {
        h2o_socket_notify_write(watch->socket, on_writable);
    }
}

static void watch_stop(void *handle)
{
    struct watch *watch = handle;
    h2o_socket_export_t given_back;
    h2o_socket_read_stop(watch->socket);
    watch->socket->_cb.write = NULL; /* a question that was not answered: h2o asserts that there is none */
    (void)h2o_socket_export(watch->socket, &given_back); /* frees the socket and leaves the descriptor open */
    h2o_buffer_dispose(&given_back.input);
    free(watch);
}

struct live_reactor reactor_for(h2o_loop_t *evloop)
{
    return (struct live_reactor){ .loop = evloop, .watch = watch_start, .want = watch_want, .unwatch = watch_stop };
}
