/* locations: a location's rows, its state and its menu, as one struct location. Called by whoever loads locations. */
#ifndef STORE_LOCATIONS_H
#define STORE_LOCATIONS_H

#include "trip.h"

/* Makes a location of a row of `SELECT l, m`. The caller finishes and frees it. */
enum zp_err locations_read(struct store *store, const PGresult *result, int row,
                           struct location **ret_location) ZP_MUST_CHECK;
/* Makes a location of each row, at most `limit`, into the caller's array; on failure none is left in it. */
enum zp_err locations_read_all(struct store *store, const PGresult *result, size_t limit,
                               struct location **ret_locations, size_t *ret_count) ZP_MUST_CHECK;
/* Finishes and frees what a failure left behind. */
void locations_free(struct location **locations, size_t count);

#endif
