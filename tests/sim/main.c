/* main.c: owns a run: one seed from its first command to the last check, and the program that runs many. */
#include "absence.h"
#include "bus.h"
#include "checks.h"
#include "clients.h"
#include "commands.h"
#include "database.h"
#include "fake_live.h"
#include "memory.h"
#include "reader.h"
#include "screens.h"
#include "sim.h"
#include "zapora/planted.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EPOCH_US INT64_C(1760000000000000)
#define LOOK_EVERY_US 20000
#define REST_US_MAX (400 * SIM_SECOND_US) /* of quiet until everything is done */
#define ACTIVE_US_MAX (200 * SIM_SECOND_US)
#define STEPS_MAX 3000000
#define PARTITIONS_MAX 3

static int32_t partitions[PARTITIONS_MAX];
static size_t partition_count;
static struct zp_id locations[CLIENT_LOCATIONS_MAX];
static size_t location_count;

/* ---- one run --------------------------------------------------------------------------------------------------- */

/* Looking for ids that lie in a partition takes longer than a run: they are the same for all. */
static struct zp_id cached_location(int32_t partition, unsigned n)
{
    static struct zp_id known[BUS_PARTITIONS_MAX][3];
    if (id_is_none(&known[partition][n])) {
        known[partition][n] = location_in(partition, n);
    }
    return known[partition][n];
}

static void draw_places(void)
{
    partition_count = (size_t)chance_between(&sim.clients, 1, PARTITIONS_MAX);
    location_count = 0;
    for (size_t i = 0; i < partition_count; i++) {
        partitions[i] = (int32_t)(3 + 20 * i);
        int64_t here = chance_between(&sim.clients, 1, 2);
        for (int64_t n = 0; n < here; n++) {
            locations[location_count++] = cached_location(partitions[i], (unsigned)n);
        }
    }
}

static void open_all(uint64_t seed, bool traces)
{
    sim = (struct sim){ .seed = seed, .now_us = EPOCH_US, .traces = traces, .digest = UINT64_C(0xcbf29ce484222325),
                        .clients = { seed * 4 }, .faults = { seed * 4 + 1 }, .pace = { seed * 4 + 2 },
                        .ids = { seed * 4 + 3 } };
    draw_places();
    faults_draw();
    database_open();
    bus_open();
    fake_cache_open();
    reader_open();
    group_open(partitions, partition_count);
    processes_open((int)chance_between(&sim.pace, 2, PROCESSES_MAX));
    clients_open(locations, location_count);
    screens_open(locations, location_count);
    absence_open();
}

static void close_all(void)
{
    processes_close();
    clients_close();
    faults_end();
    reader_close();
    fake_cache_close();
    bus_close();
    database_close();
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Lets what is due happen, one thing after the other, until there is nothing at this moment; then moves the clock. */
static void go_on(void)
{
    int64_t next = network_due();
    next = sooner(next, faults_due());
    next = sooner(next, clients_due());
    next = sooner(next, group_due());
    next = sooner(next, screens_due());
    next = sooner(next, absence_due());
    next = sooner(next, processes_due());
    int64_t next_step = SIM_NEVER;
    if (processes_step(&next_step)) {
        return;
    }
    next = sooner(next, next_step);
    ZP_ASSERT(next < SIM_NEVER);
    sim.now_us = next > sim.now_us ? next : sim.now_us;
}

static bool is_active(int64_t began_us)
{
    return sim.now_us - began_us < ACTIVE_US_MAX + (int64_t)sim.struck[FAULT_DAYS_PASS] * 49 * SIM_HOUR_US &&
           (!clients_are_done() || faults_are_ahead());
}

static void come_to_rest(void)
{
    int64_t began_us = sim.now_us, looked_at = 0;
    const char *unrest = "nothing was looked at";
    faults_calm();
    while (!sim.failed && unrest != NULL) {
        go_on();
        if (sim.now_us - looked_at >= LOOK_EVERY_US) {
            looked_at = sim.now_us;
            unrest = faults_are_over() ? checks_unrest(partitions, partition_count) : "a fault goes on";
        }
        if (unrest != NULL && (sim.now_us - began_us > REST_US_MAX || sim.steps > STEPS_MAX)) {
            sim_fail("rest", "it does not come to rest: %s", unrest);
        }
    }
}

/* Everybody ends in order: no memory may be left. */
static void end_in_order(void)
{
    int64_t began_us = sim.now_us;
    for (bool running = true; running && !sim.failed;) {
        running = false;
        for (int i = 0; i < process_count; i++) {
            processes[i].stop_asked = true;
            processes[i].restart_at = SIM_NEVER;
            running = running || processes[i].is_running;
        }
        if (running) {
            go_on();
        }
        if (sim.now_us - began_us > REST_US_MAX) {
            sim_fail("rest", "a worker does not end when it is asked to");
        }
    }
}

static void run_seed(uint64_t seed, bool traces)
{
    open_all(seed, traces);
    int64_t began_us = sim.now_us;
    while (!sim.failed && is_active(began_us)) {
        go_on();
        if (sim.steps > STEPS_MAX) {
            sim_fail("rest", "it goes on for ever");
        }
    }
    if (!sim.failed) {
        come_to_rest();
    }
    if (!sim.failed) {
        checks_run(partitions, partition_count);
    }
    if (!sim.failed) {
        end_in_order();
    }
    sim_observe_int(sim.now_us);
    close_all();
}

/* ---- the program ----------------------------------------------------------------------------------------------- */

struct options { uint64_t first, count; double seconds; bool traces; };

static const char usage[] =
    "Usage: sim [--seed N [--trace]] [--from N] [--count N] [--seconds N] [--twice] [--plant BUG] [--list-bugs]\n"
    "           [--torture N | --torture-every N]\n"
    "\n"
    "Runs the worker against a simulated log, database, cache and clock. A run is its seed: the same seed gives the\n"
    "same bytes, whose digest is printed. Without options: seeds 1 to 1000.\n"
    "\n"
    "  --seed N      this seed alone; prints what struck and the digest\n"
    "  --trace       every step of it\n"
    "  --from N      first seed\n"
    "  --count N     how many seeds\n"
    "  --seconds N   as many of them as fit\n"
    "  --twice       each seed twice, and the digests compared\n"
    "  --plant BUG   with a bug that the build has (-Dplanted_bugs=true); --list-bugs names them\n"
    "  --torture N   the N-th allocation of the processes fails, once\n"
    "  --torture-every N  each seed again and again: one allocation fails in each run, the next time N further on,\n"
    "                until a run does not meet its own\n"
    "\n"
    "Exits 0 when every run was well, 1 when one was not: its seed is printed.\n";

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A broken invariant of ours ends the process: whose seed it was must be seen. */
static void on_abort(int signal_number)
{
    char text[80];
    int len = snprintf(text, sizeof text, "seed %" PRIu64 ": an assertion failed\n", sim.seed);
    (void)!write(STDOUT_FILENO, text, (size_t)len);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void say_failure(void)
{
    printf("seed %" PRIu64 " failed: %s: %s\n", sim.seed, sim.check, sim.why);
    printf("replay: sim --seed %" PRIu64 " --trace\n", sim.seed);
}

static void say_seed(void)
{
    printf("seed %" PRIu64 ": digest %016" PRIx64 ", %" PRIu64 " steps, %.1f s, %zu facts\n", sim.seed, sim.digest,
           sim.steps, (double)(sim.now_us - EPOCH_US) / 1e6, reader_fact_count());
    for (int f = 0; f < FAULT_COUNT; f++) {
        if (sim.struck[f] > 0) {
            printf("  %s %" PRIu64 "\n", FAULT_NAMES[f], sim.struck[f]);
        }
    }
}

static int run_one(uint64_t seed, bool traces)
{
    run_seed(seed, traces);
    say_seed();
    if (sim.failed) {
        say_failure();
    }
    return sim.failed;
}

static bool differs(uint64_t seed, bool traces)
{
    uint64_t digest = sim.digest;
    run_seed(seed, traces);
    if (digest != sim.digest && !sim.failed) {
        printf("seed %" PRIu64 " failed: digest: two runs of it gave other bytes\n", seed);
        return true;
    }
    return false;
}

static int run_many(const struct options *options, bool twice)
{
    uint64_t struck[FAULT_COUNT] = { 0 }, runs = 0, digest = 0, steps = 0;
    double began = seconds_now();
    for (uint64_t i = 0; i < options->count; i++) {
        if (options->seconds > 0 && seconds_now() - began >= options->seconds) {
            break;
        }
        run_seed(options->first + i, options->traces);
        runs++;
        steps += sim.steps;
        digest = digest * 31 + sim.digest;
        for (int f = 0; f < FAULT_COUNT; f++) {
            struck[f] += sim.struck[f];
        }
        if (sim.failed || (twice && differs(options->first + i, options->traces))) {
            if (sim.failed) {
                say_failure();
            }
            printf("%" PRIu64 " seeds were run, the last one failed\n", runs);
            return 1;
        }
    }
    double took = seconds_now() - began;
    for (int f = 0; f < FAULT_COUNT; f++) {
        printf("  %-16s %" PRIu64 "\n", FAULT_NAMES[f], struck[f]);
    }
    printf("%" PRIu64 " seeds from %" PRIu64 ", all well: %.1f s, %.0f a minute; %" PRIu64 " steps, digest %016" PRIx64
           "\n", runs, options->first, took, took > 0 ? (double)runs * 60 / took : 0.0, steps, digest);
    return 0;
}

/* ---- torture --------------------------------------------------------------------------------------------------- */

/* Lets one allocation of a seed's processes fail, then the next but stride - 1, until a run does not meet its own. */
static int torture_seed(uint64_t seed, uint64_t stride, bool traces, uint64_t first, uint64_t *ret_runs)
{
    uint64_t runs = 0;
    bool met = true;
    for (uint64_t n = first; met && !sim.failed; n += stride) {
        memory_torture = (struct memory_torture){ .chosen = n };
        run_seed(seed, traces);
        met = memory_torture.caller != NULL;
        runs += met;
    }
    if (sim.failed) {
        printf("torture: allocation %llu of seed %llu failed, called from %p\n",
               (unsigned long long)memory_torture.chosen, (unsigned long long)seed, memory_torture.caller);
        printf("seed %" PRIu64 " failed: %s: %s\n", sim.seed, sim.check, sim.why);
        printf("replay: sim --torture %" PRIu64 " --seed %" PRIu64 " --trace\n", memory_torture.chosen, seed);
    } else {
        printf("torture: seed %" PRIu64 ": %" PRIu64 " allocations, %" PRIu64 " of them failed, one a run, all well\n",
               seed, memory_torture.seen, runs);
    }
    *ret_runs += runs;
    return sim.failed;
}

static int torture_many(const struct options *options, uint64_t stride)
{
    uint64_t runs = 0;
    double began = seconds_now();
    for (uint64_t i = 0; i < options->count; i++) {
        if (torture_seed(options->first + i, stride, options->traces, 1 + i % stride, &runs) != 0) {
            return 1;
        }
    }
    printf("torture: %" PRIu64 " runs, all well: %.1f s\n", runs, seconds_now() - began);
    return 0;
}

/* ---- main ------------------------------------------------------------------------------------------------------ */

int main(int argc, char **argv)
{
    static const struct option known[] = {
        { "count", required_argument, NULL, 'c' }, { "from", required_argument, NULL, 'f' },
        { "help", no_argument, NULL, 'h' },        { "list-bugs", no_argument, NULL, 'l' },
        { "plant", required_argument, NULL, 'p' }, { "seconds", required_argument, NULL, 's' },
        { "seed", required_argument, NULL, 'n' },  { "trace", no_argument, NULL, 't' },
        { "twice", no_argument, NULL, '2' },       { "torture", required_argument, NULL, 'T' },
        { "torture-every", required_argument, NULL, 'S' }, { 0 },
    };
    struct options options = { .first = 1, .count = 1000 };
    bool single = false, twice = false, tortures = false;
    uint64_t stride = 1, allocation = 0;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case 'c': options.count = strtoull(optarg, NULL, 10); break;
        case 'f': options.first = strtoull(optarg, NULL, 10); break;
        case 'l': planted_list(stdout); return 0;
        case 'n': options.first = strtoull(optarg, NULL, 10); single = true; break;
        case 'p':
            if (!planted_choose(optarg)) {
                fprintf(stderr, "sim: this build has no bug of that name; --list-bugs\n");
                return 2;
            }
            break;
        case 's': options.seconds = strtod(optarg, NULL); options.count = UINT64_MAX; break;
        case 't': options.traces = true; break;
        case '2': twice = true; break;
        case 'T': allocation = strtoull(optarg, NULL, 10); break;
        case 'S': stride = strtoull(optarg, NULL, 10); tortures = true; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    signal(SIGABRT, on_abort);
    crypto_start();
    memory_torture.chosen = allocation;
    if (tortures) {
        return stride == 0 ? 2 : torture_many(&options, stride);
    }
    return single ? run_one(options.first, options.traces) : run_many(&options, twice);
}
