/* The driver itself: scenarios with a fault each, which it must find. A check that can't fail would show nothing. */
#include "torture.h"

static char *kept;     /* what a scenario makes */
static int value;      /* what it promises to leave alone on failure */
static bool was_taken; /* something that is lost for good */

static void forget(void)
{
    free(kept);
    kept = NULL;
    value = 0;
    was_taken = false;
}

static bool holds_untouched(enum zp_err err)
{
    return err == ZP_OK ? value == 2 : value == 0;
}

static enum zp_err two_allocations(char *volatile *ret_a, char *volatile *ret_b)
{
    *ret_a = malloc(10);
    *ret_b = *ret_a == NULL ? NULL : malloc(10);
    return *ret_a == NULL || *ret_b == NULL ? ZP_NO_MEMORY : ZP_OK;
}

/* As it should be. */
static enum zp_err careful(void)
{
    char *volatile a = NULL, *volatile b = NULL;
    enum zp_err err = two_allocations(&a, &b);
    value = err == ZP_OK ? 2 : 0;
    free(a);
    free(b);
    return err;
}

static enum zp_err leaves_half(void)
{
    char *volatile a = malloc(10);
    value = a == NULL ? 0 : 1;
    char *volatile b = malloc(10);
    value += b == NULL ? 0 : 1;
    free(a);
    free(b);
    return value == 2 ? ZP_OK : ZP_NO_MEMORY;
}

/* Says that all is well. */
static enum zp_err lies(void)
{
    char *volatile a = NULL, *volatile b = NULL;
    value = two_allocations(&a, &b) == ZP_OK ? 2 : 0;
    free(a);
    free(b);
    return ZP_OK;
}

static enum zp_err blames_the_caller(void)
{
    return careful() == ZP_OK ? ZP_OK : ZP_INVALID;
}

/* What it took is gone when it fails. */
static enum zp_err loses(void)
{
    if (was_taken) {
        return ZP_BUSY;
    }
    was_taken = true;
    return careful();
}

static enum zp_err allocates_nothing(void)
{
    value = 2;
    return ZP_OK;
}

static const struct { struct torture row; const char *wrong; } faulty[] = {
    { { "leaves half of its result", .run = leaves_half }, "the results were touched" },
    { { "says that all is well", .run = lies }, "it gives what it should, and does not hold" },
    { { "gives an error it may not give", .run = blames_the_caller }, "INVALID" },
    { { "loses what it took", .run = loses }, "it failed, and fails again without a reason" },
    { { "does not do what the row says", .run = careful, .want = ZP_BUSY }, "it failed, and fails again" },
    { { "does something else", .run = allocates_nothing, .want = ZP_BUSY }, "it gives OK where nothing failed" },
    { { "has no point", .run = allocates_nothing }, "no point was met" },
};

static void each_fault_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(faulty); i++) {
        struct torture row = faulty[i].row;
        size_t points;
        row.setup = row.teardown = forget;
        row.holds = holds_untouched;
        const char *wrong = torture_try(&row, &points);
        if (wrong == NULL || strstr(wrong, faulty[i].wrong) == NULL) {
            char found[300];
            (void)snprintf(found, sizeof(found), "%s", wrong == NULL ? "nothing" : wrong);
            fail_msg("%s: found %s", row.name, found);
        }
    }
}

static void every_point_fails_once(void **state)
{
    const struct torture row = { "careful", forget, careful, holds_untouched, forget, 0, ZP_OK };
    size_t points;
    (void)state;
    assert_null(torture_try(&row, &points));
    assert_int_equal(points, 2);
}

static void what_is_paused_does_not_count(void **state)
{
    (void)state;
    assert_int_equal(careful(), ZP_OK); /* no try is under way: nothing fails */
    torture_pause();
    assert_false(TORTURE_FAILS("nothing"));
    torture_resume();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_is_found),
        cmocka_unit_test(every_point_fails_once),
        cmocka_unit_test(what_is_paused_does_not_count),
    };
    return cmocka_run_group_tests_name("torture", tests, NULL, NULL);
}
