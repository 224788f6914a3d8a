/* memory.c: owns the table of pieces; see memory.h. What the simulation itself takes is not in it.
 * Invariant: open addressing with at most half of the slots taken; a removal moves what probed past it. */
#include "memory.h"

#include "sim.h"

#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *piece, size_t size);
void __real_free(void *piece);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *piece, size_t size);
void __wrap_free(void *piece);

struct slot { void *piece; int owner; };

int memory_owner = MEMORY_OF_SIM;
struct memory_torture memory_torture;
static int spared;
static struct slot *slots;
static size_t slot_count, taken;

static size_t place_of(const void *piece)
{
    return (size_t)(((uintptr_t)piece >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (slot_count - 1);
}

static void put(void *piece, int owner)
{
    size_t i = place_of(piece);
    while (slots[i].piece != NULL) {
        i = (i + 1) & (slot_count - 1);
    }
    slots[i] = (struct slot){ piece, owner };
    taken++;
}

static void grow(void)
{
    struct slot *old = slots;
    size_t old_count = slot_count;
    slot_count = old_count == 0 ? 4096 : old_count * 2;
    slots = __real_calloc(slot_count, sizeof *slots);
    ZP_ASSERT(slots != NULL);
    taken = 0;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].piece != NULL) {
            put(old[i].piece, old[i].owner);
        }
    }
    __real_free(old);
}

static void *note(void *piece)
{
    if (piece != NULL && memory_owner != MEMORY_OF_SIM) {
        if (2 * (taken + 1) > slot_count) {
            grow();
        }
        put(piece, memory_owner);
    }
    return piece;
}

static void forget(const void *piece)
{
    if (piece == NULL || taken == 0) {
        return;
    }
    size_t i = place_of(piece);
    while (slots[i].piece != piece) {
        if (slots[i].piece == NULL) {
            return; /* not a process's */
        }
        i = (i + 1) & (slot_count - 1);
    }
    for (size_t k = (i + 1) & (slot_count - 1); slots[k].piece != NULL; k = (k + 1) & (slot_count - 1)) {
        size_t home = place_of(slots[k].piece);
        if (((k - home) & (slot_count - 1)) >= ((k - i) & (slot_count - 1))) {
            slots[i] = slots[k];
            i = k;
        }
    }
    slots[i].piece = NULL;
    taken--;
}

int memory_spare_begin(void)
{
    return spared++;
}

void memory_spare_end(int *before)
{
    spared = *before;
}

static bool fails(const void *caller)
{
    if (memory_owner == MEMORY_OF_SIM || spared > 0 || ++memory_torture.seen != memory_torture.chosen) {
        return false;
    }
    memory_torture.caller = caller;
    sim_trace("fault: allocation %llu fails", (unsigned long long)memory_torture.seen);
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : note(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : note(__real_calloc(count, size));
}

void *__wrap_realloc(void *piece, size_t size)
{
    void *moved = fails(__builtin_return_address(0)) ? NULL : __real_realloc(piece, size);
    if (moved != NULL) {
        forget(piece);
        note(moved);
    }
    return moved;
}

void __wrap_free(void *piece)
{
    forget(piece);
    __real_free(piece);
}

void memory_take_away(int owner)
{
    struct slot *old = slots;
    size_t old_count = slot_count;
    slots = NULL;
    slot_count = taken = 0;
    grow();
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].piece == NULL) {
            continue;
        }
        if (old[i].owner == owner) {
            __real_free(old[i].piece);
            continue;
        }
        if (2 * (taken + 1) > slot_count) {
            grow();
        }
        put(old[i].piece, old[i].owner);
    }
    __real_free(old);
}

size_t memory_pieces(int owner)
{
    size_t pieces = 0;
    for (size_t i = 0; i < slot_count; i++) {
        pieces += slots[i].piece != NULL && slots[i].owner == owner;
    }
    return pieces;
}
