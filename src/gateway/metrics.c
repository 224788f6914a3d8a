/* metrics: the gateway's series. Those of requests are made from the table of routes, one group a route.
 *
 * Called by everything here; the operations listener prints. Invariant: labels hold route patterns, never paths or
 * ids. */
#include "metrics.h"

#include "routes.h"

#include <stdio.h>

struct metric gateway_metrics[GATEWAY_METRIC_COUNT] = {
#define X(cname, series, rendered, metric_kind, text)                                                                  \
    { .name = (series), .help = (text), .kind = (metric_kind), .labels = (rendered) },
    GATEWAY_METRICS(X)
#undef X
};

enum { CLASS_2XX, CLASS_3XX, CLASS_4XX, CLASS_5XX, CLASS_COUNT };
#define LABELS_SIZE 96
#define GROUPS (ROUTES_MAX + 1) /* the last one: no route */

static struct metric requests[GROUPS * CLASS_COUNT];
static struct metric durations[GROUPS];
static char request_labels[GROUPS * CLASS_COUNT][LABELS_SIZE];
static char duration_labels[GROUPS][LABELS_SIZE];

static void fill_group(size_t group, const char *method, const char *path)
{
    static const char *const classes[CLASS_COUNT] = { "2xx", "3xx", "4xx", "5xx" };
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        size_t row = group * CLASS_COUNT + i;
        (void)snprintf(request_labels[row], LABELS_SIZE, "method=\"%s\",route=\"%s\",code=\"%s\"", method, path,
                       classes[i]);
        requests[row] = (struct metric){
            .name = "zapora_http_requests_total", .help = "Requests answered, by route and class of status.",
            .kind = METRIC_COUNTER, .labels = request_labels[row],
        };
    }
    (void)snprintf(duration_labels[group], LABELS_SIZE, "method=\"%s\",route=\"%s\"", method, path);
    durations[group] = (struct metric){
        .name = "zapora_http_server_request_duration_seconds",
        .help = "From a request's last byte to the end of its answer; streams and waits are as long as they last.",
        .kind = METRIC_HISTOGRAM, .labels = duration_labels[group], .bounds = METRIC_LATENCY_BOUNDS_US,
        .bound_count = METRIC_LATENCY_BOUND_COUNT,
    };
}

void gateway_metrics_start(void)
{
    static bool started;
    if (started) {
        return;
    }
    started = true;
    ZP_ASSERT(ROUTE_COUNT <= ROUTES_MAX);
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        fill_group(i, ROUTES[i].method, ROUTES[i].path);
    }
    fill_group(ROUTE_COUNT, "", "none");
    metrics_register(gateway_metrics, GATEWAY_METRIC_COUNT);
    metrics_register(requests, (ROUTE_COUNT + 1) * CLASS_COUNT);
    metrics_register(durations, ROUTE_COUNT + 1);
}

void metrics_request(size_t route, int status, int64_t duration_us)
{
    int class = status / 100 - 2;
    if (class >= 0 && class < CLASS_COUNT) {
        metric_add(&requests[route * CLASS_COUNT + (size_t)class], 1);
    }
    metric_observe(&durations[route], duration_us);
}
