/* announcer.c: owns the announcer of a simulated process: the door of announce.h, with a fiber where the real one has a
 * thread. The line of turns behind it is the worker's own. */
#include "announce.h"

#include "line.h"
#include "memory.h"
#include "process.h"
#include "sim.h"

#include <stdlib.h>

#define NAP_US 30 /* one step never follows the other at once */

struct announcer {
    struct line line;
    struct process *process;
    struct turn *pool, *handed, **handed_end;
    size_t under_way;
    bool stopping, renewing;
};

static void on_done(void *arg, struct turn *turn)
{
    struct announcer *a = arg;
    turn->next = a->pool;
    a->pool = turn;
    a->under_way--;
    fiber_poke(a->process->main);
}

static void take_handed(struct announcer *a)
{
    if (a->handed != NULL) {
        struct turn *turns = a->handed;
        a->handed = NULL;
        a->handed_end = &a->handed;
        line_add(&a->line, turns);
    }
}

static void wait_for_work(struct announcer *a)
{
    int64_t rest_us = line_wait_ms(&a->line) * (int64_t)1000;
    if (a->process->announcer_woken || rest_us < NAP_US) {
        fiber_sleep_until(sim.now_us + NAP_US);
    } else {
        fiber_rest_until(sim.now_us + rest_us);
    }
    a->process->announcer_woken = false;
}

static void announce(void *arg)
{
    struct announcer *a = arg;
    while (!a->stopping) {
        wait_for_work(a);
        if (a->renewing) {
            take_handed(a);
            line_renew(&a->line);
            a->renewing = false;
            fiber_poke(a->process->main);
        }
        take_handed(a);
        if (!a->stopping) {
            line_step(&a->line);
        }
    }
    fiber_poke(a->process->main);
}

static void announcer_free(struct announcer *a)
{
    take_handed(a);
    line_close(&a->line);
    while (a->pool != NULL) {
        struct turn *turn = a->pool;
        a->pool = turn->next;
        turn_destroy(turn);
    }
    free(a);
}

enum zp_err announcer_start(const struct worker_settings *settings, struct marks *marks,
                            struct announcer **ret_announcer, char why[BUS_WHY_SIZE])
{
    struct announcer *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return ZP_NO_MEMORY;
    }
    a->process = process_now();
    a->handed_end = &a->handed;
    a->line = (struct line){ .settings = settings, .marks = marks, .wake_fd = -1, .on_done = on_done, .arg = a };
    enum zp_err err = line_open(&a->line, why);
    if (err != ZP_OK) {
        announcer_free(a);
        return err;
    }
    for (int i = 0; i < ANNOUNCER_TURNS; i++) {
        struct turn *turn = turn_create((size_t)settings->batch_records_max);
        if (turn == NULL) {
            announcer_free(a);
            return ZP_NO_MEMORY;
        }
        turn->next = a->pool;
        a->pool = turn;
    }
    a->process->announcer = fiber_create(a->process, "announcer", announce, a);
    *ret_announcer = a;
    return ZP_OK;
}

struct turn *announcer_turn(struct announcer *a, int timeout_ms)
{
    int64_t until = sim.now_us + timeout_ms * (int64_t)1000;
    while (a->pool == NULL && sim.now_us < until) {
        fiber_rest_until(until);
    }
    struct turn *turn = a->pool;
    if (turn != NULL) {
        a->pool = turn->next;
        turn->next = NULL;
    }
    return turn;
}

void announcer_return(struct announcer *a, struct turn *turn)
{
    turn_reset(turn);
    turn->next = a->pool;
    a->pool = turn;
}

void announcer_hand(struct announcer *a, struct turn *turn)
{
    line_owe(&a->line, turn);
    *a->handed_end = turn;
    a->handed_end = &turn->next;
    a->under_way++;
    process_wake_announcer(a->process);
    point("handed over");
}

void announcer_compare(struct announcer *a, int32_t partition)
{
    line_compare(&a->line, partition);
    process_wake_announcer(a->process);
}

bool announcer_failed(const struct announcer *a)
{
    return a->line.failed;
}

void announcer_renew(struct announcer *a)
{
    a->renewing = true;
    process_wake_announcer(a->process);
    while (a->renewing) {
        fiber_rest_until(SIM_NEVER);
    }
}

bool announcer_drain(struct announcer *a, int timeout_ms)
{
    int64_t until = sim.now_us + timeout_ms * (int64_t)1000;
    while (a->under_way > 0 && sim.now_us < until) {
        fiber_rest_until(until);
    }
    return a->under_way == 0;
}

void announcer_stop(struct announcer *a)
{
    if (a == NULL) {
        return;
    }
    struct process *process = a->process;
    a->stopping = true;
    process_wake_announcer(process);
    while (!fiber_is_done(process->announcer)) {
        fiber_rest_until(sim.now_us + 1000);
    }
    announcer_free(a);
}
