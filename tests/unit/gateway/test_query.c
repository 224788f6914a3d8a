/* Query strings: known, unknown, repeated, badly encoded. */
#include "query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { LIMIT, SINCE, COUNT };

static struct arena arena;
static struct query_slot slots[COUNT];
static struct reason_list faults;

static void parse(const char *query)
{
    arena_reset(&arena);
    slots[LIMIT] = (struct query_slot){ "limit", NULL };
    slots[SINCE] = (struct query_slot){ "since", NULL };
    faults.count = 0;
    assert_int_equal(query_parse((struct text){ query, strlen(query) }, slots, COUNT, &arena, &faults), ZP_OK);
}

static void known_parameters_are_decoded(void **state)
{
    (void)state;
    parse("since=2026-01-02T03%3a04%3A05%2b01:00&limit=20");
    assert_int_equal(faults.count, 0);
    assert_string_equal(slots[LIMIT].value, "20");
    assert_string_equal(slots[SINCE].value, "2026-01-02T03:04:05+01:00");
    parse("since=a+b&&");
    assert_string_equal(slots[SINCE].value, "a b");
    assert_null(slots[LIMIT].value);
    parse("limit=");
    assert_string_equal(slots[LIMIT].value, "");
    parse("limit");
    assert_string_equal(slots[LIMIT].value, "");
    parse("limit=a=b");
    assert_string_equal(slots[LIMIT].value, "a=b");
    parse("");
    assert_int_equal(faults.count, 0);
}

static void faults_are_told_each(void **state)
{
    static const struct { const char *query, *code, *pointer; } rows[] = {
        { "foo=1", "unknown_parameter", "?foo" },
        { "Limit=1", "unknown_parameter", "?Limit" },
        { "limi%74=1", "unknown_parameter", "?limi%74" },
        { "=1", "unknown_parameter", "?" },
        { "limit=1&limit=1", "repeated_parameter", "?limit" },
        { "limit=%", "bad_encoding", "?limit" },
        { "limit=%4", "bad_encoding", "?limit" },
        { "limit=%4g", "bad_encoding", "?limit" },
        { "limit=%00", "bad_encoding", "?limit" },
        { "limit=%0a", "bad_encoding", "?limit" },
        { "limit=\x01", "bad_encoding", "?limit" },
        { "f\xc3\xa9=1", "unknown_parameter", "?f??" },
    };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        parse(rows[i].query);
        if (faults.count != 1 || strcmp(faults.items[0].code, rows[i].code) != 0 ||
            strcmp(faults.items[0].pointer, rows[i].pointer) != 0) {
            fail_msg("%s: %zu faults, %s at %s", rows[i].query, faults.count,
                     faults.count > 0 ? faults.items[0].code : "", faults.count > 0 ? faults.items[0].pointer : "");
        }
    }
    parse("a=1&b=2&limit=%&c");
    assert_int_equal(faults.count, 4);
}

static void a_query_has_a_length(void **state)
{
    char query[QUERY_BYTES_MAX + 2];
    (void)state;
    memset(query, 'x', sizeof(query));
    memcpy(query, "limit=", 6);
    query[QUERY_BYTES_MAX] = '\0';
    parse(query);
    assert_int_equal(faults.count, 0);
    query[QUERY_BYTES_MAX] = 'x';
    query[QUERY_BYTES_MAX + 1] = '\0';
    parse(query);
    assert_string_equal(faults.items[0].code, "query_too_long");
}

static void endless_faults_are_cut(void **state)
{
    char query[201];
    (void)state;
    for (size_t i = 0; i < 100; i++) {
        query[2 * i] = 'a';
        query[2 * i + 1] = '&';
    }
    query[200] = '\0';
    parse(query);
    assert_int_equal(faults.count, ORDER_REASONS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_parameters_are_decoded),
        cmocka_unit_test(faults_are_told_each),
        cmocka_unit_test(a_query_has_a_length),
        cmocka_unit_test(endless_faults_are_cut),
    };
    arena_init(&arena, 65536);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_finish(&arena);
    return failed;
}
