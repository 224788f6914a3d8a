/* Owns the worker's table of time series. */
#include "metrics.h"

#define COUNTER(n, h, l) { .name = (n), .help = (h), .kind = METRIC_COUNTER, .labels = (l) }
#define GAUGE(n, h) { .name = (n), .help = (h), .kind = METRIC_GAUGE }
#define HISTOGRAM(n, h) { .name = (n), .help = (h), .kind = METRIC_HISTOGRAM }

struct metric worker_metrics[WORKER_METRIC_COUNT] = {
    [WM_APPLIED] = COUNTER("zapora_worker_commands_total", "Commands settled, by outcome.", "outcome=\"applied\""),
    [WM_REFUSED] = COUNTER("zapora_worker_commands_total", "Commands settled, by outcome.", "outcome=\"refused\""),
    [WM_DUPLICATES] = COUNTER("zapora_worker_commands_total", "Commands settled, by outcome.", "outcome=\"duplicate\""),
    [WM_PARKED] = COUNTER("zapora_worker_commands_total", "Commands settled, by outcome.", "outcome=\"parked\""),
    [WM_FACTS] =
        COUNTER("zapora_worker_facts_folded_total", "Events of the log folded into a restored database.", NULL),
    [WM_TURNS] = COUNTER("zapora_worker_turns_total", "Turns committed: batches of commands in one transaction.", NULL),
    [WM_FENCED] = COUNTER("zapora_worker_fenced_total", "Commits that the fence refused.", NULL),
    [WM_RETRIES] =
        COUNTER("zapora_worker_retries_total", "Turns rolled back or of unknown outcome, taken over again.", NULL),
    [WM_TAKEOVERS] = COUNTER("zapora_worker_takeovers_total", "Partitions taken over.", NULL),
    [WM_REPUBLISHED] = COUNTER("zapora_worker_republished_total", "Outcomes published again at a takeover.", NULL),
    [WM_UNREADABLE] = COUNTER("zapora_worker_unreadable_rows_total",
                              "Events of the journal that could not be decoded when they were needed.", NULL),
    [WM_STOPPED] =
        GAUGE("zapora_worker_partitions_stopped", "Partitions stopped loudly: not the log that the database knows."),
    [WM_OWNED] = GAUGE("zapora_worker_partitions_owned", "Partitions whose commands are applied here."),
    [WM_GAPS] = COUNTER("zapora_worker_gaps_total", "Records that came with an offset missing before them.", NULL),
    [WM_ANNOUNCED] = COUNTER("zapora_worker_announced_total", "Outcomes acknowledged by the log.", NULL),
    [WM_ANNOUNCE_FAILURES] =
        COUNTER("zapora_worker_announce_failures_total", "Times the announcer was made anew.", NULL),
    [WM_REFILLS] = COUNTER("zapora_worker_refills_total", "Caches of locations refilled from the database.", NULL),
    [WM_PUSH_FAILURES] = COUNTER("zapora_worker_push_failures_total", "Pushes to Redis that failed.", NULL),
    [WM_CACHE_FULL] = GAUGE("zapora_worker_redis_full",
                            "1 while Redis has no room for receipts and closed orders (maxmemory)."),
    [WM_LAG_RECORDS] =
        GAUGE("zapora_worker_lag_records", "Commands in the mailboxes of the owned partitions, not yet applied."),
    [WM_COMMIT_SECONDS] = HISTOGRAM("zapora_worker_commit_duration_seconds", "From a gathered turn to its commit."),
    [WM_ANNOUNCE_SECONDS] = HISTOGRAM("zapora_worker_announce_duration_seconds",
                                      "From the commit to the log's acknowledgement and the push."),
};

void worker_metrics_start(void)
{
    for (size_t i = 0; i < WORKER_METRIC_COUNT; i++) {
        if (worker_metrics[i].kind == METRIC_HISTOGRAM) {
            worker_metrics[i].bounds = METRIC_LATENCY_BOUNDS_US;
            worker_metrics[i].bound_count = METRIC_LATENCY_BOUND_COUNT;
        }
    }
    metrics_register(worker_metrics, WORKER_METRIC_COUNT);
}
