/* lag: measures a partition's backlog in time, from its owner's ticks.
 *
 * Called by mailbox.c. Pure. The rule: the record at `next` was written before the first moment at which the
 * mailbox's end was seen behind it. Its age at the last tick is therefore at least last.asked_at minus that moment.
 * A busy partition whose `next` runs a few records behind `end` all day has no lag by this rule; one that stands
 * still has.
 * Invariant: a missing tick never counts as lag: the age is taken at the last tick, not now. */
#include "lag.h"

#include <string.h>

/* When there is no place left, every second one goes, but not the first two: the newest applied end, and the first
 * behind it, which tells the age. */
static void thin_out(struct lag *lag)
{
    size_t kept = 1;
    for (size_t i = 1; i < lag->count; i += 2) {
        lag->samples[kept++] = lag->samples[i];
    }
    lag->count = kept;
}

/* Samples whose end has been applied are of no use any more, but the newest of them. */
static void forget_applied(struct lag *lag, int64_t next)
{
    size_t gone = 0;
    while (gone + 1 < lag->count && lag->samples[gone + 1].end <= next) {
        gone++;
    }
    lag->count -= gone;
    memmove(lag->samples, lag->samples + gone, lag->count * sizeof(lag->samples[0]));
}

void lag_feed(struct lag *lag, const struct live_tick *tick, int64_t spacing_us)
{
    if (tick->end < lag->last.end) { /* another log than before: begin anew */
        lag->count = 0;
    } else if (tick->asked_at <= lag->last.asked_at) {
        return;
    }
    lag->last = *tick;
    forget_applied(lag, tick->next);
    if (lag->count > 0 && tick->asked_at - lag->samples[lag->count - 1].asked_at < spacing_us) {
        return;
    }
    if (lag->count == LAG_SAMPLES) {
        thin_out(lag);
    }
    lag->samples[lag->count++] = (struct lag_sample){ tick->asked_at, tick->end };
}

bool lag_tick_vouches(const struct live_tick *tick, int64_t now_us)
{
    return tick->asked_at != 0 && now_us - tick->asked_at <= LAG_TICK_AGE_MAX_US;
}

int64_t lag_us(const struct lag *lag, int64_t now_us)
{
    if (!lag_tick_vouches(&lag->last, now_us)) {
        return -1;
    }
    if (lag->last.next >= lag->last.end) {
        return 0;
    }
    for (size_t i = 0; i < lag->count; i++) {
        if (lag->samples[i].end > lag->last.next) {
            return lag->last.asked_at - lag->samples[i].asked_at;
        }
    }
    return 0; /* it came after the last sample */
}
