/* absence.h: when is "there is no such thing" the truth? */
#ifndef ZAPORA_GATEWAY_ABSENCE_H
#define ZAPORA_GATEWAY_ABSENCE_H

#include "call.h"

/* Neither Redis nor PostgreSQL has what the call asks for; it may still be on its way through the mailbox. Waits, at
 * most a second, until the partition's owner has said that everything was applied which was in the mailbox when the
 * request came, and then calls `look`: what is missing then does not exist. `look` is called without that word, too,
 * when the second is over: Redis may be full or away, and what was asked for in PostgreSQL by now. */
void absence_prove(struct call *call, int32_t partition, void (*look)(struct call *call));
/* It is missing still: 404 when that was proved, else 503 with Retry-After. */
void absence_conclude(struct call *call);

#endif
