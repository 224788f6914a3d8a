/* Header fields: what is taken, what is refused, what is passed over. */
#include "fields.h"
#include "zapora/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>

/* On the heap and exactly as long: a read past the end is reported. */
static struct text on_heap(const char *value, size_t len)
{
    char *copy = malloc(len == 0 ? 1 : len);
    assert_non_null(copy);
    memcpy(copy, value, len);
    return (struct text){ copy, len };
}

#define HEAPED(value) on_heap((value), strlen(value))

static void idempotency_keys(void **state)
{
    static const struct { const char *name, *value, *key; } rows[] = {
        { "bare", "abc-123", "abc-123" },
        { "quoted", "\"abc-123\"", "abc-123" },
        { "a UUID", "\"0190163d-8694-739b-aea5-966c26f8ad91\"", "0190163d-8694-739b-aea5-966c26f8ad91" },
        { "spaces around", "  \"k\"\t", "k" },
        { "all sorts of marks", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~" },
        { "a backslash, bare", "a\\b", "a\\b" },
        { "nothing", "", NULL },
        { "only spaces", "   ", NULL },
        { "empty quotes", "\"\"", NULL },
        { "one quote", "\"", NULL },
        { "an open quote", "\"abc", NULL },
        { "a closing quote alone", "abc\"", NULL },
        { "a quote inside", "\"a\"b\"", NULL },
        { "an escape", "\"a\\\"b\"", NULL },
        { "a space inside", "a b", NULL },
        { "a quoted space", "\"a b\"", NULL },
        { "a tab inside", "a\tb", NULL },
        { "a control character", "a\x01" "b", NULL },
        { "DEL", "a\x7f", NULL },
        { "UTF-8", "k\xc3\xa9y", NULL },
    };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct text key = { NULL, 0 }, value = HEAPED(rows[i].value);
        bool taken = field_idempotency_key(value, &key);
        if (taken != (rows[i].key != NULL) || (taken && !text_is(key, rows[i].key))) {
            fail_msg("%s", rows[i].name);
        }
        free((char *)value.at);
    }
}

static void idempotency_keys_have_a_length(void **state)
{
    char value[IDEMPOTENCY_KEY_CHARS_MAX + 3];
    struct text key;
    (void)state;
    memset(value, 'k', sizeof(value));
    assert_true(field_idempotency_key((struct text){ value, IDEMPOTENCY_KEY_CHARS_MAX }, &key));
    assert_false(field_idempotency_key((struct text){ value, IDEMPOTENCY_KEY_CHARS_MAX + 1 }, &key));
    value[0] = value[IDEMPOTENCY_KEY_CHARS_MAX + 1] = '"';
    assert_true(field_idempotency_key((struct text){ value, IDEMPOTENCY_KEY_CHARS_MAX + 2 }, &key));
    assert_int_equal(key.len, IDEMPOTENCY_KEY_CHARS_MAX);
}

static void preferences(void **state)
{
    static const struct { const char *name, *value; int64_t wait_s; } rows[] = {
        { "plain", "wait=5", 5 },
        { "quoted", "wait=\"5\"", 5 },
        { "no case", "WAIT=5", 5 },
        { "in a list", "respond-async, wait=7", 7 },
        { "with parameters", "wait=7; foo=bar, x", 7 },
        { "spaces", "  wait = 7  ", 7 },
        { "the first one counts", "wait=3, wait=9", 3 },
        { "more than the most", "wait=31", 30 },
        { "much more", "wait=9000000000000000000", 30 },
        { "zero", "wait=0", 0 },
        { "too big for a number", "wait=99999999999999999999", 0 },
        { "negative", "wait=-1", 0 },
        { "signed", "wait=+5", 0 },
        { "a fraction", "wait=1.5", 0 },
        { "nothing behind it", "wait=", 0 },
        { "no value", "wait", 0 },
        { "another preference", "waiting=5", 0 },
        { "empty", "", 0 },
        { "commas", ",,,", 0 },
        { "hex", "wait=0x5", 0 },
    };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct text value = HEAPED(rows[i].value);
        int64_t wait_s = field_prefer_wait(value);
        if (wait_s != rows[i].wait_s) {
            fail_msg("%s gave %lld", rows[i].name, (long long)wait_s);
        }
        free((char *)value.at);
    }
    assert_int_equal(field_prefer_wait((struct text){ NULL, 0 }), 0);
}

static void if_matches(void **state)
{
    static const struct { const char *value; bool taken; int64_t version;
    } rows[] = {
        { "\"0\"", true, 0 },
        { "\"12\"", true, 12 },
        { " \"12\" ", true, 12 },
        { "*", true, AMOUNT_ABSENT },
        { "\"9223372036854775807\"", true, INT64_MAX },
        { "12", false, 0 },
        { "W/\"12\"", false, 0 },
        { "\"\"", false, 0 },
        { "\"a\"", false, 0 },
        { "\"-1\"", false, 0 },
        { "\"1\", \"2\"", false, 0 },
        { "", false, 0 },
        { "\"", false, 0 },
        { "\"9223372036854775808\"", false, 0 },
        { "**", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        int64_t version = -7;
        struct text value = HEAPED(rows[i].value);
        bool taken = field_if_match(value, &version);
        if (taken != rows[i].taken || version != (taken ? rows[i].version : -7)) {
            fail_msg("%s", rows[i].value);
        }
        free((char *)value.at);
    }
}

static void if_none_matches(void **state)
{
    static const struct { const char *value; bool matches; } rows[] = {
        { "\"7\"", true }, { "W/\"7\"", true }, { "*", true }, { "\"1\", \"7\"", true }, { "\"1\",W/\"7\" ", true },
        { "7", false }, { "\"8\"", false }, { "\"77\"", false }, { "", false }, { "w/\"7\"", false }, { ",", false },
    };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct text value = HEAPED(rows[i].value);
        if (field_none_match(value, "\"7\"") != rows[i].matches) {
            fail_msg("%s", rows[i].value);
        }
        free((char *)value.at);
    }
    assert_false(field_none_match((struct text){ NULL, 0 }, "\"7\""));
}

static void versions_in_entity_tags(void **state)
{
    int64_t version = -1;
    (void)state;
    assert_true(field_version(TEXT("\"3\""), &version) && version == 3);
    assert_true(field_version(TEXT("W/\"4\""), &version) && version == 4);
    assert_false(field_version(TEXT("\"v12-ab\""), &version));
    assert_false(field_version(TEXT("*"), &version));
    assert_false(field_version((struct text){ NULL, 0 }, &version));
}

static void cursors_of_streams(void **state)
{
    static const struct { const char *value; bool taken; int64_t seq;
    } rows[] = {
        { "0", true, 0 },
        { "124", true, 124 },
        { " 124 ", true, 124 },
        { "9223372036854775806", true, INT64_MAX - 1 },
        { "9223372036854775807", false, 0 },
        { "-1", false, 0 },
        { "", false, 0 },
        { "12a", false, 0 },
        { "124-0", false, 0 },
        { "1 2", false, 0 },
        { "00000000000000000000", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        int64_t seq = 0;
        struct text value = HEAPED(rows[i].value);
        if (field_cursor(value, &seq) != rows[i].taken || seq != rows[i].seq) {
            fail_msg("\"%s\"", rows[i].value);
        }
        free((char *)value.at);
    }
}

static void bearers(void **state)
{
    static const struct { const char *value, *token;
    } rows[] = {
        { "Bearer a.b.c", "a.b.c" }, { "bearer a.b.c", "a.b.c" }, { "BEARER   a.b.c ", "a.b.c" },
        { "Bearer", NULL },          { "Bearer ", NULL },         { "Basic a.b.c", NULL },
        { "a.b.c", NULL },           { "Bearer a b", NULL },      { "", NULL },
        { "Bearer a\tb", NULL },     { "Bearera.b.c", NULL },     { "Bearer \xc3\xa9", NULL },
        { "Bearer a,b", NULL },
    };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct text token, value = HEAPED(rows[i].value);
        bool taken = field_bearer(value, &token);
        if (taken != (rows[i].token != NULL) || (taken && !text_is(token, rows[i].token))) {
            fail_msg("\"%s\"", rows[i].value);
        }
        free((char *)value.at);
    }
}

static void request_ids(void **state)
{
    char longest[REQUEST_ID_CHARS_MAX + 1];
    (void)state;
    memset(longest, 'x', sizeof(longest));
    assert_true(field_request_id_fits(TEXT("a")));
    assert_true(field_request_id_fits(TEXT("AZaz09._-")));
    assert_true(field_request_id_fits((struct text){ longest, REQUEST_ID_CHARS_MAX }));
    assert_false(field_request_id_fits((struct text){ longest, REQUEST_ID_CHARS_MAX + 1 }));
    assert_false(field_request_id_fits(TEXT("")));
    assert_false(field_request_id_fits(TEXT("a b")));
    assert_false(field_request_id_fits(TEXT("a\"b")));
    assert_false(field_request_id_fits(TEXT("a\r\nX: y")));
    assert_false(field_request_id_fits(TEXT("a\0b")));
}

static void content_types(void **state)
{
    (void)state;
    assert_true(field_is_json(TEXT("application/json")));
    assert_true(field_is_json(TEXT("Application/JSON; charset=utf-8")));
    assert_true(field_is_json(TEXT(" application/json ;x")));
    assert_false(field_is_json(TEXT("application/jsonp")));
    assert_false(field_is_json(TEXT("text/plain; application/json")));
    assert_false(field_is_json(TEXT("application/problem+json")));
    assert_false(field_is_json(TEXT("")));
}

static void traceparents(void **state)
{
    static const struct { const char *value; bool fits; } rows[] = {
        { "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true },
        { "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true },
        { "00-00000000000000000000000000000000-00f067aa0ba902b7-01", false },
        { "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false },
        { "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false },
        { "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false },
        { "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", false },
        { "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", false },
        { "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", false },
        { "00-00000000000000000000000000000000", false }, { "", false }, { "00", false },
    };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct text value = HEAPED(rows[i].value);
        if (field_traceparent_fits(value) != rows[i].fits) {
            fail_msg("%s", rows[i].value);
        }
        free((char *)value.at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idempotency_keys),   cmocka_unit_test(idempotency_keys_have_a_length),
        cmocka_unit_test(preferences),        cmocka_unit_test(if_matches),
        cmocka_unit_test(if_none_matches),    cmocka_unit_test(versions_in_entity_tags),
        cmocka_unit_test(cursors_of_streams), cmocka_unit_test(bearers),
        cmocka_unit_test(request_ids),        cmocka_unit_test(content_types),
        cmocka_unit_test(traceparents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
