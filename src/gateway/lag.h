/* lag.h: how long the oldest unapplied command of a partition has been waiting. */
#ifndef ZAPORA_GATEWAY_LAG_H
#define ZAPORA_GATEWAY_LAG_H

#include "zapora/live.h"

#define LAG_SAMPLES 32

/* The mailbox's end, as it was at some times: so the age of any offset can be told. All zero: nothing known. */
struct lag {
    struct lag_sample { int64_t asked_at, end; } samples[LAG_SAMPLES]; /* ascending in both */
    size_t count;
    struct live_tick last; /* asked_at 0: none yet */
};

/* Takes a tick in. Samples closer together than spacing_us are not kept. */
void lag_feed(struct lag *lag, const struct live_tick *tick, int64_t spacing_us);
/* Microseconds that the next command to be applied has been in the mailbox at least, judged from the last tick; 0 when
 * all was applied; -1 when no tick is younger than LAG_TICK_AGE_MAX_US: nothing is known then. */
int64_t lag_us(const struct lag *lag, int64_t now_us);

#define LAG_TICK_AGE_MAX_US INT64_C(5000000)

/* True when the tick is younger than that: somebody applies the partition's commands, or knows that he lags, and Redis
 * takes what he pushes. asked_at 0 is no tick. */
bool lag_tick_vouches(const struct live_tick *tick, int64_t now_us);

#endif
