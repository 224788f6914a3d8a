/* loop.h: one event-loop thread of the gateway and what belongs to it alone. */
#ifndef ZAPORA_GATEWAY_LOOP_H
#define ZAPORA_GATEWAY_LOOP_H

#include "event_text.h"
#include "mailbox.h"
#include "passes.h"
#include "reactor.h"
#include "sweep_state.h"
#include "timers.h"
#include "zapora/live.h"

#include <h2o.h>

struct call;
struct connection;
struct gateway;
struct place_wait;
struct places_view;
struct stream;

enum loop_phase { LOOP_RUN, LOOP_DRAIN, LOOP_STOP };

/* Everything here but the atomics belongs to the loop's thread. */
struct loop {
    struct gateway *gateway; /* borrowed */
    h2o_loop_t *evloop;
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    h2o_socket_t *listener;  /* NULL once the drain has begun */
    int listen_fd;           /* the listener's, once it has it */
    h2o_multithread_receiver_t receiver;
    struct reactor reactor;  /* the hub's */
    struct live_hub *hub;
    struct timers timers;
    int64_t now_us;          /* clock_mono_us of this round */

    struct connection *connections;
    size_t connection_count;
    size_t answer_bytes;     /* of large answers that their clients are taking */
    bool crowded;            /* as many connections as there may be */
    struct sweep sweep;
    int64_t close_at_us;     /* the listener, in a drain */
    int64_t crowd_at_us;     /* not before is room made again */
    struct stream *streams;
    size_t stream_count;
    struct event_texts event_texts;
    struct call *calls;      /* open */
    struct call *idle_calls; /* kept for the next requests, at most IDLE_CALLS_MAX */
    size_t idle_call_count, call_count;
    struct passes passes;
    struct mailbox mailboxes[BUS_PARTITIONS_MAX];
    struct mailbox_round round;      /* of their ticks */
    struct places_view *places;      /* held: the newest that this loop has seen, or NULL */
    struct place_wait *place_waits;  /* who waits for a newer one */

    pthread_t thread;
    _Atomic int phase;               /* enum loop_phase, set by the main thread */
    struct watch *watch;             /* the watchdog's: one beat a round */
    _Atomic int64_t open_calls;      /* for the drain */
    _Atomic int64_t unsettled;       /* connections that the drain waits for */
    _Atomic bool drained;            /* the listener is closed, and unsettled is known */
    _Atomic bool hub_connected;      /* for /readyz */
};

/* A message from another thread. Embedded in its owner, which lives until deliver has been called. */
struct post {
    h2o_multithread_message_t super;
    void (*deliver)(struct post *post); /* on the loop's thread */
};

/* Thread-safe. The loop must not have been told to stop. */
void loop_post(struct loop *loop, struct post *post, void (*deliver)(struct post *post));

/* Starts a loop on its listening socket (taken over) and waits until it runs. ZP_INVALID or ZP_BUSY with a sentence
 * in why. */
enum zp_err loop_start(struct gateway *gateway, int listen_fd, struct loop **ret_loop, char *why,
                       size_t why_size) ZP_MUST_CHECK;
/* Tells it to go on to a later phase; thread-safe. */
void loop_enter(struct loop *loop, enum loop_phase phase);
/* After LOOP_STOP: waits for the thread and frees. Nobody may post any more. NULL is fine. */
void loop_join(struct loop *loop);

#endif
