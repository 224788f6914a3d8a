/* Owns the form in which a turn reaches Redis: its events grouped by location, its other outcomes as notes to waiters.
 * Called by the announcer's thread.
 * Invariant: an item's notes are consecutive seqs of one location, in order. */
#include "tell.h"

#include <string.h>

/* Keeps the scratch's text in the arena. */
static const char *keep(struct buffer *scratch, struct arena *arena, size_t *ret_len)
{
    *ret_len = scratch->len;
    return scratch->err != ZP_OK ? NULL : arena_strndup(arena, scratch->data, scratch->len);
}

enum zp_err tell_note(const struct event *event, const struct live_head *head, struct buffer *scratch,
                      struct arena *arena, struct live_note *ret_note)
{
    bool has_order = event->type <= EV_ORDER_EXPIRED;
    struct live_note note = {
        .location_id = event->location_id, .order_id = event->order_id, .command_id = event->command_id,
        .owner = event->order.owner, .type = event->type, .err = event->err, .seq = event->seq,
        .version = event->order.version, .head = *head,
    };
    if (event->type == EV_ORDER_REJECTED && strcmp(event->by, "actor") == 0) {
        note.err = ZP_INVALID; /* the placement's own outcome */
    }
    buffer_reset(scratch);
    size_t order_at = 0;
    message_event_json(event, scratch, &order_at);
    note.json = keep(scratch, arena, &note.json_len);
    if (note.json == NULL) {
        return ZP_NO_MEMORY;
    }
    if (has_order) {
        note.order_json = note.json + order_at;
        note.order_json_len = note.json_len - order_at - 1; /* the order is the last member */
    }
    *ret_note = note;
    return ZP_OK;
}

/* ---- notes without a seq ------------------------------------------------------------------------------- */

static enum zp_err note_settled(const struct entry *entry, struct tell_scratch *scratch, struct live_note *ret_note)
{
    const struct outcome *outcome = &entry->outcome;
    struct live_note note = {
        .location_id = outcome->location_id,
        .order_id = outcome->order_id,
        .command_id = outcome->command_id,
        .type = outcome->err == ZP_PARKED ? EV_COMMAND_PARKED : EV_COMMAND_REFUSED,
        .err = outcome->err,
        .head = entry->head,
    };
    if (entry->order != NULL) {
        note.owner = entry->order->owner;
        note.version = entry->order->version;
        buffer_reset(&scratch->json);
        message_order_json(entry->order, &scratch->json);
        note.order_json = keep(&scratch->json, &scratch->arena, &note.order_json_len);
    }
    buffer_reset(&scratch->json);
    message_reasons_json(outcome->reasons, outcome->reason_count, &scratch->json);
    note.reasons_json = keep(&scratch->json, &scratch->arena, &note.reasons_json_len);
    if (note.reasons_json == NULL || (entry->order != NULL && note.order_json == NULL)) {
        return ZP_NO_MEMORY;
    }
    *ret_note = note;
    return ZP_OK;
}

/* ---- items: one for each location -------------------------------------------------------------------------- */

struct building {
    struct live_item item;
    struct live_note *notes;
    bool *open;
    int64_t *numbers;
    size_t count;
    int32_t partition;
};

struct telling {
    struct tell_scratch *scratch; /* borrowed */
    struct building *buildings;
    size_t building_count;
    struct live_note *refusals;
    size_t refusal_count;
    struct outcome *outcomes;
    size_t outcome_count;
    struct idmap by_location;
};

static enum zp_err telling_init(struct telling *telling, const struct turn *turn)
{
    struct arena *arena = &telling->scratch->arena;
    telling->buildings = arena_array(arena, turn->count, sizeof *telling->buildings);
    telling->refusals = arena_array(arena, turn->count, sizeof *telling->refusals);
    telling->outcomes = arena_array(arena, turn->count, sizeof *telling->outcomes);
    if (telling->buildings == NULL || telling->refusals == NULL || telling->outcomes == NULL) {
        return ZP_NO_MEMORY;
    }
    return idmap_init(&telling->by_location, turn->count, arena);
}

static void count_entry(struct telling *telling, const struct entry *entry)
{
    const struct zp_id *location_id = &entry->outcome.location_id;
    struct building *building = idmap_get(&telling->by_location, location_id);
    if (building == NULL) {
        building = &telling->buildings[telling->building_count++];
        building->item.location_id = *location_id;
        memcpy(building->item.before_hash, entry->before_hash, HASH_SIZE);
        building->partition = entry->outcome.partition;
        idmap_put(&telling->by_location, location_id, building);
    }
    building->item.note_count++;
}

static enum zp_err building_alloc(struct building *building, struct arena *arena)
{
    size_t n = building->item.note_count;
    building->notes = arena_array(arena, n, sizeof *building->notes);
    building->open = arena_array(arena, n, sizeof *building->open);
    building->numbers = arena_array(arena, n, sizeof *building->numbers);
    building->item.notes = building->notes;
    building->item.open = building->open;
    building->item.numbers = building->numbers;
    return building->notes && building->open && building->numbers ? ZP_OK : ZP_NO_MEMORY;
}

static enum zp_err fill_entry(struct telling *telling, const struct entry *entry)
{
    struct tell_scratch *scratch = telling->scratch;
    telling->outcomes[telling->outcome_count++] = entry->outcome;
    if (entry->kind != ENTRY_EVENT) {
        return note_settled(entry, scratch, &telling->refusals[telling->refusal_count++]);
    }
    struct building *building = idmap_get(&telling->by_location, &entry->outcome.location_id);
    size_t i = building->count++;
    const struct order *order = &entry->event->order;
    building->open[i] = entry->event->type <= EV_ORDER_EXPIRED && order_is_open(order->status);
    building->numbers[i] = order->number;
    return tell_note(entry->event, &entry->head, &scratch->json, &scratch->arena, &building->notes[i]);
}

static enum zp_err telling_fill(struct telling *telling, const struct turn *turn)
{
    for (size_t i = 0; i < turn->count; i++) {
        if (turn->entries[i].kind == ENTRY_EVENT) {
            count_entry(telling, &turn->entries[i]);
        }
    }
    for (size_t i = 0; i < telling->building_count; i++) {
        if (building_alloc(&telling->buildings[i], &telling->scratch->arena) != ZP_OK) {
            return ZP_NO_MEMORY;
        }
    }
    for (size_t i = 0; i < turn->count; i++) {
        enum zp_err err = fill_entry(telling, &turn->entries[i]);
        if (err != ZP_OK) {
            return err;
        }
    }
    return ZP_OK;
}

enum zp_err tell_turn(struct live_push *push, const struct turn *turn, struct tell_scratch *scratch,
                      void (*on_refill)(void *arg, int32_t partition, const struct zp_id *location_id), void *arg)
{
    struct telling telling = { .scratch = scratch };
    if (telling_init(&telling, turn) != ZP_OK || telling_fill(&telling, turn) != ZP_OK) {
        return ZP_NO_MEMORY;
    }
    struct live_item *items = arena_array(&scratch->arena, telling.building_count, sizeof *items);
    if (items == NULL) {
        return ZP_NO_MEMORY;
    }
    for (size_t i = 0; i < telling.building_count; i++) {
        items[i] = telling.buildings[i].item;
    }
    enum zp_err err = live_push_items(push, items, telling.building_count, telling.refusals, telling.refusal_count,
                                      telling.outcomes, telling.outcome_count);
    for (size_t i = 0; err == ZP_OK && i < telling.building_count; i++) {
        if (items[i].result == LIVE_REFILL) {
            on_refill(arg, telling.buildings[i].partition, &items[i].location_id);
        }
    }
    return err;
}
