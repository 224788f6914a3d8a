/* wraps: how a call is replaced. One row per function: what it gives, its name, its parameters, its arguments, and what
 * a failure looks like (an expression; errno may be set in it). */
#ifndef TEST_TORTURE_WRAPS_H
#define TEST_TORTURE_WRAPS_H

#include "torture.h"

#include <errno.h>

/* A row that no longer fits its header must not compile: the linker would not see it. */
#define FITS(name) \
    _Static_assert(__builtin_types_compatible_p(__typeof__(__real_##name), __typeof__(name)), "not as its header says");

#define WRAP(type, name, params, args, failure) \
    type __real_##name params; \
    FITS(name) \
    type __wrap_##name params; \
    type __wrap_##name params \
    { \
        if (TORTURE_FAILS(#name)) { \
            return failure; \
        } \
        return __real_##name args; \
    }

/* The same for what a fake stands in for: what the fake does inside is not ours to break. */
#define WRAP_FAKE(type, name, params, args, failure) \
    type __real_##name params; \
    FITS(name) \
    type __wrap_##name params; \
    type __wrap_##name params \
    { \
        if (TORTURE_FAILS(#name)) { \
            return failure; \
        } \
        torture_pause(); \
        type result = __real_##name args; \
        torture_resume(); \
        return result; \
    }
#define WRAP_FAKE_VOID(name, params, args) \
    void __real_##name params; \
    FITS(name) \
    void __wrap_##name params; \
    void __wrap_##name params \
    { \
        torture_pause(); \
        __real_##name args; \
        torture_resume(); \
    }

#endif
