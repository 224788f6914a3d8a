/* heap: how much of what was freed malloc keeps.
 *
 * Settled by main, trimmed by roles whose load comes in waves. malloc gives each thread a heap of its own, and a heap
 * keeps its free end up to a threshold and all that is free before something still in use: a worker held 44 MB after a
 * backlog, of which 42 were free. Invariant: what is kept is bounded by the count of heaps, not by the highest wave
 * that each of them ever saw. */
#include "zapora/base.h"

#include <malloc.h>

/* Of each heap's end. By malloc's own 128 KiB the heaps would grow and shrink by system calls with every request. */
#define HEAP_KEPT_BYTES (1 << 20)

void heap_settle(void)
{
    (void)mallopt(M_TRIM_THRESHOLD, HEAP_KEPT_BYTES);
}

void heap_trim(void)
{
    (void)malloc_trim(HEAP_KEPT_BYTES);
}
