/* Owns what becomes of a gathered turn: applied and handed over, or rolled back, and then what its failure means.
 * Called by the main thread.
 * Invariant: after a failure nothing of the turn is believed: its partitions are taken over again from step 1,
 * except that the store tells a record's own error from an outage, so that an outage never parks an order. */
#include "commit.h"
#include "judge.h"
#include "metrics.h"
#include "worker_state.h"
#include "zapora/planted.h"

#include <string.h>

#define FENCED_MS 1000 /* lets the group say that the partition is somebody else's before we fight for it */

static enum zp_err apply(struct worker *worker, struct turn *turn)
{
    enum zp_err err = judge_load(turn, &worker->actors, worker->store);
    if (err == ZP_OK) {
        err = judge_commands(turn, &worker->actors);
    }
    if (err == ZP_OK) {
        commit_slice(turn, worker->partitions, worker->marks);
        err = commit_turn(turn, &worker->actors, worker->store);
    }
    bool is_sent = turn->slice_count > 0;
    if (is_sent && ((PLANTED(FENCED_ANNOUNCED) && err == ZP_FENCED) || (PLANTED(UNKNOWN_BELIEVED) && err == ZP_BUSY))) {
        return ZP_OK;
    }
    return err;
}

static void count_outcomes(const struct turn *turn)
{
    for (size_t i = 0; i < turn->count; i++) {
        const struct entry *entry = &turn->entries[i];
        enum worker_metric which = entry->kind == ENTRY_DUPLICATE    ? WM_DUPLICATES
                                   : entry->kind == ENTRY_PARKED     ? WM_PARKED
                                   : entry->outcome.err == ZP_OK     ? WM_APPLIED
                                                                     : WM_REFUSED;
        metric_add(&worker_metrics[which], 1);
        if (entry->kind == ENTRY_PARKED) {
            log_warn("record parked", L_INT("partition", entry->outcome.partition),
                     L_INT("offset", entry->outcome.offset), L_ID("command_id", &entry->outcome.command_id),
                     L_STR("why", entry->park_why));
        }
    }
}

static void succeed(struct worker *worker, struct turn *turn)
{
    size_t limit = (size_t)worker->settings->batch_records_max;
    for (size_t i = 0; i < turn->slice_count; i++) {
        const struct batch_partition *slice = &turn->slices[i];
        struct partition *partition = &worker->partitions[slice->partition];
        partition->next_offset = slice->next_offset;
        partition->last_command_id = slice->last_command_id;
        partition->backoff_ms = 0;
        partition->solo = false;
        partition->doubt = partition->doubt * 2 < limit ? partition->doubt * 2 : 0;
        partition->failing_offset = -1;
        partition->park_offset = -1;
        worker->marks[slice->partition].next_offset = slice->next_offset;
    }
    for (size_t i = 0; i < turn->count; i++) {
        worker->partitions[turn->entries[i].outcome.partition].applied_at = turn->entries[i].outcome.at;
    }
    worker->records_limit = worker->records_limit * 2 < limit ? worker->records_limit * 2 : limit;
    worker->database_ok = true;
    metric_add(&worker_metrics[WM_TURNS], 1);
    count_outcomes(turn);
    announcer_hand(worker->announcer, turn);
}

/* The turn failed by an error of its own. Its partitions part, then the one that still fails is halved until one record
 * is alone; alone for the second time, it is parked. The doubt is each partition's own: others go on meanwhile, and
 * what they succeed in says nothing about it. */
static void suspect(struct worker *worker, const struct turn *turn, const char *sqlstate)
{
    if (turn->count > 1 && !PLANTED(INNOCENT_PARKED)) {
        size_t counts[BUS_PARTITIONS_MAX] = { 0 };
        for (size_t i = 0; i < turn->count; i++) {
            counts[turn->entries[i].outcome.partition]++;
        }
        for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
            if (counts[p] > 0) {
                worker->partitions[p].doubt = counts[p] < turn->count ? counts[p] : counts[p] / 2;
            }
        }
        return;
    }
    const struct outcome *outcome = &turn->entries[0].outcome;
    struct partition *partition = &worker->partitions[outcome->partition];
    if (partition->failing_offset == outcome->offset || PLANTED(INNOCENT_PARKED)) {
        partition->park_offset = outcome->offset;
        partition->deaths = 0;
        partition->failing_count++;
    } else {
        partition->failing_since = clock_wall_us();
        partition->failing_count = 1;
    }
    partition->failing_offset = outcome->offset;
    snprintf(partition->failing_sqlstate, sizeof partition->failing_sqlstate, "%s", sqlstate);
    partition->doubt = 1;
}

/* True when the turn failed by what is in it: the database said so, or it takes more memory than a turn may have. A
 * unique violation is never the message's fault, and the machine's want of memory is not either. */
static bool is_own_error(const struct turn *turn, enum zp_err err, const struct store_trouble *trouble)
{
    if (PLANTED(OUTAGE_PARKS) && err == ZP_BUSY) {
        return true;
    }
    return (err == ZP_INTERNAL && strcmp(trouble->sqlstate, "23505") != 0) ||
           (err == ZP_NO_MEMORY && turn->arena.is_over);
}

/* How long the turn's partitions rest before their takeover. */
static int64_t pause_after(struct worker *worker, const struct turn *turn, enum zp_err err)
{
    const struct store_trouble *trouble = store_trouble(worker->store);
    if (err == ZP_FENCED) {
        metric_add(&worker_metrics[WM_FENCED], 1);
        log_warn("a turn was fenced off: another worker owns a partition", L_STR("why", trouble->why));
        return FENCED_MS;
    }
    bool is_own = is_own_error(turn, err, trouble);
    if (is_own) {
        suspect(worker, turn, trouble->sqlstate);
    } else if (err == ZP_NO_MEMORY && turn->count > 1) {
        worker->records_limit = turn->count / 2;
    }
    worker->database_ok = err != ZP_BUSY;
    log_warn("a turn failed and will be taken over again", L_STR("error", zp_err_name(err)),
             L_INT("records", turn->count), L_STR("sqlstate", trouble->sqlstate), L_STR("why", trouble->why));
    if (is_own && turn->count > 1) {
        return OUTAGE_PAUSE_MS_MIN; /* no outage, but a search that holds up the good ones among them */
    }
    return worker_pause_after(worker->partitions[turn->entries[0].outcome.partition].backoff_ms);
}

static void fail(struct worker *worker, struct turn *turn, enum zp_err err)
{
    int64_t pause_ms = pause_after(worker, turn, err);
    metric_add(&worker_metrics[WM_RETRIES], 1);
    for (size_t i = 0; i < turn->count; i++) {
        int32_t number = turn->entries[i].outcome.partition;
        struct partition *partition = &worker->partitions[number];
        if (partition->state != PARTITION_OWNED) {
            continue; /* met before in this turn */
        }
        partition->survived = partition->solo && err == ZP_FENCED;
        if (partition->solo && err != ZP_FENCED) { /* it survived this one: the next death is not this record's yet */
            (void)!store_partition_try(worker->store, number, &partition->owner, -1);
        }
        worker_retake(worker, number, pause_ms);
        partition->backoff_ms = pause_ms;
    }
    announcer_return(worker->announcer, turn);
}

void settle(struct worker *worker, struct turn *turn)
{
    int64_t started_us = clock_mono_us();
    enum zp_err err = apply(worker, turn);
    if (err == ZP_OK) {
        metric_observe(&worker_metrics[WM_COMMIT_SECONDS], clock_mono_us() - started_us);
        succeed(worker, turn);
    } else {
        fail(worker, turn, err);
    }
}
