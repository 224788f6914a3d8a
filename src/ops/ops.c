/* ops: the operations listener, on a thread and an event loop of its own, so that it answers when the role is busy.
 *
 * Started once by each role. Invariants: everything of h2o is made, used and freed on the listener's thread; at most
 * CONNECTIONS_MAX connections are open, each for one answer; nothing here waits for anything but the network. */
#include "pages.h"

#include <h2o.h>
#include <h2o/http1.h>

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define CONNECTIONS_MAX 64
#define ROUND_MS 100       /* how soon a stop is noticed */
#define STOP_ROUNDS_MAX 20 /* for open connections to end */
#define BODY_BYTES_MAX 1024

struct ops {
    struct ops_settings settings; /* arrays borrowed from the role */
    int fd;                       /* the listening socket's; closed with `listener` */
    pthread_t thread;
    _Atomic bool draining, stopping;
    /* The thread's own: */
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    h2o_socket_t *listener;
    struct connection *connections;
    size_t connection_count;
};

struct connection {
    struct ops *ops;
    h2o_socket_t *socket; /* h2o's */
    struct connection *next, **link;
};

struct door {
    h2o_handler_t super;
    struct ops *ops;
};

static void on_connection(h2o_socket_t *listener, const char *err);

static void connection_closed(void *arg)
{
    struct connection *connection = arg;
    struct ops *ops = connection->ops;
    *connection->link = connection->next;
    if (connection->next != NULL) {
        connection->next->link = connection->link;
    }
    free(connection);
    ops->connection_count--;
    if (ops->listener != NULL && !h2o_socket_is_reading(ops->listener)) {
        h2o_socket_read_start(ops->listener, on_connection);
    }
}

static void connection_open(struct ops *ops, h2o_socket_t *socket)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        h2o_socket_close(socket);
        return;
    }
    *connection = (struct connection){ ops, socket, ops->connections, &ops->connections };
    if (ops->connections != NULL) {
        ops->connections->link = &connection->next;
    }
    ops->connections = connection;
    ops->connection_count++;
    socket->on_close.cb = connection_closed;
    socket->on_close.data = connection;
    h2o_accept(&ops->accept, socket);
}

static void on_connection(h2o_socket_t *listener, const char *err)
{
    struct ops *ops = listener->data;
    if (err != NULL) {
        return;
    }
    while (ops->connection_count < CONNECTIONS_MAX) {
        h2o_socket_t *socket = h2o_evloop_socket_accept(listener);
        if (socket == NULL) {
            return;
        }
        connection_open(ops, socket);
    }
    h2o_socket_read_stop(listener); /* until one of them closes */
}

/* ---- answers ---- */

static bool path_is(const h2o_req_t *req, const char *path)
{
    size_t len = req->query_at == SIZE_MAX ? req->path.len : req->query_at;
    return h2o_memis(req->path.base, len, path, strlen(path));
}

static bool asks_verbose(const h2o_req_t *req)
{
    static const char word[] = "verbose";
    size_t start = req->query_at == SIZE_MAX ? req->path.len : req->query_at + 1;
    return req->path.len - start >= sizeof(word) - 1 && memcmp(req->path.base + start, word, sizeof(word) - 1) == 0;
}

static void choose(struct ops *ops, const h2o_req_t *req, struct page *page)
{
    const struct ops_settings *settings = &ops->settings;
    if (!h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET")) &&
        !h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"))) {
        page_line(page, 405, "only GET and HEAD here");
    } else if (path_is(req, "/livez")) {
        page_checks(page, "livez", settings->live, settings->live_count, false, asks_verbose(req));
    } else if (path_is(req, "/readyz")) {
        page_checks(page, "readyz", settings->ready, settings->ready_count, atomic_load(&ops->draining),
                    asks_verbose(req));
    } else if (path_is(req, "/metrics")) {
        page_metrics(page);
    } else {
        page_line(page, 404, "here are /livez, /readyz?verbose and /metrics");
    }
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200: return "OK";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    default: return "Service Unavailable";
    }
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    struct page page;
    choose(((struct door *)(void *)self)->ops, req, &page);
    if (page.body.err != ZP_OK) {
        buffer_finish(&page.body);
        page_line(&page, 503, "the page is too large");
    }
    req->http1_is_persistent = 0; /* probes come seconds apart */
    req->res.status = page.status;
    req->res.reason = reason_of(page.status);
    req->res.content_length = page.body.len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, page.type, strlen(page.type));
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL, H2O_STRLIT("no-store"));
    if (page.status == 405) {
        h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("allow"), 1, NULL, H2O_STRLIT("GET, HEAD"));
    }
    h2o_send_inline(req, page.body.data, page.body.len);
    buffer_finish(&page.body);
    return 0;
}

/* ---- the thread ---- */

static void open_door(struct ops *ops, h2o_loop_t *loop)
{
    h2o_config_init(&ops->config);
    ops->config.server_name = h2o_iovec_init("", 0);
    ops->config.http1.upgrade_to_http2 = 0; /* clear-text HTTP/2 is on by default, and unmended since 2019 */
    ops->config.max_request_entity_size = BODY_BYTES_MAX;
    h2o_hostconf_t *host = h2o_config_register_host(&ops->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    struct door *door = (void *)h2o_create_handler(&host->fallback_path, sizeof(*door));
    door->super.on_req = on_request;
    door->ops = ops;
    h2o_context_init(&ops->context, loop, &ops->config);
    ops->accept = (h2o_accept_ctx_t){ .ctx = &ops->context, .hosts = ops->config.hosts };
    ops->listener = h2o_evloop_socket_create(loop, ops->fd, H2O_SOCKET_FLAG_DONT_READ);
    ops->listener->data = ops;
    h2o_socket_read_start(ops->listener, on_connection);
}

static void close_door(struct ops *ops, h2o_loop_t *loop)
{
    h2o_socket_close(ops->listener);
    ops->listener = NULL;
    for (struct connection *connection = ops->connections; connection != NULL; connection = connection->next) {
        (void)shutdown(h2o_socket_get_fd(connection->socket), SHUT_RDWR); /* h2o then closes it by itself */
    }
    for (int round = 0; round < STOP_ROUNDS_MAX && ops->connection_count > 0; round++) {
        (void)h2o_evloop_run(loop, ROUND_MS);
    }
    ZP_ASSERT(ops->connection_count == 0);
    h2o_context_dispose(&ops->context);
    h2o_config_dispose(&ops->config);
    h2o_evloop_destroy(loop);
}

static void *serve(void *arg)
{
    struct ops *ops = arg;
    h2o_loop_t *loop = h2o_evloop_create();
    open_door(ops, loop);
    while (!atomic_load(&ops->stopping)) {
        (void)h2o_evloop_run(loop, ROUND_MS); /* -1 on EINTR: the next round is the answer */
    }
    close_door(ops, loop);
    return NULL;
}

/* Signals are the role's main thread's. */
static int thread_start(struct ops *ops)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&ops->thread, NULL, serve, ops);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

enum zp_err ops_start(const struct ops_settings *settings, struct ops **ret_ops, char *why, size_t why_size)
{
    struct ops *ops = calloc(1, sizeof(*ops));
    if (ops == NULL) {
        (void)snprintf(why, why_size, "no memory");
        return ZP_BUSY;
    }
    ops->settings = *settings;
    ops->fd = ops_listen(settings->listen, false, why, why_size);
    if (ops->fd < 0) {
        enum zp_err err = errno == EINVAL ? ZP_INVALID : ZP_BUSY;
        free(ops);
        return err;
    }
    int error = thread_start(ops);
    if (error != 0) {
        (void)snprintf(why, why_size, "cannot start a thread: %s", strerror(error));
        (void)close(ops->fd);
        free(ops);
        return ZP_BUSY;
    }
    *ret_ops = ops;
    return ZP_OK;
}

int ops_port(const struct ops *ops)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof(bound);
    if (getsockname(ops->fd, (struct sockaddr *)&bound, &len) != 0) {
        return -1;
    }
    return ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                             : ((struct sockaddr_in *)&bound)->sin_port);
}

void ops_drain(struct ops *ops)
{
    atomic_store(&ops->draining, true);
}

void ops_stop(struct ops *ops)
{
    if (ops == NULL) {
        return;
    }
    atomic_store(&ops->stopping, true);
    (void)pthread_join(ops->thread, NULL);
    free(ops);
}
