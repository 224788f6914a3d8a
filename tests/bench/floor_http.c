/* The floor under the gateway: bare libh2o on one thread. Takes any POST with its body and answers 202 with the body's
 * first bytes back. Prints the port that it listens on and serves until it is ended.
 *
 * usage: floor_http */
#include "floor.h"

#include <h2o.h>
#include <h2o/http1.h>
#include <netinet/in.h>
#include <signal.h>

#define ECHO_BYTES 160 /* as long as the answer to an order */

static h2o_globalconf_t config;
static h2o_context_t context;
static h2o_accept_ctx_t accepting = { .ctx = &context };

static int answer(h2o_handler_t *handler, h2o_req_t *req)
{
    static h2o_generator_t generator;
    (void)handler;
    size_t len = req->entity.len < ECHO_BYTES ? req->entity.len : ECHO_BYTES;
    h2o_iovec_t body = h2o_strdup(&req->pool, req->entity.base, len);
    req->res.status = 202;
    req->res.reason = "Accepted";
    req->res.content_length = body.len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, H2O_STRLIT("application/json"));
    h2o_start_response(req, &generator);
    h2o_send(req, &body, 1, H2O_SEND_STATE_FINAL);
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
