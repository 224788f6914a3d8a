/* errand.h: a call's question to PostgreSQL: asked on a helper thread, answered on the call's loop. */
#ifndef ZAPORA_GATEWAY_ERRAND_H
#define ZAPORA_GATEWAY_ERRAND_H

#include "call.h"
#include "jobs.h"

#define ERRAND_BYTES_MAX ((size_t)16 * 1024 * 1024)

/* The helper thread touches the errand only, never the call; but texts that a question points to may lie in the
 * call's arena, for the errand holds the call. */
struct errand {
    struct job job;
    struct arena arena;  /* for what store copies */
    struct buffer out;   /* for what is rendered on the helper thread */
    enum zp_err err;     /* of the store; ZP_BUSY when it was never asked */
    const void *question; /* borrowed from the arena: what run needs to know */
    void *found;         /* in the arena: what run leaves for done */
    void (*run)(struct errand *errand, struct store *store);
    struct call *call;   /* held */
    bool quiet;          /* the call's answer has begun: it is a stream */
    void (*done)(struct call *call, struct errand *errand);
};

/* Copies size bytes of question into the errand, runs it and calls done on the loop's thread, if the call is still
 * open. Answers the call with 503 and gives false when the queue is full or memory is short. */
bool errand_start(struct call *call, enum job_kind kind, const void *question, size_t size,
                  void (*run)(struct errand *errand, struct store *store),
                  void (*done)(struct call *call, struct errand *errand));
/* The same for a call whose stream has begun: false, and nothing else, when the queue is full or memory is short;
 * done is called while the request exists. */
bool errand_start_quietly(struct call *call, const void *question, size_t size,
                          void (*run)(struct errand *errand, struct store *store),
                          void (*done)(struct call *call, struct errand *errand));
/* What most of them say when PostgreSQL did not answer. */
void errand_unavailable(struct call *call);
/* And when it is behind what was shown before, as one that was put back. */
void errand_behind(struct call *call);

#endif
