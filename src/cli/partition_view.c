/* Owns the comparison of the database's partitions with the logs. Called by the subcommand partitions.
 * Invariant: it finds what step 3 of a takeover would find, and changes nothing. */
#include "partition_view.h"

#include <string.h>

#define BROKER_TIMEOUT_MS 10000
#define QUIET_US 30000000

#define X(name, wire, sentence) wire,
static const char *const findings[] = { PARTITION_FINDINGS(X) };
#undef X
#define X(name, wire, sentence) sentence,
static const char *const sentences[] = { PARTITION_FINDINGS(X) };
#undef X
const struct words PARTITION_FINDING_WORDS = { findings, ZP_COUNT(findings) };

const char *partition_finding_sentence(enum partition_finding finding)
{
    return sentences[finding];
}

enum zp_err partition_read(const char *kafka, const struct bus_range *ranges, size_t count,
                           enum zp_err (*take)(void *arg, const struct record *record), void *arg,
                           char why[BUS_WHY_SIZE])
{
    struct bus_reader *reader = NULL;
    int64_t heard_us = clock_mono_us();
    bool done = count == 0;
    enum zp_err err = done ? ZP_OK : bus_reader_create(kafka, TOPIC_COMMANDS, ranges, count, &reader, why);
    while (err == ZP_OK && !done) {
        struct record *record = NULL;
        err = bus_reader_next(reader, 500, &record, &done);
        if (err == ZP_OK && record != NULL) {
            heard_us = clock_mono_us();
            err = take(arg, record);
        } else if (err != ZP_OK || clock_mono_us() - heard_us > QUIET_US) {
            const char *trouble = bus_reader_trouble(reader);
            snprintf(why, BUS_WHY_SIZE, "%.200s", trouble == NULL ? "the brokers stopped answering" : trouble);
            err = err == ZP_OK ? ZP_BUSY : err;
        }
        bus_record_release(record);
    }
    bus_reader_destroy(reader);
    return err;
}

struct looking { struct partition_view *views; size_t count; };

static enum zp_err note_last(void *arg, const struct record *record)
{
    const struct looking *looking = arg;
    for (size_t i = 0; i < looking->count; i++) {
        if (looking->views[i].row.partition == record->partition) {
            looking->views[i].last_id = message_record_id(record);
        }
    }
    return ZP_OK;
}

static enum zp_err ask_brokers(const char *kafka, struct partition_view *views, size_t count, char why[BUS_WHY_SIZE])
{
    int32_t numbers[BUS_PARTITIONS_MAX] = { 0 };
    int64_t first[BUS_PARTITIONS_MAX] = { 0 }, end[BUS_PARTITIONS_MAX] = { 0 };
    int64_t events_first[BUS_PARTITIONS_MAX] = { 0 }, events_end[BUS_PARTITIONS_MAX] = { 0 };
    struct bus_range ranges[BUS_PARTITIONS_MAX];
    size_t range_count = 0;
    for (size_t i = 0; i < count; i++) {
        numbers[i] = views[i].row.partition;
    }
    enum zp_err err = bus_offsets(kafka, TOPIC_COMMANDS, numbers, count, BROKER_TIMEOUT_MS, first, end, why);
    if (err == ZP_OK) {
        err = bus_offsets(kafka, TOPIC_EVENTS, numbers, count, BROKER_TIMEOUT_MS, events_first, events_end, why);
    }
    for (size_t i = 0; err == ZP_OK && i < count; i++) {
        int64_t next = views[i].row.next_offset;
        views[i].first = first[i];
        views[i].end = end[i];
        views[i].events_first = events_first[i];
        views[i].events_end = events_end[i];
        if (next > first[i] && next <= end[i]) {
            ranges[range_count++] = (struct bus_range){ numbers[i], next - 1, next };
        }
    }
    struct looking looking = { views, count };
    return err != ZP_OK ? err : partition_read(kafka, ranges, range_count, note_last, &looking, why);
}

static enum partition_finding find(const struct partition_view *view)
{
    const struct store_partition *row = &view->row;
    if (row->next_offset > view->end) {
        return FINDING_CUT_SHORT;
    }
    if (row->next_offset < view->first) {
        return FINDING_GONE;
    }
    if (row->next_offset > view->first && !id_equal(&view->last_id, &row->last_command_id)) {
        return FINDING_OTHER_RECORD;
    }
    bool moved = row->events_offset > view->events_end || row->events_offset < view->events_first;
    return moved ? FINDING_EVENTS_MOVED : FINDING_FITS;
}

enum zp_err partition_views_get(const char *kafka, struct store *store, struct arena *arena,
                                struct partition_view **ret_views, size_t *ret_count, char why[STORE_WHY_SIZE])
{
    struct store_partition *rows = NULL;
    size_t count = 0;
    enum zp_err err = store_partitions_list(store, arena, &rows, &count);
    if (err != ZP_OK) {
        snprintf(why, STORE_WHY_SIZE, "%s", store_trouble(store)->why);
        return err;
    }
    count = count < BUS_PARTITIONS_MAX ? count : BUS_PARTITIONS_MAX;
    struct partition_view *views = arena_array(arena, count, sizeof *views);
    if (views == NULL) {
        snprintf(why, STORE_WHY_SIZE, "not enough memory");
        return ZP_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        views[i].row = rows[i];
    }
    if (count > 0) {
        err = ask_brokers(kafka, views, count, why);
    }
    for (size_t i = 0; err == ZP_OK && i < count; i++) {
        views[i].finding = find(&views[i]);
    }
    *ret_views = views;
    *ret_count = count;
    return err;
}
