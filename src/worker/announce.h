/* The announcer: a thread that publishes what was committed and, once the log has it, pushes it to Redis. */
#ifndef ZAPORA_WORKER_ANNOUNCE_H
#define ZAPORA_WORKER_ANNOUNCE_H

#include "partition.h"
#include "turn.h"
#include "zapora/worker.h"

struct announcer;

/* Turns of one announcer: one is filled, one published, one pushed. More would be smaller, and each has its price. */
#define ANNOUNCER_TURNS 3

/* Starts the thread. `marks` is the worker's array. ZP_OK, ZP_BUSY or ZP_INVALID with a sentence in why. */
enum zp_err announcer_start(const struct worker_settings *settings, struct marks *marks,
                            struct announcer **ret_announcer, char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;

/* An empty turn to fill, from the pool. While all are under way it waits for one, at most timeout_ms: meanwhile records
 * gather, so that turns grow with the load. NULL when none came back: the log is much slower than the database. */
struct turn *announcer_turn(struct announcer *announcer, int timeout_ms);
/* Gives an unused turn back. */
void announcer_return(struct announcer *announcer, struct turn *turn);
/* Hands over a committed turn: its outcomes are published in order, then pushed. Owned by the announcer from now on. */
void announcer_hand(struct announcer *announcer, struct turn *turn);
/* After what was handed over before: compares the heads of that partition's locations with Redis and refills. */
void announcer_compare(struct announcer *announcer, int32_t partition);

/* True when something was not acknowledged in time or the producer broke: everything owned must be taken over again,
 * after announcer_renew. */
bool announcer_failed(const struct announcer *announcer);
/* Drops everything under way and makes the producer anew. */
void announcer_renew(struct announcer *announcer);
/* Waits until nothing is under way, at most timeout_ms. True when so. */
bool announcer_drain(struct announcer *announcer, int timeout_ms);
/* Stops the thread; what is under way is dropped (drain first). NULL is fine. */
void announcer_stop(struct announcer *announcer);

#endif
