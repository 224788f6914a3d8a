/* Committing: a judged turn as one transaction behind the fence. */
#ifndef ZAPORA_WORKER_COMMIT_H
#define ZAPORA_WORKER_COMMIT_H

#include "actors.h"
#include "partition.h"
#include "turn.h"

/* Works out which partitions the turn moves, from where to where: fills turn->slices, sorted by partition. `partitions`
 * and `marks` are arrays of BUS_PARTITIONS_MAX. */
void commit_slice(struct turn *turn, const struct partition *partitions, struct marks *marks);

/* Writes the turn. Gives what store_batch_commit gives, or ZP_NO_MEMORY. Clears the touched marks of the actors on
 * ZP_OK. */
enum zp_err commit_turn(struct turn *turn, struct actors *actors, struct store *store) ZP_MUST_CHECK;

#endif
