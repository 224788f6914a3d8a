/* Which of the helpers asks PostgreSQL how it is. */
#include "jobs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MS INT64_C(1000)

/* A regression: four helpers that came round half a second after each other put the question off for each other, and
 * /readyz called a dead PostgreSQL well for ever. */
static void helpers_that_take_turns_do_not_put_it_off(void **state)
{
    (void)state;
    _Atomic int64_t pinged_us = 0;
    int asked = 0;
    for (int64_t now_us = 500 * MS; now_us <= 20000 * MS; now_us += 500 * MS) {
        asked += jobs_ping_is_due(&pinged_us, now_us);
    }
    assert_int_equal(asked, 20);
}

static void two_at_once_ask_once(void **state)
{
    (void)state;
    _Atomic int64_t pinged_us = 0;
    assert_true(jobs_ping_is_due(&pinged_us, 1000 * MS));
    assert_false(jobs_ping_is_due(&pinged_us, 1000 * MS));
    assert_int_equal(pinged_us, 1000 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(helpers_that_take_turns_do_not_put_it_off),
        cmocka_unit_test(two_at_once_ask_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
