/* A whole gateway, from its settings to its end, with each call of its main thread failing once: what cannot start says
 * so by its exit code, ends what it has started, and keeps nothing. It has been told to stop before it starts. Kafka is
 * librdkafka's own, in this process; PostgreSQL and Redis need not be there. */
#include "torture.h"

#include "../unit/bus/support.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "zapora/gateway.h"

#define TROUBLE (ERR(INVALID) | ERR(BUSY))
#define DESCRIPTORS 1024 /* fewer than the connections that are allowed want */

/* h2o never frees an event loop's queue of messages, nor what a thread keeps to use again. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_multithread_create_queue\nleak:h2o_mem_alloc_recycle\n";
}

/* The watchdog would end the test in the gateway's place, and call it a success. */
void __wrap_watchdog_end_within(int64_t limit_ms, int code);
void __wrap_watchdog_end_within(int64_t limit_ms, int code)
{
    (void)limit_ms, (void)code;
}

static char key_file[] = "/tmp/zapora_torture_key_XXXXXX";
static struct gateway_settings settings = {
    .listen = "127.0.0.1:0", .ops_listen = "127.0.0.1:0", .postgres = "host=/nowhere", .postgres_read = "",
    .postgres_lists = "", .redis = "redis://127.0.0.1:1/0", .jwt_key_file = key_file, .id_key_file = key_file,
    .threads = 1, .helper_threads = 1, .request_deadline_ms = 2000, .publish_timeout_ms = 1000, .lag_limit_ms = 1000,
    .connections_max = 2 * DESCRIPTORS, .streams_max = 8, .user_streams_max = 8, .location_streams_max = 8,
    .drain_ms = 1, .drain_unready_ms = 0, .watchdog_ms = 60000,
};

static void lower_limit(void)
{
    struct rlimit limit;
    torture_pause();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = DESCRIPTORS;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    torture_resume();
}

static enum zp_err a_gateway_runs(void)
{
    static const enum zp_err errs[] = { ZP_OK, ZP_BUSY, ZP_INVALID };
    lower_limit();
    assert_int_equal(raise(SIGTERM), 0);
    int code = gateway_run(&settings);
    return code >= 0 && code < (int)ZP_COUNT(errs) ? errs[code] : ZP_INTERNAL;
}

static const struct torture rows[] = {
    { "a gateway runs", NULL, a_gateway_runs, NULL, NULL, TROUBLE, ZP_OK },
};

static void make_key(void)
{
    static const char key[] = "0123456789abcdef0123456789abcdef";
    int fd = mkstemp(key_file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, key, sizeof(key) - 1), sizeof(key) - 1);
    assert_int_equal(close(fd), 0);
}

int main(void)
{
    sigset_t told;
    (void)sigemptyset(&told);
    (void)sigaddset(&told, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &told, NULL); /* before any thread: it waits for the gateway */
    (void)mock_setup(NULL);
    make_key();
    settings.kafka = mock.brokers;
    int failed = torture_main("a gateway", rows, ZP_COUNT(rows));
    (void)unlink(key_file);
    (void)mock_teardown(NULL);
    return failed;
}
