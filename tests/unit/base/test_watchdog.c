/* The watchdog: whom it tells of and whom it ends, in ticks worked out by hand; and its real thread in a child that
 * must die, or must not. */
#include "support.h"

#include "watchdog.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>

#define LIMIT_MS 1000
#define TICK_MS 100

static char heard[256];

static void hear(enum watch_news news, const char *name, int64_t silent_ms)
{
    static const char marks[] = { [WATCH_GOES_ON] = '+', [WATCH_STALLED] = '?', [WATCH_HUNG] = '!' };
    size_t len = strlen(heard);
    (void)snprintf(heard + len, sizeof(heard) - len, "%c%s@%lld ", marks[news], name, (long long)silent_ms);
}

/* Each letter is a tick: 'b' with a beat before it, '.' without one. */
static const struct row { const char *name, *ticks, *want; bool well; } rows[] = {
    { "a thread that comes round is nobody's concern", "bbbbbbbbbbbbbbbb", "", true },
    { "less than half of the limit is nothing", "b....", "", true },
    { "half of the limit is told once", "b.....", "?loop 3@500 ", false },
    { "... and only once", "b........", "?loop 3@500 ", false },
    { "who goes on in time is told of, and is well", "b.........b", "?loop 3@500 +loop 3@900 ", true },
    { "silence is counted anew after a beat", "b.........b....", "?loop 3@500 +loop 3@900 ", true },
    { "a second stall is told again", "b.....b.....", "?loop 3@500 +loop 3@500 ?loop 3@500 ", false },
    { "the whole limit is the end", "b..........", "?loop 3@500 !loop 3@1000 ", false },
    { "who never beat has its limit from the beginning on", "..........", "?loop 3@500 !loop 3@1000 ", false },
};

static void rows_are_as_worked_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        char why[128] = "";
        struct watch *watch = watchdog_watch("loop", 3);
        heard[0] = '\0';
        for (const char *tick = rows[i].ticks; *tick != '\0'; tick++) {
            if (*tick == 'b') {
                watchdog_beat(watch);
            }
            watchdog_tick(TICK_MS, LIMIT_MS, hear);
        }
        if (strcmp(heard, rows[i].want) != 0 || watchdog_well(NULL, why, sizeof(why)) != rows[i].well) {
            fail_msg("%s: heard \"%s\", why \"%s\"", rows[i].name, heard, why);
        }
        assert_true(rows[i].well || strstr(why, "loop 3 has not come round for") != NULL);
        watchdog_unwatch(watch);
        assert_true(watchdog_well(NULL, why, sizeof(why)));
    }
}

static void one_that_hangs_among_others_is_named(void **state)
{
    (void)state;
    struct watch *well = watchdog_watch("publisher", -1), *ill = watchdog_watch("places", -1);
    heard[0] = '\0';
    for (int i = 0; i < LIMIT_MS / TICK_MS; i++) {
        watchdog_beat(well);
        watchdog_tick(TICK_MS, LIMIT_MS, hear);
    }
    assert_string_equal(heard, "?places@500 !places@1000 ");
    watchdog_unwatch(ill);
    watchdog_unwatch(well);
}

static void one_that_is_not_watched_any_more_may_rest(void **state)
{
    (void)state;
    struct watch *watch = watchdog_watch("loop", 0);
    watchdog_unwatch(watch);
    struct watch *next = watchdog_watch("loop", 1); /* the same place: its silence begins anew */
    heard[0] = '\0';
    for (int i = 0; i < 4; i++) {
        watchdog_tick(TICK_MS, LIMIT_MS, hear);
    }
    assert_string_equal(heard, "");
    watchdog_unwatch(next);
}

/* ---- the real thread ---- */

#define REAL_LIMIT_MS 400

static void rest(int ms)
{
    const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

static void *hang(void *arg)
{
    watchdog_beat(watchdog_watch("the announcer", -1));
    return poll(NULL, 0, -1) == 0 ? arg : NULL;
}

static void hang_in_a_thread(void)
{
    pthread_t thread;
    alarm(60); /* a watchdog that does not bite ends otherwise than by abort() */
    if (watchdog_start(REAL_LIMIT_MS) == ZP_OK && pthread_create(&thread, NULL, hang, NULL) == 0) {
        (void)pthread_join(thread, NULL);
    }
}

static void a_real_hang_ends_the_process_and_is_named(void **state)
{
    (void)state;
    assert_panics(hang_in_a_thread, "\"message\":\"a thread hangs: the process ends itself to be restarted\","
                                    "\"thread\":\"the announcer\"");
    assert_panics(hang_in_a_thread, "\"message\":\"a thread makes no progress\",\"thread\":\"the announcer\"");
}

/* Nobody empties the pipe: a word more would block. */
static void hang_with_a_full_log(void)
{
    int ends[2];
    static const char filling[4096];
    if (pipe2(ends, O_NONBLOCK) == 0) {
        while (write(ends[1], filling, sizeof(filling)) > 0) {
        }
        (void)fcntl(ends[1], F_SETFL, 0);
        (void)!write(STDERR_FILENO, "full", 4);
        (void)dup2(ends[1], STDERR_FILENO);
        hang_in_a_thread();
    }
}

static void a_log_that_nobody_reads_does_not_save_it(void **state)
{
    (void)state;
    assert_panics(hang_with_a_full_log, "full");
}

/* Comes round every few milliseconds, for as long as its parent wants it to. */
static _Noreturn void come_round(void)
{
    struct watch *watch = watchdog_watch("loop", 0);
    if (watchdog_start(REAL_LIMIT_MS) != ZP_OK) {
        _exit(2);
    }
    for (int i = 0; i < 400; i++) {
        watchdog_beat(watch);
        rest(5);
    }
    watchdog_stop();
    _exit(0);
}

static void a_process_that_was_stopped_as_a_whole_goes_on(void **state)
{
    (void)state;
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        come_round();
    }
    for (int i = 0; i < 2; i++) {
        rest(100);
        assert_int_equal(kill(child, SIGSTOP), 0);
        assert_int_equal(waitpid(child, &status, WUNTRACED), child);
        assert_true(WIFSTOPPED(status));
        rest(2 * REAL_LIMIT_MS);
        assert_int_equal(kill(child, SIGCONT), 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Beats as it should, and has stopped serving, but something in its end waits for ever. */
static void end_for_ever(void)
{
    struct watch *watch = watchdog_watch("main", -1);
    alarm(60);
    if (watchdog_start(20 * REAL_LIMIT_MS) == ZP_OK) {
        watchdog_end_within(REAL_LIMIT_MS, 7);
        watchdog_end_within(60000, 8); /* a later word gives no more time */
        for (;;) {
            watchdog_beat(watch);
            rest(5);
        }
    }
}

static int exit_status_of(void (*life)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        life();
        _exit(3);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A regression: whoever was to read the signal was in the midst of something long, and its time began only then. */
static void hear_nothing(void)
{
    sigset_t set;
    struct watch *watch = watchdog_watch("main", -1);
    alarm(60);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    int signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signal_fd >= 0 && watchdog_start(20 * REAL_LIMIT_MS) == ZP_OK) {
        watchdog_end_on(signal_fd, REAL_LIMIT_MS);
        watchdog_beat(watch);
        rest(2 * REAL_LIMIT_MS); /* nobody has asked yet */
        (void)kill(getpid(), SIGTERM);
        for (;;) {
            watchdog_beat(watch);
            rest(5);
        }
    }
}

static void a_signal_that_nobody_reads_ends_the_process(void **state)
{
    (void)state;
    assert_int_equal(exit_status_of(hear_nothing), 1);
}

static void wait_for_a_signal_in_vain(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    int signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signal_fd >= 0 && watchdog_start(REAL_LIMIT_MS) == ZP_OK) {
        watchdog_end_on(signal_fd, 1);
        rest(2 * REAL_LIMIT_MS);
        watchdog_stop();
        _exit(0);
    }
}

static void a_process_that_nobody_asks_to_end_goes_on(void **state)
{
    (void)state;
    assert_int_equal(exit_status_of(wait_for_a_signal_in_vain), 0);
}

static void a_process_that_does_not_end_is_ended(void **state)
{
    (void)state;
    assert_int_equal(exit_status_of(end_for_ever), 7);
}

static void end_in_time(void)
{
    if (watchdog_start(REAL_LIMIT_MS) == ZP_OK) {
        watchdog_end_within(60000, 1);
        rest(2 * REAL_LIMIT_MS);
        watchdog_stop();
        _exit(0);
    }
}

static void a_process_that_ends_in_time_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(exit_status_of(end_in_time), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_as_worked_out),
        cmocka_unit_test(one_that_hangs_among_others_is_named),
        cmocka_unit_test(one_that_is_not_watched_any_more_may_rest),
        cmocka_unit_test(a_real_hang_ends_the_process_and_is_named),
        cmocka_unit_test(a_log_that_nobody_reads_does_not_save_it),
        cmocka_unit_test(a_process_that_was_stopped_as_a_whole_goes_on),
        cmocka_unit_test(a_process_that_does_not_end_is_ended),
        cmocka_unit_test(a_signal_that_nobody_reads_ends_the_process),
        cmocka_unit_test(a_process_that_nobody_asks_to_end_goes_on),
        cmocka_unit_test(a_process_that_ends_in_time_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
