/* A loop of the gateway, from its start to its end, with each of its calls failing once: on clients' sockets, for their
 * requests, and for the messages of Redis, which is not there. A client that is not answered is cut off, asks again,
 * and is answered then; and whatever fails, the loop ends and keeps nothing. */
#include "torture.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway_parts.h"
#include "loop.h"
#include "zapora/ops.h"

#define TROUBLE (ERR(INVALID) | ERR(BUSY) | ERR(NO_MEMORY))
#define IDLE_US 12000000 /* longer than a connection may be quiet */
#define HOST " HTTP/1.1\r\nHost: test\r\n"

/* h2o never frees an event loop's queue of messages, nor what a thread keeps to use again. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_multithread_create_queue\nleak:h2o_mem_alloc_recycle\n";
}

static const struct gateway_settings settings = { .redis = "redis://127.0.0.1:1/0", .request_deadline_ms = 1000 };
static struct gateway gateway = { .settings = &settings, .connections_max = 8, .hurry_at_us = INT64_MAX };
static char why[256];

static void forget(void)
{
    why[0] = '\0';
}

/* Its clock, which the client puts forward. */
static _Atomic int64_t later_us;

int64_t __real_clock_mono_us(void);
int64_t __wrap_clock_mono_us(void);
int64_t __wrap_clock_mono_us(void)
{
    return __real_clock_mono_us() + atomic_load(&later_us);
}

/* ---- a client ---- */

static uint16_t port_of(int fd)
{
    struct sockaddr_in address = { 0 };
    socklen_t len = sizeof(address);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port);
}

static int client_open(uint16_t port)
{
    const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const struct timeval patience = { .tv_sec = 20 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* The status of the answer; 0: cut off without one. */
static int status_of(int fd, const char *request)
{
    char answer[4096] = "";
    size_t len = 0;
    ssize_t got = send(fd, request, strlen(request), MSG_NOSIGNAL);
    while (got > 0 && strstr(answer, "\r\n\r\n") == NULL && len < sizeof(answer) - 1) {
        got = recv(fd, answer + len, sizeof(answer) - 1 - len, 0);
        len += got > 0 ? (size_t)got : 0;
        answer[len] = '\0';
    }
    return len > 12 ? atoi(answer + 9) : 0;
}

/* Says nothing for so long that it is dropped. */
static void be_quiet(uint16_t port)
{
    char byte;
    int fd = client_open(port);
    atomic_fetch_add(&later_us, IDLE_US);
    (void)!recv(fd, &byte, 1, 0);
    (void)close(fd);
}

static bool may_ask_again(int status, int wanted)
{
    return status == 0 || status == 503 || status == wanted;
}

/* One is answered and stays open, one is too large for h2o itself and lingers. */
static enum zp_err be_answered(uint16_t port, int *ret_open)
{
    int asking = client_open(port), large = client_open(port);
    int status = status_of(asking, "GET /me" HOST "\r\n");
    int refused = status_of(large, "POST /orders" HOST "Content-Length: 3000000\r\n\r\n");
    (void)close(large);
    *ret_open = asking;
    if (status == 401 && refused == 413) {
        return ZP_OK;
    }
    return may_ask_again(status, 401) && may_ask_again(refused, 413) ? ZP_BUSY : ZP_INTERNAL;
}

/* ---- the loop ---- */

static enum zp_err a_loop_serves(void)
{
    struct loop *loop = NULL;
    torture_pause();
    int fd = ops_listen("127.0.0.1:0", false, why, sizeof(why));
    assert_true(fd >= 0);
    uint16_t port = port_of(fd);
    torture_follow(true);
    torture_resume();
    enum zp_err err = loop_start(&gateway, fd, &loop, why, sizeof(why));
    torture_pause();
    torture_follow(false);
    if (err == ZP_OK) {
        int open_fd;
        be_quiet(port);
        err = be_answered(port, &open_fd);
        loop_enter(loop, LOOP_DRAIN);
        while (!atomic_load(&loop->drained)) {
            (void)poll(NULL, 0, 1);
        }
        loop_enter(loop, LOOP_STOP);
        loop_join(loop);
        (void)close(open_fd);
    } else {
        (void)close(fd);
    }
    torture_resume();
    return err;
}

static const struct torture rows[] = {
    { "a loop serves", forget, a_loop_serves, NULL, NULL, TROUBLE, ZP_OK },
};

int main(void)
{
    return torture_main("the gateway's connections", rows, ZP_COUNT(rows));
}
