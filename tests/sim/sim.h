/* sim: the simulation's own ground: one seed, one clock, chance, trace, digest, and the first check that failed. */
#ifndef SIM_H
#define SIM_H

#include "faults.h"
#include "zapora/bus.h"

#define SIM_SECOND_US INT64_C(1000000)
#define SIM_HOUR_US (3600 * SIM_SECOND_US)
#define SIM_NEVER INT64_MAX

/* A stream of numbers; several, so that one more draw for a fault does not change what clients do. */
struct chance { uint64_t state; };

struct sim {
    uint64_t seed;
    int64_t now_us;     /* the one clock; both of base's tell it */
    struct chance clients, faults, pace, ids;
    bool is_calm;       /* no faults any more: what is left to do gets done */
    bool traces;
    int rules;          /* which of two sets of rules `decide` goes by now: 0 or 1 */
    uint64_t digest;    /* of everything that can be observed */
    bool failed;
    char check[64];     /* the first check that failed, and why */
    char why[1024];
    uint64_t steps;
    uint64_t struck[FAULT_COUNT]; /* how often each fault happened */
};

extern struct sim sim;

uint64_t chance_next(struct chance *chance);
/* From low to high, both included. */
int64_t chance_between(struct chance *chance, int64_t low, int64_t high);
bool chance_permille(struct chance *chance, int permille);

/* True when this fault strikes now; never while it is calm. */
bool fault_strikes(enum fault fault);

/* A line of --trace: when, who, what. */
void sim_trace(const char *format, ...) ZP_PRINTF(1, 2);
/* Adds bytes to the digest. */
void sim_observe(const void *bytes, size_t len);
void sim_observe_int(int64_t value);
/* A check failed: the first one is kept, the run ends. */
void sim_fail(const char *check, const char *format, ...) ZP_PRINTF(2, 3);

/* Memory that is taken within belongs to the simulation and not to the process whose fiber runs. */
int sim_memory_begin(void);
void sim_memory_end(int *owner);
#define SIM_MEMORY __attribute__((cleanup(sim_memory_end), unused)) int owner_before = sim_memory_begin()

#endif
