/* memory: which simulated process holds which memory, so that a crash can take it away and an orderly end is seen to
 * leave none. Stands behind malloc and its like at link time. */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define MEMORY_OF_SIM 0

extern int memory_owner; /* who allocates now */

/* Torture: the chosen allocation of a run's processes fails, once. 0: none. */
struct memory_torture {
    uint64_t chosen, seen; /* the allocation that fails; how many were met in this run */
    const void *caller;    /* of the one that failed */
};
extern struct memory_torture memory_torture;

/* What the simulation takes in a process's name is not the process's to lose: it counts as the process's, and never
 * fails. */
int memory_spare_begin(void);
void memory_spare_end(int *before);
#define MEMORY_SPARED __attribute__((cleanup(memory_spare_end), unused)) int spared_before = memory_spare_begin()

/* Frees everything of an owner. */
void memory_take_away(int owner);
/* Pieces that an owner holds. */
size_t memory_pieces(int owner);
/* The same for one call of a fake. */
#define MEMORY_SPARE(call) ({ MEMORY_SPARED; call; })

#endif
