/* The gateway's threads beside its loops, started and stopped with each call failing once: what does not start keeps
 * nothing, and can be started later. Kafka is librdkafka's own, in this process; PostgreSQL need not be there. */
#include "torture.h"

#include "../unit/bus/support.h"

#include "jobs.h"
#include "publisher.h"
#include "zapora/gateway.h"

#define MANY_ERRORS (ERR(INVALID) | ERR(BUSY) | ERR(NO_MEMORY))

static struct gateway_settings settings = {
    .postgres = "host=/nowhere", .postgres_read = "", .postgres_lists = "", .helper_threads = 2,
    .publish_timeout_ms = 1000,
};
static char why[BUS_WHY_SIZE];

static void forget(void)
{
    why[0] = '\0';
}

static enum zp_err a_publisher_runs(void)
{
    struct publisher *publisher = NULL;
    enum zp_err err = publisher_start(&settings, &publisher, why);
    if (err == ZP_OK) {
        publisher_stop(publisher, 0);
        publisher_destroy(publisher);
    }
    return err;
}

static bool there_is_a_reason(enum zp_err err)
{
    return err == ZP_OK || why[0] != '\0';
}

static enum zp_err helpers_run(void)
{
    struct jobs *jobs = NULL;
    enum zp_err err = jobs_start(&settings, &jobs);
    if (err == ZP_OK) {
        jobs_stop(jobs);
        jobs_destroy(jobs);
    }
    return err;
}

static enum zp_err a_watchdog_runs(void)
{
    enum zp_err err = watchdog_start(1000);
    watchdog_stop();
    return err;
}

static const struct torture rows[] = {
    { "a publisher runs", forget, a_publisher_runs, there_is_a_reason, NULL, MANY_ERRORS, ZP_OK },
    { "helpers run", NULL, helpers_run, NULL, NULL, ERR(BUSY) | ERR(NO_MEMORY), ZP_OK },
    { "a watchdog runs", NULL, a_watchdog_runs, NULL, NULL, ERR(BUSY), ZP_OK },
};

int main(void)
{
    (void)mock_setup(NULL);
    settings.kafka = mock.brokers;
    int failed = torture_main("the gateway's threads", rows, ZP_COUNT(rows));
    (void)mock_teardown(NULL);
    return failed;
}
