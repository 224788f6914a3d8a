/* ring: a location's recent events, without a gap.
 *
 * Called by the place that hears the location. Invariants: the kept events are head.seq - count + 1 … head.seq; neither
 * their number nor their bytes pass the ceilings. */
#include "ring.h"

#include <stdlib.h>
#include <string.h>

enum zp_err live_ring_init(struct ring *ring, size_t events_max, size_t bytes_max)
{
    *ring = (struct ring){ .slots_max = events_max, .bytes_max = bytes_max };
    ring->slots = calloc(events_max == 0 ? 1 : events_max, sizeof(struct live_shared *));
    return ring->slots == NULL ? ZP_NO_MEMORY : ZP_OK;
}

static struct live_shared *kept(const struct ring *ring, size_t index)
{
    return ring->slots[(ring->first + index) % ring->slots_max];
}

static void drop_oldest(struct ring *ring)
{
    struct live_shared *oldest = kept(ring, 0);
    memcpy(ring->base, oldest->frame.note.head.hash, HASH_SIZE);
    ring->base_known = true;
    ring->bytes -= oldest->bytes;
    ring->first = (ring->first + 1) % ring->slots_max;
    ring->count--;
    live_shared_release(oldest);
}

static void clear(struct ring *ring)
{
    while (ring->count > 0) {
        drop_oldest(ring);
    }
}

/* Nothing is kept: what comes next follows from the head. */
static void base_on_head(struct ring *ring)
{
    clear(ring);
    memcpy(ring->base, ring->head.hash, HASH_SIZE);
    ring->base_known = ring->hash_known;
}

void live_ring_finish(struct ring *ring)
{
    clear(ring);
    free(ring->slots);
    *ring = (struct ring){ .slots = NULL };
}

void live_ring_rebase(struct ring *ring, const struct live_head *head)
{
    ring->based = true;
    ring->hash_known = true;
    ring->head = *head;
    base_on_head(ring);
}

void live_ring_rebase_before(struct ring *ring, const struct live_note *note)
{
    ring->based = true;
    ring->hash_known = false;
    ring->head = (struct live_head){ .seq = note->seq - 1 };
    base_on_head(ring);
}

void live_ring_know(struct ring *ring, const struct live_head *head)
{
    ZP_ASSERT(ring->based && head->seq == ring->head.seq);
    ring->hash_known = true;
    ring->head = *head;
    if (ring->count == 0) {
        base_on_head(ring);
    }
}

void live_ring_append(struct ring *ring, struct live_shared *shared, size_t share)
{
    const struct live_note *note = &shared->frame.note;
    ZP_ASSERT(ring->based && note->seq == ring->head.seq + 1);
    ring->head = note->head;
    ring->hash_known = true;
    if (ring->slots_max == 0 || shared->bytes > ring->bytes_max) {
        base_on_head(ring); /* it can't be kept, so nothing before it may be */
        return;
    }
    size_t room = share < ring->bytes_max ? share : ring->bytes_max;
    while (ring->count == ring->slots_max || (ring->count > 0 && ring->bytes + shared->bytes > room)) {
        drop_oldest(ring);
    }
    ring->slots[(ring->first + ring->count) % ring->slots_max] = live_shared_hold(shared);
    ring->count++;
    ring->bytes += shared->bytes;
}

struct live_cursor live_ring_cursor(const struct ring *ring)
{
    struct live_cursor cursor = live_cursor_at(&ring->head);
    cursor.hash_known = ring->hash_known;
    return cursor;
}

/* The chain after an event within reach of the ring, NULL where it is not known. */
static const uint8_t *hash_after(const struct ring *ring, int64_t seq)
{
    size_t since = (size_t)(ring->head.seq - seq);
    if (since == 0) {
        return ring->hash_known ? ring->head.hash : NULL;
    }
    if (since == ring->count) {
        return ring->base_known ? ring->base : NULL;
    }
    return kept(ring, ring->count - 1 - since)->frame.note.head.hash;
}

bool live_ring_covers(const struct ring *ring, const struct live_cursor *cursor)
{
    if (!ring->based || cursor->seq > ring->head.seq || cursor->seq < ring->head.seq - (int64_t)ring->count) {
        return false;
    }
    const uint8_t *hash = hash_after(ring, cursor->seq);
    return cursor->seq == 0 || !cursor->hash_known || (hash != NULL && live_cursor_has(cursor, hash));
}

size_t live_ring_after(const struct ring *ring, const struct live_cursor *cursor, struct live_note *ret_notes,
                       size_t max)
{
    ZP_ASSERT(live_ring_covers(ring, cursor));
    size_t count = (size_t)(ring->head.seq - cursor->seq), start = ring->count - count;
    count = count > max ? max : count;
    for (size_t i = 0; i < count; i++) {
        ret_notes[i] = kept(ring, start + i)->frame.note;
    }
    return count;
}
