/* process: a simulated worker: its memory, its three threads as fibers, and how it is killed, stopped and started. */
#ifndef SIM_PROCESS_H
#define SIM_PROCESS_H

#include "fiber.h"
#include "worker_state.h"

#define PROCESSES_MAX 3

struct process {
    int number;              /* from 1: the owner of its memory */
    char id[24];             /* "worker-1" */
    bool is_running, is_doomed, stop_asked;
    int64_t restart_at;      /* when it is not running */
    int64_t died_at;
    int64_t crash_in, freeze_in; /* points from now; 0: not planned */
    int64_t freeze_for_us, frozen_at, frozen_until;
    int64_t cut_until;       /* hears nothing of the group */
    struct worker_settings settings;
    struct worker *worker;   /* in its own memory */
    struct fiber *main, *announcer, *ticker;
    bool ticker_stopped;
    bool announcer_woken;
    struct bus_consumer *consumer; /* the simulation's, while it has one */
    bool connection_lost;    /* the database ended its connection: heard of with the next call */
};

extern struct process processes[PROCESSES_MAX];
extern int process_count;

void processes_open(int count);
void processes_close(void);
int process_number(const struct process *process);
bool process_is_frozen(const struct process *process);
/* Runs and can be heard of by the group. */
bool process_is_well(const struct process *process);
void process_start(struct process *process);
/* kill -9. */
void process_crash(struct process *process);
/* Starts those whose time has come; gives when the next one's is. */
int64_t processes_due(void);
/* Runs the fiber whose turn it is at this moment; false: none wants to. Gives when the next one wants to. */
bool processes_step(int64_t *ret_next_us);

/* ---- from inside -- */
/* A place between two effects: here a process may be killed, stopped, or others may go on. Takes some time. */
void point(const char *what);
/* The process that runs, or NULL. */
struct process *process_now(void);
void process_wake_announcer(struct process *process);
/* What a record that kills its worker does. */
_Noreturn void process_die(void);

#endif
