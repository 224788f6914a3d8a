/* Telling: what Redis, and through it the gateways, hear of a turn that the log has acknowledged. */
#ifndef ZAPORA_WORKER_TELL_H
#define ZAPORA_WORKER_TELL_H

#include "turn.h"

/* The memory for it, which only one turn takes at a time: emptied by whoever owns it. */
struct tell_scratch {
    struct arena arena; /* of TURN_BYTES_MAX */
    struct buffer json; /* of TURN_JSON_BYTES_MAX: one event on its way into the arena */
};

/* Pushes a turn's events, refusals, repeated outcomes and receipts in one round trip. Locations whose head in Redis
 * does not fit go to on_refill. ZP_OK; ZP_BUSY: Redis is away, nothing is known; ZP_NO_MEMORY. */
enum zp_err tell_turn(struct live_push *push, const struct turn *turn, struct tell_scratch *scratch,
                      void (*on_refill)(void *arg, int32_t partition, const struct zp_id *location_id),
                      void *arg) ZP_MUST_CHECK;

/* Makes the note of an event with a seq; JSON goes to the arena. ZP_OK or ZP_NO_MEMORY. */
enum zp_err tell_note(const struct event *event, const struct live_head *head, struct buffer *scratch,
                      struct arena *arena, struct live_note *ret_note) ZP_MUST_CHECK;

#endif
