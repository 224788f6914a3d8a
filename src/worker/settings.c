/* Owns the worker's table of settings. */
#include "zapora/bus.h"
#include "zapora/worker.h"

#define ROW(field) .name = #field, .offset = offsetof(struct worker_settings, field)

const struct setting WORKER_SETTINGS[] = {
    /* sorted by name */
    { ROW(batch_bytes_max), .kind = SETTING_INT, .fallback = "8388608", .min = 65536, .max = 33554432,
      .help = "Bytes of decoded commands in one transaction." },
    { ROW(batch_records_max), .kind = SETTING_INT, .fallback = "256", .min = 1, .max = 5000,
      .help = "Commands in one transaction." },
    { ROW(closed_order_ttl_s), .kind = SETTING_INT, .fallback = "600", .min = 60, .max = 604800,
      .help = "Seconds that the snapshot of a closed order, some 2 KB, stays in Redis; then the database has it." },
    { ROW(kafka), .kind = SETTING_STR, .fallback = "127.0.0.1:9092", .min = 1, .max = 2000,
      .help = "Kafka brokers, host:port[,host:port…]." },
    { ROW(locations_max), .kind = SETTING_INT, .fallback = "4096", .min = 16, .max = 1000000,
      .help = "Locations whose state and menu are kept in memory." },
    { ROW(log_level), .kind = SETTING_STR, .fallback = "info", .min = 4, .max = 5,
      .help = "Least level logged: debug, info, warn or error." },
    { ROW(ops_listen), .kind = SETTING_STR, .fallback = "127.0.0.1:9101", .min = 1, .max = 200,
      .help = "host:port of /livez, /readyz and /metrics." },
    BUS_PARTITIONS_SETTING(struct worker_settings),
    { ROW(postgres), .kind = SETTING_STR, .fallback = NULL, .min = 1, .max = 2000,
      .help = "PostgreSQL, as a postgresql:// URI." },
    { ROW(receipt_ttl_s), .kind = SETTING_INT, .fallback = "600", .min = 60, .max = 604800,
      .help = "Seconds that a command's receipt, some 300 bytes, stays in Redis; then the database has it." },
    { ROW(redis), .kind = SETTING_STR, .fallback = "redis://127.0.0.1:6379/0", .min = 1, .max = 2000,
      .help = "Redis, as redis://[[user]:password@]host:port/db; several hosts, with commas, are nodes of a cluster." },
    { ROW(watchdog_ms), .kind = SETTING_INT, .fallback = "30000", .min = 20000, .max = 600000,
      .help = "A thread that does not come round for so long ends the process to be restarted, in milliseconds; /livez "
              "fails after half of it." },
    { ROW(worker_id), .kind = SETTING_STR, .fallback = "worker-1", .min = 1, .max = 200,
      .help = "A stable name, unique among the workers: static membership of the group." },
};

const size_t WORKER_SETTING_COUNT = ZP_COUNT(WORKER_SETTINGS);
