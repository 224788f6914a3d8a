/* ring: a location's recent events, without a gap. */
#ifndef ZAPORA_LIVE_RING_H
#define ZAPORA_LIVE_RING_H

#include "shared.h"

struct ring {
    struct live_shared **slots; /* owned; each held */
    size_t slots_max, first, count;
    size_t bytes, bytes_max;
    bool based;            /* it is known where the location stands */
    bool hash_known;       /* head.hash is, too */
    bool base_known;       /* and so is base: the chain just before the oldest event kept */
    uint8_t base[HASH_SIZE];
    struct live_head head; /* of the newest event known here, also when no event is kept */
};

enum zp_err live_ring_init(struct ring *ring, size_t events_max, size_t bytes_max) ZP_MUST_CHECK;
void live_ring_finish(struct ring *ring);
/* Forgets all events and stands at that head. */
void live_ring_rebase(struct ring *ring, const struct live_head *head);
/* Forgets all events and stands just before that note, whose predecessor's hash is not known. */
void live_ring_rebase_before(struct ring *ring, const struct live_note *note);
/* Learns the whole head where the ring stands already. */
void live_ring_know(struct ring *ring, const struct live_head *head);
/* Adds the next event, whose seq must be the head's plus one, and holds it; the oldest make room. All that is kept has
 * at most `share` bytes then, or is this event alone. */
void live_ring_append(struct ring *ring, struct live_shared *shared, size_t share);
/* Where the ring stands. */
struct live_cursor live_ring_cursor(const struct ring *ring);
/* True when every event after the cursor, up to the head, is kept here and follows from it. */
bool live_ring_covers(const struct ring *ring, const struct live_cursor *cursor);
/* Copies the events after a cursor that is covered, at most max; they are borrowed from the ring. Returns how many. */
size_t live_ring_after(const struct ring *ring, const struct live_cursor *cursor, struct live_note *ret_notes,
                       size_t max);

#endif
