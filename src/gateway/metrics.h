/* metrics.h: what the gateway counts. */
#ifndef ZAPORA_GATEWAY_METRICS_H
#define ZAPORA_GATEWAY_METRICS_H

#include "zapora/base.h"

/* One row per series: C name, series, labels, kind, help. Rows of one series stand together. */
#define GATEWAY_METRICS(X)                                                                                             \
    X(CALLS, "zapora_gateway_requests_open", NULL, METRIC_GAUGE, "Requests being answered, streams among them.")       \
    X(CONNECTIONS, "zapora_gateway_connections_open", NULL, METRIC_GAUGE, "Open connections.")                         \
    X(STREAMS_OPEN, "zapora_gateway_streams_open", NULL, METRIC_GAUGE, "Open event streams.")                          \
    X(STREAM_LEFT, "zapora_gateway_streams_ended_total", "reason=\"client_left\"", METRIC_COUNTER,                     \
      "Event streams that ended, by reason.")                                                                          \
    X(STREAM_STALLED, "zapora_gateway_streams_ended_total", "reason=\"stalled\"", METRIC_COUNTER, "")                  \
    X(STREAM_EXPIRED, "zapora_gateway_streams_ended_total", "reason=\"token_expired\"", METRIC_COUNTER, "")            \
    X(STREAM_DRAINED, "zapora_gateway_streams_ended_total", "reason=\"drain\"", METRIC_COUNTER, "")                    \
    X(STREAM_FAILED, "zapora_gateway_streams_ended_total", "reason=\"failed\"", METRIC_COUNTER, "")                    \
    X(STREAM_RESETS, "zapora_gateway_stream_resets_total", NULL, METRIC_COUNTER, "Resets told to streams.")            \
    X(STREAM_PULLS, "zapora_gateway_stream_pulls_total", NULL, METRIC_COUNTER,                                         \
      "Times that a stream fetched events instead of hearing them.")                                                   \
    X(PUBLISH_ACKED, "zapora_gateway_commands_total", "outcome=\"acked\"", METRIC_COUNTER,                             \
      "Commands handed to the log, by what became of them.")                                                           \
    X(PUBLISH_REFUSED, "zapora_gateway_commands_total", "outcome=\"refused\"", METRIC_COUNTER, "")                     \
    X(PUBLISH_NOT_PERSISTED, "zapora_gateway_commands_total", "outcome=\"not_persisted\"", METRIC_COUNTER, "")         \
    X(PUBLISH_UNKNOWN, "zapora_gateway_commands_total", "outcome=\"unknown\"", METRIC_COUNTER, "")                     \
    X(REPLAYED, "zapora_gateway_replays_total", NULL, METRIC_COUNTER, "Requests answered from a receipt.")             \
    X(PRODUCERS, "zapora_gateway_producers_total", NULL, METRIC_COUNTER,                                               \
      "Producers made, the first one and those after a fatal error.")                                                  \
    X(LAGGING, "zapora_gateway_unavailable_total", "reason=\"lag\"", METRIC_COUNTER,                                   \
      "Requests refused with 503, by reason.")                                                                         \
    X(QUEUE_FULL, "zapora_gateway_unavailable_total", "reason=\"queue_full\"", METRIC_COUNTER, "")                     \
    X(CALLS_FULL, "zapora_gateway_unavailable_total", "reason=\"too_many_requests\"", METRIC_COUNTER, "")              \
    X(DEADLINE, "zapora_gateway_unavailable_total", "reason=\"deadline\"", METRIC_COUNTER, "")                         \
    X(BACKING, "zapora_gateway_unavailable_total", "reason=\"backing_service\"", METRIC_COUNTER, "")                   \
    X(ANSWERS_FULL, "zapora_gateway_unavailable_total", "reason=\"answers_full\"", METRIC_COUNTER, "")                 \
    X(STREAMS_FULL, "zapora_gateway_unavailable_total", "reason=\"streams_full\"", METRIC_COUNTER, "")                 \
    X(DROP_IDLE, "zapora_gateway_connections_dropped_total", "reason=\"idle\"", METRIC_COUNTER,                        \
      "Connections that the gateway closed by itself, by reason.")                                                     \
    X(DROP_SLOW_REQUEST, "zapora_gateway_connections_dropped_total", "reason=\"slow_request\"", METRIC_COUNTER, "")    \
    X(DROP_SLOW_READER, "zapora_gateway_connections_dropped_total", "reason=\"slow_reader\"", METRIC_COUNTER, "")      \
    X(DROP_CROWDED, "zapora_gateway_connections_dropped_total", "reason=\"crowded\"", METRIC_COUNTER, "")              \
    X(DROP_LEFT, "zapora_gateway_connections_dropped_total", "reason=\"client_left\"", METRIC_COUNTER, "")             \
    X(JOBS_QUEUED, "zapora_gateway_jobs_queued", NULL, METRIC_GAUGE, "Jobs that wait for a helper thread.")            \
    X(JOBS_DONE, "zapora_gateway_jobs_total", NULL, METRIC_COUNTER, "Jobs that helper threads have done.")             \
    X(LOGIN_OK, "zapora_gateway_logins_total", "outcome=\"ok\"", METRIC_COUNTER, "Logins, by outcome.")                \
    X(LOGIN_WRONG, "zapora_gateway_logins_total", "outcome=\"wrong\"", METRIC_COUNTER, "")                             \
    X(LOGIN_FAILED, "zapora_gateway_logins_total", "outcome=\"unavailable\"", METRIC_COUNTER, "")                      \
    X(TOKENS_REFUSED, "zapora_gateway_tokens_refused_total", NULL, METRIC_COUNTER,                                     \
      "Requests without a good token where one is needed.")                                                            \
    X(HEADS_REFUSED, "zapora_gateway_heads_refused_total", NULL, METRIC_COUNTER,                                       \
      "Requests that two servers might read differently.")                                                             \
    X(PLACES_LOADED, "zapora_gateway_places_loads_total", "outcome=\"ok\"", METRIC_COUNTER,                            \
      "Loads of locations and menus.")                                                                                 \
    X(PLACES_FAILED, "zapora_gateway_places_loads_total", "outcome=\"failed\"", METRIC_COUNTER, "")

enum gateway_metric {
#define X(name, series, labels, kind, help) METRIC_##name,
    GATEWAY_METRICS(X)
#undef X
    GATEWAY_METRIC_COUNT
};

extern struct metric gateway_metrics[GATEWAY_METRIC_COUNT];

/* Registers all of it; idempotent. */
void gateway_metrics_start(void);
/* Counts an answered request of a route (its place in the table of routes; that count: of none). */
void metrics_request(size_t route, int status, int64_t duration_us);

#endif
