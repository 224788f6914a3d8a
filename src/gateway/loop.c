/* loop: a thread of the gateway: h2o's event loop, live's hub, timers, and the messages of other threads.
 *
 * Started by gateway.c. Invariants: nothing on this thread blocks; everything h2o gives is made, used and freed
 * here; at the end things go in this order: hub, connections, messages, receiver, context. */
#include "loop.h"

#include "call.h"
#include "connection.h"
#include "early.h"
#include "gateway_parts.h"
#include "guard.h"
#include "places.h"
#include "stream.h"
#include "sweep.h"
#include "zapora/message.h"
#include "zapora/ops.h"

#include <errno.h>
#include <linux/filter.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ROUND_MS 20                           /* timers and the hub's tick are at most this late */
#define TICK_US 50000
#define READ_TIMEOUT_MS UINT64_C(25000)       /* h2o's own, from the last answer on; sweep.c judges finer and first */
#define END_ROUNDS_MAX 100
#define HANDSHAKE_US 200000                   /* for handshakes that have begun, before the listener closes */
#define LAST_ROUNDS 3

#define RECEIPT_TTL_S INT64_C(172800)
#define HUB_TIMEOUT_MS 1000
#define RING_EVENTS_MAX 512
#define RING_BYTES_MAX ((size_t)2 * 1024 * 1024)
#define RINGS_BYTES_MAX ((size_t)8 * 1024 * 1024)
#define WATCHED_MAX 4096
#define PENDING_MAX 16384

/* What the starting thread waits for. */
struct start {
    struct loop *loop;
    pthread_mutex_t lock;
    pthread_cond_t turned;
    bool known;
    enum zp_err err;
    char *why;
    size_t why_size;
};

void loop_post(struct loop *loop, struct post *post, void (*deliver)(struct post *post))
{
    post->super = (h2o_multithread_message_t){ { NULL, NULL } };
    post->deliver = deliver;
    h2o_multithread_send_message(&loop->receiver, &post->super);
}

/* h2o asserts that every message is taken. */
static void on_messages(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    (void)receiver;
    while (!h2o_linklist_is_empty(messages)) {
        struct post *post = H2O_STRUCT_FROM_MEMBER(struct post, super.link, messages->next);
        h2o_linklist_unlink(&post->super.link);
        post->deliver(post); /* frees it, perhaps */
    }
}

static void configure(struct loop *loop)
{
    h2o_config_init(&loop->config);
    loop->config.server_name = h2o_iovec_init("", 0);
    loop->config.http1.upgrade_to_http2 = 0; /* clear-text HTTP/2 is on by default, and unmended since 2019 */
    loop->config.max_request_entity_size = MESSAGE_BODY_BYTES_MAX;
    loop->config.http1.req_timeout = READ_TIMEOUT_MS;
    h2o_hostconf_t *host = h2o_config_register_host(&loop->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    guard_register(&host->fallback_path, loop);
    early_register(&host->fallback_path); /* the fallback is also where h2o's own answers go */
}

static enum zp_err open_hub(struct loop *loop, char *why, size_t why_size)
{
    char reason[LIVE_WHY_SIZE] = "";
    const struct live_reactor reactor = reactor_lend(&loop->reactor);
    const struct live_hub_settings settings = {
        .uri = loop->gateway->settings->redis, .timeout_ms = HUB_TIMEOUT_MS, .receipt_ttl_s = RECEIPT_TTL_S,
        .ring_events_max = RING_EVENTS_MAX, .ring_bytes_max = RING_BYTES_MAX,
        .rings_bytes_max = RINGS_BYTES_MAX, .watched_max = WATCHED_MAX, .pending_max = PENDING_MAX,
    };
    enum zp_err err = live_hub_create(&settings, &reactor, &loop->hub, reason);
    if (err != ZP_OK) {
        (void)snprintf(why, why_size, "%s", reason);
    }
    return err;
}

static enum zp_err open_loop(struct loop *loop, char *why, size_t why_size)
{
    loop->evloop = h2o_evloop_create();
    loop->reactor.evloop = loop->evloop;
    loop->now_us = clock_mono_us();
    timers_init(&loop->timers, loop->now_us);
    passes_init(&loop->passes);
    enum zp_err err = open_hub(loop, why, why_size);
    if (err != ZP_OK) {
        h2o_evloop_destroy(loop->evloop);
        passes_finish(&loop->passes);
        return err;
    }
    configure(loop);
    h2o_context_init(&loop->context, loop->evloop, &loop->config);
    h2o_multithread_register_receiver(loop->context.queue, &loop->receiver, on_messages);
    loop->accept = (h2o_accept_ctx_t){ .ctx = &loop->context, .hosts = loop->config.hosts };
    loop->listener = h2o_evloop_socket_create(loop->evloop, loop->listen_fd, H2O_SOCKET_FLAG_DONT_READ);
    loop->listener->data = loop;
    h2o_socket_read_start(loop->listener, connection_accept);
    return ZP_OK;
}

static void run_round(struct loop *loop, int64_t *next_tick_us)
{
    (void)h2o_evloop_run(loop->evloop, ROUND_MS); /* -1 on EINTR: the next round is the answer */
    loop->now_us = clock_mono_us();
    sweep(loop);
    if (loop->crowded) {
        sweep_make_room(loop);
    }
    watchdog_beat(loop->watch);
    timers_run(&loop->timers, loop->now_us);
    if (loop->now_us >= *next_tick_us) {
        *next_tick_us = loop->now_us + TICK_US;
        live_hub_tick(loop->hub, loop->now_us);
        atomic_store(&loop->hub_connected, live_hub_connected(loop->hub));
    }
    reactor_flush(&loop->reactor);
}

/* Drops SYN on a listening socket: no new connection begins, those that have begun are completed. The client sends its
 * SYN again a second later, and is refused, or taken by another gateway that listens on the same port. */
static void refuse_handshakes(int listen_fd)
{
    struct sock_filter code[] = { /* over the TCP header: its flags are in byte 13, SYN is 2, ACK 16 */
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    const struct sock_fprog program = { .len = ZP_COUNT(code), .filter = code };
    if (setsockopt(listen_fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
        log_info("handshakes cannot be refused before the listener closes", L_INT("errno", errno));
    }
}

/* Connections that wait in the kernel's queue are taken first: closing the listener would reset them. */
static void close_listener(struct loop *loop)
{
    if (loop->listener != NULL) {
        connections_accept(loop);
        h2o_socket_close(loop->listener);
        loop->listener = NULL;
    }
}

static void begin_drain(struct loop *loop)
{
    if (loop->listener != NULL) {
        refuse_handshakes(loop->listen_fd);
    }
    loop->close_at_us = loop->now_us + HANDSHAKE_US;
    /* Answers from now on say Connection: close. h2o_context_request_shutdown would also start a timer for HTTP/2,
     * which outlives the context. */
    loop->context.shutdown_requested = 1;
    streams_drain(loop);
}

static void go_on_draining(struct loop *loop)
{
    if (loop->now_us >= loop->close_at_us) {
        close_listener(loop);
        atomic_store(&loop->unsettled, (int64_t)sweep_unsettled(loop));
        atomic_store(&loop->drained, true);
    }
    if (loop->now_us >= atomic_load(&loop->gateway->hurry_at_us)) {
        calls_hurry(loop);
    }
}

static void serve(struct loop *loop)
{
    bool drains = false;
    int64_t next_tick_us = 0;
    while (atomic_load(&loop->phase) != LOOP_STOP) {
        if (!drains && atomic_load(&loop->phase) == LOOP_DRAIN) {
            drains = true;
            begin_drain(loop);
        }
        run_round(loop, &next_tick_us);
        if (drains) {
            go_on_draining(loop);
        }
    }
    if (!drains) {
        begin_drain(loop);
    }
    close_listener(loop);
}

static void free_idle_calls(struct loop *loop)
{
    while (loop->idle_calls != NULL) {
        struct call *call = loop->idle_calls;
        loop->idle_calls = call->next;
        arena_finish(&call->arena);
        buffer_finish(&call->out);
        free(call);
    }
}

static void close_loop(struct loop *loop)
{
    int64_t no_tick = INT64_MAX;
    calls_end(loop);
    connections_break_all(loop);
    for (int round = 0; round < END_ROUNDS_MAX && loop->connection_count > 0; round++) {
        run_round(loop, &no_tick);
    }
    ZP_ASSERT(loop->connection_count == 0);
    live_hub_destroy(loop->hub); /* tells everybody who still waits */
    places_forget(loop);
    for (int round = 0; round < LAST_ROUNDS; round++) {
        run_round(loop, &no_tick); /* the last messages */
    }
    h2o_multithread_unregister_receiver(loop->context.queue, &loop->receiver);
    h2o_context_dispose(&loop->context);
    h2o_config_dispose(&loop->config);
    h2o_evloop_destroy(loop->evloop);
    passes_finish(&loop->passes);
    event_texts_finish(&loop->event_texts);
    places_view_release(loop->places);
    free_idle_calls(loop);
}

static void tell_started(struct start *start, enum zp_err err)
{
    pthread_mutex_lock(&start->lock);
    start->err = err;
    start->known = true;
    pthread_cond_signal(&start->turned);
    pthread_mutex_unlock(&start->lock); /* start is gone once the other thread has the lock */
}

static void *run(void *arg)
{
    struct start *start = arg;
    struct loop *loop = start->loop;
    enum zp_err err = open_loop(loop, start->why, start->why_size);
    loop->watch = watchdog_watch("loop", (int)loop->gateway->loop_count);
    tell_started(start, err);
    if (err == ZP_OK) {
        serve(loop);
        close_loop(loop);
    }
    watchdog_unwatch(loop->watch);
    return NULL;
}

static enum zp_err start_thread(struct start *start)
{
    if (pthread_create(&start->loop->thread, NULL, run, start) != 0) {
        (void)snprintf(start->why, start->why_size, "cannot start a thread");
        return ZP_BUSY;
    }
    pthread_mutex_lock(&start->lock);
    while (!start->known) {
        pthread_cond_wait(&start->turned, &start->lock);
    }
    pthread_mutex_unlock(&start->lock);
    if (start->err != ZP_OK) {
        (void)pthread_join(start->loop->thread, NULL);
    }
    return start->err;
}

enum zp_err loop_start(struct gateway *gateway, int listen_fd, struct loop **ret_loop, char *why, size_t why_size)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL) {
        (void)snprintf(why, why_size, "no memory");
        return ZP_BUSY;
    }
    struct start start = {
        .loop = loop,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .turned = PTHREAD_COND_INITIALIZER,
        .why = why,
        .why_size = why_size,
    };
    loop->gateway = gateway;
    loop->listen_fd = listen_fd;
    enum zp_err err = start_thread(&start);
    if (err != ZP_OK) {
        free(loop);
        return err;
    }
    *ret_loop = loop;
    return ZP_OK;
}

void loop_enter(struct loop *loop, enum loop_phase phase)
{
    atomic_store(&loop->phase, phase);
}

void loop_join(struct loop *loop)
{
    if (loop != NULL) {
        (void)pthread_join(loop->thread, NULL);
        free(loop);
    }
}
