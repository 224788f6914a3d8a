/* sim.c: owns chance, the trace, the digest and the first failure; see sim.h. */
#include "sim.h"

#include "memory.h"

#include <inttypes.h>
#include <stdarg.h>

struct sim sim;

/* splitmix64: any seed is a good one. */
uint64_t chance_next(struct chance *chance)
{
    uint64_t z = chance->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t chance_between(struct chance *chance, int64_t low, int64_t high)
{
    ZP_ASSERT(low <= high);
    return low + (int64_t)(chance_next(chance) % (uint64_t)(high - low + 1));
}

bool chance_permille(struct chance *chance, int permille)
{
    return permille > 0 && chance_between(chance, 0, 999) < permille;
}

void sim_trace(const char *format, ...)
{
    if (!sim.traces) {
        return;
    }
    va_list args;
    va_start(args, format);
    printf("%12.6f  ", (double)(sim.now_us % (1000 * SIM_HOUR_US)) / 1e6);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

void sim_observe(const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) { /* FNV-1a */
        sim.digest = (sim.digest ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    }
}

void sim_observe_int(int64_t value)
{
    sim_observe(&value, sizeof value);
}

void sim_fail(const char *check, const char *format, ...)
{
    if (sim.failed) {
        return;
    }
    sim.failed = true;
    va_list args;
    va_start(args, format);
    snprintf(sim.check, sizeof sim.check, "%s", check);
    vsnprintf(sim.why, sizeof sim.why, format, args);
    va_end(args);
    sim_trace("FAILED %s: %s", sim.check, sim.why);
}

int sim_memory_begin(void)
{
    int owner = memory_owner;
    memory_owner = MEMORY_OF_SIM;
    return owner;
}

void sim_memory_end(int *owner)
{
    memory_owner = *owner;
}
