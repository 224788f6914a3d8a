/* Arrays in PostgreSQL's binary form. */
#include "support.h"

#include "../../../src/store/array.h"
#include "../../../src/store/params.h"

static void ids_are_written_as_the_server_reads_them(void **state)
{
    (void)state;
    const struct zp_id ids[] = { { { 1 } }, { { 2 } } };
    struct buffer out;
    buffer_init(&out, 1000);
    array_put_ids(&out, ids, 2);
    static const char want[] = "\0\0\0\1"
                               "\0\0\0\0"
                               "\0\0\x0b\x86"
                               "\0\0\0\2"
                               "\0\0\0\1"
                               "\0\0\0\x10\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                               "\0\0\0\x10\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    assert_int_equal(out.len, sizeof(want) - 1);
    assert_memory_equal(out.data, want, out.len);
    buffer_finish(&out);
}

static void an_array_of_none_has_no_dimension(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 1000);
    array_put_i64s(&out, NULL, 0);
    assert_int_equal(out.len, 12);
    assert_memory_equal(out.data, "\0\0\0\0\0\0\0\0\0\0\0\x14", 12);
    buffer_finish(&out);
}

static void numbers_and_texts_carry_their_lengths(void **state)
{
    (void)state;
    const int32_t numbers[] = { -1 };
    const char *const texts[] = { "ab", "" };
    struct buffer out;
    buffer_init(&out, 1000);
    array_put_i32s(&out, numbers, 1);
    assert_memory_equal(out.data + 20, "\0\0\0\4\xff\xff\xff\xff", 8);
    buffer_reset(&out);
    array_put_texts(&out, texts, 2);
    assert_int_equal(out.len, 30);
    assert_memory_equal(out.data + 20, "\0\0\0\2ab\0\0\0\0", 10);
    buffer_finish(&out);
}

#define INT8 "\0\0\0\x14"
static const struct head_row { const char *name; struct field value; bool want; size_t count; } head_rows[] = {
    { "two elements",             BYTES("\0\0\0\1\0\0\0\0" INT8 "\0\0\0\2\0\0\0\1" "\0\0\0\0\0\0\0\0"), true,  2 },
    { "none",                     BYTES("\0\0\0\0\0\0\0\0" INT8),                                       true,  0 },
    { "nothing at all",           BYTES(""),                                                            false, 0 },
    { "half a head",              BYTES("\0\0\0\1\0\0\0\0" INT8 "\0\0\0\2"),                            false, 0 },
    { "two dimensions",           BYTES("\0\0\0\2\0\0\0\0" INT8 "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1"),    false, 0 },
    { "less than no dimensions",  BYTES("\xff\xff\xff\xff\0\0\0\0" INT8),                               false, 0 },
    { "another type",             BYTES("\0\0\0\0\0\0\0\0\0\0\0\x17"),                                  false, 0 },
    { "more than its bytes hold", BYTES("\0\0\0\1\0\0\0\0" INT8 "\0\0\0\2\0\0\0\1" "\0\0\0\0"),         false, 0 },
    { "a thousand million",       BYTES("\0\0\0\1\0\0\0\0" INT8 "\x3b\x9a\xca\0\0\0\0\1" "\0\0\0\0"),   false, 0 },
    { "less than none",           BYTES("\0\0\0\1\0\0\0\0" INT8 "\xff\xff\xff\xff\0\0\0\1"),            false, 0 },
};

static void a_head_is_believed_as_far_as_its_bytes_go(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(head_rows); i++) {
        struct field value = head_rows[i].value;
        size_t count = 0;
        print_message("  %s\n", head_rows[i].name);
        assert_int_equal(array_take_head(&value, OID_INT8, &count), head_rows[i].want);
        assert_int_equal(count, head_rows[i].count);
        assert_true(head_rows[i].want || value.len == head_rows[i].value.len);
    }
}

static void parameters_lie_one_behind_the_other(void **state)
{
    (void)state;
    const struct zp_id id = { { 7 } };
    params_scope params;
    params_init(&params);
    params_i32(&params, 5);
    params_null(&params, OID_TEXT);
    params_text(&params, NULL);
    params_text(&params, "");
    params_id(&params, &id);
    params_ids(&params, &id, 1);
    static const struct { Oid type; size_t start; int32_t len;
    } want[] = {
        { OID_INT4, 0, 4 }, { OID_TEXT, 4, WIRE_NULL }, { OID_TEXT, 4, WIRE_NULL },
        { OID_TEXT, 4, 0 }, { OID_UUID, 4, 16 },        { OID_UUID_ARRAY, 20, 40 },
    };
    assert_int_equal(params.count, ZP_COUNT(want));
    for (size_t i = 0; i < ZP_COUNT(want); i++) {
        assert_int_equal(params.fields[i].type, want[i].type);
        assert_int_equal(params.fields[i].len, want[i].len);
        assert_true(want[i].len == WIRE_NULL || params.fields[i].start == want[i].start);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_written_as_the_server_reads_them),
        cmocka_unit_test(an_array_of_none_has_no_dimension),
        cmocka_unit_test(numbers_and_texts_carry_their_lengths),
        cmocka_unit_test(a_head_is_believed_as_far_as_its_bytes_go),
        cmocka_unit_test(parameters_lie_one_behind_the_other),
    };
    return cmocka_run_group_tests_name("store: array", tests, NULL, NULL);
}
