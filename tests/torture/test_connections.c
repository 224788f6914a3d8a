/* A loop of the gateway, from its start to its end, with each of its calls failing once: on clients' sockets, for their
 * requests and event streams, and for the messages of Redis, which is not there. A client that is not answered is cut
 * off, asks again, and is answered then; a stream ends with its client; and whatever fails, the loop ends and keeps
 * nothing. */
#include "torture.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway_parts.h"
#include "jobs.h"
#include "loop.h"
#include "metrics.h"
#include "places.h"
#include "quota.h"
#include "zapora/ops.h"

#define TROUBLE (ERR(INVALID) | ERR(BUSY) | ERR(NO_MEMORY))
#define IDLE_US 12000000 /* longer than a connection may be quiet */
#define BEAT_US 5000000  /* between the heartbeats of a stream */
#define DRAIN_STEP_US 10000
#define PATIENCE_MS 10000
#define HOST " HTTP/1.1\r\nHost: test\r\n"
#define HERE "02000000-0000-0000-0000-000000000000"

/* h2o never frees an event loop's queue of messages, nor what a thread keeps to use again. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_multithread_create_queue\nleak:h2o_mem_alloc_recycle\n";
}

static const struct gateway_settings settings = { .redis = "redis://127.0.0.1:1/0", .request_deadline_ms = 1000,
                                                  .postgres = "host=/nowhere", .postgres_read = "",
                                                  .postgres_lists = "", .helper_threads = 1 };
static uint8_t secret[] = "0123456789abcdef0123456789abcdef";
static struct gateway gateway = { .settings = &settings, .connections_max = 8, .hurry_at_us = INT64_MAX,
                                  .token_key = { secret, sizeof(secret) - 1, "" } };
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

/* Redis is asked for nothing while a stream is tried: how often a connection to it fails meanwhile is chance. */
static _Atomic bool redis_rests;

void __real_live_hub_tick(struct live_hub *hub, int64_t now_us);
void __wrap_live_hub_tick(struct live_hub *hub, int64_t now_us);
void __wrap_live_hub_tick(struct live_hub *hub, int64_t now_us)
{
    if (!atomic_load(&redis_rests)) {
        __real_live_hub_tick(hub, now_us);
    }
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

/* ---- a client of a stream ---- */

/* Reads on until that word has come. A heartbeat that is left out is followed by the next one. */
static bool hears(int fd, const char *word)
{
    char text[4096] = "";
    size_t len = 0;
    ssize_t got = 1;
    while (got > 0 && strstr(text, word) == NULL && len < sizeof(text) - 1) {
        struct pollfd readable = { .fd = fd, .events = POLLIN };
        if (poll(&readable, 1, 1000) == 0) {
            atomic_fetch_add(&later_us, BEAT_US);
            continue;
        }
        got = recv(fd, text + len, sizeof(text) - 1 - len, 0);
        len += got > 0 ? (size_t)got : 0;
        text[len] = '\0';
    }
    return strstr(text, word) != NULL;
}

static bool is_over(int fd)
{
    char text[4096];
    ssize_t got;
    do {
        got = recv(fd, text, sizeof(text), 0);
    } while (got > 0);
    return got == 0 || errno == ECONNRESET;
}

static bool streams_become(int64_t count)
{
    int64_t give_up_us = __real_clock_mono_us() + PATIENCE_MS * 1000;
    while (metric_value(&gateway_metrics[METRIC_STREAMS_OPEN]) != count && __real_clock_mono_us() < give_up_us) {
        (void)poll(NULL, 0, 1);
    }
    return metric_value(&gateway_metrics[METRIC_STREAMS_OPEN]) == count;
}

/* ZP_OK: its first heartbeat has come. A token that there is no memory for is not believed. */
static enum zp_err open_stream(uint16_t port, int *ret_fd)
{
    const struct principal cook = { .actor = { .role = ROLE_KITCHEN, .user_id = { { 1 } }, .location_count = 1,
                                               .locations = { { { 2 } } } } };
    char request[2048], *token = NULL;
    assert_int_equal(token_sign(&gateway.token_key, &cook, clock_wall_us() / 1000000, &token), ZP_OK);
    (void)snprintf(request, sizeof(request),
                   "GET /locations/" HERE "/events" HOST "Authorization: Bearer %s\r\n\r\n", token);
    free(token);
    *ret_fd = client_open(port);
    int status = status_of(*ret_fd, request);
    if (status != 200) {
        return may_ask_again(status, 200) ? ZP_BUSY : status == 401 ? ZP_UNAUTHORIZED : ZP_INTERNAL;
    }
    return hears(*ret_fd, "event: heartbeat") ? ZP_OK : ZP_BUSY;
}

/* One client leaves, which is noticed at once. The other sends its next request already: it is left unread, and the
 * stream goes on. Who is answered behind it knows that the loop has seen it. */
static enum zp_err leave_streams(uint16_t port, int leaving, int staying)
{
    (void)shutdown(leaving, SHUT_RDWR);
    if (!streams_become(1)) {
        return ZP_INTERNAL;
    }
    int asking = client_open(port);
    (void)send(staying, "GET", 3, MSG_NOSIGNAL);
    int status = status_of(asking, "GET /me" HOST "\r\n");
    (void)close(asking);
    return status == 401 ? ZP_OK : may_ask_again(status, 401) ? ZP_BUSY : ZP_INTERNAL;
}

/* ---- the loop ---- */

/* Whose kitchen it is. Nobody frees it: one reference is never given back. */
static struct location here = { .id = { { 2 } } };
static struct place place = { .refs = 1, .location = &here };
static struct place *places[] = { &place };
static struct places_view view = { .refs = 1, .number = 1, .places = places, .by_prefix = places, .count = 1 };

static struct { struct post post; struct loop *loop; _Atomic bool is_known; } telling;

static void know_place(struct post *post)
{
    (void)post;
    places_view_hold(&view);
    telling.loop->places = &view;
    atomic_store(&telling.is_known, true);
}

static void tell_place(struct loop *loop)
{
    telling.loop = loop;
    atomic_store(&telling.is_known, false);
    loop_post(loop, &telling.post, know_place);
    while (!atomic_load(&telling.is_known)) {
        (void)poll(NULL, 0, 1);
    }
}

static void drain(struct loop *loop)
{
    loop_enter(loop, LOOP_DRAIN);
    while (!atomic_load(&loop->drained)) {
        (void)poll(NULL, 0, 1);
        atomic_fetch_add(&later_us, DRAIN_STEP_US);
    }
}

/* What clients do with it is not what is tried; they leave `open` connections open, until the loop has ended. */
struct visit { enum zp_err err; int open[2]; };

static struct visit be_quiet_and_be_answered(struct loop *loop, uint16_t port)
{
    struct visit visit = { .open = { -1, -1 } };
    be_quiet(port);
    visit.err = be_answered(port, &visit.open[0]);
    drain(loop);
    return visit;
}

/* The drain ends the stream that is left. Its helper has a database that is not there: no heartbeat knows anything. */
static struct visit hear_streams(struct loop *loop, uint16_t port)
{
    struct visit visit = { .open = { -1, -1 } };
    tell_place(loop);
    visit.err = open_stream(port, &visit.open[0]);
    visit.err = visit.err != ZP_OK ? visit.err : open_stream(port, &visit.open[1]);
    visit.err = visit.err != ZP_OK ? visit.err : leave_streams(port, visit.open[0], visit.open[1]);
    drain(loop);
    jobs_stop(gateway.jobs); /* they post to the loop */
    if (!streams_become(0)) {
        visit.err = ZP_INTERNAL;
    } else if (visit.err == ZP_OK && !is_over(visit.open[1])) {
        visit.err = ZP_BUSY;
    }
    return visit;
}

static void close_all(const struct visit *visit)
{
    for (size_t i = 0; i < ZP_COUNT(visit->open); i++) {
        if (visit->open[i] >= 0) {
            (void)close(visit->open[i]);
        }
    }
}

static enum zp_err serve(struct visit (*come)(struct loop *loop, uint16_t port))
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
        struct visit visit = come(loop, port);
        err = visit.err;
        loop_enter(loop, LOOP_STOP);
        loop_join(loop);
        close_all(&visit);
    } else {
        (void)close(fd);
    }
    torture_resume();
    return err;
}

static enum zp_err a_loop_serves(void)
{
    return serve(be_quiet_and_be_answered);
}

static enum zp_err streams_are_heard(void)
{
    torture_pause();
    assert_int_equal(jobs_start(&settings, &gateway.jobs), ZP_OK);
    atomic_store(&redis_rests, true);
    torture_resume();
    enum zp_err err = serve(hear_streams);
    torture_pause();
    atomic_store(&redis_rests, false);
    jobs_stop(gateway.jobs);
    jobs_destroy(gateway.jobs);
    torture_resume();
    return err;
}

static const struct torture rows[] = {
    { "a loop serves", forget, a_loop_serves, NULL, NULL, TROUBLE, ZP_OK },
    { "streams are heard", forget, streams_are_heard, NULL, NULL, TROUBLE | ERR(UNAUTHORIZED), ZP_OK },
};

int main(void)
{
    static const struct quota_limits limits = { 2, 2, 2 }; /* a stream that keeps its place is missed by the next try */
    (void)signal(SIGPIPE, SIG_IGN); /* h2o writes to clients that have gone */
    crypto_start();
    token_key_name(&gateway.token_key);
    if (quota_create(&limits, &gateway.quota) != ZP_OK) {
        return 1;
    }
    int failed = torture_main("the gateway's connections", rows, ZP_COUNT(rows));
    quota_destroy(gateway.quota);
    return failed;
}
