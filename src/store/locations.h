/* locations: a location's rows, its state and its menu, as one struct location. Called by whoever loads locations. */
#ifndef STORE_LOCATIONS_H
#define STORE_LOCATIONS_H

#include "trip.h"

/* Makes a location of a row of `SELECT l, m`. The caller finishes and frees it. */
enum zp_err locations_read(struct store *store, const PGresult *result, int row,
                           struct location **ret_location) ZP_MUST_CHECK;
/* Finishes and frees what a failure left behind. */
void locations_free(struct location **locations, size_t count);

#endif
