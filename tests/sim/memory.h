/* memory: which simulated process holds which memory, so that a crash can take it away and an orderly end is seen to
 * leave none. Stands behind malloc and its like at link time. */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include <stddef.h>

#define MEMORY_OF_SIM 0

extern int memory_owner; /* who allocates now */

/* Frees everything of an owner. */
void memory_take_away(int owner);
/* Pieces that an owner holds. */
size_t memory_pieces(int owner);

#endif
