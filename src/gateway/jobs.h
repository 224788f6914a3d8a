/* jobs.h: what must not run on an event loop: questions to PostgreSQL and password hashing. */
#ifndef ZAPORA_GATEWAY_JOBS_H
#define ZAPORA_GATEWAY_JOBS_H

#include "loop.h"
#include "zapora/store.h"

struct gateway_settings;
struct jobs;

#define JOBS_QUEUED_MAX 512 /* for each kind */
#define HASH_JOBS_AT_ONCE 2 /* each takes 19 MiB for Argon2id */

enum job_kind { JOB_READ, JOB_HASH, JOB_KIND_COUNT };

/* Embedded in its owner, which lives until done has been called. */
struct job {
    /* Set by the owner. */
    struct loop *loop;
    int64_t due_us;                                    /* clock_mono_us: later nobody waits for it any more */
    void (*run)(struct job *job, struct store *store); /* on a helper thread; store NULL: it was too late, or the end */
    void (*done)(struct job *job);                     /* then on the loop's thread */
    /* The pool's. */
    struct post post;
    struct job *next;
};

enum zp_err jobs_start(const struct gateway_settings *settings, struct jobs **ret_jobs) ZP_MUST_CHECK;
/* Runs what is queued with a NULL store and ends the threads; the loops must still take posts. Takes no job any
 * more. NULL is fine. */
void jobs_stop(struct jobs *jobs);
void jobs_destroy(struct jobs *jobs); /* NULL is fine */
/* False: the queue is full. Thread-safe. */
bool jobs_submit(struct jobs *jobs, enum job_kind kind, struct job *job);
/* True when the last question to PostgreSQL was answered. Thread-safe. */
bool jobs_postgres_well(struct jobs *jobs, char *why, size_t why_size);
/* Whether a helper that comes round now is the one to ask PostgreSQL; pinged_us, when that was last done, then is now.
 * Who does not ask leaves it: helpers that come round one shortly after the other would else put the question off for
 * ever. Thread-safe. */
bool jobs_ping_is_due(_Atomic int64_t *pinged_us, int64_t now_us);

#endif
