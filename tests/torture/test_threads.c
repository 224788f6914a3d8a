/* The worker's two threads, started and stopped with each call failing once: what does not start says why, keeps
 * nothing, and can be started later. Kafka is librdkafka's own, in this process; Redis and PostgreSQL need not be
 * there. */
#include "torture.h"

#include "../unit/bus/support.h"

#include "announce.h"
#include "worker_state.h"

#define MANY_ERRORS (ERR(INVALID) | ERR(BUSY) | ERR(NO_MEMORY))

static struct worker_settings settings = {
    .worker_id = "torture", .postgres = "host=/nowhere", .redis = "redis://127.0.0.1:1/0", .batch_records_max = 4,
    .batch_bytes_max = 1 << 20, .closed_order_ttl_s = 60, .receipt_ttl_s = 60,
};
static struct marks marks[BUS_PARTITIONS_MAX];
static char why[BUS_WHY_SIZE];

static void forget(void)
{
    why[0] = '\0';
}

static enum zp_err a_ticker_runs(void)
{
    struct ticker *ticker = NULL;
    enum zp_err err = ticker_start(&settings, marks, &ticker, why);
    if (err == ZP_OK) {
        ticker_stop(ticker);
    }
    return err;
}

static enum zp_err an_announcer_runs(void)
{
    struct announcer *announcer = NULL;
    enum zp_err err = announcer_start(&settings, marks, &announcer, why);
    if (err == ZP_OK) {
        announcer_stop(announcer);
    }
    return err;
}

static bool there_is_a_reason(enum zp_err err)
{
    return err == ZP_OK || why[0] != '\0';
}

static const struct torture rows[] = {
    { "a ticker runs", forget, a_ticker_runs, there_is_a_reason, NULL, MANY_ERRORS, ZP_OK },
    { "an announcer runs", forget, an_announcer_runs, there_is_a_reason, NULL, MANY_ERRORS, ZP_OK },
};

int main(void)
{
    (void)mock_setup(NULL);
    settings.kafka = mock.brokers;
    int failed = torture_main("the worker's threads", rows, ZP_COUNT(rows));
    (void)mock_teardown(NULL);
    return failed;
}
