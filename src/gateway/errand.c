/* errand: carries questions between a call and the pool of helper threads.
 *
 * Called by handlers. Invariant: an errand outlives its call's answer, not the other way round: a client that leaves
 * while the database works costs nothing but the work. */
#include "errand.h"

#include <stdlib.h>

static void run_job(struct job *job, struct store *store)
{
    struct errand *errand = H2O_STRUCT_FROM_MEMBER(struct errand, job, job);
    if (store == NULL) {
        errand->err = ZP_BUSY;
    } else {
        errand->run(errand, store);
    }
}

static void errand_free(struct errand *errand)
{
    arena_finish(&errand->arena);
    buffer_finish(&errand->out);
    free(errand);
}

static void finish_job(struct job *job)
{
    struct errand *errand = H2O_STRUCT_FROM_MEMBER(struct errand, job, job);
    struct call *call = errand->call;
    if (errand->quiet ? call->req != NULL : call_open(call)) {
        errand->done(call, errand);
    }
    call_release(call);
    errand_free(errand);
}

/* NULL: no memory. */
static struct errand *errand_make(struct call *call, const void *question, size_t size)
{
    struct errand *errand = calloc(1, sizeof(*errand));
    if (errand == NULL) {
        return NULL;
    }
    arena_init(&errand->arena, ERRAND_BYTES_MAX);
    buffer_init(&errand->out, CALL_ANSWER_BYTES_MAX);
    void *copy = arena_alloc(&errand->arena, size);
    if (copy == NULL) {
        errand_free(errand);
        return NULL;
    }
    memcpy(copy, question, size);
    errand->question = copy;
    errand->call = call;
    errand->job = (struct job){ .loop = call->loop, .run = run_job, .done = finish_job };
    return errand;
}

/* Gives it to the pool, or frees it. */
static bool errand_submit(struct errand *errand, enum job_kind kind)
{
    if (!jobs_submit(errand->call->loop->gateway->jobs, kind, &errand->job)) {
        errand_free(errand);
        return false;
    }
    call_hold(errand->call); /* its answer comes as a message, never before this line */
    return true;
}

bool errand_start(struct call *call, enum job_kind kind, const void *question, size_t size,
                  void (*run)(struct errand *errand, struct store *store),
                  void (*done)(struct call *call, struct errand *errand))
{
    struct errand *errand = errand_make(call, question, size);
    if (errand == NULL) {
        call_problem(call, ZP_NO_MEMORY, NULL);
        return false;
    }
    errand->run = run;
    errand->done = done;
    int64_t now_us = call->loop->now_us;
    errand->job.due_us = call->deadline.due_us > now_us ? call->deadline.due_us : now_us + call_deadline_us(call);
    if (!errand_submit(errand, kind)) {
        call_unavailable(call, METRIC_QUEUE_FULL, "Too many requests wait for the database; try again.");
        return false;
    }
    return true;
}

bool errand_start_quietly(struct call *call, const void *question, size_t size,
                          void (*run)(struct errand *errand, struct store *store),
                          void (*done)(struct call *call, struct errand *errand))
{
    struct errand *errand = errand_make(call, question, size);
    if (errand == NULL) {
        return false;
    }
    errand->run = run;
    errand->done = done;
    errand->quiet = true;
    errand->job.due_us = call->loop->now_us + call_deadline_us(call);
    return errand_submit(errand, JOB_READ);
}

void errand_unavailable(struct call *call)
{
    call_unavailable(call, METRIC_BACKING, "The database does not answer; try again.");
}

void errand_behind(struct call *call)
{
    call_problem(call, ZP_CATCHING_UP, "The database is behind what was already shown; try again.");
}
