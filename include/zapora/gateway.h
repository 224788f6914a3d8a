/* gateway: the role that faces the apps: HTTP in, commands out, answers and streams back. */
#ifndef ZAPORA_GATEWAY_H
#define ZAPORA_GATEWAY_H

#include "zapora/base.h"

/* Filled by config_load from GATEWAY_SETTINGS. */
struct gateway_settings {
    const char *listen, *ops_listen;
    const char *kafka, *postgres, *redis;
    const char *postgres_read;     /* "": postgres */
    const char *postgres_lists;    /* "": no replica */
    const char *jwt_key_file, *id_key_file;
    int64_t partitions;            /* of each topic; cli gives them to bus */
    int64_t threads;               /* event loops */
    int64_t helper_threads;        /* of the bounded pool for PostgreSQL and password hashing */
    int64_t request_deadline_ms;   /* until a request is answered, whatever is down */
    int64_t publish_timeout_ms;    /* of a command's way into the log; less than the deadline */
    int64_t lag_limit_ms;          /* a mailbox that lags more refuses new orders */
    int64_t connections_max;       /* for each thread */
    int64_t streams_max, user_streams_max, location_streams_max;
    int64_t drain_ms, drain_unready_ms;
    int64_t watchdog_ms;           /* of silence of a thread */
    bool access_log;               /* a line for every request, not only for failed and slow ones */
    const char *log_level;
};

extern const struct setting GATEWAY_SETTINGS[];
extern const size_t GATEWAY_SETTING_COUNT;

/* Runs until SIGTERM or SIGINT, then drains. Returns the exit code: 0, or with a logged reason 1, or 2 when a
 * setting is wrong (a key that is too short, an address, a log level). */
int gateway_run(const struct gateway_settings *settings);

#endif
