/* One partition's commands fail while the others' arrive: when the producer is at fault, and how often it is blamed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "standstill.h"

#define S INT64_C(1000000)

/* What happens at which second, and whether the producer is to be made anew. */
struct step { int64_t at_s; int32_t partition; bool is_acked, want; };

static void play(struct standstill *standstill, const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is = standstill_note(standstill, steps[i].partition, steps[i].is_acked, steps[i].at_s * S);
        if (is != steps[i].want) {
            fail_msg("step %zu, at %d s: %d", i, (int)steps[i].at_s, is);
        }
    }
}

#define PLAY(steps) play(&(struct standstill){ 0 }, steps, ZP_COUNT(steps))

static void test_a_partition_fails_while_another_is_well(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { 10, 5, false, false }, { 11, 6, true, false }, { 13, 5, false, false }, { 14, 5, false, true },
    };
    PLAY(steps);
}

static void test_brokers_that_are_down_excuse_everything(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { 10, 6, true, false }, { 11, 5, false, false }, { 12, 6, false, false }, { 40, 5, false, false },
        { 41, 6, false, false },
    };
    PLAY(steps);
}

static void test_an_acknowledgement_ends_the_doubt(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { 10, 5, false, false }, { 11, 6, true, false }, { 12, 5, true, false }, { 20, 5, false, false },
        { 21, 6, true, false }, { 23, 5, false, false }, { 24, 5, false, true },
    };
    PLAY(steps);
}

/* A partition without a leader fails whatever producer there is. */
static void test_patience_grows_until_the_blamed_one_is_well(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { 10, 5, false, false }, { 11, 6, true, false },  { 14, 5, false, true },   { 15, 5, false, false },
        { 16, 6, true, false },  { 22, 5, false, false }, { 23, 5, false, true },   { 24, 5, false, false },
        { 25, 6, true, false },  { 39, 5, false, false }, { 40, 5, false, true },   { 41, 5, true, false },
        { 50, 7, false, false }, { 51, 6, true, false },  { 53, 7, false, false },  { 54, 7, false, true },
    };
    PLAY(steps);
}

static void test_patience_has_an_end(void **state)
{
    (void)state;
    struct standstill standstill = { 0 };
    int64_t now_us = S, waited_us = 0;
    for (int i = 0; i < 12; i++) {
        int64_t began_us = now_us;
        assert_false(standstill_note(&standstill, 5, false, now_us));
        assert_false(standstill_note(&standstill, 6, true, now_us + 1));
        while (!standstill_note(&standstill, 5, false, now_us)) {
            now_us += S;
        }
        waited_us = now_us - began_us;
        now_us += S;
    }
    assert_int_equal(waited_us, 600 * S);
}

static void test_a_command_that_reached_no_partition_says_nothing(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { 10, -1, false, false }, { 11, 6, true, false }, { 20, -1, false, false },
        { 21, BUS_PARTITIONS_MAX, false, false },
    };
    PLAY(steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_partition_fails_while_another_is_well),
        cmocka_unit_test(test_brokers_that_are_down_excuse_everything),
        cmocka_unit_test(test_an_acknowledgement_ends_the_doubt),
        cmocka_unit_test(test_patience_grows_until_the_blamed_one_is_well),
        cmocka_unit_test(test_patience_has_an_end),
        cmocka_unit_test(test_a_command_that_reached_no_partition_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
