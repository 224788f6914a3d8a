/* faults.c: owns which faults a run has and when they strike; see faults.h. */
#include "faults.h"

#include "bus.h"
#include "clients.h"
#include "database.h"
#include "fake_live.h"
#include "process.h"
#include "screens.h"
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define MOMENTS_MAX 64
#define DOWN_US_MAX (8 * SIM_SECOND_US)
#define POINTS_MAX 200 /* ahead at which a process may die */
#define SETTLE_US 200000 /* after the end of the old workers, before a restore: what they sent has arrived */

#define X(name, most, help) [FAULT_##name] = #name,
const char *const FAULT_NAMES[FAULT_COUNT + 1] = { FAULTS_OF_CALLS(X) FAULTS_OF_MOMENTS(X) };
#undef X
#define X(name, most, help) [FAULT_##name] = most,
static const int most_of[FAULT_COUNT] = { FAULTS_OF_CALLS(X) FAULTS_OF_MOMENTS(X) };
#undef X

static struct {
    int permille[FAULT_COUNT]; /* of the calls */
    struct { enum fault fault; int64_t at; } moments[MOMENTS_MAX];
    size_t moment_count;
    int64_t cache_back_at, restore_at, rules_at, failover_at;
    struct fake_cache *cache_backup;
} faults;

static int64_t draw(int64_t low, int64_t high)
{
    return chance_between(&sim.faults, low, high);
}

/* Half of the faults are unknown to a run, so that each is seen with and without each other. */
void faults_draw(void)
{
    memset(&faults, 0, sizeof faults);
    int64_t window_us = draw(2, 40) * SIM_SECOND_US;
    bool is_quiet = chance_permille(&sim.faults, 50); /* some runs are all well */
    for (int f = 0; f < FAULT_COUNT; f++) {
        bool is_rare = f == FAULT_RESTORE || f == FAULT_DAYS_PASS;
        bool is_known = !is_quiet && chance_permille(&sim.faults, is_rare ? 250 : 450);
        if (!is_known) {
            continue;
        }
        if (f < FAULT_CALLS_END) {
            faults.permille[f] = (int)draw(1, most_of[f]);
            continue;
        }
        for (int64_t times = draw(1, most_of[f]); times > 0 && faults.moment_count < MOMENTS_MAX; times--) {
            faults.moments[faults.moment_count].fault = (enum fault)f;
            faults.moments[faults.moment_count++].at = sim.now_us + draw(SIM_SECOND_US, window_us);
        }
    }
}

bool fault_strikes(enum fault fault)
{
    bool strikes = !sim.is_calm && faults.permille[fault] > 0 && chance_permille(&sim.faults, faults.permille[fault]);
    sim.struck[fault] += strikes;
    if (strikes) {
        sim_trace("fault: %s", FAULT_NAMES[fault]);
    }
    return strikes;
}

/* ---- what happens at a moment ---------------------------------------------------------------------------------- */

static struct process *some_process(void)
{
    return &processes[draw(0, process_count - 1)];
}

/* A record that is being tried alone must not meet deaths that are not its own: three would park it. */
static bool is_suspected(const struct process *process)
{
    for (int32_t p = 0; process->worker != NULL && p < BUS_PARTITIONS_MAX; p++) {
        if (db.has_row[p] && db.partitions[p].takeovers >= 2) {
            return true;
        }
    }
    return false;
}

static void strike_crash(void)
{
    struct process *process = some_process();
    if (!is_suspected(process)) {
        process->crash_in = draw(1, POINTS_MAX);
    }
}

static void strike_freeze(void)
{
    struct process *process = some_process();
    process->freeze_in = draw(1, POINTS_MAX);
    process->freeze_for_us = draw(100000, 15 * SIM_SECOND_US);
}

static void strike_cut(void)
{
    struct process *process = some_process();
    process->cut_until = sim.now_us + draw(100000, 10 * SIM_SECOND_US);
    group_cut(process);
}

static void strike_stop(void)
{
    some_process()->stop_asked = true;
}

static void cache_comes_back(void)
{
    cache.is_down = false;
    cache.connections++;
    screens_reconnect();
}

static void strike_cache_down(void)
{
    cache.is_down = true;
    faults.cache_back_at = sim.now_us + draw(10000, DOWN_US_MAX);
}

static void strike_cache_flushed(void)
{
    fake_cache_clear();
    cache_comes_back();
}

static void strike_cache_cut(void)
{
    if (faults.cache_backup == NULL) { /* the first one only saves */
        faults.cache_backup = fake_cache_save();
        sim.struck[FAULT_CACHE_CUT]--;
        return;
    }
    fake_cache_restore(faults.cache_backup);
    faults.cache_backup = NULL;
    cache_comes_back();
}

static void strike_restore(void)
{
    sim.struck[FAULT_RESTORE]--; /* counted when it happens */
    database_backup();
    faults.restore_at = sim.now_us + draw(100000, 20 * SIM_SECOND_US);
}

/* The old workers are stopped first. */
static void restore(void)
{
    for (int i = 0; i < process_count; i++) {
        process_crash(&processes[i]);
        processes[i].restart_at = sim.now_us + SETTLE_US + draw(0, SIM_SECOND_US);
    }
    bus_down_until(0);
    sim.struck[FAULT_RESTORE]++;
    sim_trace("the database goes back");
    faults.restore_at = sim.now_us + SETTLE_US;
}

static void strike_rules_change(void)
{
    for (int i = 0; i < process_count; i++) {
        processes[i].stop_asked = true;
    }
    faults.rules_at = sim.now_us;
}

static void strike_failover(void)
{
    sim.struck[FAULT_FAILOVER]--; /* counted when it happens */
    database_replica_lags();
    faults.failover_at = sim.now_us + draw(1000, 4 * SIM_SECOND_US);
}

static void strike_days_pass(void)
{
    sim.now_us += 49 * SIM_HOUR_US;
}

static void strike(enum fault fault)
{
    sim.struck[fault]++;
    sim_trace("fault: %s", FAULT_NAMES[fault]);
    switch (fault) {
    case FAULT_CRASH: sim.struck[fault]--; strike_crash(); break; /* counted when they happen */
    case FAULT_FREEZE: sim.struck[fault]--; strike_freeze(); break;
    case FAULT_CUT: strike_cut(); break;
    case FAULT_REBALANCE: group_rebalance(); break;
    case FAULT_STOP: strike_stop(); break;
    case FAULT_DATABASE_DOWN: database_down_until(sim.now_us + draw(10000, DOWN_US_MAX)); break;
    case FAULT_BROKERS_DOWN: bus_down_until(sim.now_us + draw(10000, 2 * DOWN_US_MAX)); break;
    case FAULT_CACHE_DOWN: strike_cache_down(); break;
    case FAULT_CACHE_FLUSHED: strike_cache_flushed(); break;
    case FAULT_CACHE_CUT: strike_cache_cut(); break;
    case FAULT_SCREEN_LEAVES: screens_leave(sim.now_us + draw(1000, 5 * SIM_SECOND_US)); break;
    case FAULT_RESTORE: strike_restore(); break;
    case FAULT_FAILOVER: strike_failover(); break;
    case FAULT_RULES_CHANGE: strike_rules_change(); break;
    case FAULT_DAYS_PASS: strike_days_pass(); break;
    default: break;
    }
}

static bool nobody_runs(void)
{
    for (int i = 0; i < process_count; i++) {
        if (processes[i].is_running) {
            return false;
        }
    }
    return true;
}

static void follow_up(void)
{
    if (faults.cache_back_at > 0 && (faults.cache_back_at <= sim.now_us || sim.is_calm)) {
        faults.cache_back_at = 0;
        cache_comes_back();
    }
    if (faults.restore_at > 0 && faults.restore_at <= sim.now_us && !nobody_runs()) {
        restore();
    } else if (faults.restore_at > 0 && faults.restore_at <= sim.now_us && database_has_backup()) {
        database_restore();
        faults.restore_at = 0;
    }
    if (faults.failover_at > 0 && (faults.failover_at <= sim.now_us || sim.is_calm)) {
        faults.failover_at = 0;
        bool happens = !sim.is_calm && database_replica_takes_over();
        sim.struck[FAULT_FAILOVER] += happens;
        sim_trace("the replica %s", happens ? "takes over" : "is given up");
    }
    if (faults.rules_at > 0) {
        for (int i = 0; i < process_count; i++) { /* nobody comes back with the old ones */
            processes[i].stop_asked = true;
            processes[i].restart_at = processes[i].restart_at < sim.now_us + 1000 ? sim.now_us + 1000
                                                                                  : processes[i].restart_at;
        }
        if (nobody_runs()) {
            faults.rules_at = 0;
            sim.rules = 1;
        }
    }
}

static int64_t sooner(int64_t a, int64_t b)
{
    return b > 0 && b < a ? b : a;
}

long faults_due(void)
{
    int64_t next = SIM_NEVER;
    for (size_t i = 0; i < faults.moment_count;) {
        if (sim.is_calm || faults.moments[i].at <= sim.now_us) {
            enum fault fault = faults.moments[i].fault;
            faults.moments[i] = faults.moments[--faults.moment_count];
            if (!sim.is_calm) {
                strike(fault);
            }
            continue;
        }
        next = sooner(next, faults.moments[i].at);
        i++;
    }
    follow_up();
    next = sooner(next, faults.cache_back_at);
    next = sooner(next, faults.restore_at);
    next = sooner(next, faults.failover_at);
    return faults.rules_at > 0 ? sooner(next, sim.now_us + 1000) : next;
}

void faults_end(void)
{
    fake_cache_forget(faults.cache_backup);
    faults.cache_backup = NULL;
}

bool faults_are_over(void)
{
    return faults.cache_back_at == 0 && faults.restore_at == 0 && faults.rules_at == 0;
}

bool faults_are_ahead(void)
{
    return faults.moment_count > 0;
}

void faults_calm(void)
{
    sim.is_calm = true;
    database_down_until(0);
    bus_down_until(0);
    screens_come_back();
    if (sim.struck[FAULT_FAILOVER] > 0) { /* whose partition is idle hears of it with the next command */
        clients_nudge();
    }
    for (int i = 0; i < process_count; i++) {
        processes[i].crash_in = processes[i].freeze_in = 0;
        processes[i].cut_until = 0;
    }
}
