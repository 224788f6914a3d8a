/* fake_shadow: the door for a second set of tables over fake_store's: while there is a shadow, what is written and read
 * is the shadow's. For tests of a rebuild. */
#ifndef FAKE_SHADOW_H
#define FAKE_SHADOW_H

#include "fake_store.h"

struct fake_shadow {
    struct fake_db *live; /* the live tables beside a shadow; NULL: there is none */
    int begins, swaps;    /* that were done */
    struct fake_failure on_begin, on_migrate, on_compare, on_swap;
    void (*on_uncovered)(void); /* once, when a swap was refused since the shadow lacks an outcome; or NULL */
};

extern struct fake_shadow shadow;

void fake_shadow_open(void);
/* Forgets the shadow's tables: the live ones are those of fake_store again. Nothing to do after a swap. */
void fake_shadow_drop(void);

/* How many rows of one database the other one lacks, or has otherwise. */
int64_t fake_db_lacks(const struct fake_db *lacking, const struct fake_db *wanted);

#endif
