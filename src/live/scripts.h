/* scripts: the Lua that Redis runs for us. */
#ifndef ZAPORA_LIVE_SCRIPTS_H
#define ZAPORA_LIVE_SCRIPTS_H

#define SCRIPT_SHA_SIZE 41

/* What LIVE_SCRIPT_PUSH answers: the values of live_item.result. */
extern const char LIVE_SCRIPT_PUSH[];
/* Answers 1, or 0 when the head was not the expected one. */
extern const char LIVE_SCRIPT_REFILL[];
/* Answers OK. */
extern const char LIVE_SCRIPT_TICK[];
/* Answers {head, ids, snapshots}; no snapshots when the keys did not fit the ids; nothing when there is no head. */
extern const char LIVE_SCRIPT_BOARD[];

#endif
