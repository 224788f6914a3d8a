/* Owns step 2 of a takeover: what the log already says is a fact, and facts win over rules. On an ordinary day there
 * is nothing to do; after a restore this brings the database back to what was published. Called by takeover.
 * Invariant: a fact is applied only when its command offset is at or beyond next_offset, its seq follows and its
 * hash fits. */
#include "commit.h"
#include "judge.h"
#include "metrics.h"
#include "worker_state.h"
#include "zapora/planted.h"

#define FOLD_FACTS_MAX 200 /* in one transaction */
#define NO_MEMORY "not enough memory"
#define FOLD_SLICE_US 3000000 /* then the consumer must be polled; the next takeover goes on where this one stopped */

static struct takeover *takeover_of(struct takeover *takeovers, size_t count, int32_t partition)
{
    for (size_t i = 0; i < count; i++) {
        if (takeovers[i].partition == partition) {
            return &takeovers[i];
        }
    }
    return NULL;
}

static void put_off(struct worker *worker, struct takeover *takeover, const char *why)
{
    takeover->fold_why = why;
    takeover_put_off(worker, takeover, "fold", why);
}

/* Applies the gathered facts of one partition. */
static enum zp_err fold_turn(struct worker *worker, struct takeover *takeover, struct turn *turn, const char **ret_why)
{
    enum zp_err err = judge_load(turn, &worker->actors, worker->store);
    if (err == ZP_OK) {
        err = judge_facts(turn, &worker->actors, ret_why);
    }
    if (err == ZP_OK) {
        commit_slice(turn, worker->partitions, worker->marks);
        err = commit_turn(turn, &worker->actors, worker->store);
    }
    if (err == ZP_OK) {
        struct partition *partition = &worker->partitions[takeover->partition];
        partition->next_offset = turn->slices[0].next_offset;
        partition->last_command_id = turn->slices[0].last_command_id;
        metric_add(&worker_metrics[WM_FACTS], (int64_t)turn->count);
    }
    turn_reset(turn);
    return err;
}

static void flush(struct worker *worker, struct takeover *takeover, struct turn *turn)
{
    if (turn->count == 0 || takeover->has_failed) {
        turn_reset(turn);
        return;
    }
    const char *why = NULL;
    enum zp_err err = fold_turn(worker, takeover, turn, &why);
    if (err == ZP_CONFLICT) {
        takeover_stop(worker, takeover, why);
    } else if (err != ZP_OK) {
        put_off(worker, takeover, err == ZP_NO_MEMORY ? NO_MEMORY : store_trouble(worker->store)->why);
    }
}

/* True when the newest fact's command has another one in the turn: it was done again after two days. */
static bool is_second_fact(const struct turn *turn)
{
    const struct zp_id *id = &turn->entries[turn->count - 1].outcome.command_id;
    for (size_t i = 0; i + 1 < turn->count; i++) {
        if (id_equal(&turn->entries[i].outcome.command_id, id)) {
            return true;
        }
    }
    return false;
}

/* Adds a fact; what does not fit beside those that are there goes into a turn of its own. */
static enum zp_err add_fact(struct worker *worker, struct takeover *takeover, struct turn *turn,
                            const struct record *record, const char **ret_why)
{
    enum zp_err err = turn_add_fact(turn, record, ret_why);
    bool is_second = err == ZP_OK && is_second_fact(turn);
    if (is_second) {
        turn->count--;
    }
    if (is_second || (err == ZP_NO_MEMORY && turn->count > 0)) {
        flush(worker, takeover, turn);
        err = turn_add_fact(turn, record, ret_why);
    }
    return err;
}

/* Takes one record of the events topic: skips what the database has, gathers what it lacks. */
static void take_fact(struct worker *worker, struct takeover *takeover, struct turn *turn, const struct record *record)
{
    const char *why = NULL;
    enum zp_err err = add_fact(worker, takeover, turn, record, &why);
    if (err == ZP_NO_MEMORY) { /* an empty turn holds any one record; a fact that is passed over would be lost */
        put_off(worker, takeover, NO_MEMORY);
        turn_reset(turn);
        return;
    }
    if (err != ZP_OK) { /* not ours: readers skip it, and so do we */
        log_warn("a record of the events topic cannot be read", L_INT("partition", record->partition),
                 L_INT("offset", record->offset), L_STR("why", why));
        return;
    }
    struct partition *partition = &worker->partitions[takeover->partition];
    const struct entry *entry = &turn->entries[turn->count - 1];
    if (entry->meta.command_offset < partition->gathered_offset && !PLANTED(FOLDED_TWICE)) { /* known, or told twice */
        turn->count--;
    } else {
        partition->gathered_offset = entry->meta.command_offset + 1;
        worker->marks[takeover->partition].events_offset = record->offset + 1;
        worker->marks[takeover->partition].published_offset = partition->gathered_offset;
    }
    if (turn->count == 0) {
        arena_reset(&turn->arena);
    } else if (turn->count == FOLD_FACTS_MAX) {
        flush(worker, takeover, turn);
    }
}

static void read_ranges(struct worker *worker, struct takeover *takeovers, size_t count, struct bus_reader *reader,
                        struct turn *turn)
{
    struct takeover *current = NULL; /* whose facts are in the turn */
    int64_t started_us = clock_mono_us();
    bool done = false;
    while (!done && clock_mono_us() - started_us < FOLD_SLICE_US) {
        struct record *record = NULL;
        if (bus_reader_next(reader, 100, &record, &done) != ZP_OK) {
            break;
        }
        if (record == NULL) {
            continue;
        }
        struct takeover *takeover = takeover_of(takeovers, count, record->partition);
        if (takeover != current && current != NULL) {
            flush(worker, current, turn);
        }
        current = takeover;
        if (takeover != NULL && !takeover->has_failed) {
            take_fact(worker, takeover, turn, record);
        }
        bus_record_release(record);
    }
    if (current != NULL) {
        flush(worker, current, turn);
    }
    for (size_t i = 0; i < count && !done; i++) {
        if (!takeovers[i].has_failed) { /* goes on at once: what was folded is committed */
            takeovers[i].has_failed = true;
            takeovers[i].fold_why = "the events topic does not give all that it has";
        }
    }
}

void fold(struct worker *worker, struct takeover *takeovers, size_t count)
{
    struct bus_range ranges[BUS_PARTITIONS_MAX];
    size_t range_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!takeovers[i].has_failed && takeovers[i].row.events_offset < takeovers[i].events_end) {
            ranges[range_count++] =
                (struct bus_range){ takeovers[i].partition, takeovers[i].row.events_offset, takeovers[i].events_end };
        }
    }
    if (range_count == 0 || PLANTED(FACTS_LOSE)) {
        return;
    }
    char why[BUS_WHY_SIZE];
    struct bus_reader *reader = NULL;
    struct turn *turn = turn_create(FOLD_FACTS_MAX);
    if (turn == NULL ||
        bus_reader_create(worker->settings->kafka, TOPIC_EVENTS, ranges, range_count, &reader, why) != ZP_OK) {
        const char *why_not = turn == NULL ? NO_MEMORY : "the events topic cannot be read";
        for (size_t i = 0; i < count; i++) {
            if (!takeovers[i].has_failed) {
                put_off(worker, &takeovers[i], why_not);
            }
        }
    } else {
        read_ranges(worker, takeovers, count, reader, turn);
    }
    bus_reader_destroy(reader);
    turn_destroy(turn);
}
