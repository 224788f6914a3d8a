/* The wheel of deadlines. Its clock is the test's. */
#include "timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stddef.h>
#include <string.h>

#define MS INT64_C(1000)
#define START INT64_C(5000000000)

struct probe {
    struct timer timer;
    int fired;
    struct timers *timers;
    struct timer *victim; /* stopped when this one fires */
    int64_t again_us;     /* started again when this one fires */
};

static struct timers timers;

static int begin(void **state)
{
    (void)state;
    timers_init(&timers, START);
    return 0;
}

static void on_fire(struct timer *timer)
{
    struct probe *probe = (struct probe *)(void *)((char *)timer - offsetof(struct probe, timer));
    probe->fired++;
    if (probe->victim != NULL) {
        timer_stop(probe->victim);
    }
    if (probe->again_us > 0) {
        timer_start(&timers, timer, probe->again_us, on_fire);
    }
}

static void start(struct probe *probe, int64_t due_us)
{
    timer_start(&timers, &probe->timer, due_us, on_fire);
}

static void a_timer_fires_once_and_not_before_its_time(void **state)
{
    struct probe probe = { .fired = 0 };
    (void)state;
    start(&probe, START + 100 * MS);
    timers_run(&timers, START + 99 * MS);
    assert_int_equal(probe.fired, 0);
    assert_true(timer_runs(&probe.timer));
    timers_run(&timers, START + 100 * MS);
    assert_int_equal(probe.fired, 1);
    assert_false(timer_runs(&probe.timer));
    timers_run(&timers, START + 20000 * MS);
    assert_int_equal(probe.fired, 1);
}

/* In one slot, in neighbours, more than a turn ahead, long past: whatever the step, each fires in its round. */
static void every_due_time_is_kept(void **state)
{
    static const int64_t due_ms[] = { 0, 1, 15, 16, 17, 33, 1000, 8388, 8389, 8400, 30000, 60001 };
    static const int64_t steps_ms[] = { 1, 7, 20, 50, 999, 9000 };
    (void)state;
    for (size_t s = 0; s < ZP_COUNT(steps_ms); s++) {
        struct probe probes[ZP_COUNT(due_ms)];
        memset(probes, 0, sizeof(probes));
        timers_init(&timers, START);
        for (size_t i = 0; i < ZP_COUNT(due_ms); i++) {
            start(&probes[i], START + due_ms[i] * MS);
        }
        for (int64_t now_ms = 0; now_ms < 70000; now_ms += steps_ms[s]) {
            timers_run(&timers, START + now_ms * MS);
            for (size_t i = 0; i < ZP_COUNT(due_ms); i++) {
                if (probes[i].fired != (due_ms[i] <= now_ms)) {
                    fail_msg("due at %lld ms, step %lld ms, now %lld ms: fired %d times", (long long)due_ms[i],
                             (long long)steps_ms[s], (long long)now_ms, probes[i].fired);
                }
            }
        }
    }
}

static void the_past_fires_in_the_next_round(void **state)
{
    struct probe probe = { .fired = 0 };
    (void)state;
    timers_run(&timers, START + 5000 * MS);
    start(&probe, START);
    timers_run(&timers, START + 5000 * MS);
    assert_int_equal(probe.fired, 1);
}

static void a_stopped_timer_does_not_fire(void **state)
{
    struct probe probe = { .fired = 0 };
    (void)state;
    timer_stop(&probe.timer); /* fine for one that never ran */
    start(&probe, START + 10 * MS);
    timer_stop(&probe.timer);
    timer_stop(&probe.timer);
    timers_run(&timers, START + 50 * MS);
    assert_int_equal(probe.fired, 0);
}

static void a_restarted_timer_has_its_new_time_only(void **state)
{
    struct probe probe = { .fired = 0 };
    (void)state;
    start(&probe, START + 10 * MS);
    start(&probe, START + 200 * MS);
    timers_run(&timers, START + 100 * MS);
    assert_int_equal(probe.fired, 0);
    timers_run(&timers, START + 200 * MS);
    assert_int_equal(probe.fired, 1);
}

static void a_timer_may_stop_its_neighbours(void **state)
{
    struct probe first = { .fired = 0 }, second = { .fired = 0 };
    (void)state;
    first.victim = &second.timer;
    second.victim = &first.timer;
    start(&first, START + 10 * MS);
    start(&second, START + 10 * MS);
    timers_run(&timers, START + 50 * MS);
    assert_int_equal(first.fired + second.fired, 1);
}

/* A round ends even then: it may fire once more when the wheel passes the present, and then waits. */
static void a_timer_that_always_starts_itself_anew_does_not_hold_the_round(void **state)
{
    struct probe probe = { .fired = 0, .again_us = START };
    (void)state;
    start(&probe, START + 10 * MS);
    timers_run(&timers, START + 50 * MS);
    assert_in_range(probe.fired, 1, 2);
    probe.fired = 0;
    timers_run(&timers, START + 50 * MS);
    assert_int_equal(probe.fired, 1);
    timer_stop(&probe.timer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_timer_fires_once_and_not_before_its_time, begin),
        cmocka_unit_test_setup(every_due_time_is_kept, begin),
        cmocka_unit_test_setup(the_past_fires_in_the_next_round, begin),
        cmocka_unit_test_setup(a_stopped_timer_does_not_fire, begin),
        cmocka_unit_test_setup(a_restarted_timer_has_its_new_time_only, begin),
        cmocka_unit_test_setup(a_timer_may_stop_its_neighbours, begin),
        cmocka_unit_test_setup(a_timer_that_always_starts_itself_anew_does_not_hold_the_round, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
