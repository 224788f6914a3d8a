/* The operations listener, really started on a free port of the loopback and asked over TCP. */
#include "zapora/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* h2o 2.2.5 forgets its queue when a context is disposed of, and a thread's recycled chunks when the thread ends: a few
 * hundred bytes for each start of a listener. When this is mended, the line can go. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libh2o-evloop\n";
}

#define ANSWER_BYTES_MAX 65536

static bool always(void *arg, char *why, size_t why_size)
{
    (void)arg;
    (void)why;
    (void)why_size;
    return true;
}

/* arg is a switch that the test turns. */
static bool when_on(void *arg, char *why, size_t why_size)
{
    (void)snprintf(why, why_size, "switched off");
    return atomic_load((_Atomic bool *)arg);
}

static _Atomic bool vital_on = true, spare_on = true, alive = true;

static const struct ops_check ready[] = {
    { "places", when_on, &vital_on, true },
    { "redis", when_on, &spare_on, false },
    { "always", always, NULL, true },
};
static const struct ops_check live[] = { { "progress", when_on, &alive, true } };

static struct metric counted = { .name = "test_things_total", .help = "Things.", .kind = METRIC_COUNTER };

static int start(void **state)
{
    struct ops *ops = NULL;
    char why[256] = "";
    const struct ops_settings settings = { "127.0.0.1:0", ready, ZP_COUNT(ready), live, ZP_COUNT(live) };
    atomic_store(&vital_on, true);
    atomic_store(&spare_on, true);
    atomic_store(&alive, true);
    if (ops_start(&settings, &ops, why, sizeof(why)) != ZP_OK) {
        print_error("%s\n", why);
        return -1;
    }
    *state = ops;
    return 0;
}

static int stop(void **state)
{
    ops_stop(*state);
    return 0;
}

static int dial(const struct ops *ops)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)ops_port(ops)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Sends the words and reads until the listener closes. */
static const char *ask(const struct ops *ops, const char *words)
{
    static char answer[ANSWER_BYTES_MAX];
    size_t len = 0;
    ssize_t got;
    int fd = dial(ops);
    assert_int_equal(send(fd, words, strlen(words), MSG_NOSIGNAL), strlen(words));
    while ((got = recv(fd, answer + len, sizeof(answer) - 1 - len, 0)) > 0) {
        len += (size_t)got;
    }
    assert_int_equal(got, 0);
    answer[len] = '\0';
    (void)close(fd);
    return answer;
}

static const char *get(const struct ops *ops, const char *path)
{
    char words[128];
    (void)snprintf(words, sizeof(words), "GET %s HTTP/1.1\r\nHost: ops\r\n\r\n", path);
    return ask(ops, words);
}

static void assert_answer(const char *answer, int status, const char *holds)
{
    char first[32];
    (void)snprintf(first, sizeof(first), "HTTP/1.1 %d ", status);
    if (strncmp(answer, first, strlen(first)) != 0 || strstr(answer, holds) == NULL) {
        fail_msg("wanted %d and \"%s\", got:\n%s", status, holds, answer);
    }
}

static void all_well_is_one_line(void **state)
{
    assert_answer(get(*state, "/livez"), 200, "\r\n\r\nok\n");
    assert_answer(get(*state, "/readyz"), 200, "\r\n\r\nok\n");
}

static void verbose_lists_each_check(void **state)
{
    const char *answer = get(*state, "/readyz?verbose");
    assert_answer(answer, 200, "[+]places ok\n[+]redis ok\n[+]always ok\nreadyz check passed\n");
    assert_answer(get(*state, "/livez?verbose=1"), 200, "[+]progress ok\nlivez check passed\n");
}

static void a_vital_check_makes_it_unready(void **state)
{
    atomic_store(&vital_on, false);
    assert_answer(get(*state, "/readyz"), 503, "[-]places failed: switched off\n[+]redis ok\n");
    assert_answer(get(*state, "/livez"), 200, "ok\n");
    atomic_store(&vital_on, true);
    assert_answer(get(*state, "/readyz"), 200, "ok\n");
}

static void a_spare_check_is_only_shown(void **state)
{
    atomic_store(&spare_on, false);
    assert_answer(get(*state, "/readyz"), 200, "\r\n\r\nok\n");
    assert_answer(get(*state, "/readyz?verbose"), 200, "[-]redis degraded: switched off\n");
}

static void a_stuck_role_is_not_live(void **state)
{
    atomic_store(&alive, false);
    assert_answer(get(*state, "/livez"), 503, "[-]progress failed: switched off\nlivez check failed\n");
}

static void a_draining_role_is_not_ready_but_live(void **state)
{
    ops_drain(*state);
    assert_answer(get(*state, "/readyz"), 503, "[-]draining");
    assert_answer(get(*state, "/livez"), 200, "ok\n");
}

static void metrics_have_the_format_of_prometheus(void **state)
{
    metrics_register(&counted, 1);
    metric_add(&counted, 3);
    const char *answer = get(*state, "/metrics");
    assert_answer(answer, 200, "content-type: text/plain; version=0.0.4\r\n");
    assert_non_null(strstr(answer, "# TYPE test_things_total counter\ntest_things_total 3\n"));
    assert_non_null(strstr(answer, "process_resident_memory_bytes "));
}

static void other_paths_and_methods_are_refused(void **state)
{
    assert_answer(get(*state, "/"), 404, "/readyz?verbose");
    assert_answer(get(*state, "/livez/"), 404, "");
    assert_answer(ask(*state, "POST /livez HTTP/1.1\r\nHost: ops\r\nContent-Length: 0\r\n\r\n"), 405,
                  "allow: GET, HEAD\r\n");
    assert_answer(ask(*state, "HEAD /livez HTTP/1.1\r\nHost: ops\r\n\r\n"), 200, "Content-Length: 3\r\n");
}

/* h2o speaks clear-text HTTP/2 by default; its code for it has known holes. */
static void http2_is_off(void **state)
{
    assert_answer(ask(*state, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400, "Bad Request");
    const char *answer =
        ask(*state, "GET /livez HTTP/1.1\r\nHost: ops\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                    "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
    assert_answer(answer, 200, "ok\n");
}

/* One silent client too many: the listener goes on when one of them leaves. */
static void silent_clients_do_not_shut_others_out_for_ever(void **state)
{
    int silent[64];
    for (size_t i = 0; i < ZP_COUNT(silent); i++) {
        silent[i] = dial(*state);
    }
    (void)close(silent[0]);
    assert_answer(get(*state, "/livez"), 200, "ok\n");
    for (size_t i = 1; i < ZP_COUNT(silent); i++) {
        (void)close(silent[i]);
    }
}

static void a_stop_does_not_wait_for_silent_clients(void **state)
{
    int silent = dial(*state);
    assert_answer(get(*state, "/livez"), 200, "ok\n"); /* by now the silent one has been accepted too */
    ops_stop(*state);
    *state = NULL;
    char byte;
    assert_int_equal(recv(silent, &byte, 1, 0), 0);
    (void)close(silent);
}

static void a_port_in_use_is_said(void **state)
{
    char address[32], why[256] = "";
    struct ops *second = NULL;
    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", ops_port(*state));
    const struct ops_settings settings = { .listen = address };
    assert_int_equal(ops_start(&settings, &second, why, sizeof(why)), ZP_BUSY);
    assert_non_null(strstr(why, "in use"));
    assert_null(second);
}

static void bad_addresses_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        ":",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:http",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:+1",
        "::1:80",
        "[::1:80",
        "[::1]80",
        "127.0.0.1:000080",
        "999.0.0.1:80",
        "]:80",
    };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        char why[256] = "";
        errno = 0;
        int fd = ops_listen(rows[i], false, why, sizeof(why));
        if (fd >= 0 || errno != EINVAL || why[0] == '\0') {
            fail_msg("\"%s\" gave %d, errno %d, \"%s\"", rows[i], fd, errno, why);
        }
    }
}

static void two_sockets_share_a_port_only_when_asked(void **state)
{
    char address[32], why[256] = "";
    struct sockaddr_in bound;
    socklen_t len = sizeof(bound);
    (void)state;
    int first = ops_listen("127.0.0.1:0", true, why, sizeof(why));
    assert_int_equal(getsockname(first, (struct sockaddr *)&bound, &len), 0);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", ntohs(bound.sin_port));
    int second = ops_listen(address, true, why, sizeof(why));
    assert_true(first >= 0 && second >= 0);
    assert_int_equal(ops_listen(address, false, why, sizeof(why)), -1);
    (void)close(first);
    (void)close(second);
}

#define WITH_LISTENER(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LISTENER(all_well_is_one_line),
        WITH_LISTENER(verbose_lists_each_check),
        WITH_LISTENER(a_vital_check_makes_it_unready),
        WITH_LISTENER(a_spare_check_is_only_shown),
        WITH_LISTENER(a_stuck_role_is_not_live),
        WITH_LISTENER(a_draining_role_is_not_ready_but_live),
        WITH_LISTENER(metrics_have_the_format_of_prometheus),
        WITH_LISTENER(other_paths_and_methods_are_refused),
        WITH_LISTENER(http2_is_off),
        WITH_LISTENER(silent_clients_do_not_shut_others_out_for_ever),
        WITH_LISTENER(a_stop_does_not_wait_for_silent_clients),
        WITH_LISTENER(a_port_in_use_is_said),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(two_sockets_share_a_port_only_when_asked),
    };
    crypto_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
