/* clock: now, and the one way in which a moment is written.
 *
 * Called by every room but order, which never looks at a clock. Invariant: reading and writing depend neither on a
 * locale nor on a time zone, and cover 1970-01-01 to 9999-12-31 in UTC, nothing else. */
#include "zapora/base.h"

#include <string.h>
#include <time.h>

#define SECOND_US ((int64_t)1000000)
#define DAY_US (86400 * SECOND_US)
#define WALL_US_MAX (INT64_C(253402300800) * SECOND_US - 1) /* the last microsecond of 9999 */
#define TEXT_LEN_MAX 64                                     /* nobody writes a longer fraction in earnest */

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    ZP_ASSERT(clock_gettime(clock, &now) == 0);
    return now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t clock_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

/* Howard Hinnant's days_from_civil and its inverse: years begin in March, so that the leap day comes last. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t year_of_era = y % 400;
    return y / 400 * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void date_from_days(int64_t days, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day)
{
    int64_t since_march_0 = days + 719468;
    int64_t day_of_era = since_march_0 % 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    *ret_day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    *ret_month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    *ret_year = since_march_0 / 146097 * 400 + year_of_era + (*ret_month <= 2);
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static char *put_digits(char *text, int64_t value, int count, char after)
{
    for (int i = count - 1; i >= 0; i--) {
        text[i] = (char)('0' + value % 10);
        value /= 10;
    }
    text[count] = after;
    return text + count + 1;
}

char *time_format(int64_t wall_us, char text[TIME_TEXT_SIZE])
{
    int64_t year, month, day;
    int64_t us = wall_us < 0 ? 0 : wall_us > WALL_US_MAX ? WALL_US_MAX : wall_us;
    int64_t ms_of_day = us % DAY_US / 1000;
    date_from_days(us / DAY_US, &year, &month, &day);
    char *end = put_digits(text, year, 4, '-');
    end = put_digits(end, month, 2, '-');
    end = put_digits(end, day, 2, 'T');
    end = put_digits(end, ms_of_day / 3600000, 2, ':');
    end = put_digits(end, ms_of_day / 60000 % 60, 2, ':');
    end = put_digits(end, ms_of_day / 1000 % 60, 2, '.');
    end = put_digits(end, ms_of_day % 1000, 3, 'Z');
    *end = '\0';
    return text;
}

/* A place in the text that is being read; `ok` falls once and stays down. */
struct reader {
    const char *at, *end;
    bool ok;
};

/* Exactly `count` digits whose value lies in min..max. */
static int64_t read_number(struct reader *reader, int count, int64_t min, int64_t max)
{
    int64_t value = 0;
    for (int i = 0; i < count; i++, reader->at++) {
        if (reader->at == reader->end || *reader->at < '0' || *reader->at > '9') {
            reader->ok = false;
            return 0;
        }
        value = value * 10 + (*reader->at - '0');
    }
    reader->ok = reader->ok && value >= min && value <= max;
    return value;
}

/* One character out of `set`, or '\0' when there is none; only a wanted one moves on. */
static char read_one_of(struct reader *reader, const char *set, bool must)
{
    if (reader->at < reader->end && *reader->at != '\0' && strchr(set, *reader->at) != NULL) {
        return *reader->at++;
    }
    reader->ok = reader->ok && !must;
    return '\0';
}

/* Whatever follows the sixth digit is cut off, not rounded: 59.9999999 must not become the next minute. */
static int64_t read_fraction_us(struct reader *reader)
{
    if (read_one_of(reader, ".", false) == '\0') {
        return 0;
    }
    int64_t us = 0;
    int64_t weight = SECOND_US / 10;
    const char *first = reader->at;
    for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; reader->at++) {
        us += (*reader->at - '0') * weight;
        weight /= 10;
    }
    reader->ok = reader->ok && reader->at > first;
    return us;
}

static int64_t read_offset_us(struct reader *reader)
{
    char sign = read_one_of(reader, "Zz+-", true);
    if (sign != '+' && sign != '-') {
        return 0;
    }
    int64_t minutes = 60 * read_number(reader, 2, 0, 23);
    read_one_of(reader, ":", true);
    minutes += read_number(reader, 2, 0, 59);
    return (sign == '-' ? -minutes : minutes) * 60 * SECOND_US;
}

bool time_parse(const char *text, size_t len, int64_t *ret_wall_us)
{
    struct reader reader = { text, text + (len <= TEXT_LEN_MAX ? len : 0), true };
    int64_t year = read_number(&reader, 4, 1970, 9999);
    read_one_of(&reader, "-", true);
    int64_t month = read_number(&reader, 2, 1, 12);
    read_one_of(&reader, "-", true);
    int64_t day = read_number(&reader, 2, 1, 31);
    read_one_of(&reader, "Tt", true);
    int64_t hour = read_number(&reader, 2, 0, 23);
    read_one_of(&reader, ":", true);
    int64_t minute = read_number(&reader, 2, 0, 59);
    read_one_of(&reader, ":", true);
    int64_t second = read_number(&reader, 2, 0, 60);
    int64_t fraction_us = read_fraction_us(&reader);
    int64_t offset_us = read_offset_us(&reader);
    if (!reader.ok || reader.at != reader.end || day > days_in_month(year, month)) {
        return false;
    }
    int64_t minute_us = days_from_date(year, month, day) * DAY_US + (hour * 60 + minute) * 60 * SECOND_US - offset_us;
    int64_t wall_us = minute_us + second * SECOND_US + fraction_us;
    if (second == 60) {
        /* A leap second ends a day of UTC. POSIX time has no room for it: it is read as the microsecond before. */
        if ((minute_us + 60 * SECOND_US) % DAY_US != 0) {
            return false;
        }
        wall_us = minute_us + 60 * SECOND_US - 1;
    }
    if (wall_us < 0 || wall_us > WALL_US_MAX) {
        return false;
    }
    *ret_wall_us = wall_us;
    return true;
}
