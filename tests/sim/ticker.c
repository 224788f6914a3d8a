/* ticker.c: owns what stands around the worker's ticker: its thread is a fiber of its process, the descriptor that
 * stops it a flag, and its questions go to the simulated log and cache. */
#include "absence.h"
#include "bus.h"
#include "fake_live.h"
#include "memory.h"
#include "process.h"
#include "sim.h"
#include "wraps.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STOP_FD 1000000 /* no real one is that high */

struct bus_watch { int unused; };

struct start {
    void *(*run)(void *arg);
    void *arg;
};

WRAPPED(int, pthread_create, pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *arg), void *arg);
WRAPPED(int, pthread_join, pthread_t thread, void **ret_value);
WRAPPED(int, eventfd, unsigned count, int flags);
WRAPPED(int, close, int fd);
WRAPPED(ssize_t, write, int fd, const void *bytes, size_t len);
WRAPPED(struct watch *, watchdog_watch, const char *name, int number);
WRAPPED(void, watchdog_unwatch, struct watch *watch);

/* ---- its thread ------------------------------------------------------------------------------------------------ */

static void run(void *arg)
{
    struct start *start = arg;
    (void)start->run(start->arg);
    free(start);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*thread_run)(void *arg), void *arg)
{
    (void)attr;
    struct process *process = process_now();
    MEMORY_SPARED;
    struct start *start = malloc(sizeof *start);
    ZP_ASSERT(start != NULL);
    *start = (struct start){ thread_run, arg };
    process->ticker = fiber_create(process, "ticker", run, start);
    memset(thread, 0, sizeof *thread);
    return 0;
}

int __wrap_pthread_join(pthread_t thread, void **ret_value)
{
    (void)thread, (void)ret_value;
    while (!fiber_is_done(process_now()->ticker)) {
        fiber_sleep_until(sim.now_us + 1000);
    }
    return 0;
}

int __wrap_eventfd(unsigned count, int flags)
{
    if (process_now() == NULL) {
        return __real_eventfd(count, flags);
    }
    process_now()->ticker_stopped = false;
    return STOP_FD;
}

int __wrap_close(int fd)
{
    return fd == STOP_FD ? 0 : __real_close(fd);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    if (fd != STOP_FD) {
        return __real_write(fd, bytes, len);
    }
    process_now()->ticker_stopped = true;
    return (ssize_t)len;
}

/* Nobody watches: the watchdog's clock is the real one, and the dead could not leave its table. */
struct watch *__wrap_watchdog_watch(const char *name, int number)
{
    (void)name, (void)number;
    return NULL;
}

void __wrap_watchdog_unwatch(struct watch *watch)
{
    (void)watch;
}

/* ---- what it asks and tells ------------------------------------------------------------------------------------ */

enum zp_err bus_watch_create(const char *brokers, const char *client_id, struct bus_watch **ret_watch,
                             char why[BUS_WHY_SIZE])
{
    (void)brokers, (void)client_id, (void)why;
    *ret_watch = malloc(sizeof **ret_watch);
    return *ret_watch == NULL ? ZP_NO_MEMORY : ZP_OK;
}

enum zp_err bus_watch_ends(struct bus_watch *watch, const char *topic, const int32_t *partitions, size_t count,
                           int timeout_ms, int64_t *ret_end)
{
    (void)watch, (void)topic;
    point("tick: ask");
    if (bus_is_down()) {
        fiber_sleep_until(sim.now_us + timeout_ms * (int64_t)1000);
        return ZP_BUSY;
    }
    for (size_t i = 0; i < count; i++) {
        ret_end[i] = fake_log_end(FAKE_COMMANDS, partitions[i]);
    }
    point("tick: asked");
    return fault_strikes(FAULT_TICK_FAILS) ? ZP_BUSY : ZP_OK;
}

void bus_watch_destroy(struct bus_watch *watch)
{
    free(watch);
}

enum zp_err live_push_ticks(struct live_push *push, const struct live_tick *ticks, size_t count)
{
    (void)push;
    point("tick: write");
    if (cache.is_down || fault_strikes(FAULT_TICK_FAILS)) {
        return ZP_BUSY;
    }
    for (size_t i = 0; i < count; i++) {
        absence_tick(&ticks[i]);
    }
    return ZP_OK;
}
