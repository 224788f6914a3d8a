/* Judging: what each entry of a turn becomes, from the state it was loaded with. */
#ifndef ZAPORA_WORKER_JUDGE_H
#define ZAPORA_WORKER_JUDGE_H

#include "actors.h"
#include "turn.h"

/* Loads in one round trip what the turn needs: locations that are not cached, orders, earlier outcomes. Gives what the
 * store gave, or ZP_NO_MEMORY. */
enum zp_err judge_load(struct turn *turn, struct actors *actors, struct store *store) ZP_MUST_CHECK;

/* Judges every entry in order: dedupe, decide, evolve, encode, chain. Changes the cached locations. ZP_OK or
 * ZP_NO_MEMORY. */
enum zp_err judge_commands(struct turn *turn, struct actors *actors) ZP_MUST_CHECK;

/* The same for facts of the log, which are applied as they are: facts win over rules. Gives ZP_CONFLICT with a sentence
 * when a fact does not follow from the state: a gap in seq, or a hash that does not fit. */
enum zp_err judge_facts(struct turn *turn, struct actors *actors, const char **ret_why) ZP_MUST_CHECK;

/* Builds and encodes what the log carries of an outcome without an event: command_refused or command_parked. */
enum zp_err judge_announcement(struct turn *turn, struct entry *entry) ZP_MUST_CHECK;

#endif
