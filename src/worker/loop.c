/* Owns one round of the worker's main thread, and the coming and going of partitions. Called by worker.c, again and
 * again; the tests' simulation runs the same rounds.
 * Invariants: the consumer is polled at least every few seconds whatever is down (max.poll.interval.ms is 10 s); a
 * turn that was gathered is settled before the next one. */
#include "metrics.h"
#include "worker_state.h"
#include "zapora/planted.h"

#include <poll.h>

#define GROUP "zapora-workers"
#define CONSUMER_QUEUE_BYTES_MAX (4 << 20) /* a thousand commands: a third of a second's work */
#define IDLE_WAIT_MS 50
#define TURN_WAIT_MS 100 /* for a turn that is under way to come back, before consumption is paused */
#define RELEASE_DRAIN_MS 500
#define STOP_DRAIN_MS 3000
#define HINT_EVERY_US 5000000
#define PURGE_EVERY_US 1000000
#define PURGE_AGAIN_US 100000
#define PURGE_ROWS 1000

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
    worker->is_assigned = true;
    log_info("partitions assigned", L_INT("count", count));
}

/* False when the database does not answer: it is not asked for the others then, for the group waits for us. */
static bool release(struct worker *worker, int32_t number)
{
    const struct partition *partition = &worker->partitions[number];
    const struct marks *marks = &worker->marks[number];
    const struct store_partition row = { .partition = number,
                                         .owner = partition->owner,
                                         .published_offset = PLANTED(RELEASE_AHEAD) ? partition->next_offset
                                                                                    : marks->published_offset,
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
    partition->short_since_us = partition->refused_since_us = 0;
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
    worker->is_assigned = false;
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
    worker->consumer_stuck = false;
    worker->is_assigned = false;
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        (void)let_go(worker, p, false);
    }
}

static void renew_consumer(struct worker *worker)
{
    drop_consumer(worker);
    char why[BUS_WHY_SIZE];
    while (make_consumer(worker, why) != ZP_OK) {
        log_error("the consumer cannot be made anew", L_STR("why", why));
        poll(NULL, 0, 1000);
        watchdog_beat(worker->watch);
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
    if (fatal || worker->consumer_stuck) {
        renew_consumer(worker);
    }
}

static void heed_silence(struct worker *worker)
{
    int32_t number = silence_look(&worker->silence, worker->partitions, worker->marks, clock_mono_us());
    if (number < 0) {
        return;
    }
    log_error("records of a partition do not come though the log has them: the consumer is made anew",
              L_INT("partition", number), L_INT("offset", worker->partitions[number].gathered_offset));
    renew_consumer(worker);
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
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        if (worker->partitions[p].state == PARTITION_OWNED && !PLANTED(RENEWED_AND_FORGOTTEN)) {
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
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
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
    int32_t numbers[BUS_PARTITIONS_MAX];
    int64_t next[BUS_PARTITIONS_MAX];
    size_t count = 0;
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        if (worker->partitions[p].state == PARTITION_OWNED) {
            numbers[count] = p;
            next[count++] = worker->partitions[p].next_offset;
        }
    }
    bus_consumer_hint(worker->consumer, numbers, next, count);
}

static int32_t next_owned(const struct worker *worker, int32_t from)
{
    for (int32_t i = 0; i < BUS_PARTITIONS_MAX; i++) {
        int32_t number = (from + i) % BUS_PARTITIONS_MAX;
        if (worker->partitions[number].state == PARTITION_OWNED) {
            return number;
        }
    }
    return -1;
}

/* Outcomes go after 48 h of wall time and of the log's: a retry that waits in a mailbox for as long as we were away
 * must still find the first one. */
static int64_t purge_before(const struct partition *partition)
{
    int64_t wall = clock_wall_us();
    int64_t applied = partition->applied_at;
    if (PLANTED(PURGE_AT_ONCE)) {
        return wall;
    }
    return (applied < wall ? applied : wall) - STORE_OUTCOMES_KEPT_US;
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
        worker->purge_next = (number + 1) % BUS_PARTITIONS_MAX;
        (void)!store_outcomes_purge(worker->store, number, purge_before(&worker->partitions[number]), PURGE_ROWS,
                                    &deleted);
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

void loop_come_round(struct worker *worker)
{
    int64_t now = clock_mono_us();
    watchdog_beat(worker->watch);
    heed_consumer(worker);
    heed_announcer(worker);
    takeover_due(worker);
    struct turn *turn = announcer_turn(worker->announcer, TURN_WAIT_MS);
    set_congested(worker, turn == NULL);
    if (turn == NULL) {
        stay_in_group(worker);
        return;
    }
    bool is_dry = gather(worker, turn, IDLE_WAIT_MS);
    if (turn->count > 0) {
        settle(worker, turn);
    } else {
        announcer_return(worker->announcer, turn);
    }
    if (is_dry) {
        heed_silence(worker);
    }
    actors_trim(&worker->actors);
    hint_offsets(worker, now);
    purge_outcomes(worker, now);
}

/* ---- its beginning and end --------------------------------------------------------------------------------- */

enum zp_err loop_open(struct worker *worker, char why[BUS_WHY_SIZE])
{
    enum zp_err err = announcer_start(worker->settings, worker->marks, &worker->announcer, why);
    return err != ZP_OK ? err : make_consumer(worker, why);
}

void loop_close(struct worker *worker)
{
    if (worker->announcer != NULL && !announcer_drain(worker->announcer, STOP_DRAIN_MS)) {
        log_warn("outcomes were not acknowledged before the end; the next owner publishes them again");
    }
    bool orderly = worker->database_ok;
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        orderly = let_go(worker, p, orderly);
    }
    bus_record_release(worker->carried);
    worker->carried = NULL;
    bus_consumer_destroy(worker->consumer);
    announcer_stop(worker->announcer);
    actors_finish(&worker->actors);
}
