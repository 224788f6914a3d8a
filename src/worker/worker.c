/* Owns the worker's life: its parts, its main loop, the coming and going of partitions, its end. Called by the
 * command line.
 * Invariants: the consumer is polled at least every few seconds whatever is down (max.poll.interval.ms is 10 s); a
 * turn that was gathered is settled before the next one; on SIGTERM the turn in flight ends before its partitions
 * are released. */
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

#define GROUP "zapora-workers"
#define CONSUMER_QUEUE_BYTES_MAX (16 << 20)
#define DATABASE_TIMEOUT_MS 4000
#define IDLE_WAIT_MS 50
#define TURN_WAIT_MS 100 /* for a turn that is under way to come back, before consumption is paused */
#define RELEASE_DRAIN_MS 500
#define STOP_DRAIN_MS 3000
#define HINT_EVERY_US 5000000
#define PURGE_EVERY_US 1000000
#define PURGE_AGAIN_US 100000
#define PURGE_ROWS 1000
#define OUTCOMES_KEPT_US (48 * INT64_C(3600) * 1000000)
#define STUCK_US 30000000

/* ---- partitions come and go --------------------------------------------------------------------------- */

static void on_assign(void *arg, const int32_t *numbers, size_t count)
{
    struct worker *worker = arg;
    for (size_t i = 0; i < count; i++) {
        struct partition *partition = &worker->partitions[numbers[i]];
        *partition = (struct partition){ .state = PARTITION_TAKING, .failing_offset = -1, .park_offset = -1,
                                         .owner = partition->owner, .survived = partition->survived };
        partition->retry_at_us = clock_mono_us();
    }
    log_info("partitions assigned", L_INT("count", count));
}

/* False when the database does not answer: it is not asked for the others then, for the group waits for us. */
static bool release(struct worker *worker, int32_t number)
{
    const struct partition *partition = &worker->partitions[number];
    const struct marks *marks = &worker->marks[number];
    const struct store_partition row = { .partition = number,
                                         .owner = partition->owner,
                                         .published_offset = marks->published_offset,
                                         .events_offset = marks->events_offset };
    enum zp_err err = store_partition_release(worker->store, &row);
    if (err != ZP_OK) {
        log_info("a partition could not be released in order; its next owner republishes more",
                 L_INT("partition", number), L_STR("why", store_trouble(worker->store)->why));
    }
    return err != ZP_BUSY;
}

/* Gives whether the next one can be released in order, too. */
static bool let_go(struct worker *worker, int32_t number, bool orderly)
{
    struct partition *partition = &worker->partitions[number];
    if (partition->state == PARTITION_OWNED) {
        metric_add(&worker_metrics[WM_OWNED], -1);
        orderly = orderly && release(worker, number);
    } else if (partition->state == PARTITION_STOPPED) {
        metric_add(&worker_metrics[WM_STOPPED], -1);
    }
    worker->marks[number].owned = false;
    worker->marks[number].ticking = false;
    partition->state = PARTITION_AWAY;
    actors_drop_partition(&worker->actors, number);
    if (worker->turn != NULL) {
        turn_drop_partition(worker->turn, number);
    }
    return orderly;
}

static void on_revoke(void *arg, const int32_t *numbers, size_t count, bool lost)
{
    struct worker *worker = arg;
    bool orderly = !lost && worker->database_ok;
    if (orderly) {
        (void)announcer_drain(worker->announcer, RELEASE_DRAIN_MS);
    }
    for (size_t i = 0; i < count; i++) {
        orderly = let_go(worker, numbers[i], orderly);
    }
    log_info("partitions revoked", L_INT("count", count), L_BOOL("lost", lost));
}

/* The log has no such offset: the takeover's check will say what is wrong. */
static void on_out_of_range(void *arg, int32_t number)
{
    worker_retake(arg, number, 500);
}

/* ---- the consumer ----------------------------------------------------------------------------------------- */

static enum zp_err make_consumer(struct worker *worker, char why[BUS_WHY_SIZE])
{
    const struct bus_consumer_settings settings = {
        .brokers = worker->settings->kafka,
        .client_id = worker->settings->worker_id,
        .group = GROUP,
        .instance_id = worker->settings->worker_id,
        .topic = TOPIC_COMMANDS,
        .queue_bytes_max = CONSUMER_QUEUE_BYTES_MAX,
        .on_assign = on_assign,
        .on_revoke = on_revoke,
        .on_out_of_range = on_out_of_range,
        .arg = worker,
    };
    return bus_consumer_create(&settings, &worker->consumer, why);
}

static void drop_consumer(struct worker *worker)
{
    bus_record_release(worker->carried);
    worker->carried = NULL;
    bus_consumer_destroy(worker->consumer);
    worker->consumer = NULL;
    for (int32_t p = 0; p < BUS_PARTITIONS; p++) {
        (void)let_go(worker, p, false);
    }
}

static void heed_consumer(struct worker *worker)
{
    bool fatal = false;
    const char *trouble = bus_consumer_trouble(worker->consumer, &fatal);
    worker->consumer_ok = trouble == NULL;
    if (trouble != NULL) {
        log_warn("the consumer reports trouble", L_STR("why", trouble), L_BOOL("fatal", fatal));
    }
    if (!fatal) {
        return;
    }
    drop_consumer(worker);
    char why[BUS_WHY_SIZE];
    while (make_consumer(worker, why) != ZP_OK) {
        log_error("the consumer cannot be made anew", L_STR("why", why));
        poll(NULL, 0, 1000);
    }
}

/* ---- the announcer ------------------------------------------------------------------------------------------ */

/* What was committed may not have been told: everything is taken over again, which republishes it. */
static void heed_announcer(struct worker *worker)
{
    if (!announcer_failed(worker->announcer)) {
        return;
    }
    log_warn("the log did not acknowledge outcomes in time: all partitions are taken over again");
    announcer_renew(worker->announcer);
    for (int32_t p = 0; p < BUS_PARTITIONS; p++) {
        if (worker->partitions[p].state == PARTITION_OWNED) {
            worker_retake(worker, p, 0);
        }
    }
}

/* Pauses consumption while the announcer has no turn free; goes on from where it stopped. */
static void set_congested(struct worker *worker, bool congested)
{
    if (worker->congested == congested) {
        return;
    }
    worker->congested = congested;
    for (int32_t p = 0; p < BUS_PARTITIONS; p++) {
        struct partition *partition = &worker->partitions[p];
        if (partition->state != PARTITION_OWNED) {
            continue;
        }
        enum zp_err err = congested ? bus_consumer_pause(worker->consumer, p)
                                    : bus_consumer_start(worker->consumer, p, partition->gathered_offset);
        if (err != ZP_OK) {
            worker_retake(worker, p, 500);
        }
    }
    log_debug(congested ? "consumption paused: the log is slow to acknowledge" : "consumption goes on");
}

/* ---- the loop -------------------------------------------------------------------------------------------------- */

static void hint_offsets(struct worker *worker, int64_t now)
{
    if (now - worker->hinted_at_us < HINT_EVERY_US) {
        return;
    }
    worker->hinted_at_us = now;
    int32_t numbers[BUS_PARTITIONS];
    int64_t next[BUS_PARTITIONS];
    size_t count = 0;
    for (int32_t p = 0; p < BUS_PARTITIONS; p++) {
        if (worker->partitions[p].state == PARTITION_OWNED) {
            numbers[count] = p;
            next[count++] = worker->partitions[p].next_offset;
        }
    }
    bus_consumer_hint(worker->consumer, numbers, next, count);
}

static int32_t next_owned(const struct worker *worker, int32_t from)
{
    for (int32_t i = 0; i < BUS_PARTITIONS; i++) {
        int32_t number = (from + i) % BUS_PARTITIONS;
        if (worker->partitions[number].state == PARTITION_OWNED) {
            return number;
        }
    }
    return -1;
}

/* Old outcomes go, a bounded number of rows at a time: one owned partition after the other each second, and one that
 * has more to go ten times as often, so that what is purged keeps up with what is written. */
static void purge_outcomes(struct worker *worker, int64_t now)
{
    if (now - worker->purged_at_us < PURGE_EVERY_US) {
        return;
    }
    worker->purged_at_us = now;
    int32_t number = next_owned(worker, worker->purge_next);
    int64_t deleted = 0;
    if (number >= 0) {
        worker->purge_next = (number + 1) % BUS_PARTITIONS;
        (void)!store_outcomes_purge(worker->store, number, clock_wall_us() - OUTCOMES_KEPT_US, PURGE_ROWS, &deleted);
    }
    if (deleted == PURGE_ROWS) {
        worker->purged_at_us = now - PURGE_EVERY_US + PURGE_AGAIN_US;
    }
}

/* Polls without taking anything in: the group sees us alive. What is dropped comes again when its partition is
 * started. */
static void stay_in_group(struct worker *worker)
{
    bus_record_release(worker->carried);
    worker->carried = NULL;
    bus_record_release(bus_consume(worker->consumer, IDLE_WAIT_MS));
}

static void come_round(struct worker *worker)
{
    worker->progress_us = clock_mono_us();
    heed_consumer(worker);
    heed_announcer(worker);
    takeover_due(worker);
    struct turn *turn = announcer_turn(worker->announcer, TURN_WAIT_MS);
    set_congested(worker, turn == NULL);
    if (turn == NULL) {
        stay_in_group(worker);
        return;
    }
    gather(worker, turn, IDLE_WAIT_MS);
    if (turn->count > 0) {
        settle(worker, turn);
    } else {
        announcer_return(worker->announcer, turn);
    }
    actors_trim(&worker->actors);
    hint_offsets(worker, worker->progress_us);
    purge_outcomes(worker, worker->progress_us);
}

static bool stop_asked(int signal_fd)
{
    struct signalfd_siginfo info;
    return read(signal_fd, &info, sizeof info) == sizeof info;
}

/* ---- health ------------------------------------------------------------------------------------------------------ */

static bool check_progress(void *arg, char *why, size_t why_size)
{
    const struct worker *worker = arg;
    int64_t age_us = clock_mono_us() - worker->progress_us;
    snprintf(why, why_size, "the main loop last came round %lld ms ago", (long long)(age_us / 1000));
    return age_us < STUCK_US;
}

static bool check_database(void *arg, char *why, size_t why_size)
{
    const struct worker *worker = arg;
    snprintf(why, why_size, "the last transaction %s", worker->database_ok ? "was committed" : "failed");
    return worker->database_ok;
}

static bool check_consumer(void *arg, char *why, size_t why_size)
{
    const struct worker *worker = arg;
    snprintf(why, why_size, "the consumer %s", worker->consumer_ok ? "reports no trouble" : "reports trouble");
    return worker->consumer_ok;
}

static bool check_partitions(void *arg, char *why, size_t why_size)
{
    struct worker *worker = arg;
    int owned = 0, taking = 0, stopped = 0;
    for (int32_t p = 0; p < BUS_PARTITIONS; p++) {
        enum partition_state state = worker->partitions[p].state; /* a torn read is a count off by one */
        owned += state == PARTITION_OWNED;
        taking += state == PARTITION_TAKING;
        stopped += state == PARTITION_STOPPED;
    }
    snprintf(why, why_size, "%d owned, %d being taken over, %d stopped", owned, taking, stopped);
    return taking == 0 && stopped == 0;
}

static enum zp_err start_ops(struct worker *worker, struct ops **ret_ops, char why[BUS_WHY_SIZE])
{
    static struct ops_check ready[3], live[1]; /* one worker a process */
    ready[0] = (struct ops_check){ "postgres", check_database, worker, true };
    ready[1] = (struct ops_check){ "kafka", check_consumer, worker, true };
    ready[2] = (struct ops_check){ "partitions", check_partitions, worker, true };
    live[0] = (struct ops_check){ "progress", check_progress, worker, true };
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
        if (err == ZP_OK && count != BUS_PARTITIONS) {
            snprintf(why, BUS_WHY_SIZE, "topic %s has %d partitions, not %d: locations would move", topics[i], count,
                     BUS_PARTITIONS);
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
        worker->progress_us = clock_mono_us();
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

static enum zp_err open_parts(struct worker *worker, struct ticker **ret_ticker, char why[BUS_WHY_SIZE])
{
    enum zp_err err = announcer_start(worker->settings, worker->marks, &worker->announcer, why);
    if (err == ZP_OK) {
        err = ticker_start(worker->settings, worker->marks, ret_ticker, why);
    }
    return err != ZP_OK ? err : make_consumer(worker, why);
}

static void close_parts(struct worker *worker, struct ticker *ticker)
{
    ticker_stop(ticker);
    if (worker->announcer != NULL && !announcer_drain(worker->announcer, STOP_DRAIN_MS)) {
        log_warn("outcomes were not acknowledged before the end; the next owner publishes them again");
    }
    bool orderly = worker->database_ok;
    for (int32_t p = 0; p < BUS_PARTITIONS; p++) {
        orderly = let_go(worker, p, orderly);
    }
    bus_record_release(worker->carried);
    bus_consumer_destroy(worker->consumer);
    announcer_stop(worker->announcer);
    actors_finish(&worker->actors);
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
    enum zp_err err = open_parts(worker, &ticker, why);
    if (err == ZP_OK) {
        log_info("worker started", L_STR("worker_id", worker->settings->worker_id));
        while (!stop_asked(signal_fd)) {
            come_round(worker);
        }
        log_info("worker stops: the turn in flight is done, its partitions are released");
    } else {
        log_error("the worker cannot start", L_STR("why", why));
    }
    close_parts(worker, ticker);
    return err == ZP_OK ? 0 : 1;
}

int worker_run(const struct worker_settings *settings)
{
    static struct worker the_worker; /* one a process; its arrays are too large for the stack */
    struct worker *worker = &the_worker;
    worker->settings = settings;
    worker->records_limit = (size_t)settings->batch_records_max;
    worker->progress_us = clock_mono_us();
    actors_init(&worker->actors, (size_t)settings->locations_max);
    int signal_fd = block_signals();
    worker_metrics_start();
    const struct store_settings store = { .uri = settings->postgres,
                                          .application = settings->worker_id,
                                          .connect_timeout_ms = 2000,
                                          .statement_timeout_ms = DATABASE_TIMEOUT_MS,
                                          .lock_timeout_ms = 2000 };
    char why[BUS_WHY_SIZE] = "the database's address is not usable";
    struct ops *ops = NULL;
    if (store_create(&store, &worker->store) != ZP_OK || start_ops(worker, &ops, why) != ZP_OK) {
        log_error("the worker cannot start", L_STR("why", why));
        store_destroy(worker->store);
        return 1;
    }
    int code = run(worker, signal_fd);
    ops_stop(ops);
    store_destroy(worker->store);
    close(signal_fd);
    log_info("worker stopped", L_INT("code", code));
    return code;
}
