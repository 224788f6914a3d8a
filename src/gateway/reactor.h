/* reactor.h: lends an h2o event loop to live's hub. */
#ifndef ZAPORA_GATEWAY_REACTOR_H
#define ZAPORA_GATEWAY_REACTOR_H

#include "zapora/live.h"

#include <h2o.h>

/* Watches through this loop, on its thread only. */
struct live_reactor reactor_for(h2o_loop_t *evloop);

#endif
