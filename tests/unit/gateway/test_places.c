/* How long locations rest between two loads. */
#include "places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MS INT64_C(1000)

/* A regression: a load that had waited 12 s for a frozen PostgreSQL, in vain or not, was followed by 240 s in which
 * no location was loaded that somebody asked for. */
static const struct row { const char *name; enum zp_err err; int64_t took_us, rest_us; } rows[] = {
    { "one that cost nothing",                  ZP_OK,          0,          250 * MS },
    { "a small one",                            ZP_OK,          12 * MS,    250 * MS },
    { "a larger one has a twentieth of a core", ZP_OK,          50 * MS,    1000 * MS },
    { "the largest one that has",               ZP_OK,          500 * MS,   10000 * MS },
    { "a very large one is loaded more often",  ZP_OK,          2000 * MS,  10000 * MS },
    { "one that a frozen database held up",     ZP_OK,          12000 * MS, 10000 * MS },
    { "a clock's largest",                      ZP_OK,          INT64_MAX,  10000 * MS },
    { "a database that refuses",                ZP_BUSY,        1 * MS,     500 * MS },
    { "a database that is frozen",              ZP_BUSY,        12000 * MS, 500 * MS },
    { "no memory",                              ZP_NO_MEMORY,   300 * MS,   500 * MS },
};

static void a_rest_is_bounded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        int64_t rest_us = places_rest_us(rows[i].err, rows[i].took_us);
        if (rest_us != rows[i].rest_us) {
            fail_msg("%s: %lld", rows[i].name, (long long)rest_us);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rest_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
