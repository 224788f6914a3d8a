/* reactor.h: lends an h2o event loop to live's hub. */
#ifndef ZAPORA_GATEWAY_REACTOR_H
#define ZAPORA_GATEWAY_REACTOR_H

#include "zapora/live.h"

#include <h2o.h>

struct watch;

/* Zeroed but for the loop, borrowed. Used on the loop's thread only. */
struct reactor {
    h2o_loop_t *evloop;
    struct watch *asking;  /* those that want to write and have not asked the kernel whether they may */
    struct watch *serving; /* the one that is told so now; NULL once it is gone */
};

/* Watches through this reactor, which must outlive what is watched. */
struct live_reactor reactor_lend(struct reactor *reactor);
/* Lets everybody write who wants to. At the end of each round of the loop, so that what the round has gathered goes out
 * in one piece before the loop waits. */
void reactor_flush(struct reactor *reactor);

#endif
