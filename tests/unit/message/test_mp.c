/* msgpack's tokens, one form each, and what is none. */
#include "support.h"

#include "mp.h"

static const struct row {
    const char *name, *hex;
    enum mp_type type;
    int64_t num;
    size_t len;
} rows[] = {
    { "nil",                    "c0",                 MP_NIL,   0, 0 },
    { "false",                  "c2",                 MP_BOOL,  0, 0 },
    { "true",                   "c3",                 MP_BOOL,  1, 0 },
    { "least small int",        "00",                 MP_INT,   0, 0 },
    { "greatest small int",     "7f",                 MP_INT,   127, 0 },
    { "least small negative",   "e0",                 MP_INT,   -32, 0 },
    { "minus one",              "ff",                 MP_INT,   -1, 0 },
    { "uint8",                  "ccff",               MP_INT,   255, 0 },
    { "uint16",                 "cdffff",             MP_INT,   65535, 0 },
    { "uint32",                 "ceffffffff",         MP_INT,   4294967295, 0 },
    { "uint64",                 "cf7fffffffffffffff", MP_INT,   INT64_MAX, 0 },
    { "uint64 beyond int64",    "cf8000000000000000", MP_HUGE,  0, 0 },
    { "greatest uint64",        "cfffffffffffffffff", MP_HUGE,  0, 0 },
    { "int8",                   "d080",               MP_INT,   -128, 0 },
    { "int16",                  "d18000",             MP_INT,   -32768, 0 },
    { "int32",                  "d280000000",         MP_INT,   INT32_MIN, 0 },
    { "int64",                  "d38000000000000000", MP_INT,   INT64_MIN, 0 },
    { "an int wider than needed", "d30000000000000001", MP_INT, 1, 0 },
    { "float",                  "ca3f800000",         MP_REAL,  0x3f800000, 0 },
    { "double",                 "cb3ff0000000000000", MP_REAL,  0x3ff0000000000000, 0 },
    { "empty fixstr",           "a0",                 MP_TEXT,  0, 0 },
    { "fixstr",                 "a3616263",           MP_TEXT,  0, 3 },
    { "str8",                   "d903616263",         MP_TEXT,  0, 3 },
    { "str16",                  "da0003616263",       MP_TEXT,  0, 3 },
    { "str32",                  "db00000003616263",   MP_TEXT,  0, 3 },
    { "bin8",                   "c4020001",           MP_BYTES, 0, 2 },
    { "bin16",                  "c500020001",         MP_BYTES, 0, 2 },
    { "bin32",                  "c6000000020001",     MP_BYTES, 0, 2 },
    { "fixext1",                "d40500",             MP_EXT,   0, 1 },
    { "fixext2",                "d5050000",           MP_EXT,   0, 2 },
    { "fixext4",                "d60500000000",       MP_EXT,   0, 4 },
    { "fixext8",                "d7050000000000000000", MP_EXT, 0, 8 },
    { "fixext16",               "d80500000000000000000000000000000000", MP_EXT, 0, 16 },
    { "ext8",                   "c7020500ff",         MP_EXT,   0, 2 },
    { "ext16",                  "c800020500ff",       MP_EXT,   0, 2 },
    { "ext32",                  "c9000000020500ff",   MP_EXT,   0, 2 },
    { "empty list",             "90",                 MP_LIST,  0, 0 },
    { "list",                   "920102",             MP_LIST,  0, 2 },
    { "list16",                 "dc00020102",         MP_LIST,  0, 2 },
    { "list32",                 "dd000000020102",     MP_LIST,  0, 2 },
    { "empty map",              "80",                 MP_MAP,   0, 0 },
    { "map",                    "810102",             MP_MAP,   0, 1 },
    { "map16",                  "de00010102",         MP_MAP,   0, 1 },
    { "map32",                  "df000000010102",     MP_MAP,   0, 1 },
};

static const uint8_t *bytes_of(const char *hex, size_t *ret_len)
{
    uint8_t *bytes;

    *ret_len = strlen(hex) / 2;
    bytes = arena_alloc(&arena, *ret_len);
    assert_true(crypto_unhex(hex, strlen(hex), bytes, *ret_len));
    return bytes;
}

static void each_form_is_one_token(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        size_t len;
        const uint8_t *bytes = bytes_of(row->hex, &len);
        struct mp_cursor cursor = { bytes, bytes + len }, whole = cursor;
        struct mp_token token;

        if (!mp_next(&cursor, &token) || token.type != row->type || token.num != row->num || token.len != row->len) {
            fail_msg("%s", row->name);
        }
        if (row->type != MP_LIST && row->type != MP_MAP) {
            assert_ptr_equal(cursor.at, cursor.end);
        }
        if (token.data != NULL) {
            assert_ptr_equal(token.data + token.len, cursor.end);
        }
        assert_true(mp_skip(&whole, 1));
        assert_ptr_equal(whole.at, whole.end);
    }
}

static void each_form_cut_off_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        size_t len;
        const uint8_t *bytes = bytes_of(rows[i].hex, &len);

        for (size_t cut = 0; cut < len; cut++) {
            struct mp_cursor cursor = { bytes, bytes + cut };
            if (mp_skip(&cursor, 1)) {
                fail_msg("%s, cut to %zu bytes", rows[i].name, cut);
            }
        }
    }
}

static void what_is_no_token_is_refused(void **state)
{
    (void)state;
    static const struct { const char *name, *hex; } bad[] = {
        { "nothing",                                   "" },
        { "the byte that is never used",               "c1" },
        { "five bytes that claim 268435455 pairs",     "df0fffffff" },
        { "five bytes that claim 4294967295 elements", "ddffffffff" },
        { "two pairs in three bytes",                  "82000102" },
        { "a text of 4 GiB",                           "dbffffffff00" },
        { "bytes of 4 GiB",                            "c6ffffffff00" },
        { "an ext of 4 GiB",                           "c9ffffffff0500" },
    };
    for (size_t i = 0; i < ZP_COUNT(bad); i++) {
        size_t len;
        const uint8_t *bytes = bytes_of(bad[i].hex, &len);
        struct mp_cursor cursor = { bytes, bytes + len };
        struct mp_token token;

        if (mp_next(&cursor, &token)) {
            fail_msg("%s", bad[i].name);
        }
    }
}

static void skipping_ends_at_the_depth_it_is_given(void **state)
{
    (void)state;
    uint8_t nest[64];

    memset(nest, 0x91, sizeof(nest)); /* a list in a list in a list … */
    for (size_t depth = 0; depth < 40; depth++) {
        nest[depth] = 0x01;
        for (size_t max = 0; max < 40; max++) {
            struct mp_cursor cursor = { nest, nest + depth + 1 };
            assert_int_equal(mp_skip(&cursor, max), depth <= max);
        }
        nest[depth] = 0x91;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(each_form_is_one_token),
        test(each_form_cut_off_is_none),
        test(what_is_no_token_is_refused),
        test(skipping_ends_at_the_depth_it_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
