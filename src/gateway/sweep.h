/* sweep.h: what a connection may cost, and for how long. */
#ifndef ZAPORA_GATEWAY_SWEEP_H
#define ZAPORA_GATEWAY_SWEEP_H

#include "connection.h"

/* Looks at some connections of the loop, at all of them within about half a second, and drops those that have cost too
 * much for too long. Each round. */
void sweep(struct loop *loop);
/* The loop has as many connections as it may: those that have been quiet for longest go. */
void sweep_make_room(struct loop *loop);
/* How many connections a drain still waits for: their request is being sent or answered, or their client may just be
 * sending one, for it was here a moment ago. */
size_t sweep_unsettled(const struct loop *loop);

#endif
