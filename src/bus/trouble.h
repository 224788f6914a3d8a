/* trouble: the last thing that went wrong in a client, kept until somebody asks. Rooms below the worker do not log. */
#ifndef ZAPORA_BUS_TROUBLE_H
#define ZAPORA_BUS_TROUBLE_H

#include "zapora/bus.h"

struct bus_trouble {
    char noted[BUS_WHY_SIZE];  /* the newest; empty when it has been taken */
    char taken[BUS_WHY_SIZE];  /* what bus_trouble_take gave last: borrowed by its caller */
};

/* Keeps a sentence, in place of an older one that nobody took. */
void bus_trouble_note(struct bus_trouble *trouble, const char *fmt, ...) ZP_PRINTF(2, 3);
/* The newest sentence since the call before, or NULL; borrowed until the next call. */
const char *bus_trouble_take(struct bus_trouble *trouble);

#endif
