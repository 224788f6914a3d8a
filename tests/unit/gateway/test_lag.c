/* The age of a partition's backlog, told from ticks. */
#include "lag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define S INT64_C(1000000)
#define START (1000 * S)

static void feed(struct lag *lag, int64_t at, int64_t next, int64_t end)
{
    const struct live_tick tick = { .partition = 1, .next = next, .end = end, .asked_at = START + at };
    lag_feed(lag, &tick, S);
}

static void nothing_is_known_without_a_tick(void **state)
{
    const struct lag lag = { .count = 0 };
    (void)state;
    assert_int_equal(lag_us(&lag, START), -1);
}

static void an_applied_mailbox_has_no_lag(void **state)
{
    struct lag lag = { .count = 0 };
    (void)state;
    feed(&lag, 0, 10, 10);
    assert_int_equal(lag_us(&lag, START), 0);
}

static void a_partition_that_stands_still_grows_old(void **state)
{
    struct lag lag = { .count = 0 };
    (void)state;
    feed(&lag, 0, 10, 10);
    for (int64_t at = 1; at <= 60; at++) {
        feed(&lag, at * S, 10, 10 + at);
    }
    assert_int_equal(lag_us(&lag, START + 60 * S), 59 * S); /* its first command was seen after one second */
}

/* Always a few records on their way: no backlog, however long it goes on. */
static void a_busy_partition_that_keeps_up_has_no_old_lag(void **state)
{
    struct lag lag = { .count = 0 };
    (void)state;
    for (int64_t at = 1; at <= 1000; at++) {
        feed(&lag, at * S, at * 100 - 3, at * 100);
        assert_in_range(lag_us(&lag, START + at * S), 0, S);
    }
}

static void a_partition_that_falls_behind_slowly_is_seen(void **state)
{
    struct lag lag = { .count = 0 };
    (void)state;
    for (int64_t at = 1; at <= 40; at++) {
        feed(&lag, at * S, at * 50, at * 100); /* half as fast as needed */
    }
    assert_in_range(lag_us(&lag, START + 40 * S), 15 * S, 20 * S);
}

static void catching_up_ends_it(void **state)
{
    struct lag lag = { .count = 0 };
    (void)state;
    for (int64_t at = 1; at <= 30; at++) {
        feed(&lag, at * S, 5, 5 + at);
    }
    feed(&lag, 31 * S, 36, 36);
    assert_int_equal(lag_us(&lag, START + 31 * S), 0);
    feed(&lag, 32 * S, 36, 37);
    assert_in_range(lag_us(&lag, START + 32 * S), 0, S);
}

static void a_missing_tick_is_no_lag(void **state)
{
    struct lag lag = { .count = 0 };
    (void)state;
    for (int64_t at = 1; at <= 30; at++) {
        feed(&lag, at * S, 5, 5 + at);
    }
    assert_int_equal(lag_us(&lag, START + 30 * S + LAG_TICK_AGE_MAX_US), 29 * S); /* as of the last tick */
    assert_int_equal(lag_us(&lag, START + 30 * S + LAG_TICK_AGE_MAX_US + 1), -1);
}

static void old_and_repeated_ticks_change_nothing(void **state)
{
    struct lag lag = { .count = 0 };
    (void)state;
    feed(&lag, 10 * S, 10, 20);
    feed(&lag, 10 * S, 20, 20);
    feed(&lag, 9 * S, 20, 20);
    assert_int_equal(lag.last.next, 10);
}

static void another_log_begins_anew(void **state)
{
    struct lag lag = { .count = 0 };
    (void)state;
    for (int64_t at = 1; at <= 30; at++) {
        feed(&lag, at * S, 500, 500 + at);
    }
    feed(&lag, 31 * S, 1, 3);
    assert_int_equal(lag_us(&lag, START + 31 * S), 0);
}

static void more_samples_than_places_keep_the_oldest(void **state)
{
    struct lag lag = { .count = 0 };
    (void)state;
    for (int64_t at = 1; at <= 10 * LAG_SAMPLES; at++) {
        feed(&lag, at * S, 0, at);
    }
    assert_in_range(lag.count, LAG_SAMPLES / 2, LAG_SAMPLES);
    assert_int_equal(lag_us(&lag, START + 10 * LAG_SAMPLES * S), (10 * LAG_SAMPLES - 1) * S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_without_a_tick),
        cmocka_unit_test(an_applied_mailbox_has_no_lag),
        cmocka_unit_test(a_partition_that_stands_still_grows_old),
        cmocka_unit_test(a_busy_partition_that_keeps_up_has_no_old_lag),
        cmocka_unit_test(a_partition_that_falls_behind_slowly_is_seen),
        cmocka_unit_test(catching_up_ends_it),
        cmocka_unit_test(a_missing_tick_is_no_lag),
        cmocka_unit_test(old_and_repeated_ticks_change_nothing),
        cmocka_unit_test(another_log_begins_anew),
        cmocka_unit_test(more_samples_than_places_keep_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
