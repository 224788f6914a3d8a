/* watchdog: notices a thread that no longer comes round, says which one, and ends the process to be restarted.
 *
 * Started once by each role that serves; every thread of it that must come round has a watch and beats it. Invariants:
 * silence is counted in the watchdog's own ticks, not by a clock: a process that was stopped or a machine that slept
 * has missed its ticks together with everything else, and is not ended for it; a watch that comes back before its
 * limit costs a line in the log and nothing more; only the watchdog's thread ends the process. */
#include "watchdog.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WATCHES_MAX 256
#define NAME_SIZE 32
#define TICKS_A_LIMIT 40 /* the limit is met to a fortieth */
#define TICK_MS_MAX 500

struct watch {
    _Atomic uint64_t beats; /* the watched thread's; all else is under the lock */
    bool watched, told;
    char name[NAME_SIZE];
    uint64_t seen;          /* beats at the last tick */
    int64_t silent_ms;      /* in ticks since they changed */
};

static struct watch watches[WATCHES_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
    pthread_t thread;
    bool runs;
    _Atomic bool stopping;
    int64_t limit_ms, tick_ms;
    pthread_mutex_t end_lock; /* guards what follows */
    int64_t end_ms;           /* what is left to a process that was asked to end; 0: it was not */
    int end_code;
    int signal_fd;            /* borrowed: one that waits there asks to end; -1: nobody asks so */
    int64_t signal_ms;        /* the time that it leaves */
} dog = { .end_lock = PTHREAD_MUTEX_INITIALIZER, .signal_fd = -1 };

enum { STALLED, STALLS, METRIC_COUNT };
static struct metric metrics[METRIC_COUNT] = {
    [STALLED] = { .name = "zapora_watchdog_stalled", .kind = METRIC_GAUGE,
                  .help = "Threads that have not come round for half of watchdog_ms." },
    [STALLS] = { .name = "zapora_watchdog_stalls_total", .kind = METRIC_COUNTER,
                 .help = "Times that a thread did not come round for half of watchdog_ms." },
};

/* ---- the watched threads' side ---- */

struct watch *watchdog_watch(const char *name, int number)
{
    size_t i = 0;
    pthread_mutex_lock(&lock);
    while (i < WATCHES_MAX && watches[i].watched) {
        i++;
    }
    ZP_ASSERT(i < WATCHES_MAX);
    struct watch *watch = &watches[i];
    (void)snprintf(watch->name, sizeof(watch->name), number < 0 ? "%s" : "%s %d", name, number);
    watch->seen = atomic_load(&watch->beats);
    watch->silent_ms = 0;
    watch->told = false;
    watch->watched = true;
    pthread_mutex_unlock(&lock);
    return watch;
}

void watchdog_beat(struct watch *watch)
{
    if (watch == NULL) {
        return;
    }
    atomic_fetch_add_explicit(&watch->beats, 1, memory_order_relaxed);
}

void watchdog_unwatch(struct watch *watch)
{
    pthread_mutex_lock(&lock);
    metric_add(&metrics[STALLED], watch->told ? -1 : 0);
    watch->watched = false;
    pthread_mutex_unlock(&lock);
}

/* ---- the watchdog's side ---- */

static void look(struct watch *watch, int64_t tick_ms, int64_t limit_ms, watch_news_cb *tell)
{
    uint64_t beats = atomic_load_explicit(&watch->beats, memory_order_relaxed);
    if (beats != watch->seen) {
        if (watch->told) {
            metric_add(&metrics[STALLED], -1);
            tell(WATCH_GOES_ON, watch->name, watch->silent_ms);
        }
        watch->seen = beats;
        watch->silent_ms = 0;
        watch->told = false;
        return;
    }
    watch->silent_ms += tick_ms;
    if (watch->silent_ms >= limit_ms / 2 && !watch->told) {
        watch->told = true;
        metric_add(&metrics[STALLED], 1);
        metric_add(&metrics[STALLS], 1);
        tell(WATCH_STALLED, watch->name, watch->silent_ms);
    }
    if (watch->silent_ms >= limit_ms) {
        tell(WATCH_HUNG, watch->name, watch->silent_ms);
    }
}

void watchdog_tick(int64_t tick_ms, int64_t limit_ms, watch_news_cb *tell)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < WATCHES_MAX; i++) {
        if (watches[i].watched) {
            look(&watches[i], tick_ms, limit_ms, tell);
        }
    }
    pthread_mutex_unlock(&lock);
}

bool watchdog_well(void *arg, char *why, size_t why_size)
{
    bool well = true;
    (void)arg;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < WATCHES_MAX && well; i++) {
        if (watches[i].watched && watches[i].told) {
            well = false;
            (void)snprintf(why, why_size, "%s has not come round for %lld ms", watches[i].name,
                           (long long)watches[i].silent_ms);
        }
    }
    pthread_mutex_unlock(&lock);
    return well;
}

/* A pipe that nobody empties may be what the others hang on: the watchdog's own words must not. */
static bool can_speak(void)
{
    struct pollfd err = { .fd = STDERR_FILENO, .events = POLLOUT };
    return poll(&err, 1, 0) == 1 && (err.revents & POLLOUT) != 0;
}

static void tell_log(enum watch_news news, const char *name, int64_t silent_ms)
{
    static const struct { enum log_level level; const char *words; } rows[] = {
        [WATCH_GOES_ON] = { LOG_WARN, "a thread that made no progress goes on" },
        [WATCH_STALLED] = { LOG_WARN, "a thread makes no progress" },
        [WATCH_HUNG] = { LOG_ERROR, "a thread hangs: the process ends itself to be restarted" },
    };
    if (can_speak()) {
        LOG_AT(rows[news].level, rows[news].words, L_STR("thread", name), L_INT("silent_ms", silent_ms),
               L_INT("watchdog_ms", dog.limit_ms), { .key = NULL });
    }
    if (news == WATCH_HUNG) {
        abort(); /* where the system keeps cores, they show where every thread stood */
    }
}

/* True when a signal waits that its owner has not read: it may be minutes away from that. */
static bool is_asked_to_end(void)
{
    struct pollfd fd = { .fd = dog.signal_fd, .events = POLLIN };
    return dog.signal_fd >= 0 && poll(&fd, 1, 0) == 1 && (fd.revents & POLLIN) != 0;
}

static void set_end(int64_t limit_ms, int code)
{
    if (dog.end_ms == 0 || limit_ms < dog.end_ms) {
        dog.end_ms = limit_ms;
        dog.end_code = code;
    }
}

/* Nothing that a role still owes is worth a process that never ends: whoever comes after it takes over. */
static void hold_to_the_end(int64_t tick_ms)
{
    pthread_mutex_lock(&dog.end_lock);
    bool is_over = dog.end_ms > 0 && dog.end_ms <= tick_ms;
    dog.end_ms -= dog.end_ms > 0 && !is_over ? tick_ms : 0;
    if (dog.end_ms == 0 && is_asked_to_end()) {
        set_end(dog.signal_ms, 1);
    }
    int code = dog.end_code;
    pthread_mutex_unlock(&dog.end_lock);
    if (!is_over) {
        return;
    }
    if (can_speak()) {
        LOG_AT(code == 0 ? LOG_WARN : LOG_ERROR, "the process is ended as it stands: what it waits for does not come",
               L_INT("code", code), { .key = NULL });
    }
    _exit(code);
}

void watchdog_end_within(int64_t limit_ms, int code)
{
    ZP_ASSERT(limit_ms > 0);
    pthread_mutex_lock(&dog.end_lock);
    set_end(limit_ms, code);
    pthread_mutex_unlock(&dog.end_lock);
}

void watchdog_end_on(int signal_fd, int64_t limit_ms)
{
    ZP_ASSERT(dog.runs && limit_ms > 0);
    pthread_mutex_lock(&dog.end_lock);
    dog.signal_fd = signal_fd;
    dog.signal_ms = limit_ms;
    pthread_mutex_unlock(&dog.end_lock);
}

static void *watch_over(void *arg)
{
    const struct timespec tick = { .tv_sec = dog.tick_ms / 1000, .tv_nsec = dog.tick_ms % 1000 * 1000000 };
    (void)arg;
    while (!atomic_load(&dog.stopping)) {
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, NULL);
        watchdog_tick(dog.tick_ms, dog.limit_ms, tell_log);
        hold_to_the_end(dog.tick_ms);
    }
    return NULL;
}

enum zp_err watchdog_start(int64_t limit_ms)
{
    sigset_t all, before;
    ZP_ASSERT(!dog.runs && limit_ms > 0);
    metrics_register(metrics, METRIC_COUNT);
    dog.limit_ms = limit_ms;
    dog.tick_ms = limit_ms / TICKS_A_LIMIT < TICK_MS_MAX ? limit_ms / TICKS_A_LIMIT : TICK_MS_MAX;
    dog.tick_ms = dog.tick_ms > 0 ? dog.tick_ms : 1;
    atomic_store(&dog.stopping, false);
    dog.end_ms = 0;
    dog.signal_fd = -1;
    sigfillset(&all); /* signals are the role's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    dog.runs = pthread_create(&dog.thread, NULL, watch_over, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return dog.runs ? ZP_OK : ZP_BUSY;
}

void watchdog_stop(void)
{
    if (dog.runs) {
        atomic_store(&dog.stopping, true);
        (void)pthread_join(dog.thread, NULL);
        dog.runs = false;
    }
}
