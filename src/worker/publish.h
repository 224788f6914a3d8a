/* Publishing: an entry's outcome and, for a parked one, its dead letter. */
#ifndef ZAPORA_WORKER_PUBLISH_H
#define ZAPORA_WORKER_PUBLISH_H

#include "turn.h"

/* Both write their record into scratch, which may be emptied afterwards. */

/* Queues the dead letter of a parked entry, and counts it in turn->letters_unacked; its delivery comes back with a
 * struct told. Others have none. ZP_OK; ZP_BUSY: the queue is full, call again for the same entry; ZP_TOO_LARGE or
 * ZP_NO_MEMORY. */
enum zp_err publish_letter(struct bus_producer *producer, struct turn *turn, struct entry *entry,
                           struct arena *scratch) ZP_MUST_CHECK;
/* The same for what the events topic carries of an entry, counted in turn->unacked. A duplicate carries nothing. */
enum zp_err publish_outcome(struct bus_producer *producer, struct turn *turn, struct entry *entry,
                            struct arena *scratch) ZP_MUST_CHECK;

#endif
