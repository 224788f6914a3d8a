/* Publishing by hand: owns the producer of the subcommands that put a few records into the log. Called by menu and the
 * dead letters. Invariant: a record is said to be there only after all in-sync replicas have it. */
#include "commands.h"

#define PUBLISH_TIMEOUT_MS 10000
#define QUEUE_BYTES_MAX (16 << 20)
#define ACK_AWAITED ((enum bus_ack)-1)

static void on_delivery(void *opaque, const struct bus_delivery *delivery)
{
    *(enum bus_ack *)opaque = delivery->ack;
}

enum zp_err cli_producer_create(const char *kafka, const char *client_id, struct bus_producer **ret_producer,
                                char why[BUS_WHY_SIZE])
{
    const struct bus_producer_settings settings = {
        .brokers = kafka, .client_id = client_id, .timeout_ms = PUBLISH_TIMEOUT_MS,
        .queue_bytes_max = QUEUE_BYTES_MAX, .queue_messages_max = 100, .on_delivery = on_delivery,
    };
    return bus_producer_create(&settings, ret_producer, why);
}

enum zp_err cli_publish(struct bus_producer *producer, const char *topic, const struct record *record)
{
    enum bus_ack ack = ACK_AWAITED;
    enum zp_err err = bus_produce(producer, topic, record, &ack);
    while (err == ZP_OK && ack == ACK_AWAITED) {
        bus_producer_poll(producer, 100);
    }
    return err != ZP_OK ? err : ack == BUS_ACKED ? ZP_OK : ZP_BUSY;
}
