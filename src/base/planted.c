/* planted: which bug was put into this process on purpose. Called by the tests' simulation. Invariant: in a build
 * without -Dplanted_bugs=true there is none. */
#include "zapora/planted.h"

#include <string.h>

#ifdef ZAPORA_PLANTED_BUGS

static const struct { const char *name, *found_by, *what; } bugs[] = {
#define X(name, what) { #name, "seeds", what },
    PLANTED_BUGS(X)
#undef X
#define X(name, what) { #name, "torture", what },
    PLANTED_SHORTAGES(X)
#undef X
};

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
        fprintf(out, "%-24s %-8s %s\n", bugs[i].name, bugs[i].found_by, bugs[i].what);
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
