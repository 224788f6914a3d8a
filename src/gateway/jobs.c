/* jobs: a bounded pool of helper threads, each with a PostgreSQL connection of its own.
 *
 * Called by errand.c. Invariants: each queue holds at most JOBS_QUEUED_MAX; at most HASH_JOBS_AT_ONCE passwords are
 * hashed at a time, and reads go first, so logins never starve them; every job that was taken is run and done
 * exactly once. */
#include "jobs.h"

#include "gateway_parts.h"
#include "metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define THREADS_MAX 64
#define STATEMENT_TIMEOUT_MS 4000
#define PING_EVERY_MS 2000 /* an idle pool still finds out how PostgreSQL is */

struct queue {
    struct job *first, **end;
    size_t count;
};

struct jobs {
    pthread_mutex_t lock; /* guards the queues and stopping */
    pthread_cond_t work;
    struct queue queues[JOB_KIND_COUNT];
    size_t hashing;
    bool stopping;
    struct helper { struct jobs *jobs; struct store *store; pthread_t thread; int number; } helpers[THREADS_MAX];
    size_t helper_count;
    _Atomic int64_t pinged_us;      /* clock_mono_us of the last ping */
    _Atomic bool postgres_well;
};

static void queue_put(struct queue *queue, struct job *job)
{
    job->next = NULL;
    *queue->end = job;
    queue->end = &job->next;
    queue->count++;
}

static struct job *queue_take(struct queue *queue)
{
    struct job *job = queue->first;
    queue->first = job->next;
    if (queue->first == NULL) {
        queue->end = &queue->first;
    }
    queue->count--;
    return job;
}

static void on_done(struct post *post)
{
    struct job *job = H2O_STRUCT_FROM_MEMBER(struct job, post, post);
    job->done(job);
}

/* The kind that may be run now, or JOB_KIND_COUNT. */
static enum job_kind choose(const struct jobs *jobs)
{
    if (jobs->queues[JOB_READ].count > 0) {
        return JOB_READ;
    }
    bool may_hash = jobs->hashing < HASH_JOBS_AT_ONCE || jobs->stopping;
    return jobs->queues[JOB_HASH].count > 0 && may_hash ? JOB_HASH : JOB_KIND_COUNT;
}

bool jobs_ping_is_due(_Atomic int64_t *pinged_us, int64_t now_us)
{
    int64_t last_us = atomic_load(pinged_us);
    return now_us - last_us >= PING_EVERY_MS * 1000 / 2 && atomic_compare_exchange_strong(pinged_us, &last_us, now_us);
}

static void ping(struct jobs *jobs, struct store *store)
{
    if (jobs_ping_is_due(&jobs->pinged_us, clock_mono_us())) {
        int64_t version;
        atomic_store(&jobs->postgres_well, store_schema_version(store, &version) == ZP_OK);
    }
}

/* Waits for a job; NULL after a while without one, or at the end. */
static struct job *take(struct jobs *jobs, enum job_kind *ret_kind, bool *ret_stopping)
{
    int64_t until_us = clock_wall_us() + PING_EVERY_MS * 1000;
    const struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
    struct job *job = NULL;
    pthread_mutex_lock(&jobs->lock);
    while ((*ret_kind = choose(jobs)) == JOB_KIND_COUNT && !jobs->stopping && clock_wall_us() < until_us) {
        (void)pthread_cond_timedwait(&jobs->work, &jobs->lock, &until);
    }
    if (*ret_kind != JOB_KIND_COUNT) {
        job = queue_take(&jobs->queues[*ret_kind]);
        jobs->hashing += *ret_kind == JOB_HASH;
    }
    *ret_stopping = jobs->stopping;
    pthread_mutex_unlock(&jobs->lock);
    return job;
}

static void finish(struct jobs *jobs, struct job *job, enum job_kind kind)
{
    if (kind == JOB_HASH) {
        pthread_mutex_lock(&jobs->lock);
        jobs->hashing--;
        pthread_cond_signal(&jobs->work); /* somebody may have waited for the place */
        pthread_mutex_unlock(&jobs->lock);
    }
    metric_add(&gateway_metrics[METRIC_JOBS_QUEUED], -1);
    metric_add(&gateway_metrics[METRIC_JOBS_DONE], 1);
    loop_post(job->loop, &job->post, on_done);
}

static void *help(void *arg)
{
    struct helper *helper = arg;
    struct jobs *jobs = helper->jobs;
    struct watch *watch = watchdog_watch("helper", helper->number);
    for (;;) {
        enum job_kind kind;
        bool stopping;
        watchdog_beat(watch);
        struct job *job = take(jobs, &kind, &stopping);
        if (job != NULL) {
            bool useless = stopping || clock_mono_us() > job->due_us;
            job->run(job, useless ? NULL : helper->store);
            finish(jobs, job, kind);
        } else if (stopping) {
            watchdog_unwatch(watch);
            return NULL;
        } else {
            ping(jobs, helper->store);
        }
    }
}

static enum zp_err start_helper(struct jobs *jobs, const struct store_settings *settings)
{
    struct helper *helper = &jobs->helpers[jobs->helper_count];
    helper->jobs = jobs;
    helper->number = (int)jobs->helper_count;
    enum zp_err err = store_create(settings, &helper->store);
    if (err != ZP_OK) {
        return err;
    }
    if (pthread_create(&helper->thread, NULL, help, helper) != 0) {
        store_destroy(helper->store);
        return ZP_BUSY;
    }
    jobs->helper_count++;
    return ZP_OK;
}

enum zp_err jobs_start(const struct gateway_settings *settings, struct jobs **ret_jobs)
{
    const struct store_settings store = gateway_store_settings(settings, "zapora-gateway", STATEMENT_TIMEOUT_MS);
    struct jobs *jobs = calloc(1, sizeof(*jobs));
    enum zp_err err = jobs == NULL ? ZP_NO_MEMORY : ZP_OK;
    if (err != ZP_OK) {
        return err;
    }
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->work, NULL);
    for (size_t i = 0; i < JOB_KIND_COUNT; i++) {
        jobs->queues[i].end = &jobs->queues[i].first;
    }
    for (int64_t i = 0; i < settings->helper_threads && i < THREADS_MAX && err == ZP_OK; i++) {
        err = start_helper(jobs, &store);
    }
    if (err != ZP_OK) {
        jobs_stop(jobs);
        jobs_destroy(jobs);
        return err;
    }
    *ret_jobs = jobs;
    return ZP_OK;
}

void jobs_stop(struct jobs *jobs)
{
    if (jobs == NULL) {
        return;
    }
    pthread_mutex_lock(&jobs->lock);
    jobs->stopping = true;
    pthread_cond_broadcast(&jobs->work);
    pthread_mutex_unlock(&jobs->lock);
    for (size_t i = 0; i < jobs->helper_count; i++) {
        (void)pthread_join(jobs->helpers[i].thread, NULL);
        store_destroy(jobs->helpers[i].store);
    }
    jobs->helper_count = 0;
}

void jobs_destroy(struct jobs *jobs)
{
    if (jobs == NULL) {
        return;
    }
    pthread_cond_destroy(&jobs->work);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}

bool jobs_submit(struct jobs *jobs, enum job_kind kind, struct job *job)
{
    pthread_mutex_lock(&jobs->lock);
    bool room = jobs->queues[kind].count < JOBS_QUEUED_MAX && !jobs->stopping;
    if (room) {
        queue_put(&jobs->queues[kind], job);
        metric_add(&gateway_metrics[METRIC_JOBS_QUEUED], 1);
        pthread_cond_signal(&jobs->work);
    }
    pthread_mutex_unlock(&jobs->lock);
    return room;
}

bool jobs_postgres_well(struct jobs *jobs, char *why, size_t why_size)
{
    (void)snprintf(why, why_size, "the last question was not answered");
    return atomic_load(&jobs->postgres_well);
}
