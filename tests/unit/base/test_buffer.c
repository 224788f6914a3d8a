/* The buffer: it grows to its ceiling, keeps its first error, and is always a text. */
#include "support.h"

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1"; /* as in production: no memory is an answer */
}

static void it_holds_what_was_appended(void **state)
{
    (void)state;
    struct buffer buf;
    buffer_init(&buf, 1000);
    assert_null(buf.data);
    buffer_append(&buf, NULL, 0);
    assert_string_equal(buf.data, "");
    buffer_puts(&buf, "two ");
    buffer_putc(&buf, 'x');
    buffer_printf(&buf, " %s %05.1f", "soup", 7.25);
    buffer_append(&buf, "\0!", 2);
    assert_int_equal(buf.err, ZP_OK);
    assert_int_equal(buf.len, 18);
    assert_memory_equal(buf.data, "two x soup 007.2\0!", 19);
    buffer_finish(&buf);
}

static void integers_are_written(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *want;
    } rows[] = {
        { 0, "0" }, { 7, "7" }, { -1, "-1" }, { 10, "10" }, { -1250, "-1250" },
        { INT64_MAX, "9223372036854775807" }, { INT64_MIN, "-9223372036854775808" },
    };
    struct buffer buf;
    buffer_init(&buf, 100);
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        buffer_reset(&buf);
        buffer_put_int(&buf, rows[i].value);
        assert_string_equal(buf.data, rows[i].want);
    }
    buffer_finish(&buf);
}

static void it_grows_to_the_ceiling_and_no_further(void **state)
{
    (void)state;
    static const size_t ceilings[] = { 0, 1, 255, 256, 257, 1000, 65536 };
    for (size_t i = 0; i < ZP_COUNT(ceilings); i++) {
        struct buffer buf;
        buffer_init(&buf, ceilings[i]);
        for (size_t n = 0; n < ceilings[i]; n++) {
            buffer_putc(&buf, (char)('a' + n % 26));
        }
        assert_int_equal(buf.err, ZP_OK);
        assert_int_equal(buf.len, ceilings[i]);
        buffer_putc(&buf, '!');
        assert_int_equal(buf.err, ZP_TOO_LARGE);
        assert_int_equal(buf.len, ceilings[i]);
        assert_true(buf.data == NULL || strlen(buf.data) == ceilings[i]);
        assert_true(buf.cap <= (ceilings[i] < 256 ? 256 : ceilings[i] + 1));
        buffer_finish(&buf);
    }
}

static void the_first_error_stays(void **state)
{
    (void)state;
    struct buffer buf;
    buffer_init(&buf, 8);
    buffer_puts(&buf, "four");
    buffer_puts(&buf, "fives");
    assert_int_equal(buf.err, ZP_TOO_LARGE);
    buffer_puts(&buf, "");
    buffer_putc(&buf, 'x');
    buffer_put_int(&buf, 1);
    buffer_printf(&buf, "%d", 1);
    assert_int_equal(buf.err, ZP_TOO_LARGE);
    assert_string_equal(buf.data, "four");
    buffer_reset(&buf);
    assert_int_equal(buf.err, ZP_OK);
    assert_string_equal(buf.data, "");
    buffer_puts(&buf, "eight...");
    assert_int_equal(buf.err, ZP_OK);
    buffer_finish(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.max_bytes, 8);
}

static void a_print_too_long_is_refused_whole(void **state)
{
    (void)state;
    struct buffer buf;
    buffer_init(&buf, 10);
    buffer_printf(&buf, "%s", "12345678901");
    assert_int_equal(buf.err, ZP_TOO_LARGE);
    assert_int_equal(buf.len, 0);
    buffer_finish(&buf);
}

static void lengths_do_not_wrap(void **state)
{
    (void)state;
    struct buffer buf;
    buffer_init(&buf, SIZE_MAX - 1);
    buffer_puts(&buf, "x");
    buffer_append(&buf, "y", SIZE_MAX);
    assert_int_equal(buf.err, ZP_TOO_LARGE);
    buffer_reset(&buf);
    buffer_append(&buf, "y", SIZE_MAX / 2);
    assert_int_equal(buf.err, ZP_NO_MEMORY);
    buffer_reset(&buf);
    buffer_puts(&buf, "still fine");
    assert_string_equal(buf.data, "still fine");
    buffer_finish(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_what_was_appended),
        cmocka_unit_test(integers_are_written),
        cmocka_unit_test(it_grows_to_the_ceiling_and_no_further),
        cmocka_unit_test(the_first_error_stays),
        cmocka_unit_test(a_print_too_long_is_refused_whole),
        cmocka_unit_test(lengths_do_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
