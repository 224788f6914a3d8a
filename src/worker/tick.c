/* Owns the ticker: a thread that says every 250 ms, for each partition held, up to where commands are applied and
 * where the mailbox ended when it was asked. It goes on while the main thread waits for a database, so that a
 * gateway knows the lag. Once a second it gives back what lies free in the heaps: nobody waits for it.
 * Invariant: a tick's `next` was read after its `end` was asked, and `asked_at` before. */
#include "metrics.h"
#include "worker_state.h"
#include "zapora/planted.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TICK_MS 250
#define ENDS_TIMEOUT_MS 1000
#define TRIM_TICKS 4

struct ticker {
    struct marks *marks; /* borrowed */
    struct bus_watch *watch;
    struct live_push *push;
    int stop_fd;
    pthread_t thread;
};

static size_t find_ticking(const struct ticker *ticker, int32_t numbers[BUS_PARTITIONS_MAX])
{
    size_t count = 0;
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        if (ticker->marks[p].ticking) {
            numbers[count++] = p;
        }
    }
    return count;
}

static void tick(struct ticker *ticker)
{
    int32_t numbers[BUS_PARTITIONS_MAX];
    int64_t ends[BUS_PARTITIONS_MAX];
    struct live_tick ticks[BUS_PARTITIONS_MAX];
    size_t count = find_ticking(ticker, numbers);
    int64_t asked_at = clock_wall_us(), asked_us = clock_mono_us(), lag = 0;
    if (count == 0 || bus_watch_ends(ticker->watch, TOPIC_COMMANDS, numbers, count, ENDS_TIMEOUT_MS, ends) != ZP_OK) {
        return;
    }
    asked_at = PLANTED(TICK_DATED_LATE) ? clock_wall_us() : asked_at;
    for (size_t i = 0; i < count; i++) {
        int64_t next = PLANTED(TICK_AHEAD) ? ends[i] : ticker->marks[numbers[i]].next_offset;
        ticks[i] = (struct live_tick){ .partition = numbers[i], .next = next, .end = ends[i], .asked_at = asked_at };
        lag += ends[i] > next ? ends[i] - next : 0;
        ticker->marks[numbers[i]].end_offset = ends[i];
        ticker->marks[numbers[i]].end_asked_us = asked_us;
    }
    metric_set(&worker_metrics[WM_LAG_RECORDS], lag);
    (void)!live_push_ticks(ticker->push, ticks, count); /* a missing tick refuses nobody; the next one comes */
}

static void *run_ticker(void *arg)
{
    struct ticker *ticker = arg;
    struct pollfd fd = { .fd = ticker->stop_fd, .events = POLLIN };
    struct watch *watch = watchdog_watch("ticker", -1);
    for (unsigned round = 1; poll(&fd, 1, TICK_MS) <= 0; round++) { /* a poll that fails is no word to stop */
        watchdog_beat(watch);
        tick(ticker);
        if (round % TRIM_TICKS == 0) {
            heap_trim();
        }
    }
    watchdog_unwatch(watch);
    return NULL;
}

enum zp_err ticker_start(const struct worker_settings *settings, struct marks *marks, struct ticker **ret_ticker,
                         char why[BUS_WHY_SIZE])
{
    struct ticker *ticker = calloc(1, sizeof *ticker);
    if (ticker == NULL) {
        snprintf(why, BUS_WHY_SIZE, "not enough memory for the ticker");
        return ZP_NO_MEMORY;
    }
    ticker->marks = marks;
    ticker->stop_fd = eventfd(0, EFD_CLOEXEC);
    const struct live_settings live = { .uri = settings->redis, .timeout_ms = 500,
                                        .closed_order_ttl_s = settings->closed_order_ttl_s,
                                        .receipt_ttl_s = settings->receipt_ttl_s };
    if (ticker->stop_fd < 0) {
        snprintf(why, BUS_WHY_SIZE, "no descriptor for the ticker: %s", strerror(errno));
        free(ticker);
        return ZP_BUSY;
    }
    enum zp_err err = bus_watch_create(settings->kafka, settings->worker_id, &ticker->watch, why);
    if (err == ZP_OK) {
        err = live_push_create(&live, &ticker->push, why);
    }
    if (err == ZP_OK && pthread_create(&ticker->thread, NULL, run_ticker, ticker) != 0) {
        snprintf(why, BUS_WHY_SIZE, "no thread for the ticker");
        err = ZP_NO_MEMORY;
    }
    if (err != ZP_OK) {
        live_push_destroy(ticker->push);
        bus_watch_destroy(ticker->watch);
        close(ticker->stop_fd);
        free(ticker);
        return err;
    }
    *ret_ticker = ticker;
    return ZP_OK;
}

void ticker_stop(struct ticker *ticker)
{
    if (ticker == NULL) {
        return;
    }
    uint64_t one = 1;
    (void)!write(ticker->stop_fd, &one, sizeof one);
    pthread_join(ticker->thread, NULL);
    live_push_destroy(ticker->push);
    bus_watch_destroy(ticker->watch);
    close(ticker->stop_fd);
    free(ticker);
}
