/* ops: the operations listener of every role: /livez, /readyz?verbose, /metrics, on a thread of its own. */
#ifndef ZAPORA_OPS_H
#define ZAPORA_OPS_H

#include "zapora/base.h"

/* One check of /readyz. Called on the listener's thread: must not block; says why when it is not well. */
struct ops_check {
    const char *name;                                         /* "kafka", "postgres", … */
    bool (*check)(void *arg, char *why, size_t why_size);
    void *arg;
    bool vital;   /* false: shown by ?verbose as degraded, but does not make the role unready */
};

struct ops_settings {
    const char *listen;                 /* "host:port" */
    const struct ops_check *ready;      /* borrowed for the life of the listener */
    size_t ready_count;
    const struct ops_check *live;       /* of /livez: progress watchdogs; all must pass */
    size_t live_count;
};

struct ops;

/* Starts the listener and its thread. With a sentence in why: ZP_INVALID for a bad address, ZP_BUSY when it is in
 * use. */
enum zp_err ops_start(const struct ops_settings *settings, struct ops **ret_ops, char *why,
                      size_t why_size) ZP_MUST_CHECK;
/* The port that is really listened on: tells what a `listen` with port 0 became. */
int ops_port(const struct ops *ops);
/* Makes /readyz answer 503 "draining" from now on. Thread-safe. */
void ops_drain(struct ops *ops);
/* Stops the thread and frees. NULL is fine. */
void ops_stop(struct ops *ops);

/* "host:port" or "[v6]:port" → a listening, non-blocking, close-on-exec socket with SO_REUSEADDR (and SO_REUSEPORT when
 * asked), or -1 with a sentence in why and errno (EINVAL: the address is wrong in itself). Shared with the gateway. */
int ops_listen(const char *address, bool reuse_port, char *why, size_t why_size);

#endif
