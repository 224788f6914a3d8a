/* pull: takes messages from a consuming client, and keeps its fetchers awake. For consumer and reader. */
#ifndef ZAPORA_BUS_PULL_H
#define ZAPORA_BUS_PULL_H

#include "client.h"

struct bus_pull {
    rd_kafka_t *rk;           /* borrowed */
    int64_t queue_bytes_max;  /* what the client may fetch ahead */
    int64_t pulled_bytes;     /* since its queue was last seen empty */
    int64_t hungry_us;        /* since when a queue that may have been full gave nothing; 0: it gives */
};

/* The library's settings for a queue of that many bytes; writes BUS_PULL_OPTIONS rows. */
#define BUS_PULL_OPTIONS 3
void bus_pull_options(int64_t queue_bytes_max, struct bus_client_option options[BUS_PULL_OPTIONS]);
/* The next message or error within timeout_ms, or NULL; owned by the caller. */
rd_kafka_message_t *bus_pull_next(struct bus_pull *pull, int timeout_ms);

#endif
