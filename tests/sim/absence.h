/* absence: clients that ask for an order while Redis knows nothing of it, and are told 404 when a tick proves it. */
#ifndef SIM_ABSENCE_H
#define SIM_ABSENCE_H

#include "zapora/live.h"

void absence_open(void);
/* The owners' ticks reach Redis. */
void absence_tick(const struct live_tick *tick);
/* Asks, and answers what can be answered; gives when the next is due. */
int64_t absence_due(void);

#endif
