/* client: a librdkafka handle of one kind, set up from the one table of settings. For the files of this room only. */
#ifndef ZAPORA_BUS_CLIENT_H
#define ZAPORA_BUS_CLIENT_H

#include "zapora/bus.h"

#include <librdkafka/rdkafka.h>

enum bus_client_kind {
    BUS_CLIENT_PRODUCER = 1,
    BUS_CLIENT_CONSUMER = 2, /* a member of the worker group */
    BUS_CLIENT_READER = 4,   /* reads ranges, without a group */
    BUS_CLIENT_ASKER = 8,    /* asks for offsets, metadata and topics; never polled */
};

/* A setting that is not the same for all clients of a kind. */
struct bus_client_option {
    const char *name;
    const char *text;  /* or NULL: then */
    int64_t number;
};

struct bus_client {
    enum bus_client_kind kind;
    const char *brokers, *client_id;
    const struct bus_client_option *options; /* borrowed during the call */
    size_t option_count;
    int64_t fetch_interval_us; /* between two fetches of one broker, see pace.h; 0: as fast as they are answered */
    void *opaque;      /* of every callback */
    /* NULL where a kind has none. */
    void (*on_error)(rd_kafka_t *rk, int err, const char *reason, void *opaque);
    void (*on_delivery)(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque);
    void (*on_rebalance)(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *partitions,
                         void *opaque);
    void (*on_commit)(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *offsets, void *opaque);
};

/* The library's settings for a kind, from the table alone: owned by the caller. NULL without memory, or with a
 * sentence in why when the library does not know a row. */
rd_kafka_conf_t *bus_client_conf(enum bus_client_kind kind, char why[BUS_WHY_SIZE]);
/* Makes the handle; it connects by itself. ZP_INVALID when a setting is refused, ZP_BUSY without resources; why says
 * it. */
enum zp_err bus_client_open(const struct bus_client *client, rd_kafka_t **ret_rk, char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* Ends a handle, whose callbacks are not called any more; a member does not tell its group. Returns within a few
 * seconds: a handle that the library does not end by then is left to itself, and false is given. NULL is fine. */
bool bus_client_close(rd_kafka_t *rk);
/* Assigns anew what is assigned already: each partition from the offset that the list names. When this returns it has
 * stopped where it was. */
rd_kafka_resp_err_t bus_client_reassign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list);
/* The error of this room for one of the library's: ZP_NOT_FOUND for what is not there, ZP_BUSY for what passes. */
enum zp_err bus_client_err(rd_kafka_resp_err_t err);

/* Cleanup attributes for what librdkafka hands out; each takes NULL. */
static inline void bus_drop_list(rd_kafka_topic_partition_list_t **list)
{
    if (*list != NULL) {
        rd_kafka_topic_partition_list_destroy(*list);
    }
}

static inline void bus_drop_topic(rd_kafka_topic_t **topic)
{
    if (*topic != NULL) {
        rd_kafka_topic_destroy(*topic);
    }
}

static inline void bus_drop_client(rd_kafka_t **rk)
{
    if (*rk != NULL) {
        (void)bus_client_close(*rk);
    }
}

static inline void bus_drop_conf(rd_kafka_conf_t **conf)
{
    if (*conf != NULL) {
        rd_kafka_conf_destroy(*conf);
    }
}

#define BUS_DROP(how) __attribute__((cleanup(bus_drop_##how)))

#endif
