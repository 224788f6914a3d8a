/* journal: events as they were written. Called by whoever reads them from a result. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "trip.h"

/* The events of a result of `SELECT e`, into the arena. */
enum zp_err journal_read(struct store *store, const PGresult *result, struct arena *arena,
                         struct batch_event **ret_events, size_t *ret_count) ZP_MUST_CHECK;

#endif
