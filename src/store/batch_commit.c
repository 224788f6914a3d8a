/* batch_commit: owns the one transaction that a batch is.
 *
 * Called by the worker, for commands and for facts. Invariants: the fence is the first statement, and nothing of the
 * batch is executed when it fails; all of it is one flush up to one sync, so it is written as a whole or not at all. */
#include "trip.h"

#define PARTITIONS_MAX 1024 /* of one batch; a ceiling, the topic has 64 */

static void add_fence(struct trip *trip, const struct batch *batch)
{
    size_t count = batch->partition_count;
    ZP_ASSERT(count > 0 && count <= PARTITIONS_MAX);
    int32_t numbers[PARTITIONS_MAX];
    struct zp_id owners[PARTITIONS_MAX], last_command_ids[PARTITIONS_MAX];
    int64_t from[PARTITIONS_MAX], next[PARTITIONS_MAX], published[PARTITIONS_MAX], events[PARTITIONS_MAX];
    for (size_t i = 0; i < count; i++) {
        const struct batch_partition *partition = &batch->partitions[i];
        ZP_ASSERT(i == 0 || partition->partition > partition[-1].partition);
        numbers[i] = partition->partition;
        owners[i] = partition->owner;
        from[i] = partition->from_offset;
        next[i] = partition->next_offset;
        last_command_ids[i] = partition->last_command_id;
        published[i] = partition->published_offset;
        events[i] = partition->events_offset;
    }
    params_scope params;
    params_init(&params);
    params_i32s(&params, numbers, count);
    params_ids(&params, owners, count);
    params_i64s(&params, from, count);
    params_i64s(&params, next, count);
    params_ids(&params, last_command_ids, count);
    params_i64s(&params, published, count);
    params_i64s(&params, events, count);
    trip_add(trip, STATEMENT_FENCE, &params);
}

/* ---- one function for each table's rows ------------------------------------------------------------------------- */

static void put_new_order(const struct batch *batch, size_t i, const struct row_types *types, struct buffer *out)
{
    row_put(types, SHAPE_ORDER, batch->new_orders[i], out);
}

static void put_changed_order(const struct batch *batch, size_t i, const struct row_types *types, struct buffer *out)
{
    row_put(types, SHAPE_ORDER_STEP, batch->changed_orders[i], out);
}

/* An event's outcome knows the place of its command. Both lists are in the order of the log, so the search starts where
 * the last one ended. */
static const struct outcome *outcome_of(const struct batch *batch, const struct batch_event *event, size_t guess)
{
    for (size_t n = 0; n < batch->outcome_count; n++) {
        const struct outcome *outcome = &batch->outcomes[(guess + n) % batch->outcome_count];
        if (id_equal(&outcome->command_id, &event->command_id)) {
            return outcome;
        }
    }
    return NULL;
}

static void put_event(const struct batch *batch, size_t i, const struct row_types *types, struct buffer *out)
{
    const struct batch_event *event = &batch->events[i];
    const struct outcome *outcome = outcome_of(batch, event, i);
    ZP_ASSERT(outcome != NULL);
    struct journal_row row = { .event = *event, .partition = outcome->partition };
    row.event.command_offset = outcome->offset;
    row_put(types, SHAPE_EVENT, &row, out);
}

static void put_outcome(const struct batch *batch, size_t i, const struct row_types *types, struct buffer *out)
{
    row_put(types, SHAPE_OUTCOME, &batch->outcomes[i], out);
}

static void put_location(const struct batch *batch, size_t i, const struct row_types *types, struct buffer *out)
{
    const struct placed_location row = { .location = *batch->locations[i], .partition = batch->location_partitions[i] };
    row_put(types, SHAPE_LOCATION, &row, out);
}

static void put_menu(const struct batch *batch, size_t i, const struct row_types *types, struct buffer *out)
{
    row_put(types, SHAPE_MENU, batch->edited_locations[i], out);
}

/* What is written after the fence, in this order. */
static const struct part {
    size_t count_offset; /* in struct batch */
    enum shape_id shape;
    enum statement_id statement;
    void (*put)(const struct batch *batch, size_t i, const struct row_types *types, struct buffer *out);
} parts[] = {
    { offsetof(struct batch, new_order_count),       SHAPE_ORDER,      STATEMENT_ORDERS_INSERT,    put_new_order },
    { offsetof(struct batch, changed_order_count),   SHAPE_ORDER_STEP, STATEMENT_ORDERS_UPDATE,    put_changed_order },
    { offsetof(struct batch, event_count),           SHAPE_EVENT,      STATEMENT_EVENTS_INSERT,    put_event },
    { offsetof(struct batch, outcome_count),         SHAPE_OUTCOME,    STATEMENT_OUTCOMES_INSERT,  put_outcome },
    { offsetof(struct batch, location_count),        SHAPE_LOCATION,   STATEMENT_LOCATIONS_UPSERT, put_location },
    { offsetof(struct batch, edited_location_count), SHAPE_MENU,       STATEMENT_MENUS_UPSERT,     put_menu },
};

static void add_part(struct trip *trip, const struct batch *batch, const struct part *part)
{
    size_t count = *(const size_t *)((const char *)batch + part->count_offset);
    if (count == 0 || trip->err != ZP_OK) {
        return;
    }
    const struct row_types *types = &trip->store->types;
    params_scope params;
    params_init(&params);
    params_rows_begin(&params, types, part->shape, count);
    for (size_t i = 0; i < count; i++) {
        part->put(batch, i, types, &params.bytes);
    }
    params_rows_end(&params);
    bool replaces = batch->are_facts && part->statement == STATEMENT_OUTCOMES_INSERT;
    trip_add(trip, replaces ? STATEMENT_OUTCOMES_REPLACE : part->statement, &params);
}

enum zp_err store_batch_commit(struct store *store, const struct batch *batch)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    add_fence(&trip, batch);
    for (size_t i = 0; i < ZP_COUNT(parts); i++) {
        add_part(&trip, batch, &parts[i]);
    }
    return trip_run(&trip);
}
