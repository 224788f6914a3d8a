/* placeview.h: making a view of all locations, between places.c and placeview.c. */
#ifndef ZAPORA_GATEWAY_PLACEVIEW_H
#define ZAPORA_GATEWAY_PLACEVIEW_H

#include "places.h"

/* Loads what differs from an older view (NULL: everything) and shares the rest with it; the view has one holder, the
 * caller. */
enum zp_err placeview_load(struct store *store, int64_t number, const struct places_view *known,
                           struct places_view **ret_view) ZP_MUST_CHECK;

#endif
