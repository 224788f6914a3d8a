/* replica: a read replica, and whether it may answer.
 *
 * Called by orders for pages. */
#ifndef STORE_REPLICA_H
#define STORE_REPLICA_H

#include "zapora/store.h"

struct replica;

/* Of the settings' lists_uri; does not connect yet. ZP_OK, ZP_NO_MEMORY, ZP_INVALID for a bad URI. */
enum zp_err replica_create(const struct store_settings *settings, struct replica **ret_replica) ZP_MUST_CHECK;
void replica_destroy(struct replica *replica); /* NULL is fine */
/* False for some seconds after it failed. */
bool replica_may_serve(const struct replica *replica);
/* Its connection, once it has applied every command that `primary` has applied by now. ZP_OK; ZP_CATCHING_UP: it has
 * not, within some milliseconds; ZP_BUSY or ZP_NO_MEMORY: the primary or the replica can't be asked. */
enum zp_err replica_reach(struct replica *replica, struct store *primary, struct arena *arena,
                          struct store **ret_store) ZP_MUST_CHECK;
/* It failed: it is left alone for some seconds. */
void replica_failed(struct replica *replica);

#endif
