/* fiber: threads of the simulated processes, of which one runs at a time, until it waits. */
#ifndef SIM_FIBER_H
#define SIM_FIBER_H

#include <stdbool.h>
#include <stdint.h>

struct fiber;
struct process;

/* A fiber of a process, ready to run. */
struct fiber *fiber_create(struct process *process, const char *name, void (*run)(void *arg), void *arg);
/* Also in the middle of a call: what it held is lost. NULL is fine. */
void fiber_destroy(struct fiber *fiber);

/* Runs it until it waits or ends; not from inside of a fiber. */
void fiber_resume(struct fiber *fiber);
bool fiber_is_done(const struct fiber *fiber);
/* When it wants to go on. */
int64_t fiber_wake_at(const struct fiber *fiber);

/* ---- from inside -- */
/* NULL: nobody's, the simulation itself runs. */
struct fiber *fiber_current(void);
struct process *fiber_process(const struct fiber *fiber);
const char *fiber_name(const struct fiber *fiber);
/* Lets others run until that time. */
void fiber_sleep_until(int64_t until_us);
/* The same, but fiber_poke ends it early. */
void fiber_rest_until(int64_t until_us);
/* Wakes a resting fiber; NULL is fine. */
void fiber_poke(struct fiber *fiber);

#endif
