/* pricing: one line of an order, for the file that sums them up. */
#ifndef ORDER_PRICING_H
#define ORDER_PRICING_H

#include "check.h"

/* Prices one line where the check's path stands on it, and adds its faults. False when its total is not known. */
bool price_line(struct check *check, const struct menu *menu, const struct placement_line *wish,
                struct order_line *line) ZP_MUST_CHECK;

#endif
