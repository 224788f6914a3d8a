/* Owns the worker's life: what it waits for, its parts, its health, its end. Called by the command line.
 * Invariants: on SIGTERM the turn in flight ends before its partitions are released; what is owed to servers that are
 * away or replaced is given up in time, for the next owner does all of it again. */
#include "zapora/worker.h"

#include "metrics.h"
#include "worker_state.h"
#include "zapora/ops.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DATABASE_TIMEOUT_MS 4000
#define END_MS 10000 /* from the signal, whatever goes on; in order it takes a tenth of that */

static bool stop_asked(int signal_fd)
{
    struct signalfd_siginfo info;
    return read(signal_fd, &info, sizeof info) == sizeof info;
}

/* ---- health ------------------------------------------------------------------------------------------------------ */

static enum zp_err start_ops(struct worker *worker, struct ops **ret_ops, char why[BUS_WHY_SIZE])
{
    static struct ops_check ready[3], live[1]; /* one worker a process */
    ready[0] = (struct ops_check){ "postgres", ready_database, worker, true };
    ready[1] = (struct ops_check){ "kafka", ready_consumer, worker, true };
    ready[2] = (struct ops_check){ "partitions", ready_partitions, worker, true };
    live[0] = (struct ops_check){ "progress", watchdog_well, NULL, true };
    const struct ops_settings settings = { .listen = worker->settings->ops_listen,
                                           .ready = ready,
                                           .ready_count = ZP_COUNT(ready),
                                           .live = live,
                                           .live_count = ZP_COUNT(live) };
    return ops_start(&settings, ret_ops, why, BUS_WHY_SIZE);
}

/* ---- life
 * ------------------------------------------------------------------------------------------------------------ */

static enum zp_err check_topics(const struct worker *worker, char why[BUS_WHY_SIZE])
{
    static const char *const topics[] = { TOPIC_COMMANDS, TOPIC_EVENTS };
    for (size_t i = 0; i < ZP_COUNT(topics); i++) {
        int32_t count = 0;
        enum zp_err err = bus_topic_partitions(worker->settings->kafka, topics[i], &count, why);
        if (err == ZP_OK && count != bus_partitions()) {
            snprintf(why, BUS_WHY_SIZE, "topic %s has %d partitions, not %d: locations would move", topics[i], count,
                     bus_partitions());
            err = ZP_CONFLICT;
        }
        if (err != ZP_OK) {
            return err;
        }
    }
    return ZP_OK;
}

/* The log and the database may start after us: waits for both, saying so. False when asked to stop meanwhile. */
static bool wait_for_parts(struct worker *worker, int signal_fd)
{
    char why[BUS_WHY_SIZE];
    for (;;) {
        watchdog_beat(worker->watch);
        enum zp_err err = check_topics(worker, why);
        int64_t version = 0;
        if (err == ZP_OK && (err = store_schema_version(worker->store, &version)) != ZP_OK) {
            snprintf(why, sizeof why, "%.200s", store_trouble(worker->store)->why);
        }
        if (err == ZP_OK && version < STORE_SCHEMA_VERSION) {
            snprintf(why, sizeof why, "the database's schema is %lld, not %d: run zapora migrate", (long long)version,
                     STORE_SCHEMA_VERSION);
            err = ZP_CONFLICT;
        }
        if (err == ZP_OK) {
            worker->database_ok = true;
            return true;
        }
        log_warn("waiting for the log and the database", L_STR("why", why));
        struct pollfd fd = { .fd = signal_fd, .events = POLLIN };
        if (poll(&fd, 1, 1000) > 0 && stop_asked(signal_fd)) {
            return false;
        }
    }
}

static int block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int run(struct worker *worker, int signal_fd)
{
    char why[BUS_WHY_SIZE] = "";
    struct ticker *ticker = NULL;
    if (!wait_for_parts(worker, signal_fd)) {
        return 0;
    }
    enum zp_err err = ticker_start(worker->settings, worker->marks, &ticker, why);
    if (err == ZP_OK) {
        err = loop_open(worker, why);
    }
    if (err == ZP_OK) {
        log_info("worker started", L_STR("worker_id", worker->settings->worker_id));
        while (!stop_asked(signal_fd)) {
            loop_come_round(worker);
        }
        log_info("worker stops: the turn in flight is done, its partitions are released");
    } else {
        log_error("the worker cannot start", L_STR("why", why));
    }
    watchdog_end_within(END_MS, 1);
    ticker_stop(ticker);
    loop_close(worker);
    return err == ZP_OK ? 0 : 1;
}

int worker_run(const struct worker_settings *settings)
{
    static struct worker the_worker; /* one a process; its arrays are too large for the stack */
    struct worker *worker = &the_worker;
    worker->settings = settings;
    worker->records_limit = (size_t)settings->batch_records_max;
    actors_init(&worker->actors, (size_t)settings->locations_max);
    int signal_fd = block_signals();
    if (signal_fd < 0) { /* nothing but a kill would end it */
        log_error("the worker cannot start: it would hear no signal", L_INT("errno", errno));
        actors_finish(&worker->actors);
        return 1;
    }
    worker_metrics_start();
    const struct store_settings store = { .uri = settings->postgres,
                                          .application = settings->worker_id,
                                          .connect_timeout_ms = 2000,
                                          .statement_timeout_ms = DATABASE_TIMEOUT_MS,
                                          .lock_timeout_ms = 2000 };
    char why[BUS_WHY_SIZE] = "the database's address is not usable";
    struct ops *ops = NULL;
    worker->watch = watchdog_watch("main", -1);
    if (store_create(&store, &worker->store) != ZP_OK || start_ops(worker, &ops, why) != ZP_OK ||
        watchdog_start(settings->watchdog_ms) != ZP_OK) {
        log_error("the worker cannot start", L_STR("why", why));
        ops_stop(ops);
        store_destroy(worker->store);
        return 1;
    }
    watchdog_end_on(signal_fd, END_MS);
    int code = run(worker, signal_fd);
    watchdog_unwatch(worker->watch);
    ops_stop(ops);
    store_destroy(worker->store);
    watchdog_stop();
    close(signal_fd);
    log_info("worker stopped", L_INT("code", code));
    return code;
}
