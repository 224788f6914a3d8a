/* The floor under the gateway: bare libh2o on one thread. Takes any POST with its body and answers 202 with the body's
 * first bytes back. Any GET is an event stream, which has a heartbeat at once and an event after each POST. Prints the
 * port that it listens on and serves until it is ended.
 *
 * usage: floor_http */
#include "floor.h"

#include <h2o.h>
#include <h2o/http1.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#define ECHO_BYTES 160 /* as long as the answer to an order */

static h2o_globalconf_t config;
static h2o_context_t context;
static h2o_accept_ctx_t accepting = { .ctx = &context };

/* ---- streams ---- */

#define EVENT_BYTES 450 /* as long as an order's event */

struct stream {
    h2o_generator_t generator; /* first */
    h2o_req_t *req;
    struct stream *next, **link;
    bool is_sending;
};

static struct stream *streams;

static void on_sent(h2o_generator_t *generator, h2o_req_t *req)
{
    (void)req;
    ((struct stream *)generator)->is_sending = false;
}

static void on_left(h2o_generator_t *generator, h2o_req_t *req)
{
    struct stream *stream = (struct stream *)generator;
    (void)req;
    *stream->link = stream->next;
    if (stream->next != NULL) {
        stream->next->link = stream->link;
    }
}

static void tell(struct stream *stream, h2o_iovec_t text)
{
    FLOOR_CHECK(!stream->is_sending, "a stream has not taken the last event yet");
    stream->is_sending = true;
    h2o_send(stream->req, &text, 1, H2O_SEND_STATE_IN_PROGRESS);
}

static int open_stream(h2o_req_t *req)
{
    static const char heartbeat[] = "event: heartbeat\ndata: {}\n\n";
    struct stream *stream = h2o_mem_alloc_pool(&req->pool, sizeof *stream);
    *stream = (struct stream){ .generator = { on_sent, on_left }, .req = req, .next = streams, .link = &streams };
    if (streams != NULL) {
        streams->link = &stream->next;
    }
    streams = stream;
    req->res.status = 200;
    req->res.reason = "OK";
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, H2O_STRLIT("text/event-stream"));
    h2o_start_response(req, &stream->generator);
    tell(stream, h2o_iovec_init(heartbeat, sizeof heartbeat - 1));
    return 0;
}

static void tell_all(void)
{
    static char text[EVENT_BYTES]; /* one for all, until the last has it */
    static long id;
    int head = snprintf(text, sizeof text, "id: %ld\ndata: ", ++id);
    memset(text + head, 'e', sizeof text - (size_t)head);
    memcpy(text + sizeof text - 2, "\n\n", 2);
    for (struct stream *stream = streams, *next; stream != NULL; stream = next) {
        next = stream->next;
        tell(stream, h2o_iovec_init(text, sizeof text));
    }
}

/* ---- requests ---- */

static int answer(h2o_handler_t *handler, h2o_req_t *req)
{
    static h2o_generator_t generator;
    (void)handler;
    if (h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET"))) {
        return open_stream(req);
    }
    size_t len = req->entity.len < ECHO_BYTES ? req->entity.len : ECHO_BYTES;
    h2o_iovec_t body = h2o_strdup(&req->pool, req->entity.base, len);
    req->res.status = 202;
    req->res.reason = "Accepted";
    req->res.content_length = body.len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, H2O_STRLIT("application/json"));
    h2o_start_response(req, &generator);
    h2o_send(req, &body, 1, H2O_SEND_STATE_FINAL);
    tell_all();
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    h2o_socket_t *sock;
    while (err == NULL && (sock = h2o_evloop_socket_accept(listener)) != NULL) {
        h2o_accept(&accepting, sock);
    }
}

static int listen_anywhere(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    FLOOR_CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 1024) == 0, "cannot listen");
    FLOOR_CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0, "no name");
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

int main(void)
{
    struct rlimit files;
    FLOOR_CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0, "descriptors");
    files.rlim_cur = files.rlim_max;
    FLOOR_CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0, "descriptors");
    signal(SIGPIPE, SIG_IGN);
    h2o_config_init(&config);
    config.http1.upgrade_to_http2 = 0;
    h2o_hostconf_t *host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_handler_t *handler = h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof *handler);
    handler->on_req = answer;
    h2o_context_init(&context, h2o_evloop_create(), &config);
    accepting.hosts = config.hosts;
    h2o_socket_t *listener = h2o_evloop_socket_create(context.loop, listen_anywhere(), H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(listener, on_accept);
    for (;;) {
        h2o_evloop_run(context.loop, INT32_MAX);
    }
}
