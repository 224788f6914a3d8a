/* Publishing: an entry's outcome and, for a parked one, its dead letter. */
#ifndef ZAPORA_WORKER_PUBLISH_H
#define ZAPORA_WORKER_PUBLISH_H

#include "turn.h"

/* Queues what the log carries of an entry, and counts it in turn->unacked; deliveries come back with a struct told. A
 * duplicate carries nothing. ZP_OK; ZP_BUSY: the queue is full, call again for the same entry; ZP_TOO_LARGE or
 * ZP_NO_MEMORY. */
enum zp_err publish_entry(struct bus_producer *producer, struct turn *turn, struct entry *entry) ZP_MUST_CHECK;

#endif
