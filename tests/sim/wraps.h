/* wraps: the functions that stand, at link time, before those of the fakes and of base: `call` comes here first. */
#ifndef SIM_WRAPS_H
#define SIM_WRAPS_H

#include "zapora/bus.h"
#include "zapora/live.h"
#include "zapora/store.h"

/* Declares the function behind and the one before it. */
#define WRAPPED(type, name, ...) type __real_##name(__VA_ARGS__); type __wrap_##name(__VA_ARGS__)

#endif
