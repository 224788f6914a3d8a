/* journal: owns how a location's events and a partition's outcomes are read back.
 *
 * Called by streams, refills and takeovers. Invariant: the value's bytes are those that were hashed and published. */
#include "journal.h"

enum zp_err journal_read(struct store *store, const PGresult *result, struct arena *arena,
                         struct batch_event **ret_events, size_t *ret_count)
{
    size_t count = (size_t)PQntuples(result);
    struct batch_event *events = arena_array(arena, count, sizeof(*events));
    if (events == NULL) {
        return connection_trouble(store, ZP_NO_MEMORY, "%zu events do not fit into the memory for them", count);
    }
    for (size_t i = 0; i < count; i++) {
        struct journal_row row = { .partition = 0 };
        enum zp_err err = trip_row(store, trip_field(result, (int)i, 0), SHAPE_EVENT, arena, &row);
        if (err != ZP_OK) {
            return err;
        }
        events[i] = row.event;
    }
    *ret_events = events;
    *ret_count = count;
    return ZP_OK;
}

enum zp_err store_events_after(struct store *store, const struct zp_id *location_id, int64_t after_seq, int64_t limit,
                               size_t bytes_max, struct arena *arena, struct batch_event **ret_events,
                               size_t *ret_count)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_id(&params, location_id);
    params_i64(&params, after_seq);
    params_i64(&params, limit);
    params_i64(&params, bytes_max > INT64_MAX ? INT64_MAX : (int64_t)bytes_max);
    trip_add(&trip, STATEMENT_EVENTS_AFTER, &params);
    err = trip_run(&trip);
    return err != ZP_OK ? err : journal_read(store, trip_result(&trip, 0), arena, ret_events, ret_count);
}

static enum zp_err read_entry(struct store *store, const PGresult *result, int row, struct arena *arena,
                              struct journal_entry *entry)
{
    enum zp_err err = trip_row(store, trip_field(result, row, 0), SHAPE_OUTCOME, arena, &entry->outcome);
    struct field event = trip_field(result, row, 1);
    if (err == ZP_OK && event.len != WIRE_NULL) {
        struct journal_row found = { .partition = 0 };
        err = trip_row(store, event, SHAPE_EVENT, arena, &found);
        entry->event = found.event;
    }
    return err;
}

enum zp_err store_outcomes_from(struct store *store, int32_t partition, int64_t offset, size_t limit,
                                struct arena *arena, struct journal_entry **ret_entries, size_t *ret_count)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_i32(&params, partition);
    params_i64(&params, offset);
    params_i64(&params, limit > INT32_MAX ? INT32_MAX : (int64_t)limit);
    trip_add(&trip, STATEMENT_OUTCOMES_FROM, &params);
    err = trip_run(&trip);
    if (err != ZP_OK) {
        return err;
    }
    const PGresult *result = trip_result(&trip, 0);
    size_t count = (size_t)PQntuples(result);
    struct journal_entry *entries = arena_array(arena, count, sizeof(*entries));
    if (entries == NULL) {
        return connection_trouble(store, ZP_NO_MEMORY, "%zu outcomes do not fit into the memory for them", count);
    }
    for (size_t i = 0; i < count && err == ZP_OK; i++) {
        err = read_entry(store, result, (int)i, arena, &entries[i]);
    }
    if (err == ZP_OK) {
        *ret_entries = entries;
        *ret_count = count;
    }
    return err;
}
