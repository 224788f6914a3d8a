/* Owns the announcer: the thread between a commit and everybody who hears of it, and the hand-over of turns. The main
 * thread hands turns over; the thread adds them to its line and returns them to the pool when they leave it.
 * Invariant: a turn is either in the pool, being filled, handed over, or in the line. */
#include "announce.h"

#include "line.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ACKS_AWAITED 4 /* partitions are acknowledged one by one: no wake-up for each of many */
#define ACKS_NAP_MS 1

struct announcer {
    struct line line; /* the thread's */
    int wake_fd;
    pthread_t thread;

    pthread_mutex_t lock; /* the fields below */
    pthread_cond_t changed;
    struct turn *pool;
    struct turn *handed, **handed_end;
    size_t under_way;     /* handed or in the line */
    bool stopping, renewing;
};

/* ---- the thread ------------------------------------------------------------------------------------------- */

/* A turn left the line. */
static void on_done(void *arg, struct turn *turn)
{
    struct announcer *a = arg;
    pthread_mutex_lock(&a->lock);
    turn->next = a->pool;
    a->pool = turn;
    a->under_way--;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

static void take_handed(struct announcer *a)
{
    pthread_mutex_lock(&a->lock);
    struct turn *first = a->handed;
    a->handed = NULL;
    a->handed_end = &a->handed;
    pthread_mutex_unlock(&a->lock);
    if (first != NULL) {
        line_add(&a->line, first);
    }
}

static void renew(struct announcer *a)
{
    take_handed(a);
    line_renew(&a->line);
    pthread_mutex_lock(&a->lock);
    a->renewing = false;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

static void wait_for_work(struct announcer *a)
{
    if (a->line.first != NULL && a->line.first->unacked > ACKS_AWAITED) {
        poll(NULL, 0, ACKS_NAP_MS);
    }
    struct pollfd fd = { .fd = a->wake_fd, .events = POLLIN };
    if (poll(&fd, 1, line_wait_ms(&a->line)) > 0) {
        uint64_t count;
        if (read(a->wake_fd, &count, sizeof count) < 0 && errno != EAGAIN) {
            log_warn("the announcer's wake-up cannot be read", L_INT("errno", errno));
        }
    }
}

static void *announce(void *arg)
{
    struct announcer *a = arg;
    struct watch *watch = watchdog_watch("announcer", -1);
    for (;;) {
        watchdog_beat(watch);
        wait_for_work(a);
        pthread_mutex_lock(&a->lock);
        bool stopping = a->stopping, renewing = a->renewing;
        pthread_mutex_unlock(&a->lock);
        if (stopping) {
            watchdog_unwatch(watch);
            return NULL;
        }
        if (renewing) {
            renew(a);
        }
        take_handed(a);
        line_step(&a->line);
    }
}

static void wake(struct announcer *a)
{
    uint64_t one = 1;
    if (write(a->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN) {
        log_warn("the announcer cannot be woken", L_INT("errno", errno));
    }
}

/* ---- the main thread's side ------------------------------------------------------------------------------------ */

static bool fill_pool(struct announcer *a)
{
    for (int i = 0; i < ANNOUNCER_TURNS; i++) {
        struct turn *turn = turn_create((size_t)a->line.settings->batch_records_max);
        if (turn == NULL) {
            return false;
        }
        turn->next = a->pool;
        a->pool = turn;
    }
    return true;
}

static void announcer_free(struct announcer *a)
{
    take_handed(a);
    line_close(&a->line);
    while (a->pool != NULL) {
        struct turn *turn = a->pool;
        a->pool = turn->next;
        turn_destroy(turn);
    }
    close(a->wake_fd);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

enum zp_err announcer_start(const struct worker_settings *settings, struct marks *marks,
                            struct announcer **ret_announcer, char why[BUS_WHY_SIZE])
{
    struct announcer *a = calloc(1, sizeof *a);
    if (a == NULL) {
        snprintf(why, BUS_WHY_SIZE, "not enough memory");
        return ZP_NO_MEMORY;
    }
    a->handed_end = &a->handed;
    a->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (a->wake_fd < 0) {
        snprintf(why, BUS_WHY_SIZE, "no descriptor for the announcer: %s", strerror(errno));
        free(a);
        return ZP_BUSY;
    }
    a->line = (struct line){ .settings = settings, .marks = marks, .wake_fd = a->wake_fd, .on_done = on_done,
                             .arg = a };
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    enum zp_err err = line_open(&a->line, why);
    if (err == ZP_OK && (!fill_pool(a) || pthread_create(&a->thread, NULL, announce, a) != 0)) {
        snprintf(why, BUS_WHY_SIZE, "not enough memory for the announcer");
        err = ZP_NO_MEMORY;
    }
    if (err != ZP_OK) {
        announcer_free(a);
        return err;
    }
    *ret_announcer = a;
    return ZP_OK;
}

static struct timespec deadline_in(int timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + (int64_t)timeout_ms * 1000000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    return until;
}

struct turn *announcer_turn(struct announcer *a, int timeout_ms)
{
    struct timespec until = deadline_in(timeout_ms);
    pthread_mutex_lock(&a->lock);
    int rc = timeout_ms > 0 ? 0 : ETIMEDOUT;
    while (a->pool == NULL && rc == 0) {
        rc = pthread_cond_timedwait(&a->changed, &a->lock, &until);
    }
    struct turn *turn = a->pool;
    if (turn != NULL) {
        a->pool = turn->next;
        turn->next = NULL;
    }
    pthread_mutex_unlock(&a->lock);
    return turn;
}

void announcer_return(struct announcer *a, struct turn *turn)
{
    turn_reset(turn);
    pthread_mutex_lock(&a->lock);
    turn->next = a->pool;
    a->pool = turn;
    pthread_mutex_unlock(&a->lock);
}

void announcer_hand(struct announcer *a, struct turn *turn)
{
    line_owe(&a->line, turn);
    pthread_mutex_lock(&a->lock);
    *a->handed_end = turn;
    a->handed_end = &turn->next;
    a->under_way++;
    pthread_mutex_unlock(&a->lock);
    wake(a);
}

void announcer_compare(struct announcer *a, int32_t partition)
{
    line_compare(&a->line, partition);
    wake(a);
}

bool announcer_failed(const struct announcer *a)
{
    return a->line.failed;
}

void announcer_renew(struct announcer *a)
{
    pthread_mutex_lock(&a->lock);
    a->renewing = true;
    wake(a);
    while (a->renewing) {
        pthread_cond_wait(&a->changed, &a->lock);
    }
    pthread_mutex_unlock(&a->lock);
}

bool announcer_drain(struct announcer *a, int timeout_ms)
{
    struct timespec until = deadline_in(timeout_ms);
    pthread_mutex_lock(&a->lock);
    int rc = 0;
    while (a->under_way > 0 && rc == 0) {
        rc = pthread_cond_timedwait(&a->changed, &a->lock, &until);
    }
    bool drained = a->under_way == 0;
    pthread_mutex_unlock(&a->lock);
    return drained;
}

void announcer_stop(struct announcer *a)
{
    if (a == NULL) {
        return;
    }
    pthread_mutex_lock(&a->lock);
    a->stopping = true;
    pthread_mutex_unlock(&a->lock);
    wake(a);
    pthread_join(a->thread, NULL);
    announcer_free(a);
}
