/* timers.h: deadlines of one event loop. h2o 2.2.5 knows only lists of one fixed duration each. */
#ifndef ZAPORA_GATEWAY_TIMERS_H
#define ZAPORA_GATEWAY_TIMERS_H

#include "zapora/base.h"

#define TIMER_SLOTS 512

/* Embedded in its owner; all zero: not running. While it runs it must not move. */
struct timer {
    void (*fire)(struct timer *timer); /* may start, stop or free any timer, this one too */
    int64_t due_us;
    /* The wheel's: */
    struct timer *next, **link;
};

struct timers {
    struct timer *slots[TIMER_SLOTS];
    int64_t done_us; /* everything due before has fired */
};

void timers_init(struct timers *timers, int64_t now_us);
/* Starts it, or starts it anew: it fires once, in the first timers_run at or after due_us. */
void timer_start(struct timers *timers, struct timer *timer, int64_t due_us, void (*fire)(struct timer *timer));
/* Fine for one that does not run. */
void timer_stop(struct timer *timer);
bool timer_runs(const struct timer *timer);
void timers_run(struct timers *timers, int64_t now_us);

#endif
