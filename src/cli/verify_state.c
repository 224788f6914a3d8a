/* Owns what an audit remembers of a group of partitions: its locations and its orders, found by id, and digests.
 * Invariant: an order costs a fixed number of bytes whatever it holds, so that a million of them fit anywhere. */
#include "verify.h"

#include <stdlib.h>
#include <string.h>

#define PLACES_MAX (1u << 22)
#define ORDERS_MAX (1u << 28)
#define FIRST_MAX 1024

void audit_init(struct audit *audit, struct differences *differences)
{
    *audit = (struct audit){ .differences = differences };
    crypto_random(audit->key, sizeof audit->key);
    arena_init(&audit->arena, VERIFY_ARENA_BYTES);
    buffer_init(&audit->text, VERIFY_TEXT_BYTES);
    buffer_init(&audit->other_text, VERIFY_TEXT_BYTES);
    audit_reset(audit);
}

void audit_reset(struct audit *audit)
{
    for (size_t i = 0; i < audit->place_count; i++) {
        location_finish(&audit->places[i].folded);
        free(audit->places[i].rows.digests);
    }
    free(audit->places);
    free(audit->orders);
    free(audit->place_slots);
    free(audit->order_slots);
    for (size_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        free(audit->outcomes[p].rows);
        audit->outcomes[p] = (struct audit_outcomes){ .rows = NULL };
    }
    audit->places = NULL;
    audit->orders = NULL;
    audit->place_slots = audit->order_slots = NULL;
    audit->place_count = audit->place_max = audit->place_slot_count = 0;
    audit->order_count = audit->order_max = audit->order_slot_count = 0;
    audit->facts = audit->newer = audit->unreadable = audit->unpublished = audit->held = 0;
    audit->events = audit->orders_compared = audit->outcomes_compared = 0;
    memset(audit->cuts, 0, sizeof audit->cuts);
    memset(audit->told, -1, sizeof audit->told);
}

void audit_finish(struct audit *audit)
{
    audit_reset(audit);
    arena_finish(&audit->arena);
    buffer_finish(&audit->text);
    buffer_finish(&audit->other_text);
}

/* ---- found by id: slots hold index + 1, at most half of them are used ----------------------------------------- */

static size_t slot_of(const uint32_t *slots, size_t slot_count, const void *things, size_t size,
                      const struct zp_id *id)
{
    uint64_t hash;
    memcpy(&hash, id->bytes + 8, sizeof hash);
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = (size_t)(hash >> 20) & (slot_count - 1);; i = (i + 1) & (slot_count - 1)) {
        if (slots[i] == 0 || id_equal((const struct zp_id *)((const char *)things + (slots[i] - 1) * size), id)) {
            return i;
        }
    }
}

/* Room for one more: the array and its slots double together. Each thing begins with its id. */
static bool grow(void **things, size_t size, size_t count, size_t *max, size_t ceiling, uint32_t **slots,
                 size_t *slot_count)
{
    if (count < *max) {
        return true;
    }
    size_t wanted = *max == 0 ? FIRST_MAX : *max * 2;
    void *more = wanted > ceiling ? NULL : realloc(*things, wanted * size);
    if (more == NULL) {
        return false;
    }
    *things = more;
    uint32_t *fresh = calloc(wanted * 2, sizeof *fresh);
    if (fresh == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct zp_id *id = (const struct zp_id *)((const char *)more + i * size);
        fresh[slot_of(fresh, wanted * 2, more, size, id)] = (uint32_t)i + 1;
    }
    free(*slots);
    *slots = fresh;
    *slot_count = wanted * 2;
    *max = wanted;
    return true;
}

struct audit_place *audit_place_find(struct audit *audit, const struct zp_id *id)
{
    if (audit->place_count == 0) {
        return NULL;
    }
    size_t slot = slot_of(audit->place_slots, audit->place_slot_count, audit->places, sizeof *audit->places, id);
    return audit->place_slots[slot] == 0 ? NULL : &audit->places[audit->place_slots[slot] - 1];
}

struct audit_place *audit_place(struct audit *audit, const struct zp_id *id, int32_t partition)
{
    struct audit_place *place = audit_place_find(audit, id);
    if (place != NULL) {
        return place;
    }
    if (!grow((void **)&audit->places, sizeof *audit->places, audit->place_count, &audit->place_max, PLACES_MAX,
              &audit->place_slots, &audit->place_slot_count)) {
        return NULL;
    }
    size_t slot = slot_of(audit->place_slots, audit->place_slot_count, audit->places, sizeof *audit->places, id);
    place = &audit->places[audit->place_count++];
    audit->place_slots[slot] = (uint32_t)audit->place_count;
    *place = (struct audit_place){ .id = *id, .partition = partition };
    location_init(&place->folded, id);
    return place;
}

struct audit_order_state *audit_order(struct audit *audit, const struct zp_id *id, uint32_t place)
{
    if (!grow((void **)&audit->orders, sizeof *audit->orders, audit->order_count, &audit->order_max, ORDERS_MAX,
              &audit->order_slots, &audit->order_slot_count)) {
        return NULL;
    }
    size_t slot = slot_of(audit->order_slots, audit->order_slot_count, audit->orders, sizeof *audit->orders, id);
    if (audit->order_slots[slot] != 0) {
        return &audit->orders[audit->order_slots[slot] - 1];
    }
    struct audit_order_state *order = &audit->orders[audit->order_count++];
    audit->order_slots[slot] = (uint32_t)audit->order_count;
    *order = (struct audit_order_state){ .id = *id, .place = place };
    return order;
}

/* ---- digests -------------------------------------------------------------------------------------------------- */

uint64_t audit_digest(const struct audit *audit)
{
    return crypto_short(audit->key, audit->text.data == NULL ? "" : audit->text.data, audit->text.len);
}

/* As the event that would tell of it: a field that is added to orders is part of the digest by itself. */
uint64_t audit_digest_order(struct audit *audit, const struct order *order)
{
    struct event event = { .type = EV_ORDER_PLACED, .seq = 1, .at = 1, .location_id = order->location_id,
                           .order_id = order->id, .command_id = order->id, .by = "verify", .order = *order };
    buffer_reset(&audit->text);
    message_event_encode(&event, &audit->text);
    return audit_digest(audit);
}

uint64_t audit_digest_settings(struct audit *audit, const struct location *location)
{
    buffer_reset(&audit->text);
    if (location->settings.currency != NULL) { /* as the store writes it: else there is none yet */
        message_settings_json(&location->settings, &audit->text);
    }
    return audit_digest(audit);
}

uint64_t audit_digest_menu(struct audit *audit, const struct location *location)
{
    buffer_reset(&audit->text);
    buffer_put_int(&audit->text, location->menu.version);
    if (location->menu.version != 0) {
        message_menu_doc_json(&location->menu, &audit->text);
    }
    return audit_digest(audit);
}

static uint64_t half(const struct zp_id *id, size_t at)
{
    uint64_t value;
    memcpy(&value, id->bytes + at, sizeof value);
    return value;
}

uint64_t audit_ids(const struct batch_event *event)
{
    uint64_t mixed = half(&event->command_id, 0) * 3 + half(&event->command_id, 8) * 5 +
                     half(&event->order_id, 0) * 7 + half(&event->order_id, 8) * 11 +
                     (uint64_t)event->command_offset * 13;
    return mixed * (2 * (uint64_t)event->seq + 1);
}
