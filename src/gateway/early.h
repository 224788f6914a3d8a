/* early.h: the answers that h2o gives by itself, before our handler has seen the request. */
#ifndef ZAPORA_GATEWAY_EARLY_H
#define ZAPORA_GATEWAY_EARLY_H

#include <h2o.h>

/* Registers the filter that turns them into problem documents. */
void early_register(h2o_pathconf_t *pathconf);

#endif
