/* Single values in PostgreSQL's binary form. */
#include "support.h"

#include "../../../src/store/wire.h"

static void integers_are_big_endian(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 100);
    wire_put_i32(&out, -2);
    wire_put_i64(&out, INT64_C(0x0102030405060708));
    assert_int_equal(out.len, 12);
    assert_memory_equal(out.data, "\xff\xff\xff\xfe\1\2\3\4\5\6\7\10", 12);
    buffer_finish(&out);
}

static void a_length_is_written_when_its_value_is(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 100);
    size_t outer = wire_open(&out);
    wire_put_bytes(&out, "ab", 2);
    wire_put_bytes(&out, NULL, 0);
    wire_close(&out, outer);
    assert_int_equal(out.len, 14);
    assert_memory_equal(out.data, "\0\0\0\12\0\0\0\2ab\0\0\0\0", 14);
    buffer_finish(&out);
}

static void a_full_buffer_keeps_its_error(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 6);
    size_t opened = wire_open(&out);
    buffer_append(&out, "four", 4);
    wire_close(&out, opened);
    assert_int_equal(out.err, ZP_TOO_LARGE);
    buffer_finish(&out);
}

static const struct int_row { const char *name; struct field field; bool want; int64_t value; } int_rows[] = {
    { "two bytes",        BYTES("\xff\xfe"),                         true,  -2 },
    { "four bytes",       BYTES("\x80\0\0\0"),                       true,  INT32_MIN },
    { "eight bytes",      BYTES("\x7f\xff\xff\xff\xff\xff\xff\xff"), true,  INT64_MAX },
    { "NULL",             { NULL, WIRE_NULL },                       false, 0 },
    { "no bytes",         BYTES(""),                                 false, 0 },
    { "one byte",         BYTES("\1"),                               false, 0 },
    { "three bytes",      BYTES("\1\2\3"),                           false, 0 },
    { "nine bytes",       BYTES("123456789"),                        false, 0 },
};

static void integers_have_known_widths(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(int_rows); i++) {
        int64_t value = 0;
        print_message("  %s\n", int_rows[i].name);
        assert_int_equal(wire_get_int(int_rows[i].field, &value), int_rows[i].want);
        assert_int_equal(value, int_rows[i].value);
    }
}

static const struct take_row { const char *name; struct field rest; bool want; int32_t len, left; } take_rows[] = {
    { "a value and one more",       BYTES("\0\0\0\2abcd"),       true,  2, 2 },
    { "an empty value",             BYTES("\0\0\0\0"),           true,  0, 0 },
    { "NULL",                       BYTES("\xff\xff\xff\xff""a"), true, -1, 1 },
    { "nothing",                    BYTES(""),                   false, 0, 0 },
    { "half a length",              BYTES("\0\0\0"),             false, 0, 3 },
    { "a length beyond the end",    BYTES("\0\0\0\3ab"),         false, 0, 6 },
    { "a huge length",              BYTES("\x7f\xff\xff\xff""ab"), false, 0, 6 },
    { "a length below NULL",        BYTES("\xff\xff\xff\xfe""ab"), false, 0, 6 },
};

static void nothing_is_taken_beyond_the_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(take_rows); i++) {
        struct field rest = take_rows[i].rest, value = { NULL, 0 };
        print_message("  %s\n", take_rows[i].name);
        assert_int_equal(wire_take_field(&rest, &value), take_rows[i].want);
        assert_int_equal(value.len, take_rows[i].len);
        assert_int_equal(rest.len, take_rows[i].left);
    }
}

static const struct time_row { const char *name; int64_t unix_us, wire_us; } time_rows[] = {
    { "1970",                 0,                          INT64_C(-946684800000000) },
    { "2000",                 INT64_C(946684800000000),   0 },
    { "a microsecond after",  INT64_C(946684800000001),   1 },
    { "2026",                 INT64_C(1767225600123456),  INT64_C(820540800123456) },
    { "before 1970",          -1,                         INT64_C(-946684800000001) },
    { "infinity",             INT64_MAX,                  INT64_MAX },
    { "minus infinity",       INT64_MIN,                  INT64_MIN },
};

static void times_are_counted_from_2000(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(time_rows); i++) {
        print_message("  %s\n", time_rows[i].name);
        assert_int_equal(wire_time_from_unix(time_rows[i].unix_us), time_rows[i].wire_us);
        assert_int_equal(wire_time_to_unix(time_rows[i].wire_us), time_rows[i].unix_us);
    }
    assert_int_equal(wire_time_from_unix(INT64_MIN + 1), INT64_MIN); /* what the other side can't hold is without end */
    assert_int_equal(wire_time_to_unix(INT64_MAX - 1), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(a_length_is_written_when_its_value_is),
        cmocka_unit_test(a_full_buffer_keeps_its_error),
        cmocka_unit_test(integers_have_known_widths),
        cmocka_unit_test(nothing_is_taken_beyond_the_end),
        cmocka_unit_test(times_are_counted_from_2000),
    };
    return cmocka_run_group_tests_name("store: wire", tests, NULL, NULL);
}
