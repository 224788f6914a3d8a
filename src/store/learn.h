/* learn: asks the database what its tables look like. Called by trip, once for each connection. */
#ifndef STORE_LEARN_H
#define STORE_LEARN_H

#include "connection.h"

/* Fills store->types. ZP_BUSY when something of ours is missing: a migration has not run yet. */
enum zp_err learn_row_types(struct store *store) ZP_MUST_CHECK;

#endif
