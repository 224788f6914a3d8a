/* guard.h: the first handler of every request. */
#ifndef ZAPORA_GATEWAY_GUARD_H
#define ZAPORA_GATEWAY_GUARD_H

#include <h2o.h>

struct loop;

/* Registers the handler that takes every request of the loop. */
void guard_register(h2o_pathconf_t *pathconf, struct loop *loop);

#endif
