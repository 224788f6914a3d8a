/* Owns the cache of location states. Called by the main thread only.
 * Invariant: a loaded slot is what the database holds plus the events of the current turn; whatever makes that doubtful
 * (a failed commit, a takeover) drops the partition's slots. */
#include "actors.h"
#include "zapora/planted.h"

#include <stdlib.h>
#include <string.h>

void actors_init(struct actors *actors, size_t count_max)
{
    *actors = (struct actors){ .count_max = count_max };
}

static struct actor_slot **bucket_of(struct actors *actors, const struct zp_id *id)
{
    uint64_t hash;
    memcpy(&hash, id->bytes + 8, sizeof hash);
    return &actors->buckets[(hash ^ (hash >> 31)) % ACTOR_BUCKETS];
}

static void unlink_use(struct actors *actors, struct actor_slot *slot)
{
    *(slot->newer ? &slot->newer->older : &actors->newest) = slot->older;
    *(slot->older ? &slot->older->newer : &actors->oldest) = slot->newer;
}

static void link_newest(struct actors *actors, struct actor_slot *slot)
{
    slot->newer = NULL;
    slot->older = actors->newest;
    *(actors->newest ? &actors->newest->newer : &actors->oldest) = slot;
    actors->newest = slot;
}

struct actor_slot *actors_find(struct actors *actors, const struct zp_id *id)
{
    struct actor_slot *slot = *bucket_of(actors, id);
    while (slot != NULL && !id_equal(&slot->id, id)) {
        slot = slot->next;
    }
    return slot;
}

struct actor_slot *actors_claim(struct actors *actors, const struct zp_id *id, int32_t partition)
{
    struct actor_slot *slot = actors_find(actors, id);
    if (slot != NULL) {
        unlink_use(actors, slot);
        link_newest(actors, slot);
        return slot;
    }
    slot = calloc(1, sizeof *slot);
    if (slot == NULL) {
        return NULL;
    }
    struct actor_slot **bucket = bucket_of(actors, id);
    *slot = (struct actor_slot){ .id = *id, .partition = partition, .next = *bucket };
    *bucket = slot;
    link_newest(actors, slot);
    actors->count++;
    return slot;
}

static void forget(struct actors *actors, struct actor_slot *slot)
{
    struct actor_slot **link = bucket_of(actors, &slot->id);
    while (*link != slot) {
        link = &(*link)->next;
    }
    *link = slot->next;
    unlink_use(actors, slot);
    actors->count--;
    if (slot->location != NULL) {
        location_finish(slot->location);
        free(slot->location);
    }
    free(slot);
}

void actors_drop_partition(struct actors *actors, int32_t partition)
{
    if (PLANTED(CACHES_SURVIVE_TAKEOVER)) {
        return;
    }
    for (struct actor_slot *slot = actors->newest, *older; slot != NULL; slot = older) {
        older = slot->older;
        if (slot->partition == partition) {
            forget(actors, slot);
        }
    }
}

void actors_trim(struct actors *actors)
{
    while (actors->count > actors->count_max) {
        forget(actors, actors->oldest);
    }
}

void actors_finish(struct actors *actors)
{
    while (actors->newest != NULL) {
        forget(actors, actors->newest);
    }
}
