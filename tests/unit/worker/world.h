/* world: a worker with fakes on all sides, and commands to give it. For tests of the worker room. */
#ifndef WORLD_H
#define WORLD_H

#include "commands.h"
#include "fake_announce.h"
#include "fake_bus.h"
#include "fake_store.h"
#include "worker_state.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WORLD_RECORDS_MAX 64

extern struct worker *world; /* one at a time */

/* cmocka's setup and teardown of one test. */
int world_open(void **state);
int world_close(void **state);

/* ---- the mailbox -- */
/* Puts a command at the end of its location's partition; returns the offset. */
int64_t post(const struct command *command);
int64_t post_garbage(int32_t partition, const char *key, const char *value);
/* location_set and menu_set: two offsets, seq 2. */
void post_restaurant(const struct zp_id *location_id, unsigned number);

/* ---- the worker's life, step by step -- */
/* The group gives us a partition; a takeover is due at once. */
void assign(int32_t partition);
/* Takes over whatever waits, whatever its pause. */
void take_over(void);
/* assign and take_over; the partition is owned afterwards. */
void own_partition(int32_t partition);
/* One turn: gathers and settles. Returns how many records it held. */
size_t come_round(void);
/* Turns and takeovers until nothing is left to do. */
void work_off(void);
/* kill -9: memory is gone, what waited to be announced is lost; somebody else takes over. */
void die_and_rise(int32_t partition);

#endif
