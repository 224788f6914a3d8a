/* Owns the five steps by which a partition becomes ours: own, fold, check, republish, compare. Called by the main
 * thread with the partition paused; DESIGN.md, "Taking a partition, and the fence".
 * Invariant: no command is applied before its partition went through all five; a partition that the announcer still
 * owes an acknowledgement waits. */
#include "judge.h"
#include "metrics.h"
#include "worker_state.h"
#include "zapora/planted.h"

#include <string.h>

#define COMPLAIN_EVERY_US 1000000
#define OFFSETS_TIMEOUT_MS 2000
#define OWN_ROUND_US 2000000      /* the rest waits for the next round, so that what is ours has time for its steps */
#define SHORT_LOG_US 5000000
#define NOT_HELD "the events topic does not hold the place up to which it was read"
#define TAKEOVER_ROUND_US 5000000 /* no step begins later: with the longest of 4 s the consumer is polled within 10 s */
#define REPUBLISH_ROWS 500
#define REPUBLISH_WAIT_MS 1000
#define SOLO_TAKEOVERS 3 /* without a commit between them: a record may be killing its worker */
#define SOLO_TRIES_MAX 2 /* deaths over one named record; the third try parks it */

int64_t worker_pause_after(int64_t pause_ms)
{
    int64_t longer_ms = pause_ms == 0 ? OUTAGE_PAUSE_MS_MIN : pause_ms * 2;
    return longer_ms < OUTAGE_PAUSE_MS_MAX ? longer_ms : OUTAGE_PAUSE_MS_MAX;
}

void worker_retake(struct worker *worker, int32_t number, int64_t delay_ms)
{
    struct partition *partition = &worker->partitions[number];
    if (partition->state == PARTITION_OWNED) {
        if (bus_consumer_pause(worker->consumer, number) != ZP_OK) {
            log_warn("a partition could not be paused", L_INT("partition", number)); /* gather drops what comes */
        }
        metric_add(&worker_metrics[WM_OWNED], -1);
    }
    partition->state = PARTITION_TAKING;
    partition->retry_at_us = clock_mono_us() + delay_ms * 1000;
    worker->marks[number].owned = false;
    actors_drop_partition(&worker->actors, number);
}

void takeover_put_off(struct worker *worker, struct takeover *takeover, const char *step, const char *why)
{
    struct partition *partition = &worker->partitions[takeover->partition];
    takeover->has_failed = true;
    if (takeover->is_ours && takeover->row.trying_offset >= 0) { /* an error survived is no death */
        (void)!store_partition_try(worker->store, takeover->partition, &partition->owner, -1);
    }
    partition->backoff_ms = worker_pause_after(partition->backoff_ms);
    int64_t now = clock_mono_us();
    if (why != NULL && now - worker->complained_us > COMPLAIN_EVERY_US) { /* an outage is the same for all partitions */
        worker->complained_us = now;
        log_warn("taking a partition failed and will be tried again", L_INT("partition", takeover->partition),
                 L_STR("step", step), L_STR("why", why), L_INT("pause_ms", partition->backoff_ms));
    }
}

/* A rival that took the partition meanwhile goes on, and what it writes does not follow from what was read before. So
 * only the owner may call the log wrong; who is not sure to be it tries again. */
void takeover_stop(struct worker *worker, struct takeover *takeover, const char *why)
{
    const struct zp_id *owner = &worker->partitions[takeover->partition].owner;
    enum zp_err err = store_partition_try(worker->store, takeover->partition, owner, -1); /* a stop is no death */
    if (err != ZP_OK) {
        takeover_put_off(worker, takeover, "stop", err == ZP_FENCED ? why : store_trouble(worker->store)->why);
        return;
    }
    log_error("partition stopped: this is not the log we knew", L_INT("partition", takeover->partition),
              L_STR("why", why), L_INT("next_offset", worker->partitions[takeover->partition].next_offset));
    worker->partitions[takeover->partition].state = PARTITION_STOPPED;
    metric_add(&worker_metrics[WM_STOPPED], 1);
    takeover->has_failed = true;
}

/* ---- 1. own ---------------------------------------------------------------------------------------------- */

static enum zp_err own(struct worker *worker, struct takeover *takeover)
{
    struct partition *partition = &worker->partitions[takeover->partition];
    struct zp_id owner = id_fresh();
    actors_drop_partition(&worker->actors, takeover->partition);
    if (store_partition_take(worker->store, takeover->partition, &partition->owner, &owner, &takeover->row) != ZP_OK) {
        worker->database_ok = false;
        takeover_put_off(worker, takeover, "own", store_trouble(worker->store)->why);
        return ZP_BUSY;
    }
    takeover->is_ours = true;
    worker->database_ok = true;
    const struct store_partition *row = &takeover->row;
    struct marks *marks = &worker->marks[takeover->partition];
    partition->owner = owner;
    partition->next_offset = partition->gathered_offset = row->next_offset;
    partition->last_command_id = row->last_command_id;
    partition->gaps = 0;
    if (partition->survived) { /* a rival's fence told us so: nobody died over the record that was named */
        partition->survived = false;
        takeover->row.trying_offset = -1;
        (void)!store_partition_try(worker->store, takeover->partition, &owner, -1);
    }
    partition->solo = row->takeovers >= SOLO_TAKEOVERS;
    if (row->trying_offset == row->next_offset && row->takeovers >= SOLO_TAKEOVERS + SOLO_TRIES_MAX) {
        partition->park_offset = row->next_offset;
        partition->deaths = row->takeovers - SOLO_TAKEOVERS;
    }
    marks->next_offset = row->next_offset;
    marks->published_offset = row->published_offset;
    marks->events_offset = row->events_offset;
    marks->ticking = true;
    return ZP_OK;
}

/* ---- 3. check ---------------------------------------------------------------------------------------------- */

/* The record before next_offset, if the log still has it, must be the one that the database remembers. */
static void check_last_records(struct worker *worker, struct takeover *takeovers, size_t count, const int64_t *first)
{
    struct bus_range ranges[BUS_PARTITIONS_MAX];
    struct takeover *of[BUS_PARTITIONS_MAX] = { 0 };
    size_t range_count = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t next = worker->partitions[takeovers[i].partition].next_offset;
        if (!takeovers[i].has_failed && next > first[i]) {
            ranges[range_count++] = (struct bus_range){ takeovers[i].partition, next - 1, next };
            of[takeovers[i].partition] = &takeovers[i];
        }
    }
    char why[BUS_WHY_SIZE] = "the brokers did not answer in time";
    struct bus_reader *reader = NULL;
    bool done = range_count == 0;
    int64_t until_us = clock_mono_us() + OFFSETS_TIMEOUT_MS * 1000;
    enum zp_err err =
        done ? ZP_OK : bus_reader_create(worker->settings->kafka, TOPIC_COMMANDS, ranges, range_count, &reader, why);
    while (err == ZP_OK && !done && clock_mono_us() < until_us) {
        struct record *record = NULL;
        err = bus_reader_next(reader, 100, &record, &done);
        if (record == NULL) {
            continue;
        }
        struct zp_id id = message_record_id(record);
        struct takeover *takeover = of[record->partition];
        if (!id_equal(&id, &worker->partitions[record->partition].last_command_id)) {
            takeover_stop(worker, takeover, "the record before next_offset is not the one that was applied last");
        }
        of[record->partition] = NULL;
        bus_record_release(record);
    }
    bus_reader_destroy(reader);
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        if (of[p] != NULL) {
            takeover_put_off(worker, of[p], "check", why);
        }
    }
}

/* A leader that was frozen, and replaced meanwhile, goes on for a moment when it thaws, and tells the end that it knew.
 * So a log that ends too early is asked again before that is believed. */
static void stop_when_it_stays_short(struct worker *worker, struct takeover *takeover, const char *why)
{
    struct partition *partition = &worker->partitions[takeover->partition];
    int64_t now = clock_mono_us();
    partition->short_since_us = partition->short_since_us == 0 ? now : partition->short_since_us;
    if (now - partition->short_since_us < SHORT_LOG_US) {
        takeover_put_off(worker, takeover, "check", why);
    } else {
        takeover_stop(worker, takeover, why);
    }
}

static void check(struct worker *worker, struct takeover *takeovers, size_t count)
{
    int32_t numbers[BUS_PARTITIONS_MAX] = { 0 };
    int64_t first[BUS_PARTITIONS_MAX] = { 0 }, end[BUS_PARTITIONS_MAX] = { 0 };
    char why[BUS_WHY_SIZE];
    for (size_t i = 0; i < count; i++) {
        numbers[i] = takeovers[i].partition;
    }
    if (bus_offsets(worker->settings->kafka, TOPIC_COMMANDS, numbers, count, OFFSETS_TIMEOUT_MS, first, end, why) !=
        ZP_OK) {
        for (size_t i = 0; i < count; i++) {
            if (!takeovers[i].has_failed) {
                takeover_put_off(worker, &takeovers[i], "check", why);
            }
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t next = worker->partitions[takeovers[i].partition].next_offset;
        if (!takeovers[i].has_failed && next < first[i]) {
            takeover_stop(worker, &takeovers[i], "commands that were never applied are gone from the mailbox");
        } else if (!takeovers[i].has_failed && next > end[i]) {
            stop_when_it_stays_short(worker, &takeovers[i], "the mailbox ends before what was applied");
        } else if (!takeovers[i].has_failed) {
            worker->partitions[takeovers[i].partition].short_since_us = 0;
        }
    }
    check_last_records(worker, takeovers, count, first);
}

/* ---- 2. fold: where the events topic ends ---------------------------------------------------------------------- */

static void find_event_ends(struct worker *worker, struct takeover *takeovers, size_t count)
{
    int32_t numbers[BUS_PARTITIONS_MAX] = { 0 };
    int64_t first[BUS_PARTITIONS_MAX] = { 0 }, end[BUS_PARTITIONS_MAX] = { 0 };
    char why[BUS_WHY_SIZE];
    for (size_t i = 0; i < count; i++) {
        numbers[i] = takeovers[i].partition;
    }
    enum zp_err err =
        bus_offsets(worker->settings->kafka, TOPIC_EVENTS, numbers, count, OFFSETS_TIMEOUT_MS, first, end, why);
    for (size_t i = 0; i < count; i++) {
        struct takeover *takeover = &takeovers[i];
        if (takeover->has_failed) {
            continue;
        }
        takeover->events_end = end[i];
        if (err != ZP_OK) {
            takeover_put_off(worker, takeover, "fold", why);
        } else if (takeover->row.events_offset < first[i]) {
            takeover_stop(worker, takeover, NOT_HELD);
        } else if (takeover->row.events_offset > end[i]) {
            stop_when_it_stays_short(worker, takeover, NOT_HELD);
        }
    }
}

/* ---- 4. republish ------------------------------------------------------------------------------------------------ */

static struct entry *entry_at(struct turn *turn, int64_t offset)
{
    size_t low = 0, high = turn->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        *(turn->entries[middle].outcome.offset < offset ? &low : &high) =
            turn->entries[middle].outcome.offset < offset ? middle + 1 : middle;
    }
    return low < turn->count && turn->entries[low].outcome.offset == offset ? &turn->entries[low] : NULL;
}

/* Fetches the records of parked outcomes from the mailbox: their dead letters may not have been written. One that
 * retention took is left out. ZP_BUSY: the brokers do not answer. */
static enum zp_err reread_letters(struct worker *worker, int32_t number, struct turn *turn)
{
    struct bus_range range = { .partition = number, .from = -1 };
    for (size_t i = 0; i < turn->count; i++) {
        if (turn->entries[i].outcome.err == ZP_PARKED) {
            range.from = range.from < 0 ? turn->entries[i].outcome.offset : range.from;
            range.to = turn->entries[i].outcome.offset + 1;
        }
    }
    if (range.from < 0 || PLANTED(DEAD_LETTER_ONCE)) {
        return ZP_OK;
    }
    char why[BUS_WHY_SIZE];
    struct bus_reader *reader = NULL;
    bool done = false;
    int64_t first = 0, end = 0, until_us = clock_mono_us() + OFFSETS_TIMEOUT_MS * 1000;
    enum zp_err err = bus_offsets(worker->settings->kafka, TOPIC_COMMANDS, &number, 1, OFFSETS_TIMEOUT_MS, &first, &end,
                                  why);
    range.from = range.from < first ? first : range.from; /* what is gone takes none along that is not */
    if (err != ZP_OK || range.from >= range.to) {
        return err == ZP_OK ? ZP_OK : ZP_BUSY;
    }
    err = bus_reader_create(worker->settings->kafka, TOPIC_COMMANDS, &range, 1, &reader, why);
    while (err == ZP_OK && !done) {
        struct record *record = NULL;
        err = clock_mono_us() < until_us ? bus_reader_next(reader, 100, &record, &done) : ZP_BUSY;
        struct entry *entry = err != ZP_OK || record == NULL ? NULL : entry_at(turn, record->offset);
        if (entry != NULL && entry->outcome.err == ZP_PARKED) {
            entry->dead = turn_copy_record(&turn->arena, record);
            err = entry->dead == NULL ? ZP_NO_MEMORY : ZP_OK;
        }
        bus_record_release(record);
    }
    bus_reader_destroy(reader);
    return err == ZP_NOT_FOUND ? ZP_BUSY : err; /* retention went on meanwhile: once more */
}

/* What the row says beside its value is what the record needs. A value that cannot be decoded, damaged or of a newer
 * program, goes to the log in the bytes that the journal has: left out, it would be missing there for good, and one row
 * is no reason to stop its partition. */
static enum zp_err read_event(const struct batch_event *row, struct arena *arena, struct event *ret_event)
{
    const char *why = NULL;
    enum zp_err err = message_event_decode(row->value, row->value_len, arena, ret_event, &why);
    if (err != ZP_MALFORMED) {
        return err;
    }
    log_error("an event of the journal cannot be read; it is published as it is", L_ID("location", &row->location_id),
              L_INT("seq", row->seq), L_INT("command_offset", row->command_offset), L_STR("why", why));
    metric_add(&worker_metrics[WM_UNREADABLE], 1);
    *ret_event = (struct event){ .type = row->type, .location_id = row->location_id, .order_id = row->order_id,
                                 .command_id = row->command_id, .seq = row->seq, .at = row->at };
    return ZP_MALFORMED;
}

/* An outcome of the database as the entry that it was, ready to be told again. Its event reaches Redis by the
 * comparison that follows, since only the newest board is known; waiters are told at once. */
static enum zp_err remember(struct turn *turn, const struct journal_entry *row)
{
    struct entry *entry = &turn->entries[turn->count++];
    *entry = (struct entry){ .kind = ENTRY_REPEATED, .outcome = row->outcome, .turn = turn };
    entry->meta = (struct event_meta){ .command_offset = row->outcome.offset, .user_id = row->outcome.user_id,
                                       .command_type = row->outcome.type };
    memcpy(entry->meta.fingerprint, row->outcome.fingerprint, sizeof entry->meta.fingerprint);
    if (row->event.seq == 0) {
        return judge_announcement(turn, entry);
    }
    memcpy(entry->meta.hash, row->event.hash, HASH_SIZE);
    entry->value = row->event.value;
    entry->value_len = row->event.value_len;
    entry->event = arena_alloc(&turn->arena, sizeof *entry->event);
    if (entry->event == NULL) {
        return ZP_NO_MEMORY;
    }
    enum zp_err err = read_event(&row->event, &turn->arena, entry->event);
    entry->order = err == ZP_OK && row->event.type <= EV_ORDER_EXPIRED ? &entry->event->order : NULL;
    return err == ZP_MALFORMED ? ZP_OK : err;
}

/* Hands over the next piece, at most `limit` rows, of what may not have reached the log. */
static enum zp_err republish_piece(struct worker *worker, int32_t number, size_t limit, int64_t *offset,
                                   struct turn *turn, bool *ret_done)
{
    size_t count = 0;
    struct journal_entry *rows = NULL;
    enum zp_err err = store_outcomes_from(worker->store, number, *offset, limit, &turn->arena, &rows, &count);
    for (size_t i = 0; err == ZP_OK && i < count; i++) {
        err = remember(turn, &rows[i]);
    }
    if (err == ZP_OK) {
        err = reread_letters(worker, number, turn);
    }
    if (err != ZP_OK || count == 0) {
        announcer_return(worker->announcer, turn);
        *ret_done = err == ZP_OK;
        return err;
    }
    *offset = rows[count - 1].outcome.offset + 1;
    *ret_done = count < limit;
    turn->slices[turn->slice_count++] = (struct batch_partition){ .partition = number, .next_offset = *offset };
    metric_add(&worker_metrics[WM_REPUBLISHED], (int64_t)count);
    announcer_hand(worker->announcer, turn);
    return ZP_OK;
}

static enum zp_err republish(struct worker *worker, struct takeover *takeover)
{
    int64_t offset = worker->marks[takeover->partition].published_offset;
    bool done = offset >= worker->partitions[takeover->partition].next_offset || PLANTED(REPUBLISH_LOST);
    size_t limit = REPUBLISH_ROWS;
    while (!done) {
        struct turn *turn = announcer_turn(worker->announcer, REPUBLISH_WAIT_MS);
        if (turn == NULL) {
            takeover_put_off(worker, takeover, "republish", "the log does not acknowledge");
            return ZP_BUSY;
        }
        limit = limit < turn->count_max ? limit : turn->count_max;
        enum zp_err err = republish_piece(worker, takeover->partition, limit, &offset, turn, &done);
        if (err == ZP_NO_MEMORY && limit > 1) { /* large ones: fewer at a time */
            limit /= 2;
        } else if (err != ZP_OK) {
            takeover_put_off(worker, takeover, "republish", "the log or the database");
            return err;
        }
    }
    return ZP_OK;
}

/* ---- all five
 * -------------------------------------------------------------------------------------------------------- */

static void note_refusal(struct worker *worker, struct partition *partition, int32_t number)
{
    if (!worker->consumer_stuck && silence_refused(&worker->silence, partition, number, clock_mono_us())) {
        log_error("the consumer does not go to a partition's next_offset: it is made anew", L_INT("partition", number),
                  L_INT("offset", partition->next_offset));
        worker->consumer_stuck = true;
    }
}

static enum zp_err start(struct worker *worker, struct takeover *takeover)
{
    int32_t number = takeover->partition;
    struct partition *partition = &worker->partitions[number];
    enum zp_err err = bus_consumer_start(worker->consumer, number, partition->next_offset);
    if (err == ZP_BUSY) {
        note_refusal(worker, partition, number);
    }
    if (err != ZP_OK) {
        takeover_put_off(worker, takeover, "start", "the consumer could not be moved to next_offset");
        return ZP_BUSY;
    }
    struct marks *marks = &worker->marks[number];
    marks->next_offset = partition->next_offset;
    marks->owned = true;
    partition->gathered_offset = partition->next_offset;
    partition->refused_since_us = 0;
    metric_add(&worker_metrics[WM_TAKEOVERS], 1);
    metric_add(&worker_metrics[WM_OWNED], 1);
    partition->state = PARTITION_OWNED; /* last: who sees the worker ready finds it counted */
    announcer_compare(worker->announcer, number);
    log_debug("partition taken", L_INT("partition", number), L_INT("next_offset", partition->next_offset),
             L_INT("published_offset", marks->published_offset), L_INT("takeovers", takeover->row.takeovers),
             L_BOOL("solo", partition->solo));
    return ZP_OK;
}

static size_t find_due(struct worker *worker, struct takeover *ret_takeovers)
{
    size_t count = 0;
    int64_t now = clock_mono_us();
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        const struct partition *partition = &worker->partitions[p];
        if (partition->state == PARTITION_TAKING && partition->retry_at_us <= now && worker->marks[p].announcing == 0) {
            ret_takeovers[count++] = (struct takeover){ .partition = p };
        }
    }
    return count;
}

/* Runs a step for what is still in the race. A database or log that is away for one is away for all, slowly, and the
 * consumer must be polled: the rest waits for the next round, which comes at once and without the one that failed. */
static void each(struct worker *worker, struct takeover *takeovers, size_t count, int64_t until_us,
                 enum zp_err (*step)(struct worker *worker, struct takeover *takeover))
{
    bool is_outage = false;
    for (size_t i = 0; i < count; i++) {
        if (takeovers[i].has_failed) {
            continue;
        }
        if (is_outage || clock_mono_us() > until_us) {
            takeovers[i].has_failed = true;
            continue;
        }
        is_outage = step(worker, &takeovers[i]) == ZP_BUSY;
    }
}

/* Steps that ask for all partitions at once. */
static void (*const steps_together[])(struct worker *worker, struct takeover *takeovers, size_t count) = {
    find_event_ends, fold, check,
};

/* True while somebody is in the race and there is time for another step. What is late goes on in the next round, which
 * comes at once: what a step did lies in the database. */
static bool go_on(struct takeover *takeovers, size_t count, int64_t until_us)
{
    bool late = clock_mono_us() > until_us, any = false;
    for (size_t i = 0; i < count; i++) {
        takeovers[i].has_failed = takeovers[i].has_failed || late;
        any = any || !takeovers[i].has_failed;
    }
    return any;
}

void takeover_due(struct worker *worker)
{
    struct takeover takeovers[BUS_PARTITIONS_MAX];
    size_t count = find_due(worker, takeovers);
    if (count == 0) {
        return;
    }
    int64_t began_us = clock_mono_us(), until_us = began_us + TAKEOVER_ROUND_US;
    each(worker, takeovers, count, began_us + OWN_ROUND_US, own);
    for (size_t i = 0; i < ZP_COUNT(steps_together) && go_on(takeovers, count, until_us); i++) {
        steps_together[i](worker, takeovers, count);
    }
    each(worker, takeovers, count, until_us, republish);
    each(worker, takeovers, count, until_us, start);
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) { /* the pause starts when the attempt ends */
        struct partition *partition = &worker->partitions[takeovers[i].partition];
        partition->retry_at_us = clock_mono_us() + partition->backoff_ms * 1000;
        taken += !takeovers[i].has_failed;
    }
    log_info("partitions taken", L_INT("count", taken), L_INT("not_yet", count - taken),
             L_INT("duration_ms", (clock_mono_us() - began_us) / 1000));
}
