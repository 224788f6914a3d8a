/* planted: which bug was put into this process on purpose. Called by the tests' simulation. Invariant: in a build
 * without -Dplanted_bugs=true there is none. */
#include "zapora/planted.h"

#include <string.h>

#ifdef ZAPORA_PLANTED_BUGS

#define X(name, what) { #name, what },
static const struct { const char *name, *what; } bugs[] = { PLANTED_BUGS(X) };
#undef X

enum planted planted_now;

bool planted_choose(const char *name)
{
    for (size_t i = 0; i < sizeof(bugs) / sizeof(bugs[0]); i++) {
        if (strcmp(bugs[i].name, name) == 0) {
            planted_now = (enum planted)(i + 1);
            return true;
        }
    }
    return false;
}

void planted_list(FILE *out)
{
    for (size_t i = 0; i < sizeof(bugs) / sizeof(bugs[0]); i++) {
        fprintf(out, "%-24s %s\n", bugs[i].name, bugs[i].what);
    }
}

#else

bool planted_choose(const char *name)
{
    (void)name;
    return false;
}

void planted_list(FILE *out)
{
    (void)out;
}

#endif
