/* Publishing by hand: owns the producer of the subcommands that put records into the log. Called by menu, the dead
 * letters and partitions. Invariant: a record is said to be there only after all in-sync replicas have it. */
#include "commands.h"

#define PUBLISH_TIMEOUT_MS 10000
#define QUEUE_BYTES_MAX (16 << 20)
#define QUEUE_MESSAGES_MAX 10000

static struct { int64_t awaited; bool failed; } deliveries; /* one producer at a time, one thread */

static void on_delivery(void *opaque, const struct bus_delivery *delivery)
{
    (void)opaque;
    deliveries.awaited--;
    deliveries.failed = deliveries.failed || delivery->ack != BUS_ACKED;
}

enum zp_err cli_producer_create(const char *kafka, const char *client_id, struct bus_producer **ret_producer,
                                char why[BUS_WHY_SIZE])
{
    const struct bus_producer_settings settings = {
        .brokers = kafka, .client_id = client_id, .timeout_ms = PUBLISH_TIMEOUT_MS,
        .queue_bytes_max = QUEUE_BYTES_MAX, .queue_messages_max = QUEUE_MESSAGES_MAX, .on_delivery = on_delivery,
    };
    return bus_producer_create(&settings, ret_producer, why);
}

enum zp_err cli_publish_later(struct bus_producer *producer, const char *topic, const struct record *record)
{
    enum zp_err err = bus_produce(producer, topic, record, NULL);
    while (err == ZP_BUSY && deliveries.awaited > 0 && !deliveries.failed) { /* the queue is full */
        bus_producer_poll(producer, 100);
        err = bus_produce(producer, topic, record, NULL);
    }
    deliveries.awaited += err == ZP_OK;
    return deliveries.failed ? ZP_BUSY : err;
}

enum zp_err cli_publish_wait(struct bus_producer *producer)
{
    while (deliveries.awaited > 0) {
        bus_producer_poll(producer, 100);
    }
    bool failed = deliveries.failed;
    deliveries.failed = false;
    return failed ? ZP_BUSY : ZP_OK;
}

enum zp_err cli_publish(struct bus_producer *producer, const char *topic, const struct record *record)
{
    enum zp_err err = cli_publish_later(producer, topic, record);
    enum zp_err waited = cli_publish_wait(producer);
    return err != ZP_OK ? err : waited;
}
