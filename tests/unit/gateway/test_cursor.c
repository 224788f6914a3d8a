/* Page cursors and the base64url they are written in. */
#include "base64url.h"
#include "cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const uint8_t key[CURSOR_KEY_SIZE] = { 1, 2, 3 };

/* RFC 4648's own vectors, without their padding. */
static const struct { const char *bytes, *text; } vectors[] = {
    { "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" },
    { "foobar", "Zm9vYmFy" }, { "\xfb\xff\xfe", "-__-" },
};

static void known_vectors_go_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(vectors); i++) {
        char text[16], bytes[16];
        size_t len = 99, wanted = strlen(vectors[i].bytes);
        assert_string_equal(base64url_write(vectors[i].bytes, wanted, text), vectors[i].text);
        assert_true(base64url_read((struct text){ text, strlen(text) }, bytes, sizeof(bytes), &len));
        assert_int_equal(len, wanted);
        assert_memory_equal(bytes, vectors[i].bytes, wanted);
    }
}

static void other_spellings_are_refused(void **state)
{
    static const struct { const char *name, *text; } rows[] = {
        { "padding", "Zg==" },         { "one character", "Z" },          { "five characters", "Zm9vY" },
        { "the other alphabet +", "-+_-" }, { "the other alphabet /", "-/_-" }, { "a space", "Zm 9" },
        { "a line's end", "Zm9v\n" },  { "unused bits in two", "Zh" },    { "unused bits in three", "Zm9" },
        { "a NUL's neighbour", "Zm9\x01" }, { "a high byte", "Zm9\xc3" },
    };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        char bytes[16];
        size_t len;
        if (base64url_read((struct text){ rows[i].text, strlen(rows[i].text) }, bytes, sizeof(bytes), &len)) {
            fail_msg("%s was read", rows[i].name);
        }
    }
}

static void nothing_is_written_past_the_end(void **state)
{
    char bytes[6] = "......";
    size_t len;
    (void)state;
    assert_false(base64url_read(TEXT("Zm9vYmFy"), bytes, 5, &len));
    assert_memory_equal(bytes, "......", 6);
    assert_true(base64url_read(TEXT("Zm9vYmFy"), bytes, 6, &len));
}

static void a_cursor_comes_back(void **state)
{
    static const int64_t times[] = { 0, 1, 1700000000123456, INT64_MAX };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(times); i++) {
        char text[CURSOR_TEXT_SIZE];
        struct cursor read, written = { times[i], id_fresh() };
        cursor_write(&written, key, text);
        assert_int_equal(strlen(text), CURSOR_TEXT_SIZE - 1);
        assert_true(cursor_read((struct text){ text, strlen(text) }, key, &read));
        assert_int_equal(read.placed_at, written.placed_at);
        assert_true(id_equal(&read.id, &written.id));
    }
}

static void a_changed_cursor_is_noticed(void **state)
{
    char text[CURSOR_TEXT_SIZE];
    struct cursor read, written = { 1700000000123456, id_fresh() };
    (void)state;
    cursor_write(&written, key, text);
    for (size_t i = 0; i < CURSOR_TEXT_SIZE - 1; i++) {
        char before = text[i];
        text[i] = before == 'A' ? 'B' : 'A';
        assert_false(cursor_read((struct text){ text, strlen(text) }, key, &read));
        text[i] = before;
    }
    assert_false(cursor_read((struct text){ text, strlen(text) - 1 }, key, &read));
    assert_false(cursor_read(TEXT(""), key, &read));
}

static void a_cursor_of_another_key_is_noticed(void **state)
{
    static const uint8_t other[CURSOR_KEY_SIZE] = { 9 };
    char text[CURSOR_TEXT_SIZE];
    struct cursor read, written = { 5, id_fresh() };
    (void)state;
    cursor_write(&written, other, text);
    assert_false(cursor_read((struct text){ text, strlen(text) }, key, &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_vectors_go_both_ways),      cmocka_unit_test(other_spellings_are_refused),
        cmocka_unit_test(nothing_is_written_past_the_end), cmocka_unit_test(a_cursor_comes_back),
        cmocka_unit_test(a_changed_cursor_is_noticed),     cmocka_unit_test(a_cursor_of_another_key_is_noticed),
    };
    crypto_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
