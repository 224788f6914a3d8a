/* column_list: a list's count lies in the same struct as its pointer; these two find it.
 *
 * Called by the kinds that are lists. */
#ifndef STORE_COLUMN_LIST_H
#define STORE_COLUMN_LIST_H

#include "column.h"

/* The items of the list whose pointer is `field`, and how many. */
const void *column_list_get(const struct column *column, const void *field, size_t *ret_count);
void column_list_set(const struct column *column, void *ret_field, const void *items, size_t count);

#endif
