/* settings: the gateway's settings, with their defaults and ranges. */
#include "gateway_parts.h"
#include "zapora/bus.h"

#define CONNECT_TIMEOUT_MS 2000

#define FIELD(name) offsetof(struct gateway_settings, name)

const struct setting GATEWAY_SETTINGS[] = {
    /* Sorted by name. */
    { "access_log", SETTING_BOOL, "false", 0, 0, FIELD(access_log),
      "Log every request; else only those that failed with 5xx or took longer than a second." },
    { "connections_max", SETTING_INT, "8192", 16, 100000, FIELD(connections_max),
      "Open connections for each event loop; beyond that those that have been quiet for longest are closed, and others "
      "wait in the kernel's queue." },
    { "drain_ms", SETTING_INT, "10000", 0, 300000, FIELD(drain_ms),
      "How long a drain may last, from SIGTERM on, until what is still open is broken off, in milliseconds." },
    { "drain_unready_ms", SETTING_INT, "500", 0, 60000, FIELD(drain_unready_ms),
      "How long /readyz fails before new connections are refused and streams are sent elsewhere: as long as a balancer "
      "needs to notice, in milliseconds; part of drain_ms." },
    { "helper_threads", SETTING_INT, "4", 1, 64, FIELD(helper_threads),
      "Threads for PostgreSQL and password hashing, each with one connection; at most two hash at a time, 19 MiB "
      "each." },
    { "id_key_file", SETTING_FILE, NULL, 0, 0, FIELD(id_key_file),
      "Secret of 16 to 4096 bytes that names commands; the same on every gateway, and for ever." },
    { "jwt_key_file", SETTING_FILE, NULL, 0, 0, FIELD(jwt_key_file),
      "Secret of 32 to 4096 bytes that signs access tokens; the same on every gateway." },
    { "kafka", SETTING_STR, "127.0.0.1:9092", 1, 1024, FIELD(kafka),
      "Kafka's brokers, host:port, separated by commas." },
    { "lag_limit_ms", SETTING_INT, "300000", 1000, 86400000, FIELD(lag_limit_ms),
      "A mailbox whose oldest command waits longer takes no new ones, in milliseconds." },
    { "listen", SETTING_STR, "127.0.0.1:8080", 3, 256, FIELD(listen), "Address of the API, host:port or [v6]:port." },
    { "location_streams_max", SETTING_INT, "512", 1, 100000, FIELD(location_streams_max),
      "Event streams of one location, its orders' among them; more are refused with 503." },
    { "log_level", SETTING_STR, "info", 4, 5, FIELD(log_level),
      "Least level that is logged: debug, info, warn or error." },
    { "ops_listen", SETTING_STR, "127.0.0.1:9090", 3, 256, FIELD(ops_listen),
      "Address of /livez, /readyz and /metrics, host:port or [v6]:port." },
    BUS_PARTITIONS_SETTING(struct gateway_settings),
    { "postgres", SETTING_STR, "postgresql://127.0.0.1:5432/zapora", 1, 1024, FIELD(postgres), "PostgreSQL's URI." },
    { "postgres_lists", SETTING_STR, "", 0, 1024, FIELD(postgres_lists),
      "URI of a read replica for lists of orders; one that lags behind what anybody was told is not shown. Empty: "
      "none." },
    { "postgres_read", SETTING_STR, "", 0, 1024, FIELD(postgres_read),
      "PostgreSQL's URI as the gateway reads it, by a pooler in front of the primary: nothing is kept in its sessions, "
      "so pooling by transaction is fine. Empty: the setting postgres, directly." },
    { "publish_timeout_ms", SETTING_INT, "4000", 100, 59800, FIELD(publish_timeout_ms),
      "How long a command may take into the log, in milliseconds; at least 200 less than request_deadline_ms." },
    { "redis", SETTING_STR, "redis://127.0.0.1:6379/0", 1, 1024, FIELD(redis),
      "Redis' URI; several hosts with commas between them are some nodes of a cluster." },
    { "request_deadline_ms", SETTING_INT, "5000", 500, 60000, FIELD(request_deadline_ms),
      "Every request is answered in that time, whatever is down, in milliseconds; what it asks to wait comes on top." },
    { "streams_max", SETTING_INT, "4096", 1, 1000000, FIELD(streams_max),
      "Event streams in all, at most three quarters of the connections; more are refused with 503." },
    { "threads", SETTING_INT, "1", 1, 64, FIELD(threads), "Event loops, each on a thread of its own." },
    { "user_streams_max", SETTING_INT, "64", 1, 100000, FIELD(user_streams_max),
      "Event streams of one user; more are refused with 429." },
    { "watchdog_ms", SETTING_INT, "30000", 10000, 600000, FIELD(watchdog_ms),
      "A thread that does not come round for so long ends the process to be restarted, in milliseconds; /livez fails "
      "after half of it." },
};
const size_t GATEWAY_SETTING_COUNT = ZP_COUNT(GATEWAY_SETTINGS);

struct store_settings gateway_store_settings(const struct gateway_settings *settings, const char *application,
                                             int64_t statement_timeout_ms)
{
    bool is_pooled = settings->postgres_read[0] != '\0';
    return (struct store_settings){
        .uri = is_pooled ? settings->postgres_read : settings->postgres,
        .application = application,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .statement_timeout_ms = statement_timeout_ms,
        .is_pooled = is_pooled,
        .lists_uri = settings->postgres_lists[0] != '\0' ? settings->postgres_lists : NULL,
    };
}
