/* worker: the role that applies commands: mailbox in, database, log and cache out. */
#ifndef ZAPORA_WORKER_H
#define ZAPORA_WORKER_H

#include "zapora/base.h"

/* Filled by config_load from WORKER_SETTINGS. */
struct worker_settings {
    const char *worker_id;         /* stable: static membership of the group */
    const char *ops_listen;
    const char *kafka, *postgres, *redis;
    int64_t batch_records_max;
    int64_t batch_bytes_max;
    int64_t locations_max;         /* cached actors */
    int64_t closed_order_ttl_s, receipt_ttl_s;
    const char *log_level;
};

extern const struct setting WORKER_SETTINGS[];
extern const size_t WORKER_SETTING_COUNT;

/* Runs until SIGTERM or SIGINT, then finishes the batch in flight and releases its partitions. Returns the exit
 * code. */
int worker_run(const struct worker_settings *settings);

#endif
