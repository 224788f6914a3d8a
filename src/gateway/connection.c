/* connection: accepts, counts and breaks off connections.
 *
 * Called by loop.c. Invariants: at most connections_max are open for a loop; beyond that clients wait in the
 * kernel's queue, nothing spins, and those that have been quiet for longest make room (sweep.c); each connection's
 * object lives exactly as long as h2o's socket. */
#include "connection.h"

#include "gateway_parts.h"
#include "metrics.h"
#include "sweep.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#define UNACKNOWLEDGED_MS_MAX 15000 /* h2o has no write timeout: a peer that vanished is noticed by the kernel */
#define UNSENT_BYTES_MAX 32768      /* in the kernel, for a client that does not read */
#define ACCEPTS_A_ROUND 16          /* so that a storm of connections does not starve those that are open */

static void on_closed(void *arg)
{
    struct connection *connection = arg;
    struct loop *loop = connection->loop;
    *connection->link = connection->next;
    if (connection->next != NULL) {
        connection->next->link = connection->link;
    }
    if (loop->sweep.next == connection) {
        loop->sweep.next = connection->next;
    }
    free(connection);
    loop->connection_count--;
    metric_add(&gateway_metrics[METRIC_CONNECTIONS], -1);
    if (loop->listener != NULL && !h2o_socket_is_reading(loop->listener)) {
        loop->crowded = false;
        h2o_socket_read_start(loop->listener, connection_accept);
    }
}

static void open_connection(struct loop *loop, h2o_socket_t *socket)
{
    const unsigned unacknowledged_ms = UNACKNOWLEDGED_MS_MAX;
    const int unsent_bytes = UNSENT_BYTES_MAX;
    int fd = h2o_socket_get_fd(socket);
    struct connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        h2o_socket_close(socket);
        return;
    }
    *connection = (struct connection){
        .loop = loop, .socket = socket, .since_us = loop->now_us, .next = loop->connections, .link = &loop->connections,
    };
    if (loop->connections != NULL) {
        loop->connections->link = &connection->next;
    }
    loop->connections = connection;
    loop->connection_count++;
    metric_add(&gateway_metrics[METRIC_CONNECTIONS], 1);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof(unacknowledged_ms));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof(unsent_bytes));
    socket->on_close.cb = on_closed;
    socket->on_close.data = connection;
    h2o_accept(&loop->accept, socket);
}

void connection_accept(h2o_socket_t *listener, const char *err)
{
    struct loop *loop = listener->data;
    size_t room = loop->gateway->connections_max;
    for (int i = 0; err == NULL && i < ACCEPTS_A_ROUND && loop->connection_count < room; i++) {
        h2o_socket_t *socket = h2o_evloop_socket_accept(listener);
        if (socket == NULL) {
            return;
        }
        open_connection(loop, socket);
    }
    if (loop->connection_count >= room) {
        h2o_socket_read_stop(listener); /* until one of them closes */
        loop->crowded = true;
        sweep_make_room(loop);
    }
}

void connections_accept(struct loop *loop)
{
    size_t before;
    do {
        before = loop->connection_count;
        connection_accept(loop->listener, NULL);
    } while (loop->connection_count > before);
}

struct connection *connection_of(const h2o_req_t *req)
{
    return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

void connection_break(struct connection *connection)
{
    (void)shutdown(h2o_socket_get_fd(connection->socket), SHUT_RDWR);
}

void connection_abort(struct connection *connection)
{
    const struct linger none = { .l_onoff = 1, .l_linger = 0 };
    (void)setsockopt(h2o_socket_get_fd(connection->socket), SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    connection_break(connection);
}

void connections_break_all(struct loop *loop)
{
    for (struct connection *connection = loop->connections; connection != NULL; connection = connection->next) {
        connection_break(connection);
    }
}
