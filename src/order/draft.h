/* draft: writing into an arena in a straight line. It keeps its first error and then does nothing, so a function that
 * copies twenty strings checks once. */
#ifndef ORDER_DRAFT_H
#define ORDER_DRAFT_H

#include "zapora/order.h"

struct draft {
    struct arena *arena; /* borrowed */
    enum zp_err err;     /* ZP_OK or ZP_NO_MEMORY */
};

/* A copy; NULL gives NULL without an error. */
char *draft_text(struct draft *draft, const char *text);
/* Zeroed; NULL only with an error, also for a count of 0. */
void *draft_array(struct draft *draft, size_t count, size_t size);

#endif
