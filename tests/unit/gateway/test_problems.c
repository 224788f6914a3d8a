/* Problem documents, to the byte. */
#include "problems.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <string.h>

static void assert_renders(const struct problem *problem, const char *wanted)
{
    struct buffer out;
    buffer_init(&out, 4096);
    problem_json(problem, &out);
    assert_int_equal(out.err, ZP_OK);
    assert_string_equal(out.data, wanted);
    buffer_finish(&out);
}

static void the_least(void **state)
{
    const struct problem problem = { .err = ZP_NOT_FOUND, .request_id = "r1" };
    (void)state;
    assert_renders(
        &problem,
        "{\"type\":\"/problems/not-found\",\"title\":\"There is no such thing, or not for you\",\"status\":404,"
        "\"request_id\":\"r1\"}");
}

static void with_detail_and_faults(void **state)
{
    const struct reason faults[] = {
        { "out_of_range", "/lines/0/quantity", "From 1 to 999." },
        { "unknown_field", "", NULL },
        { "unknown_parameter", "?foo", "x" },
        { "no_pointer", NULL, "y" },
    };
    const struct problem problem = {
        .err = ZP_INVALID,
        .detail = "four \"faults\"",
        .faults = faults,
        .fault_count = ZP_COUNT(faults),
        .request_id = "r2",
    };
    (void)state;
    assert_renders(&problem,
                   "{\"type\":\"/problems/validation\",\"title\":\"The request failed validation\",\"status\":422,"
                   "\"detail\":\"four \\\"faults\\\"\",\"request_id\":\"r2\",\"errors\":["
                   "{\"pointer\":\"/lines/0/quantity\",\"code\":\"out_of_range\",\"detail\":\"From 1 to 999.\"},"
                   "{\"pointer\":\"\",\"code\":\"unknown_field\"},"
                   "{\"parameter\":\"foo\",\"code\":\"unknown_parameter\",\"detail\":\"x\"},"
                   "{\"code\":\"no_pointer\",\"detail\":\"y\"}]}");
}

static void with_ready_errors(void **state)
{
    static const char errors[] = "[{\"code\":\"a\"}]and more";
    const struct problem problem = {
        .err = ZP_CONFLICT, .errors_json = errors, .errors_json_len = 14, .request_id = "r3"
    };
    (void)state;
    assert_renders(
        &problem, "{\"type\":\"/problems/conflict\",\"title\":\"The order's state does not allow this\",\"status\":409,"
                  "\"request_id\":\"r3\",\"errors\":[{\"code\":\"a\"}]}");
}

static void every_status_has_a_reason(void **state)
{
    (void)state;
    for (int err = 0; err < ZP_ERR_COUNT; err++) {
        assert_string_not_equal(status_reason(zp_err_http_status((enum zp_err)err)), "Unknown");
    }
    assert_string_equal(status_reason(599), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least),
        cmocka_unit_test(with_detail_and_faults),
        cmocka_unit_test(with_ready_errors),
        cmocka_unit_test(every_status_has_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
