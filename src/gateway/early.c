/* early: turns what h2o answers by itself (a body over its limit, an unknown transfer encoding, a broken length)
 * into a problem document, and sees to it that the client can read it.
 *
 * A filter, called by h2o. h2o closes as soon as it has answered; with the client's bytes still unread the kernel
 * then sends a reset, which can take the answer away from a client that is still sending. So the answer goes out at
 * once and whole, and the connection lingers: what still comes is read and thrown away, up to a bound, until the
 * client closes.
 * Invariant: such a connection is never used for a second request. */
#include "early.h"

#include "call.h"
#include "connection.h"

#define LINGER_US 10000000
#define LINGER_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define PROBLEM_BYTES_MAX 2048

struct early {
    h2o_ostream_t super;
    h2o_req_t *req;
    struct connection *connection;
    h2o_iovec_t body;
    bool lingers;         /* there may be unread bytes of the client */
    bool answered;        /* the document has been handed to the next stream */
    size_t thrown_away;
    struct timer give_up;
};

static void finish(struct early *early)
{
    timer_stop(&early->give_up);
    early->connection->early = NULL;
    h2o_socket_read_stop(early->connection->socket);
    h2o_ostream_send_next(&early->super, early->req, NULL, 0, H2O_SEND_STATE_FINAL); /* h2o closes and frees */
}

static void on_give_up(struct timer *timer)
{
    finish(H2O_STRUCT_FROM_MEMBER(struct early, give_up, timer));
}

static void on_bytes(h2o_socket_t *socket, const char *err)
{
    struct connection *connection = socket->on_close.data;
    struct early *early = connection->early;
    early->thrown_away += socket->bytes_read;
    h2o_buffer_consume(&socket->input, socket->input->size);
    if (err != NULL || early->thrown_away > LINGER_BYTES_MAX) {
        finish(early);
    }
}

/* The client sees the end at once; only its own bytes are still taken. */
static void linger(struct early *early)
{
    struct loop *loop = early->connection->loop;
    early->connection->early = early;
    (void)shutdown(h2o_socket_get_fd(early->connection->socket), SHUT_WR);
    timer_start(&loop->timers, &early->give_up, clock_mono_us() + LINGER_US, on_give_up);
    h2o_socket_read_start(early->connection->socket, on_bytes);
}

/* Called with h2o's own body first, then, when the document has been sent, with nothing. */
static void do_send(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t count, h2o_send_state_t state)
{
    struct early *early = (void *)self;
    (void)bufs;
    (void)count;
    (void)state;
    if (!early->answered) {
        early->answered = true;
        h2o_ostream_send_next(self, req, &early->body, 1,
                              early->lingers ? H2O_SEND_STATE_IN_PROGRESS : H2O_SEND_STATE_FINAL);
    } else {
        linger(early);
    }
}

static void stop(h2o_ostream_t *self, h2o_req_t *req)
{
    struct early *early = (void *)self;
    (void)req;
    timer_stop(&early->give_up);
    early->connection->early = NULL;
}

/* What h2o says by itself, and guard.c when it can hold no more. */
static const struct cause {
    int status; /* h2o's */
    enum zp_err err;
    bool lingers;
    const char *detail;
} causes[] = {
    { 413, ZP_TOO_LARGE, true, "A body has at most 262144 bytes." },
    { 503, ZP_BUSY, false, "Too many requests are open; try again." },
    { 0, ZP_MALFORMED, true, "The request's framing or expectation is not understood." },
};

static const struct cause *cause_of(int status)
{
    const struct cause *cause = causes;
    while (cause->status != 0 && cause->status != status) {
        cause++;
    }
    return cause;
}

static h2o_iovec_t render(h2o_req_t *req, const struct cause *cause, const char *request_id)
{
    struct buffer out;
    const struct problem problem = { .err = cause->err, .detail = cause->detail, .request_id = request_id };
    buffer_init(&out, PROBLEM_BYTES_MAX);
    problem_json(&problem, &out);
    bool is_whole = out.err == ZP_OK; /* else the status must do */
    h2o_iovec_t body = h2o_strdup(&req->pool, is_whole ? out.data : "", is_whole ? out.len : 0);
    buffer_finish(&out);
    return body;
}

static void rewrite_head(h2o_req_t *req, enum zp_err err, size_t len, const char *request_id)
{
    h2o_iovec_t id = h2o_strdup(&req->pool, request_id, SIZE_MAX);
    memset(&req->res.headers, 0, sizeof(req->res.headers));
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, H2O_STRLIT(TYPE_PROBLEM));
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL, H2O_STRLIT("no-store"));
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-request-id"), 0, NULL, id.base, id.len);
    if (err == ZP_BUSY) {
        h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("retry-after"), 1, NULL, H2O_STRLIT("1"));
    }
    req->res.status = zp_err_http_status(err);
    req->res.reason = status_reason(req->res.status);
    req->res.content_length = len;
    req->http1_is_persistent = 0;
}

static void on_setup_ostream(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    struct connection *connection = connection_of(req);
    (void)self;
    if (connection->call == NULL) {
        char request_id[ID_TEXT_SIZE];
        struct zp_id id = id_fresh();
        const struct cause *cause = cause_of(req->res.status);
        struct early *early = (void *)h2o_add_ostream(req, sizeof(*early), slot);
        *early =
            (struct early){ .super = early->super, .req = req, .connection = connection, .lingers = cause->lingers };
        early->body = render(req, cause, id_format(&id, request_id));
        early->super.do_send = do_send;
        early->super.stop = stop;
        rewrite_head(req, cause->err, early->body.len, request_id);
        slot = &early->super.next;
        metrics_request(ROUTE_COUNT, req->res.status, 0);
    }
    h2o_setup_next_ostream(req, slot);
}

void early_register(h2o_pathconf_t *pathconf)
{
    h2o_filter_t *filter = h2o_create_filter(pathconf, sizeof(*filter)); /* in front of all others */
    filter->on_setup_ostream = on_setup_ostream;
}
