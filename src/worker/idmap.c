/* Owns the open-addressing table behind struct idmap. Used by a turn to find outcomes and orders.
 * Invariant: at most half of the slots are taken, so a probe always ends. */
#include "idmap.h"

#include <string.h>

enum zp_err idmap_init(struct idmap *map, size_t count_max, struct arena *arena)
{
    size_t slots = 16;
    while (slots < count_max * 2) {
        slots *= 2;
    }
    map->slots = arena_array(arena, slots, sizeof(struct idmap_slot));
    map->mask = slots - 1;
    map->count = 0;
    return map->slots == NULL ? ZP_NO_MEMORY : ZP_OK;
}

/* Ids are digests or random at their end, so their last bytes are a hash already. */
static struct idmap_slot *slot_of(const struct idmap *map, const struct zp_id *id)
{
    uint64_t hash;
    memcpy(&hash, id->bytes + 8, sizeof hash);
    hash ^= hash >> 32;
    for (size_t i = (size_t)hash & map->mask;; i = (i + 1) & map->mask) {
        struct idmap_slot *slot = &map->slots[i];
        if (slot->value == NULL || id_equal(&slot->id, id)) {
            return slot;
        }
    }
}

void *idmap_get(const struct idmap *map, const struct zp_id *id)
{
    return slot_of(map, id)->value;
}

void idmap_put(struct idmap *map, const struct zp_id *id, void *value)
{
    struct idmap_slot *slot = slot_of(map, id);
    if (slot->value == NULL) {
        ZP_ASSERT(map->count * 2 <= map->mask);
        map->count++;
        slot->id = *id;
    }
    slot->value = value;
}
