/* torture: owns the counter of points, and the driver that lets one after the other fail.
 *
 * Invariant: a point is counted only while a try is under way and not paused, on the thread that tries, or on one that
 * it has started and that is followed. */
#include "torture.h"

#include <stdio.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif

#define POINTS_MAX 200000 /* a scenario that never comes to an end is a loop that a failure keeps going */

static struct {
    size_t chosen;       /* the point that fails */
    _Atomic size_t seen; /* points met in this try */
    const char *function; /* of the chosen point, once it was met */
    const void *caller;
} point;

static _Thread_local int trying, paused;
static bool follows;
static char what[512];

bool torture_fails(const char *function, const void *caller)
{
    if (trying == 0 || paused > 0 || ++point.seen != point.chosen) {
        return false;
    }
    point.function = function;
    point.caller = caller;
    return true;
}

void torture_pause(void)
{
    paused++;
}

void torture_resume(void)
{
    paused--;
}

void torture_follow(bool follow)
{
    follows = follow;
}

bool torture_follows(void)
{
    return trying != 0 && follows;
}

void torture_enter(void)
{
    trying = 1;
}

/* ---- one try ------------------------------------------------------------------------------------------------ */

static const char *where(char text[256])
{
    (void)snprintf(text, 256, "?");
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_symbolize_pc((char *)(uintptr_t)point.caller - 1, "%f at %s:%l", text, 256);
#endif
    return text;
}

static const char *blame(const char *wrong)
{
    char text[256];
    (void)snprintf(what, sizeof(what), "point %zu, %s called by %s: %s", point.chosen, point.function, where(text),
                   wrong);
    return what;
}

static bool leaks(void)
{
#ifdef __SANITIZE_ADDRESS__
    return __lsan_do_recoverable_leak_check() != 0;
#else
    return false;
#endif
}

static enum zp_err run(const struct torture *row, size_t chosen)
{
    point.chosen = chosen;
    point.seen = 0;
    point.function = NULL;
    trying = 1;
    enum zp_err err = row->run();
    trying = 0;
    return err;
}

static const char *judge(const struct torture *row, enum zp_err err)
{
    unsigned allowed = row->errors == 0 ? ERR(NO_MEMORY) : row->errors;
    if (err != row->want && (allowed >> err & 1) == 0) {
        return blame(zp_err_name(err));
    }
    if (row->holds != NULL && !row->holds(err)) {
        return blame(err == row->want ? "it gives what it should, and does not hold" : "the results were touched");
    }
    if (err == row->want) {
        return NULL; /* survived: what failed was not needed */
    }
    const size_t chosen = point.chosen;
    const char *function = point.function;
    err = run(row, 0);
    point.chosen = chosen; /* still to blame */
    point.function = function;
    if (err != row->want) {
        return blame("it failed, and fails again without a reason");
    }
    return row->holds == NULL || row->holds(row->want) ? NULL : blame("tried again it does not hold");
}

const char *torture_try(const struct torture *row, size_t *ret_points)
{
    bool met = true;
    const char *wrong = NULL;
    *ret_points = 0;
    for (size_t n = 1; met && wrong == NULL; n++) {
        if (row->setup != NULL) {
            row->setup();
        }
        enum zp_err err = run(row, n);
        met = point.function != NULL;
        if (met) {
            (*ret_points)++;
            wrong = n == POINTS_MAX ? blame("this has no end") : judge(row, err);
        } else if (err != row->want || (row->holds != NULL && !row->holds(err))) {
            (void)snprintf(what, sizeof(what), "it gives %s where nothing failed, or does not hold", zp_err_name(err));
            wrong = what;
        }
        if (row->teardown != NULL) {
            row->teardown();
        }
    }
    if (wrong == NULL && leaks()) {
        wrong = "memory leaks; the stacks stand above";
    }
    return wrong == NULL && *ret_points == 0 ? "no point was met: this row shows nothing" : wrong;
}

/* ---- a program ------------------------------------------------------------------------------------------------ */

static size_t points_total;

static void try_row(void **state)
{
    const struct torture *row = *state;
    size_t points = 0;
    const char *wrong = torture_try(row, &points);
    if (wrong != NULL) {
        fail_msg("%s: %s", row->name, wrong);
    }
    points_total += points;
    print_message("%zu points failed: %s\n", points, row->name);
}

int torture_main(const char *group, const struct torture *rows, size_t count)
{
    struct CMUnitTest *tests = calloc(count, sizeof(*tests));
    if (tests == NULL) {
        return 1;
    }
    crypto_start();
    for (size_t i = 0; i < count; i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, try_row, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    }
    int failed = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
    free(tests);
    print_message("%zu points failed in %zu scenarios of %s\n", points_total, count, group);
    return failed;
}
