/* Owns the way out of a partition that stopped loudly. Called by the subcommand partitions.
 *
 * Offsets of a mailbox must not come twice: outcomes are unique by them, and readers drop what they have seen by them.
 * So a mailbox that starts anew is filled up to next_offset with records that say nothing, and the real commands among
 * them, which were acknowledged since, are published once more behind it: their ids make a repetition harmless.
 * Invariant: the database's row changes last, owner-checked; a call that was cut short is made again. */
#include "partition_accept.h"

#include "commands.h"

#include <string.h>

#define ARENA_BYTES_MAX (16 << 20)
#define BROKER_TIMEOUT_MS 10000

struct moving {
    struct bus_producer *producer;
    int64_t moved;
    struct zp_id last_id; /* of the record before next_offset */
    int64_t next_offset;
    int64_t since_us;     /* log time of what was applied last: what is older was applied, or is of another log */
    bool dry_run;
};

static bool is_padding(const struct record *record)
{
    return record_header(record, "padding") != NULL;
}

/* ---- filling up -------------------------------------------------------------------------------------------------- */

static enum zp_err pad(struct bus_producer *producer, const struct partition_view *view)
{
    static struct header header = { "padding", "offsets of a log that was lost", 30 };
    const struct record padding = { .partition = view->row.partition, .offset = -1, .headers = &header,
                                    .header_count = 1 };
    for (int64_t offset = view->end; offset < view->row.next_offset; offset++) {
        enum zp_err err = cli_publish_later(producer, TOPIC_COMMANDS, &padding);
        if (err != ZP_OK) {
            return err;
        }
    }
    return cli_publish_wait(producer);
}

/* ---- what lies below next_offset and is no padding --------------------------------------------------------------- */

static enum zp_err move(void *arg, const struct record *record)
{
    struct moving *moving = arg;
    if (record->offset == moving->next_offset - 1) {
        moving->last_id = message_record_id(record);
    }
    if (is_padding(record) || record->timestamp_us < moving->since_us) {
        return ZP_OK;
    }
    moving->moved++;
    return moving->dry_run ? ZP_OK : cli_publish_later(moving->producer, TOPIC_COMMANDS, record);
}

/* Up to what the log holds now; in a dry run the padding is not there. */
static enum zp_err move_all(const char *kafka, const struct partition_view *view, struct moving *moving,
                            char why[BUS_WHY_SIZE])
{
    int32_t number = view->row.partition;
    int64_t first = 0, end = 0;
    enum zp_err err = bus_offsets(kafka, TOPIC_COMMANDS, &number, 1, BROKER_TIMEOUT_MS, &first, &end, why);
    int64_t to = end < moving->next_offset ? end : moving->next_offset;
    if (err != ZP_OK || first >= to) {
        return err;
    }
    const struct bus_range range = { number, first, to };
    err = partition_read(kafka, &range, 1, move, moving, why);
    return err != ZP_OK ? err : cli_publish_wait(moving->producer);
}

/* When the last outcome is not known, since it was a repetition or is older than outcomes are kept, what is younger
 * than they are kept is safe: a repetition among it is known by its id. */
static enum zp_err find_since(struct store *store, const struct partition_view *view, int64_t *ret_since_us)
{
    struct arena arena;
    struct journal_entry *entries = NULL;
    size_t count = 0;
    arena_init(&arena, ARENA_BYTES_MAX);
    enum zp_err err = store_outcomes_from(store, view->row.partition, view->row.next_offset - 1, 1, &arena, &entries,
                                          &count);
    if (err == ZP_OK) {
        *ret_since_us = count > 0 ? entries[0].outcome.at : clock_wall_us() - STORE_OUTCOMES_KEPT_US;
    }
    arena_finish(&arena);
    return err;
}

/* ---- one partition ----------------------------------------------------------------------------------------------- */

static int64_t accepted_events_offset(const struct partition_view *view)
{
    return view->row.events_offset > view->events_end     ? view->events_end
           : view->row.events_offset < view->events_first ? view->events_first
                                                          : view->row.events_offset;
}

static void report(const struct partition_view *view, const struct store_partition *fresh, const struct moving *moving,
                   bool dry_run, bool json)
{
    long long padded = view->finding == FINDING_CUT_SHORT ? (long long)(view->row.next_offset - view->end) : 0;
    long long lost = view->finding == FINDING_GONE ? (long long)(view->first - view->row.next_offset) : 0;
    if (json) {
        printf("{\"partition\":%d,\"finding\":\"%s\",\"dry_run\":%s,\"next_offset\":%lld,\"events_offset\":%lld,"
               "\"padded\":%lld,\"commands_moved\":%lld,\"commands_lost\":%lld}\n",
               (int)view->row.partition, PARTITION_FINDING_WORDS.names[view->finding], dry_run ? "true" : "false",
               (long long)fresh->next_offset, (long long)fresh->events_offset, padded, (long long)moving->moved, lost);
        return;
    }
    printf("partition %d %s: next_offset %lld, was %lld; events_offset %lld, was %lld; %lld offsets filled up, "
           "%lld commands published again behind them, %lld commands lost\n",
           (int)view->row.partition, dry_run ? "would be accepted" : "accepted", (long long)fresh->next_offset,
           (long long)view->row.next_offset, (long long)fresh->events_offset, (long long)view->row.events_offset,
           padded, (long long)moving->moved, lost);
}

static enum zp_err mend_mailbox(const char *kafka, const struct partition_view *view, struct moving *moving,
                                char why[BUS_WHY_SIZE])
{
    snprintf(why, BUS_WHY_SIZE, "the mailbox does not take the records");
    enum zp_err err = view->finding == FINDING_CUT_SHORT && !moving->dry_run ? pad(moving->producer, view) : ZP_OK;
    bool is_new = view->finding == FINDING_CUT_SHORT || view->finding == FINDING_OTHER_RECORD;
    return err != ZP_OK || !is_new ? err : move_all(kafka, view, moving, why);
}

int partition_accept(const char *kafka, struct store *store, struct bus_producer *producer,
                     const struct partition_view *view, bool dry_run, bool json)
{
    char why[BUS_WHY_SIZE] = "";
    struct store_partition fresh = view->row;
    fresh.owner = id_fresh();
    fresh.events_offset = accepted_events_offset(view);
    fresh.next_offset = view->finding == FINDING_GONE ? view->first : view->row.next_offset;
    struct moving moving = { .producer = producer, .last_id = view->last_id, .next_offset = fresh.next_offset,
                             .dry_run = dry_run };
    if (find_since(store, view, &moving.since_us) != ZP_OK) {
        return cli_fail("partition %d is not accepted: %s; try again", (int)view->row.partition,
                        store_trouble(store)->why);
    }
    if (mend_mailbox(kafka, view, &moving, why) != ZP_OK) {
        return cli_fail("partition %d is not accepted: %s; try again", (int)view->row.partition, why);
    }
    fresh.last_command_id = fresh.next_offset > view->first ? moving.last_id : ID_NONE;
    enum zp_err err = dry_run ? ZP_OK : store_partition_accept(store, &view->row, &fresh);
    if (err != ZP_OK) {
        return cli_fail("partition %d is not accepted: %s; try again", (int)view->row.partition,
                        err == ZP_FENCED ? "a worker took it meanwhile" : store_trouble(store)->why);
    }
    report(view, &fresh, &moving, dry_run, json);
    return 0;
}
