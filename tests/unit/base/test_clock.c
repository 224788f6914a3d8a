/* Moments as text: RFC 3339 is read in all its forms and written in one. */
#include "support.h"

#include <locale.h>
#include <time.h>

#define JAN_2 INT64_C(1767323045678000) /* 2026-01-02T03:04:05.678Z */

static void moments_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01T00:00:00.000001Z", 1 },
        { "2026-01-02T03:04:05.678Z", JAN_2 },
        { "2026-01-02t03:04:05.678z", JAN_2 },
        { "2026-01-02T03:04:05.678000Z", JAN_2 },
        { "2026-01-02T03:04:05.6789Z", JAN_2 + 900 },
        { "2026-01-02T03:04:05.6780009999999999Z", JAN_2 },
        { "2026-01-02T03:04:05Z", JAN_2 - 678000 },
        { "2026-01-02T04:04:05.678+01:00", JAN_2 },
        { "2026-01-01T22:04:05.678-05:00", JAN_2 },
        { "2026-01-02T08:34:05.678+05:30", JAN_2 },
        { "2026-01-03T03:03:05.678+23:59", JAN_2 },
        { "2026-01-02T03:04:05.678+00:00", JAN_2 },
        { "2026-01-02T03:04:05.678-00:00", JAN_2 },
        { "2000-02-29T23:59:59Z", INT64_C(951868799000000) },
        { "1972-02-29T12:00:00Z", INT64_C(68212800000000) },
        { "2100-03-01T00:00:00Z", INT64_C(4107542400000000) },
        { "9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999) },
        { "2016-12-31T23:59:60Z", INT64_C(1483228799999999) },
        { "2016-12-31T23:59:60.5Z", INT64_C(1483228799999999) },
        { "2017-01-01T00:59:60+01:00", INT64_C(1483228799999999) },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        int64_t got = -1;
        if (!time_parse(rows[i].text, strlen(rows[i].text), &got) || got != rows[i].want) {
            fail_msg("%s read as %lld", rows[i].text, (long long)got);
        }
    }
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "", "Z", "now", "1767323045", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04Z", "2026-01-02 03:04:05Z",
        "2026-1-02T03:04:05Z", "26-01-02T03:04:05Z", "20260102T030405Z", "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05,5Z",
        "2026-13-02T03:04:05Z", "2026-00-02T03:04:05Z", "2026-01-00T03:04:05Z", "2026-01-32T03:04:05Z",
        "2026-04-31T03:04:05Z", "2026-02-29T03:04:05Z", "2100-02-29T03:04:05Z", "2000-02-30T03:04:05Z",
        "2026-01-02T24:00:00Z", "2026-01-02T03:60:05Z", "2026-01-02T03:04:61Z", "2026-01-02T03:04:60Z",
        "2026-01-02T23:59:60+01:00", "2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05+01:60", "2026-01-02T03:04:05+01",
        "2026-01-02T03:04:05+0100", "2026-01-02T03:04:05+1:00", "2026-01-02T03:04:05 +01:00", "2026-01-02T03:04:05ZZ",
        "2026-01-02T03:04:05Z ", " 2026-01-02T03:04:05Z", "+2026-01-02T03:04:05Z", "-026-01-02T03:04:05Z",
        "1969-12-31T23:59:59Z", "1970-01-01T00:59:59+01:00", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-00:01",
        "12026-01-02T03:04:05Z", "2026-01-02T03:04:0\xc3\xa9Z", "2026-01-02T03:04:05.-1Z",
        "2026-01-02T03:04:05.00000000000000000000000000000000000000000000000000000Z",
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        int64_t got = 42;
        if (time_parse(rows[i], strlen(rows[i]), &got) || got != 42) {
            fail_msg("%s read as %lld", rows[i], (long long)got);
        }
    }
    int64_t got;
    assert_false(time_parse("2026-01-02T03:04:05Z", 19, &got));
    assert_false(time_parse("2026-01-02T03:04:05\0Z", 21, &got));
}

static void moments_are_written(void **state)
{
    (void)state;
    static const struct {
        int64_t wall_us;
        const char *want;
    } rows[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { JAN_2, "2026-01-02T03:04:05.678Z" },
        { JAN_2 + 999, "2026-01-02T03:04:05.678Z" },
        { INT64_C(951868799999999), "2000-02-29T23:59:59.999Z" },
        { INT64_C(4107542399999999), "2100-02-28T23:59:59.999Z" },
        { INT64_C(253402300799999999), "9999-12-31T23:59:59.999Z" },
        { INT64_C(253402300800000000), "9999-12-31T23:59:59.999Z" },
        { INT64_MAX, "9999-12-31T23:59:59.999Z" },
        { -1, "1970-01-01T00:00:00.000Z" },
        { INT64_MIN, "1970-01-01T00:00:00.000Z" },
    };
    char text[TIME_TEXT_SIZE];
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        assert_ptr_equal(time_format(rows[i].wall_us, text), text);
        assert_string_equal(text, rows[i].want);
    }
}

/* Every day of the range agrees with the C library's calendar, and comes back. */
static void every_day_comes_back(void **state)
{
    (void)state;
    for (int64_t day = 0; day < 2932897; day += day < 50000 ? 1 : 97) {
        char text[TIME_TEXT_SIZE], want[64];
        time_t seconds = day * 86400;
        struct tm parts;
        int64_t back = -1;
        assert_non_null(gmtime_r(&seconds, &parts));
        strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000Z", &parts);
        assert_string_equal(time_format(seconds * 1000000, text), want);
        assert_true(time_parse(text, strlen(text), &back));
        assert_int_equal(back, seconds * 1000000);
    }
}

static void neither_time_zone_nor_locale_matter(void **state)
{
    (void)state;
    char text[TIME_TEXT_SIZE];
    int64_t got;
    setenv("TZ", "Pacific/Auckland", 1);
    tzset();
    (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed */
    assert_string_equal(time_format(JAN_2, text), "2026-01-02T03:04:05.678Z");
    assert_true(time_parse(text, strlen(text), &got));
    assert_int_equal(got, JAN_2);
    (void)setlocale(LC_ALL, "C");
    unsetenv("TZ");
    tzset();
}

static void clocks_go_forward(void **state)
{
    (void)state;
    int64_t before = clock_mono_us();
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_mono_us();
        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_wall_us() > INT64_C(1700000000000000)); /* microseconds, not milliseconds */
    assert_true(clock_wall_us() < INT64_C(253402300800000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_read),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(moments_are_written),
        cmocka_unit_test(every_day_comes_back),
        cmocka_unit_test(neither_time_zone_nor_locale_matter),
        cmocka_unit_test(clocks_go_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
