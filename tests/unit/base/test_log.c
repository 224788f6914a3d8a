/* Log lines: each is one write, and one JSON object whatever it is given. */
#include "support.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <sys/socket.h>

/* What one call wrote, parsed by somebody else's strict parser. The caller gives it back. */
static json_t *line_of(char *text)
{
    json_error_t error;
    size_t len = strlen(text);
    assert_true(len > 0 && len <= 8192);
    assert_ptr_equal(strchr(text, '\n'), text + len - 1); /* one line, ended */
    json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (line == NULL) {
        fail_msg("%s in %s", error.text, text);
    }
    free(text);
    return line;
}

#define CATCH_LINE(call) ({ struct caught caught = catch_begin(STDERR_FILENO); call; line_of(catch_end(&caught)); })

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text == NULL ? "(not a text)" : text;
}

static void a_line_has_its_head_and_fields(void **state)
{
    (void)state;
    struct zp_id id = { { 0xab } };
    log_setup(LOG_DEBUG, "gateway");
    json_t *line = CATCH_LINE(log_info("order accepted", L_STR("topic", "orders.events.v1"), L_INT("partition", -3),
                                       L_INT("big", INT64_MIN), L_ID("order_id", &id), L_BOOL("first", true),
                                       L_BOOL("last", false), L_STR("none", NULL), L_ID("no_id", NULL)));
    int64_t at;
    assert_true(time_parse(text_of(line, "time"), strlen(text_of(line, "time")), &at));
    assert_string_equal(text_of(line, "level"), "info");
    assert_string_equal(text_of(line, "role"), "gateway");
    assert_string_equal(text_of(line, "message"), "order accepted");
    assert_string_equal(text_of(line, "topic"), "orders.events.v1");
    assert_int_equal(json_integer_value(json_object_get(line, "partition")), -3);
    assert_int_equal(json_integer_value(json_object_get(line, "big")), INT64_MIN);
    assert_string_equal(text_of(line, "order_id"), "ab000000-0000-0000-0000-000000000000");
    assert_true(json_is_true(json_object_get(line, "first")));
    assert_true(json_is_false(json_object_get(line, "last")));
    assert_true(json_is_null(json_object_get(line, "none")));
    assert_true(json_is_null(json_object_get(line, "no_id")));
    assert_int_equal(json_object_size(line), 12);
    json_decref(line);
}

static void a_message_alone_is_fine(void **state)
{
    (void)state;
    log_setup(LOG_DEBUG, "worker");
    json_t *line = CATCH_LINE(log_error("stopped"));
    assert_string_equal(text_of(line, "level"), "error");
    assert_int_equal(json_object_size(line), 4);
    json_decref(line);
    line = CATCH_LINE(log_write(LOG_WARN, NULL, NULL));
    assert_true(json_is_null(json_object_get(line, "message")));
    json_decref(line);
}

static void lower_levels_are_silent(void **state)
{
    (void)state;
    static const int wanted[] = { 4, 3, 2, 1 };
    for (int least = LOG_DEBUG; least <= LOG_ERROR; least++) {
        log_setup((enum log_level)least, "worker");
        struct caught caught = catch_begin(STDERR_FILENO);
        log_debug("d");
        log_info("i");
        log_warn("w");
        log_error("e");
        char *text = catch_end(&caught);
        int lines = 0;
        for (const char *at = text; *at != '\0'; at++) {
            lines += *at == '\n';
        }
        free(text);
        assert_int_equal(lines, wanted[least]);
    }
}

static void any_bytes_give_valid_json(void **state)
{
    (void)state;
    static const struct {
        const char *given, *want;
    } rows[] = {
        { "plain", "plain" },
        { "", "" },
        { "\"quoted\" \\ and /", "\"quoted\" \\ and /" },
        { "two\nlines\r\n\ttab", "two\nlines\r\n\ttab" },
        { "\x01\x1f\x7f\x1b[31m", "\x01\x1f\x7f\x1b[31m" },
        { "Käse 寿司 🍕", "Käse 寿司 🍕" },
        { "\xf4\x8f\xbf\xbf \xee\x80\x80 \xed\x9f\xbf", "\xf4\x8f\xbf\xbf \xee\x80\x80 \xed\x9f\xbf" },
        { "\xff", "\xef\xbf\xbd" },
        { "a\x80z", "a\xef\xbf\xbdz" },
        { "cut \xe5\xaf", "cut \xef\xbf\xbd\xef\xbf\xbd" },
        { "cut \xf0\x9f\x8d", "cut \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xc3(", "\xef\xbf\xbd(" },
        { "overlong \xc0\xaf", "overlong \xef\xbf\xbd\xef\xbf\xbd" },
        { "overlong \xe0\x80\xaf", "overlong \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "surrogate \xed\xa0\x80", "surrogate \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "too high \xf4\x90\x80\x80", "too high \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    };
    log_setup(LOG_INFO, "worker");
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        json_t *line = CATCH_LINE(log_info(rows[i].given, L_STR("field", rows[i].given)));
        assert_string_equal(text_of(line, "message"), rows[i].want);
        assert_string_equal(text_of(line, "field"), rows[i].want);
        json_decref(line);
    }
    json_t *line = CATCH_LINE(log_info("m", L_STR("a \"key\"\n\xff", "v")));
    assert_string_equal(text_of(line, "a \"key\"\n\xef\xbf\xbd"), "v");
    json_decref(line);
}

/* Every length around the ceiling, with characters of one, three and six bytes in the line. */
static void a_long_line_is_cut_and_stays_json(void **state)
{
    (void)state;
    static const char *const characters[] = { "x", "寿", "\x01", "\"", "\xff" };
    char *text = calloc(1, 40000);
    assert_non_null(text);
    log_setup(LOG_INFO, "worker");
    for (size_t c = 0; c < ZP_COUNT(characters); c++) {
        text[0] = '\0';
        for (size_t i = 0; i < 9000; i++) {
            memcpy(text + i * strlen(characters[c]), characters[c], strlen(characters[c]) + 1);
        }
        for (size_t len = 8000; len < 8200; len++) {
            size_t bytes = len * strlen(characters[c]);
            char saved = text[bytes];
            text[bytes] = '\0';
            json_t *line = CATCH_LINE(log_info("m", L_STR("text", text), L_INT("after", 12345), L_STR("last", "seen")));
            bool whole = strcmp(text_of(line, "last"), "seen") == 0;
            assert_true(whole != json_is_true(json_object_get(line, "cut")));
            assert_true(!whole || strlen(text_of(line, "text")) >= bytes);
            assert_string_equal(text_of(line, "message"), "m");
            json_decref(line);
            text[bytes] = saved;
        }
    }
    json_t *line = CATCH_LINE(log_info(text, L_STR(text, text)));
    assert_true(json_is_true(json_object_get(line, "cut")));
    json_decref(line);
    free(text);
}

static void many_fields_are_cut_between_fields(void **state)
{
    (void)state;
    enum { COUNT = 900 };
    static char keys[COUNT][8];
    struct log_field fields[COUNT + 1] = { 0 };
    for (int i = 0; i < COUNT; i++) {
        snprintf(keys[i], sizeof(keys[i]), "k%03d", i);
        fields[i] = (struct log_field)L_INT(keys[i], i);
    }
    log_setup(LOG_INFO, "worker");
    for (int from = 0; from < 20; from++) {
        json_t *line = CATCH_LINE(log_write(LOG_INFO, &"aaaaaaaaaaaaaaaaaaaaa"[from], fields));
        assert_true(json_is_true(json_object_get(line, "cut")));
        assert_true(json_object_size(line) > 500);
        json_decref(line);
    }
}

enum { THREADS = 4, LINES = 200 };

static void *write_lines(void *number)
{
    for (int i = 0; i < LINES; i++) {
        log_info("a line of one of several threads", L_INT("thread", *(int *)number), L_INT("line", i));
    }
    return NULL;
}

/* A seqpacket socket keeps each write apart, so half a line would show. */
static void a_line_is_one_write_also_with_threads(void **state)
{
    (void)state;
    int pair[2], saved = dup(STDERR_FILENO), next[THREADS] = { 0 }, numbers[THREADS];
    pthread_t threads[THREADS];
    log_setup(LOG_INFO, "worker");
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS * LINES; i++) {
        char text[8193] = { 0 };
        assert_true(recv(pair[0], text, sizeof(text) - 1, 0) > 0);
        json_t *line = line_of(strdup(text));
        json_int_t thread = json_integer_value(json_object_get(line, "thread"));
        assert_in_range(thread, 0, THREADS - 1);
        assert_int_equal(json_integer_value(json_object_get(line, "line")), next[thread]++);
        json_decref(line);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pair[0]);
    close(pair[1]);
}

static void a_log_that_cannot_be_written_stops_nobody(void **state)
{
    (void)state;
    int saved = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    errno = EAGAIN;
    log_error("nobody reads this");
    assert_int_equal(errno, EAGAIN); /* a log line between a call and its errno does no harm */
    dup2(saved, STDERR_FILENO);
    close(saved);
}

static void levels_have_names(void **state)
{
    (void)state;
    enum log_level level = LOG_ERROR;
    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_true(log_level_parse("warn", &level));
    static const char *const others[] = { "", "WARN", "warning", "info ", "0" };
    for (size_t i = 0; i < ZP_COUNT(others); i++) {
        assert_false(log_level_parse(others[i], &level));
        assert_int_equal(level, LOG_WARN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_its_head_and_fields),
        cmocka_unit_test(a_message_alone_is_fine),
        cmocka_unit_test(lower_levels_are_silent),
        cmocka_unit_test(any_bytes_give_valid_json),
        cmocka_unit_test(a_long_line_is_cut_and_stays_json),
        cmocka_unit_test(many_fields_are_cut_between_fields),
        cmocka_unit_test(a_line_is_one_write_also_with_threads),
        cmocka_unit_test(a_log_that_cannot_be_written_stops_nobody),
        cmocka_unit_test(levels_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
