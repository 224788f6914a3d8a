/* Owns the way from the consumer into a turn. Called by the main thread.
 * Invariant: a partition's records enter a turn densely, from its gathered_offset on; whatever else comes is dropped
 * and asked for again. */
#include "metrics.h"
#include "worker_state.h"
#include "zapora/planted.h"

#define GAPS_MAX 3 /* the same gap again after seeking back: the log skips records */
#define READ_FAILURES_MAX 2 /* then its parking failed, too */
#define PARK_ERROR_SIZE 160

/* A record is missing before this one: it will come again from where we are. */
static void seek_back(struct worker *worker, struct partition *partition, int32_t number, int64_t came)
{
    metric_add(&worker_metrics[WM_GAPS], 1);
    partition->gaps++;
    if (partition->gaps > GAPS_MAX) {
        log_error("partition stopped: its mailbox skips offsets", L_INT("partition", number),
                  L_INT("expected", partition->gathered_offset), L_INT("came", came));
        partition->state = PARTITION_STOPPED;
        (void)!bus_consumer_pause(worker->consumer, number); /* what still comes is dropped */
        worker->marks[number].owned = false;
        metric_add(&worker_metrics[WM_STOPPED], 1);
        metric_add(&worker_metrics[WM_OWNED], -1);
        return;
    }
    if (bus_consumer_start(worker->consumer, number, partition->gathered_offset) != ZP_OK) {
        worker_retake(worker, number, 500);
    }
}

/* Whether the record is to be parked, and for what. One that failed by itself has been read before; when not even its
 * parking can be written with what was read, it is parked without. */
static bool will_be_parked(const struct partition *partition, int64_t offset, char *error, size_t size,
                           struct parking *ret_parking)
{
    if (offset != partition->park_offset) {
        return false;
    }
    if (partition->deaths > 0) {
        *ret_parking = (struct parking){ .class = LETTER_KILLED, .attempts = partition->deaths, .unread = true };
        snprintf(error, size, "%lld workers died over it, one after the other", (long long)partition->deaths);
    } else {
        *ret_parking = (struct parking){ .class = LETTER_FAILED, .attempts = partition->failing_count,
                                         .first_at = partition->failing_since,
                                         .unread = partition->failing_count > READ_FAILURES_MAX };
        snprintf(error, size, "it failed by itself again and again, alone and with fresh caches; the last time with "
                 "SQLSTATE %s", partition->failing_sqlstate);
    }
    ret_parking->error = error;
    return true;
}

/* A partition under suspicion goes one record at a time, named before it is touched, and nothing else beside it. */
static bool name_suspect(struct worker *worker, struct partition *partition, const struct record *record)
{
    if (!partition->solo || record->offset == partition->park_offset || PLANTED(KILLER_UNNAMED)) {
        return true;
    }
    enum zp_err err = store_partition_try(worker->store, record->partition, &partition->owner, record->offset);
    if (err != ZP_OK) {
        worker_retake(worker, record->partition, 500);
    }
    return err == ZP_OK;
}

/* An empty turn holds any one record: the machine has no memory, which is not this record's fault. It comes again with
 * the next takeover. */
static void put_off(struct worker *worker, struct turn *turn, struct partition *partition, int32_t number)
{
    turn_reset(turn);
    if (partition->solo) { /* an error that is survived is no death */
        (void)!store_partition_try(worker->store, number, &partition->owner, -1);
    }
    worker_retake(worker, number, 500);
}

static bool goes_apart(const struct partition *partition)
{
    return partition->solo || partition->doubt > 0;
}

/* What is doubted shares its turn with no other partition: a failure then costs nobody else anything. */
static bool may_join(const struct worker *worker, const struct turn *turn, const struct record *record)
{
    const struct partition *partition = &worker->partitions[record->partition];
    if (turn->count == 0) {
        return true;
    }
    int32_t first = turn->entries[0].outcome.partition;
    return !partition->solo &&
           (first == record->partition || !(goes_apart(partition) || goes_apart(&worker->partitions[first])));
}

/* Takes a record that may be next. Gives false when the turn is full and the record has to wait. */
static bool take(struct worker *worker, struct turn *turn, struct record *record)
{
    struct partition *partition = &worker->partitions[record->partition];
    if (partition->state != PARTITION_OWNED || record->offset < partition->gathered_offset) {
        return true;
    }
    if (record->offset > partition->gathered_offset && PLANTED(GAPS_TAKEN)) {
        partition->gathered_offset = record->offset;
    }
    if (record->offset > partition->gathered_offset) {
        seek_back(worker, partition, record->partition, record->offset);
        return true;
    }
    if (!may_join(worker, turn, record)) {
        return false;
    }
    if (!name_suspect(worker, partition, record)) {
        return true;
    }
    char error[PARK_ERROR_SIZE];
    struct parking parking;
    bool is_parked = will_be_parked(partition, record->offset, error, sizeof error, &parking);
    if (turn_add_record(turn, record, is_parked ? &parking : NULL) != ZP_OK) {
        if (PLANTED(SHORTAGE_SWALLOWED)) {
            partition->gathered_offset += turn->count == 0;
        } else if (turn->count == 0) {
            put_off(worker, turn, partition, record->partition);
        }
        turn->arena.is_over = false; /* that was the record that waits */
        return turn->count == 0;
    }
    partition->gathered_offset++;
    partition->gaps = 0;
    return true;
}

static bool is_full(const struct worker *worker, const struct turn *turn)
{
    if (turn->count >= worker->records_limit || turn->arena.used_bytes >= (size_t)worker->settings->batch_bytes_max) {
        return true;
    }
    if (turn->count == 0) {
        return false;
    }
    const struct partition *partition = &worker->partitions[turn->entries[0].outcome.partition];
    return partition->solo || (partition->doubt > 0 && turn->count >= partition->doubt);
}

bool gather(struct worker *worker, struct turn *turn, int wait_ms)
{
    worker->turn = turn;
    for (;;) {
        struct record *record = worker->carried;
        worker->carried = NULL;
        if (record == NULL) {
            record = bus_consume(worker->consumer, turn->count == 0 ? wait_ms : 0);
        }
        if (record == NULL) {
            worker->turn = NULL;
            return true;
        }
        if (!take(worker, turn, record)) {
            worker->carried = record;
            break;
        }
        bus_record_release(record);
        if (is_full(worker, turn)) {
            break;
        }
    }
    worker->turn = NULL;
    return false;
}
