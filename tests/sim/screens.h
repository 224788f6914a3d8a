/* screens: kitchen screens that follow their location through the cache by cursor, leave and resume. */
#ifndef SIM_SCREENS_H
#define SIM_SCREENS_H

#include "fake_live.h"

void screens_open(const struct zp_id *locations, size_t count);
/* One goes away for that long. */
void screens_leave(int64_t until_us);
void screens_come_back(void);
int64_t screens_due(void);
/* The cache was gone for a moment: everybody is back with a cursor. */
void screens_reconnect(void);
/* At rest: every screen has seen everything. */
void screens_check(void);

#endif
