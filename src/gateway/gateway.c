/* gateway: starts the role's parts in order, waits for the word to stop, drains, and ends them in the opposite order.
 *
 * Called by the command line. Invariant: whatever posts to a loop has ended before the loop ends. */
#include "gateway_parts.h"

#include "jobs.h"
#include "loop.h"
#include "metrics.h"
#include "places.h"
#include "publisher.h"
#include "quota.h"
#include "zapora/ops.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ID_KEY_BYTES_MIN 16
#define ID_KEY_BYTES_MAX 4096
#define SPARE_DESCRIPTORS 256     /* besides clients' connections */
#define FLUSH_MS 1000
#define PUBLISH_SPARE_MS 200
#define HURRY_US 1000000          /* before the end of a drain, for what waits end with */
#define WAIT_SLICE_MS 20          /* of the drain */
#define END_MS 1500               /* after the drain, for threads that wait for servers: no client waits for them */

enum { EXIT_OK, EXIT_FAILED, EXIT_WRONG_SETTING };

static int refuse(const char *what, const char *why, int code)
{
    log_error(what, L_STR("why", why));
    return code;
}

/* ---- checks of the operations listener ---- */

static bool check_kafka(void *arg, char *why, size_t why_size)
{
    return publisher_well(((struct gateway *)arg)->publisher, why, why_size);
}

/* A gateway that has never reached the brokers is likely set up wrongly: it takes no traffic. Later, while they are
 * away, it goes on with reads, menus and streams, and must stay in. */
static bool check_started(void *arg, char *why, size_t why_size)
{
    (void)snprintf(why, why_size, "the brokers have never been reached");
    return publisher_was_well(((struct gateway *)arg)->publisher);
}

static bool check_postgres(void *arg, char *why, size_t why_size)
{
    return jobs_postgres_well(((struct gateway *)arg)->jobs, why, why_size);
}

static bool check_places(void *arg, char *why, size_t why_size)
{
    return places_well(((struct gateway *)arg)->places, why, why_size);
}

static bool check_redis(void *arg, char *why, size_t why_size)
{
    const struct gateway *gateway = arg;
    (void)snprintf(why, why_size, "not connected");
    for (size_t i = 0; i < gateway->loop_count; i++) {
        if (!atomic_load(&gateway->loops[i]->hub_connected)) {
            return false;
        }
    }
    return true;
}

/* ---- keys ---- */

static bool read_keys(struct gateway *gateway)
{
    char why[256] = "";
    uint8_t *secret = NULL;
    size_t len = 0;
    const struct gateway_settings *settings = gateway->settings;
    if (config_read_key(settings->jwt_key_file, TOKEN_KEY_BYTES_MIN, TOKEN_KEY_BYTES_MAX, &gateway->token_key.bytes,
                        &gateway->token_key.len, why, sizeof(why)) != ZP_OK) {
        log_error("jwt_key_file cannot be used", L_STR("why", why));
        return false;
    }
    token_key_name(&gateway->token_key);
    if (config_read_key(settings->id_key_file, ID_KEY_BYTES_MIN, ID_KEY_BYTES_MAX, &secret, &len, why, sizeof(why)) !=
        ZP_OK) {
        log_error("id_key_file cannot be used", L_STR("why", why));
        return false;
    }
    identity_derive(secret, len, "command", gateway->id_key);
    identity_derive(secret, len, "fingerprint", gateway->fingerprint_key);
    identity_derive(secret, len, "cursor", gateway->cursor_key);
    crypto_wipe(secret, len);
    free(secret);
    return true;
}

/* ---- start ---- */

/* The brokers' word must come before the deadline, else 504 would be said where 503 is true. */
static bool deadlines_fit(const struct gateway_settings *settings)
{
    bool fit = settings->publish_timeout_ms + PUBLISH_SPARE_MS <= settings->request_deadline_ms;
    if (!fit) {
        log_error("publish_timeout_ms must be at least 200 less than request_deadline_ms",
                  L_INT("publish_timeout_ms", settings->publish_timeout_ms),
                  L_INT("request_deadline_ms", settings->request_deadline_ms));
    }
    return fit;
}

/* Descriptors for all connections that are allowed; where the system gives fewer, fewer are allowed: an accept that
 * fails for want of a descriptor would fail again and again, as fast as the loop turns. */
static void share_descriptors(struct gateway *gateway)
{
    struct rlimit limit;
    const struct gateway_settings *settings = gateway->settings;
    rlim_t wanted = (rlim_t)(settings->connections_max * settings->threads + SPARE_DESCRIPTORS);
    gateway->connections_max = (size_t)settings->connections_max;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return;
    }
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= wanted ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur < wanted) {
        rlim_t spare = limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? SPARE_DESCRIPTORS : limit.rlim_cur / 2;
        gateway->connections_max = (size_t)((limit.rlim_cur - spare) / (rlim_t)settings->threads);
        log_warn("fewer descriptors than connections_max asks for", L_INT("limit", limit.rlim_cur),
                 L_INT("connections_max", gateway->connections_max));
    }
}

static enum zp_err start_loops(struct gateway *gateway, char *why, size_t why_size)
{
    enum zp_err err = ZP_OK;
    while (err == ZP_OK && gateway->loop_count < (size_t)gateway->settings->threads) {
        int fd = ops_listen(gateway->settings->listen, true, why, why_size);
        if (fd < 0) {
            return errno == EINVAL ? ZP_INVALID : ZP_BUSY;
        }
        err = loop_start(gateway, fd, &gateway->loops[gateway->loop_count], why, why_size);
        if (err == ZP_OK) {
            gateway->loop_count++;
        } else {
            (void)close(fd);
        }
    }
    return err;
}

/* Streams never take all connections: a quarter is left for whoever asks and goes. */
static enum zp_err start_quota(struct gateway *gateway)
{
    const struct gateway_settings *settings = gateway->settings;
    int64_t most = (int64_t)gateway->connections_max * settings->threads / 4 * 3;
    const struct quota_limits limits = {
        .streams = settings->streams_max < most ? settings->streams_max : most,
        .user_streams = settings->user_streams_max, .location_streams = settings->location_streams_max,
    };
    if (limits.streams < settings->streams_max) {
        log_warn("fewer streams than streams_max: three quarters of the connections", L_INT("streams_max", most));
    }
    return quota_create(&limits, &gateway->quota);
}

/* Everything but the operations listener. What was started stays for stop_parts, whatever the result. */
static enum zp_err start_parts(struct gateway *gateway, char *why, size_t why_size)
{
    char reason[BUS_WHY_SIZE] = "";
    enum zp_err err = publisher_start(gateway->settings, &gateway->publisher, reason);
    if (err != ZP_OK) {
        (void)snprintf(why, why_size, "kafka: %s", reason);
        return err;
    }
    err = jobs_start(gateway->settings, &gateway->jobs);
    if (err == ZP_OK) {
        err = places_create(gateway, &gateway->places);
    }
    if (err != ZP_OK) {
        (void)snprintf(why, why_size, "postgres: %s",
                       err == ZP_INVALID ? "the URI cannot be read" : "no memory or no threads");
        return err;
    }
    err = start_quota(gateway);
    if (err != ZP_OK) {
        (void)snprintf(why, why_size, "no memory");
        return err;
    }
    err = start_loops(gateway, why, why_size);
    if (err == ZP_OK) {
        err = places_run(gateway->places);
    }
    return err;
}

static void stop_parts(struct gateway *gateway)
{
    publisher_stop(gateway->publisher, FLUSH_MS);
    jobs_stop(gateway->jobs);
    places_stop(gateway->places);
    for (size_t i = 0; i < gateway->loop_count; i++) {
        loop_enter(gateway->loops[i], LOOP_STOP);
    }
    for (size_t i = 0; i < gateway->loop_count; i++) {
        loop_join(gateway->loops[i]);
    }
    publisher_destroy(gateway->publisher);
    jobs_destroy(gateway->jobs);
    places_destroy(gateway->places);
    quota_destroy(gateway->quota);
}

/* ---- the drain ---- */

static int64_t open_calls(const struct gateway *gateway)
{
    int64_t count = 0;
    for (size_t i = 0; i < gateway->loop_count; i++) {
        count += atomic_load(&gateway->loops[i]->open_calls);
    }
    return count;
}

/* Connections that are being answered, or on which a client may be about to ask: it was told nothing yet. */
static int64_t unsettled(const struct gateway *gateway)
{
    int64_t count = 0;
    for (size_t i = 0; i < gateway->loop_count; i++) {
        count += atomic_load(&gateway->loops[i]->drained) ? atomic_load(&gateway->loops[i]->unsettled) : 1;
    }
    return count;
}

/* Waits until nothing is unsettled (with `even_so`: all of the time), at most until then, or until a second signal asks
 * to hurry: false. */
static bool wait_for_clients(const struct gateway *gateway, const sigset_t *signals, int64_t until_us, bool even_so)
{
    const struct timespec slice = { .tv_nsec = WAIT_SLICE_MS * 1000000 };
    while (clock_mono_us() < until_us && (even_so || unsettled(gateway) > 0)) {
        if (sigtimedwait(signals, NULL, &slice) > 0) {
            return false;
        }
    }
    return true;
}

static void drain(struct gateway *gateway, struct ops *ops, const sigset_t *signals)
{
    int64_t now_us = clock_mono_us(), end_us = now_us + gateway->settings->drain_ms * 1000;
    int64_t unready_us = now_us + gateway->settings->drain_unready_ms * 1000;
    log_info("draining", L_INT("open_requests", open_calls(gateway)));
    atomic_store(&gateway->hurry_at_us, end_us - HURRY_US);
    atomic_store(&gateway->draining, true);
    ops_drain(ops);
    bool patient = wait_for_clients(gateway, signals, unready_us < end_us ? unready_us : end_us, true);
    for (size_t i = 0; i < gateway->loop_count; i++) {
        loop_enter(gateway->loops[i], LOOP_DRAIN);
    }
    patient = patient && wait_for_clients(gateway, signals, end_us, false);
    if (open_calls(gateway) > 0) {
        log_warn(patient ? "the drain's time is over" : "the drain was cut short",
                 L_INT("open_requests", open_calls(gateway)));
    }
}

static void wait_for_signal(const sigset_t *signals)
{
    while (sigwaitinfo(signals, NULL) < 0 && errno == EINTR) {
    }
}

/* The threads inherit the mask: signals reach the main thread alone. */
static void take_signals(sigset_t *ret_signals)
{
    sigemptyset(ret_signals);
    sigaddset(ret_signals, SIGTERM);
    sigaddset(ret_signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, ret_signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* h2o writes to clients that have gone */
}

static int serve(struct gateway *gateway, const sigset_t *signals)
{
    char why[BUS_WHY_SIZE + 64] = "";
    struct ops *ops = NULL;
    const struct ops_check ready[] = {
        { "locations", check_places, gateway, true },
        { "started", check_started, gateway, true },
        { "kafka", check_kafka, gateway, false },
        { "postgres", check_postgres, gateway, false },
        { "redis", check_redis, gateway, false },
    };
    const struct ops_check live[] = { { "progress", watchdog_well, NULL, true } };
    const struct ops_settings settings = { gateway->settings->ops_listen, ready, ZP_COUNT(ready), live,
                                           ZP_COUNT(live) };
    enum zp_err err = start_parts(gateway, why, sizeof(why));
    if (err == ZP_OK) {
        err = watchdog_start(gateway->settings->watchdog_ms);
    }
    if (err == ZP_OK) {
        err = ops_start(&settings, &ops, why, sizeof(why));
    }
    if (err == ZP_OK) {
        log_info("listening", L_STR("listen", gateway->settings->listen),
                 L_STR("ops_listen", gateway->settings->ops_listen), L_STR("kid", gateway->token_key.kid));
        wait_for_signal(signals);
        drain(gateway, ops, signals);
        watchdog_end_within(END_MS, EXIT_OK);
    }
    ops_stop(ops); /* its checks look at the parts */
    struct watch *watch = watchdog_watch("stop", -1);
    stop_parts(gateway);
    watchdog_unwatch(watch);
    watchdog_stop();
    return err == ZP_OK ? EXIT_OK
                        : refuse("the gateway cannot start", why, err == ZP_INVALID ? EXIT_WRONG_SETTING : EXIT_FAILED);
}

int gateway_run(const struct gateway_settings *settings)
{
    sigset_t signals;
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    if (gateway == NULL) {
        return refuse("the gateway cannot start", "no memory", EXIT_FAILED);
    }
    int code = EXIT_WRONG_SETTING;
    gateway->settings = settings;
    take_signals(&signals);
    gateway_metrics_start();
    if (deadlines_fit(settings) && read_keys(gateway)) {
        share_descriptors(gateway);
        code = serve(gateway, &signals);
    }
    if (gateway->token_key.bytes != NULL) {
        crypto_wipe(gateway->token_key.bytes, gateway->token_key.len);
    }
    free(gateway->token_key.bytes);
    crypto_wipe(gateway, sizeof(*gateway));
    free(gateway);
    if (code == EXIT_OK) {
        log_info("stopped");
    }
    return code;
}
