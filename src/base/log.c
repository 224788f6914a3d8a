/* log: what happened, one JSON object a line on stderr.
 *
 * Called by gateway, worker, cli and the watchdog; the rooms below return errors instead. Invariants: every line is
 * valid JSON in valid UTF-8 whatever the caller's bytes are, is at most 8 KiB long, and leaves in one write(2): lines
 * of several threads stay whole without a lock. */
#include "zapora/base.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES_MAX 8192
#define LINE_END "}\n"
#define LINE_CUT ",\"cut\":true}\n" /* ends a line that was too long */

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static _Atomic int least_level = LOG_INFO;
static _Atomic(const char *) role_name = "zapora";

/* A line being written. Its end is always kept free, so that it can be closed at any time. */
struct line {
    char data[LINE_BYTES_MAX];
    size_t len;
    bool cut; /* something did not fit: nothing more is added */
};

void log_setup(enum log_level least, const char *role)
{
    atomic_store(&least_level, (int)least);
    atomic_store(&role_name, role);
}

bool log_level_parse(const char *name, enum log_level *ret_level)
{
    for (size_t i = 0; i < ZP_COUNT(level_names); i++) {
        if (strcmp(level_names[i], name) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* Bytes left for content, with `spare` more bytes kept free. */
static size_t line_room(const struct line *line, size_t spare)
{
    size_t taken = line->len + sizeof(LINE_CUT) - 1 + spare;
    return taken < LINE_BYTES_MAX ? LINE_BYTES_MAX - taken : 0;
}

static bool line_put(struct line *line, const char *data, size_t len, size_t spare)
{
    if (len > line_room(line, spare)) {
        line->cut = true;
        return false;
    }
    memcpy(line->data + line->len, data, len);
    line->len += len;
    return true;
}

/* The length of the well-formed UTF-8 character at `at` of a NUL-terminated text, or 0. (RFC 3629, table 3-7.) */
static size_t character_length(const unsigned char *at)
{
    static const struct {
        unsigned char first_min, first_max, second_min, second_max;
        uint8_t length;
    } forms[] = {
        { 0x01, 0x7f, 0x00, 0xff, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    for (size_t i = 0; i < ZP_COUNT(forms); i++) {
        if (at[0] < forms[i].first_min || at[0] > forms[i].first_max) {
            continue;
        }
        size_t good = 1;
        if (forms[i].length > 1 && at[1] >= forms[i].second_min && at[1] <= forms[i].second_max) {
            good = 2;
            while (good < forms[i].length && (at[good] & 0xc0) == 0x80) {
                good++;
            }
        }
        return good == forms[i].length ? good : 0;
    }
    return 0;
}

/* Writes the next character of a text as JSON wants it; gives how many bytes of the text it was, 0 without room. */
static size_t put_character(struct line *line, const unsigned char *at)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    static const char digits[] = "0123456789abcdef";
    const size_t quote = 1;
    size_t length = character_length(at);
    bool put;
    if (length == 0) {
        length = 1;
        put = line_put(line, replacement, 3, quote);
    } else if (*at == '"' || *at == '\\') {
        put = line_put(line, (const char[]){ '\\', (char)*at }, 2, quote);
    } else if (*at == '\n') {
        put = line_put(line, "\\n", 2, quote);
    } else if (*at < 0x20 || *at == 0x7f) {
        put = line_put(line, (const char[]){ '\\', 'u', '0', '0', digits[*at >> 4], digits[*at & 15] }, 6, quote);
    } else {
        put = line_put(line, (const char *)at, length, quote);
    }
    return put ? length : 0;
}

static void put_string(struct line *line, const char *text)
{
    if (!line_put(line, "\"", 1, 1)) {
        return;
    }
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        size_t length = put_character(line, at);
        if (length == 0) {
            break;
        }
        at += length;
    }
    line->data[line->len++] = '"'; /* its byte was kept free all the time */
}

static void put_value(struct line *line, const struct log_field *field)
{
    char text[ID_TEXT_SIZE];
    bool is_null = (field->kind == LOG_KIND_STR && field->str == NULL) ||
                   (field->kind == LOG_KIND_ID && field->id == NULL);
    if (is_null) {
        line_put(line, "null", 4, 0);
    } else if (field->kind == LOG_KIND_STR) {
        put_string(line, field->str);
    } else if (field->kind == LOG_KIND_ID) {
        put_string(line, id_format(field->id, text));
    } else if (field->kind == LOG_KIND_BOOL) {
        line_put(line, field->num != 0 ? "true" : "false", field->num != 0 ? 4 : 5, 0);
    } else {
        int len = snprintf(text, sizeof(text), "%lld", (long long)field->num);
        line_put(line, text, (size_t)len, 0);
    }
}

/* Adds `"key":value`. What does not fit is left out whole, but a long text is cut after a character of it. */
static void put_field(struct line *line, const struct log_field *field)
{
    size_t before = line->len;
    if (line->cut) {
        return;
    }
    if (before > 1) {
        line_put(line, ",", 1, 0);
    }
    put_string(line, field->key);
    if (!line->cut && line_put(line, ":", 1, 0)) {
        size_t value = line->len;
        put_value(line, field);
        if (line->len > value) {
            return;
        }
    }
    line->len = before;
}

static void line_write(struct line *line)
{
    const char *end = line->cut ? LINE_CUT : LINE_END;
    memcpy(line->data + line->len, end, strlen(end));
    line->len += strlen(end);
    for (size_t sent = 0; sent < line->len;) { /* one round, unless a signal or a full disk comes between */
        ssize_t written = write(STDERR_FILENO, line->data + sent, line->len - sent);
        if (written >= 0) {
            sent += (size_t)written;
        } else if (errno != EINTR) {
            return; /* A log that can't be written must not stop an order. */
        }
    }
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    if ((int)level < atomic_load(&least_level)) {
        return;
    }
    int saved_errno = errno;
    char time_text[TIME_TEXT_SIZE];
    const struct log_field head[] = {
        L_STR("time", time_format(clock_wall_us(), time_text)),
        L_STR("level", level_names[level]),
        L_STR("role", atomic_load(&role_name)),
        L_STR("message", message),
    };
    struct line line;
    line.data[0] = '{';
    line.len = 1;
    line.cut = false;
    for (size_t i = 0; i < ZP_COUNT(head); i++) {
        put_field(&line, &head[i]);
    }
    for (; fields != NULL && fields->key != NULL; fields++) {
        put_field(&line, fields);
    }
    line_write(&line);
    errno = saved_errno;
}
