/* Owns the step from a judged turn to the store's batch. Called by the main thread, for commands and for facts.
 * Invariant: a partition's slice starts at its next_offset and covers every offset up to its end; a duplicate writes
 * nothing but moves the offset. */
#include "commit.h"

#include <string.h>

void commit_slice(struct turn *turn, const struct partition *partitions, struct marks *marks)
{
    const struct entry *last[BUS_PARTITIONS_MAX] = { 0 };
    for (size_t i = 0; i < turn->count; i++) {
        last[turn->entries[i].outcome.partition] = &turn->entries[i];
    }
    turn->slice_count = 0;
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        if (last[p] == NULL) {
            continue;
        }
        turn->slices[turn->slice_count++] = (struct batch_partition){
            .partition = p, .owner = partitions[p].owner, .from_offset = partitions[p].next_offset,
            .next_offset = last[p]->outcome.offset + 1, .last_command_id = last[p]->outcome.command_id,
            .published_offset = marks[p].published_offset, .events_offset = marks[p].events_offset,
        };
    }
}

struct rows {
    struct order **new_orders, **changed_orders;
    struct batch_event *events;
    struct outcome *outcomes;
    struct location **locations, **edited;
    int32_t *location_partitions;
    size_t new_order_count, changed_order_count, event_count, outcome_count, location_count, edited_count;
};

static enum zp_err rows_alloc(struct rows *rows, struct turn *turn)
{
    struct arena *arena = &turn->arena;
    size_t n = turn->count;
    rows->new_orders = arena_array(arena, n, sizeof *rows->new_orders);
    rows->changed_orders = arena_array(arena, n, sizeof *rows->changed_orders);
    rows->events = arena_array(arena, n, sizeof *rows->events);
    rows->outcomes = arena_array(arena, n, sizeof *rows->outcomes);
    rows->locations = arena_array(arena, n, sizeof *rows->locations);
    rows->edited = arena_array(arena, n, sizeof *rows->edited);
    rows->location_partitions = arena_array(arena, n, sizeof *rows->location_partitions);
    bool all = rows->new_orders && rows->changed_orders && rows->events && rows->outcomes && rows->locations &&
               rows->edited && rows->location_partitions;
    return all ? ZP_OK : ZP_NO_MEMORY;
}

static void add_event(struct rows *rows, const struct entry *entry)
{
    const struct event *event = entry->event;
    struct batch_event *row = &rows->events[rows->event_count++];
    *row = (struct batch_event){ .location_id = event->location_id,
                                 .order_id = event->order_id,
                                 .command_id = event->command_id,
                                 .seq = event->seq,
                                 .command_offset = entry->outcome.offset,
                                 .type = event->type,
                                 .at = event->at,
                                 .value = entry->value,
                                 .value_len = entry->value_len };
    memcpy(row->hash, entry->meta.hash, HASH_SIZE);
}

/* An order stands once in the batch, as the turn leaves it. */
static void add_order(struct rows *rows, struct turn *turn, const struct entry *entry)
{
    struct turn_order *slot =
        id_is_none(&entry->outcome.order_id) ? NULL : idmap_get(&turn->orders, &entry->outcome.order_id);
    if (slot == NULL || !slot->is_changed) {
        return;
    }
    if (slot->is_new) {
        rows->new_orders[rows->new_order_count++] = slot->now;
    } else {
        rows->changed_orders[rows->changed_order_count++] = slot->now;
    }
    slot->is_changed = false;
}

static void add_location(struct rows *rows, struct actors *actors, const struct entry *entry)
{
    struct actor_slot *actor = actors_find(actors, &entry->outcome.location_id);
    if (actor == NULL || !actor->touched) {
        return;
    }
    rows->location_partitions[rows->location_count] = actor->partition;
    rows->locations[rows->location_count++] = actor->location;
    if (actor->edited) {
        rows->edited[rows->edited_count++] = actor->location;
    }
    actor->touched = false;
    actor->edited = false;
}

static void rows_fill(struct rows *rows, struct turn *turn, struct actors *actors)
{
    for (size_t i = 0; i < turn->count; i++) {
        struct entry *entry = &turn->entries[i];
        if (entry->kind == ENTRY_DUPLICATE) {
            continue;
        }
        rows->outcomes[rows->outcome_count++] = entry->outcome;
        if (entry->kind == ENTRY_EVENT) {
            add_event(rows, entry);
            add_order(rows, turn, entry);
            add_location(rows, actors, entry);
        }
    }
}

enum zp_err commit_turn(struct turn *turn, struct actors *actors, struct store *store)
{
    struct rows rows = { 0 };
    if (rows_alloc(&rows, turn) != ZP_OK) {
        return ZP_NO_MEMORY;
    }
    rows_fill(&rows, turn, actors);
    const struct batch batch = {
        .partitions = turn->slices, .partition_count = turn->slice_count,
        .new_orders = rows.new_orders, .new_order_count = rows.new_order_count,
        .changed_orders = rows.changed_orders, .changed_order_count = rows.changed_order_count,
        .events = rows.events, .event_count = rows.event_count,
        .outcomes = rows.outcomes, .outcome_count = rows.outcome_count,
        .locations = rows.locations, .location_count = rows.location_count,
        .location_partitions = rows.location_partitions,
        .edited_locations = rows.edited, .edited_location_count = rows.edited_count,
        .are_facts = turn->are_facts,
    };
    return store_batch_commit(store, &batch);
}
