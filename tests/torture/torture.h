/* torture: makes one call fail, the first, then the second, … until a scenario runs through without meeting it.
 *
 * The linker puts a function of our own in the place of every call that our code makes and that can fail: allocations
 * (of arenas and buffers too), libraries, files. While a scenario is tried each such call is a *point*. The n-th try
 * lets the n-th point fail as it would without memory, without a disk or without a connection. After each the scenario
 * must have given an error that it may give, its results must be untouched, nothing may have leaked, and the same thing
 * tried again must succeed. wraps_*.c are the lists of what is replaced; calls.py holds them against what is called. */
#ifndef TEST_TORTURE_H
#define TEST_TORTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "zapora/base.h"

#define ERR(name) (1u << ZP_##name)

struct torture {
    const char *name;
    void (*setup)(void);            /* before the first try of each point; may be NULL */
    enum zp_err (*run)(void);       /* what is tried; everything it calls counts */
    /* What must hold after a try, by what run gave; may be NULL. Prints nothing: a false answer fails the row. */
    bool (*holds)(enum zp_err err);
    void (*teardown)(void);         /* after the last; may be NULL */
    unsigned errors;                /* ERR(…): what a failed point may give; 0: ERR(NO_MEMORY) */
    enum zp_err want;               /* what it gives when no point fails */
};

/* Tries one row at every point. NULL, or what is wrong, borrowed until the next call. ret_points: how many failed. */
const char *torture_try(const struct torture *row, size_t *ret_points);
/* A program's main: one test a row. */
int torture_main(const char *group, const struct torture *rows, size_t count);

/* ---- for the wraps ---------------------------------------------------------------------------------------- */

/* True when this is the call that has to fail. */
bool torture_fails(const char *function, const void *caller);
#define TORTURE_FAILS(function) torture_fails(function, __builtin_return_address(0))

/* Between these no call counts: what is in between is not the code under test. They nest. */
void torture_pause(void);
void torture_resume(void);

/* While it is so, the calls of threads count that the one that tries starts. At any time only one of them all may be
 * at work unpaused: which point is the n-th must not be chance. */
void torture_follow(bool follow);
/* For pthread_create: whether a new thread counts, and on it, that it does. */
bool torture_follows(void);
void torture_enter(void);

#endif
