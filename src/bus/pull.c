/* pull: owns the taking of messages from a client's queue, and one workaround: in librdkafka 2.0.2 a fetcher that
 * found the queue full sleeps for up to a second, even when the queue has been emptied long before. A request to its
 * broker wakes it.
 *
 * Called by consumer and reader on their own thread. Invariant: a client is woken only when its queue may have been
 * full. */
#include "pull.h"

#define HUNGRY_MS 5               /* how long an empty queue is waited on before its fetchers are woken */
#define LARGEST_BYTES_MAX 1000000 /* what the library takes for the largest message unless it is told */

void bus_pull_options(const struct bus_pull_limits *limits, struct bus_client_option options[BUS_PULL_OPTIONS])
{
    /* The library refuses a fetch below its largest message; for a consumer that is nothing but this check. */
    int64_t largest_bytes = limits->fetch_bytes < LARGEST_BYTES_MAX ? limits->fetch_bytes : LARGEST_BYTES_MAX;
    options[0] = (struct bus_client_option){ "queued.max.messages.kbytes", NULL, (limits->queue_bytes + 1023) / 1024 };
    options[1] = (struct bus_client_option){ "queued.min.messages", NULL,
                                             limits->queue_bytes / limits->message_bytes + 1 };
    options[2] = (struct bus_client_option){ "fetch.max.bytes", NULL, limits->fetch_bytes };
    options[3] = (struct bus_client_option){ "message.max.bytes", NULL, largest_bytes };
}

/* Any request would do. This one goes to the leader of every assigned partition at once, and its answer is not
 * waited for. */
static void fetchers_wake(rd_kafka_t *rk)
{
    BUS_DROP(list) rd_kafka_topic_partition_list_t *assigned = NULL;
    if (rd_kafka_assignment(rk, &assigned) != RD_KAFKA_RESP_ERR_NO_ERROR || assigned->cnt == 0) {
        return;
    }
    for (int i = 0; i < assigned->cnt; i++) {
        assigned->elems[i].offset = RD_KAFKA_OFFSET_END;
    }
    (void)rd_kafka_offsets_for_times(rk, assigned, 1);
}

static bool was_full(const struct bus_pull *pull)
{
    return pull->pulled_bytes >= pull->limits.queue_bytes / 2;
}

/* Waits on a queue that may have been full; wakes the fetchers when it stays empty. */
static rd_kafka_message_t *pull_hungry(struct bus_pull *pull, int timeout_ms)
{
    pull->hungry_us = pull->hungry_us != 0 ? pull->hungry_us : clock_mono_us();
    int first_ms = timeout_ms < HUNGRY_MS ? timeout_ms : HUNGRY_MS;
    rd_kafka_message_t *message = rd_kafka_consumer_poll(pull->rk, first_ms);
    if (message != NULL || clock_mono_us() - pull->hungry_us < HUNGRY_MS * 1000) {
        return message;
    }
    pull->pulled_bytes = 0;
    pull->hungry_us = 0;
    fetchers_wake(pull->rk);
    return rd_kafka_consumer_poll(pull->rk, timeout_ms - first_ms);
}

rd_kafka_message_t *bus_pull_next(struct bus_pull *pull, int timeout_ms)
{
    bool full = was_full(pull);
    rd_kafka_message_t *message = full ? pull_hungry(pull, timeout_ms) : rd_kafka_consumer_poll(pull->rk, timeout_ms);
    if (message != NULL) {
        int64_t least = pull->limits.message_bytes;
        pull->pulled_bytes += (int64_t)message->len > least ? (int64_t)message->len : least;
        pull->hungry_us = 0;
    } else if (!full) {
        pull->pulled_bytes = 0;
    }
    return message;
}
