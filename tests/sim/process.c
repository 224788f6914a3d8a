/* process.c: owns the processes; see process.h. */
#include "process.h"

#include "bus.h"
#include "database.h"
#include "memory.h"
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define THREADS 3
#define RESTART_US_MAX (8 * SIM_SECOND_US) /* longer than the group waits */

struct process processes[PROCESSES_MAX];
int process_count;

int process_number(const struct process *process)
{
    return process->number;
}

bool process_is_frozen(const struct process *process)
{
    return process->frozen_until > sim.now_us;
}

bool process_is_well(const struct process *process)
{
    return process->is_running && !process_is_frozen(process) && process->cut_until <= sim.now_us &&
           process->consumer != NULL;
}

struct process *process_now(void)
{
    return fiber_current() == NULL ? NULL : fiber_process(fiber_current());
}

void process_wake_announcer(struct process *process)
{
    process->announcer_woken = true;
    fiber_poke(process->announcer);
}

/* ---- its main thread --------------------------------------------------------------------------------------- */

/* The real one is no allocation, and a worker without a store says so and ends. */
static struct worker *make_worker(struct process *process)
{
    MEMORY_SPARED;
    const struct store_settings store = { .uri = "simulated", .application = process->id };
    struct worker *worker = calloc(1, sizeof *worker);
    ZP_ASSERT(worker != NULL && store_create(&store, &worker->store) == ZP_OK);
    return worker;
}

static void run(void *arg)
{
    struct process *process = arg;
    struct worker *worker = make_worker(process);
    struct ticker *ticker = NULL;
    char why[BUS_WHY_SIZE] = "";
    process->worker = worker;
    worker->settings = &process->settings;
    worker->records_limit = (size_t)process->settings.batch_records_max;
    worker->database_ok = true;
    actors_init(&worker->actors, (size_t)process->settings.locations_max);
    if (ticker_start(worker->settings, worker->marks, &ticker, why) == ZP_OK && loop_open(worker, why) == ZP_OK) {
        while (!process->stop_asked) {
            loop_come_round(worker);
        }
    }
    ticker_stop(ticker);
    loop_close(worker);
    store_destroy(worker->store);
    process->worker = NULL;
    free(worker);
}

/* ---- life -------------------------------------------------------------------------------------------------- */

void processes_open(int count)
{
    memset(processes, 0, sizeof processes);
    process_count = count;
    for (int i = 0; i < count; i++) {
        struct process *process = &processes[i];
        process->number = i + 1;
        snprintf(process->id, sizeof process->id, "worker-%d", i + 1);
        process->settings = (struct worker_settings){
            .worker_id = process->id, .kafka = "simulated", .postgres = "simulated", .redis = "simulated",
            .batch_records_max = chance_between(&sim.pace, 2, 16), .batch_bytes_max = 8 << 20,
            .locations_max = chance_between(&sim.pace, 1, 8), .closed_order_ttl_s = 3600, .receipt_ttl_s = 3600,
        };
        process->restart_at = sim.now_us + chance_between(&sim.pace, 0, SIM_SECOND_US);
    }
}

void process_start(struct process *process)
{
    sim_trace("%s starts", process->id);
    process->is_running = true;
    process->is_doomed = process->stop_asked = false;
    process->crash_in = process->freeze_in = 0;
    process->frozen_until = process->cut_until = 0;
    process->main = fiber_create(process, "main", run, process);
}

static void forget(struct process *process)
{
    fiber_destroy(process->announcer);
    fiber_destroy(process->ticker);
    fiber_destroy(process->main);
    process->announcer = process->main = process->ticker = NULL;
    process->worker = NULL;
    process->is_running = false;
    process->died_at = sim.now_us;
    process->restart_at = sim.now_us + chance_between(&sim.pace, 0, sim.is_calm ? SIM_SECOND_US : RESTART_US_MAX);
}

void process_crash(struct process *process)
{
    if (!process->is_running) {
        return;
    }
    sim_trace("%s is dead", process->id);
    sim_observe_int(process->number);
    database_process_gone(process);
    bus_process_gone(process);
    forget(process);
    memory_take_away(process->number);
}

static void end_in_order(struct process *process)
{
    sim_trace("%s has ended", process->id);
    forget(process);
    size_t pieces = memory_pieces(process->number);
    if (pieces > 0) {
        sim_fail("memory", "%s ended in order and left %zu pieces of memory", process->id, pieces);
    }
    memory_take_away(process->number);
}

void processes_close(void)
{
    for (int i = 0; i < process_count; i++) {
        process_crash(&processes[i]);
    }
}

int64_t processes_due(void)
{
    int64_t next = SIM_NEVER;
    for (int i = 0; i < process_count; i++) {
        struct process *process = &processes[i];
        if (process->is_running) {
            continue;
        }
        if (process->restart_at <= sim.now_us) {
            process_start(process);
        } else if (process->restart_at < next) {
            next = process->restart_at;
        }
    }
    return next;
}

static void after_step(struct process *process)
{
    if (process->is_doomed) {
        process_crash(process);
    } else if (process->main != NULL && fiber_is_done(process->main)) {
        end_in_order(process);
    }
}

bool processes_step(int64_t *ret_next_us)
{
    struct process *ready[THREADS * PROCESSES_MAX];
    struct fiber *fibers[THREADS * PROCESSES_MAX];
    int64_t count = 0, next = SIM_NEVER;
    for (int i = 0; i < process_count; i++) {
        struct process *process = &processes[i];
        struct fiber *threads[THREADS] = { process->main, process->announcer, process->ticker };
        for (int k = 0; process->is_running && k < THREADS; k++) {
            if (threads[k] == NULL || fiber_is_done(threads[k])) {
                continue;
            }
            int64_t wake_at = fiber_wake_at(threads[k]);
            wake_at = wake_at < process->frozen_until ? process->frozen_until : wake_at;
            if (wake_at <= sim.now_us) {
                ready[count] = process;
                fibers[count++] = threads[k];
            } else if (wake_at < next) {
                next = wake_at;
            }
        }
    }
    *ret_next_us = count > 0 ? sim.now_us : next;
    if (count == 0) {
        return false;
    }
    int64_t which = count == 1 ? 0 : chance_between(&sim.pace, 0, count - 1);
    fiber_resume(fibers[which]);
    after_step(ready[which]);
    return true;
}

/* ---- between two effects --------------------------------------------------------------------------------------- */

static int64_t latency_us(void)
{
    return fault_strikes(FAULT_SLOW) ? chance_between(&sim.pace, 1000, SIM_SECOND_US)
                                     : chance_between(&sim.pace, 10, 400);
}

void process_die(void)
{
    struct process *process = process_now();
    ZP_ASSERT(process != NULL);
    process->is_doomed = true;
    fiber_sleep_until(SIM_NEVER);
    abort();
}

void point(const char *what)
{
    struct process *process = process_now();
    if (process == NULL) {
        return;
    }
    sim.steps++;
    if (sim.traces) {
        sim_trace("%s/%s: %s", process->id, fiber_name(fiber_current()), what);
    }
    if (process->crash_in > 0 && --process->crash_in == 0 && !sim.is_calm) {
        sim.struck[FAULT_CRASH]++;
        process_die();
    }
    if (process->freeze_in > 0 && --process->freeze_in == 0 && !sim.is_calm) {
        sim.struck[FAULT_FREEZE]++;
        process->frozen_at = sim.now_us;
        process->frozen_until = sim.now_us + process->freeze_for_us;
        sim_trace("%s is frozen for %lld ms", process->id, (long long)(process->freeze_for_us / 1000));
        bus_process_frozen(process);
    }
    fiber_sleep_until(sim.now_us + latency_us());
}
