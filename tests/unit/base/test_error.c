/* The table of errors, and how a process ends that broke its own rule. */
#include "support.h"

static const struct {
    enum zp_err err;
    const char *name;
    int http_status;
    enum zp_after after;
} rows[] = {
    { ZP_OK, "OK", 200, AFTER_ACK },
    { ZP_MALFORMED, "MALFORMED", 400, AFTER_PARK },
    { ZP_CONFLICT, "CONFLICT", 409, AFTER_ACK },
    { ZP_PARKED, "PARKED", 500, AFTER_PARK },
    { ZP_BUSY, "BUSY", 503, AFTER_RETRY },
    { ZP_FENCED, "FENCED", 503, AFTER_RETRY },
};

static void facts_come_from_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        assert_string_equal(zp_err_name(rows[i].err), rows[i].name);
        assert_int_equal(zp_err_http_status(rows[i].err), rows[i].http_status);
        assert_int_equal(zp_err_after(rows[i].err), rows[i].after);
    }
}

static void every_error_is_complete(void **state)
{
    (void)state;
    for (int i = 0; i < ZP_ERR_COUNT; i++) {
        enum zp_err err = (enum zp_err)i;
        assert_int_equal(zp_err_from_name(zp_err_name(err)), err);
        assert_in_range(zp_err_http_status(err), 200, 599);
        assert_true(strlen(zp_err_title(err)) > 0);
        assert_true(err == ZP_OK || strncmp(zp_err_problem_type(err), "/problems/", 10) == 0);
        /* A client hears of success only when the worker is done with the command. */
        assert_true(zp_err_http_status(err) >= 400 || zp_err_after(err) == AFTER_ACK);
    }
}

static void unknown_reads_as_internal(void **state)
{
    (void)state;
    static const char *const names[] = { "", "ok", "OK ", "ZP_OK", "NO_SUCH_ERROR" };
    for (size_t i = 0; i < ZP_COUNT(names); i++) {
        assert_int_equal(zp_err_from_name(names[i]), ZP_INTERNAL);
    }
    assert_int_equal(zp_err_from_name(NULL), ZP_INTERNAL);
    static const int values[] = { ZP_ERR_COUNT, ZP_ERR_COUNT + 1, -1, 1 << 30 };
    for (size_t i = 0; i < ZP_COUNT(values); i++) {
        volatile int value = values[i]; /* as it would come from a broken caller */
        assert_string_equal(zp_err_name((enum zp_err)value), "INTERNAL");
        assert_int_equal(zp_err_http_status((enum zp_err)value), 500);
        assert_int_equal(zp_err_after((enum zp_err)value), AFTER_RETRY);
    }
}

static void break_a_rule(void)
{
    int apples = 3;
    ZP_ASSERT(apples == 4);
}

static void a_broken_rule_ends_the_process_with_a_line(void **state)
{
    (void)state;
    assert_panics(break_a_rule, "\"condition\":\"apples == 4\"}\n");
    assert_panics(break_a_rule, "test_error.c\",\"line\":");
}

static void a_kept_rule_does_nothing(void **state)
{
    (void)state;
    ZP_ASSERT(ZP_OK == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_come_from_the_table),
        cmocka_unit_test(every_error_is_complete),
        cmocka_unit_test(unknown_reads_as_internal),
        cmocka_unit_test(a_broken_rule_ends_the_process_with_a_line),
        cmocka_unit_test(a_kept_rule_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
