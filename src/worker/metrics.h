/* The worker's time series: one table, updated from all of its threads. */
#ifndef ZAPORA_WORKER_METRICS_H
#define ZAPORA_WORKER_METRICS_H

#include "zapora/base.h"

enum worker_metric {
    WM_APPLIED,
    WM_REFUSED,
    WM_DUPLICATES,
    WM_PARKED,
    WM_FACTS,
    WM_TURNS,
    WM_FENCED,
    WM_RETRIES,
    WM_TAKEOVERS,
    WM_REPUBLISHED,
    WM_UNREADABLE,
    WM_STOPPED,
    WM_OWNED,
    WM_GAPS,
    WM_ANNOUNCED,
    WM_ANNOUNCE_FAILURES,
    WM_REFILLS,
    WM_PUSH_FAILURES,
    WM_CACHE_FULL,
    WM_LAG_RECORDS,
    WM_COMMIT_SECONDS,
    WM_ANNOUNCE_SECONDS,
    WORKER_METRIC_COUNT
};

extern struct metric worker_metrics[WORKER_METRIC_COUNT];

/* Registers the table. Once, at start. */
void worker_metrics_start(void);

#endif
