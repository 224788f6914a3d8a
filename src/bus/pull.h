/* pull: takes messages from a consuming client, and keeps its fetchers awake. For consumer and reader. */
#ifndef ZAPORA_BUS_PULL_H
#define ZAPORA_BUS_PULL_H

#include "client.h"

/* What a client may fetch ahead. The queue can be overshot by one answer of each broker. */
struct bus_pull_limits {
    int64_t queue_bytes;
    int64_t message_bytes;    /* what a message counts for at least: the library counts values alone */
    int64_t fetch_bytes;      /* of one answer, as the log has it: compressed; a larger batch comes alone */
};

struct bus_pull {
    rd_kafka_t *rk;           /* borrowed */
    struct bus_pull_limits limits;
    int64_t pulled_bytes;     /* since its queue was last seen empty */
    int64_t hungry_us;        /* since when a queue that may have been full gave nothing; 0: it gives */
};

/* The library's settings for these limits; writes BUS_PULL_OPTIONS rows. */
#define BUS_PULL_OPTIONS 4
void bus_pull_options(const struct bus_pull_limits *limits, struct bus_client_option options[BUS_PULL_OPTIONS]);
/* The next message or error within timeout_ms, or NULL; owned by the caller. */
rd_kafka_message_t *bus_pull_next(struct bus_pull *pull, int timeout_ms);

#endif
