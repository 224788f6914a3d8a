/* client: owns the one table of librdkafka's settings, with the reason for each row, and makes every handle of this
 * room.
 *
 * Called by producer, consumer, reader, watch and admin. Invariant: what is the same for all clients of a kind
 * stands in the table and nowhere else; the defaults of librdkafka 2.0.2 that are wrong for us are all named here. */
#include "client.h"

#define ALL (BUS_CLIENT_PRODUCER | BUS_CLIENT_CONSUMER | BUS_CLIENT_READER | BUS_CLIENT_ASKER)
#define PRODUCER BUS_CLIENT_PRODUCER
#define CONSUMER BUS_CLIENT_CONSUMER
#define FETCHERS (BUS_CLIENT_CONSUMER | BUS_CLIENT_READER)
#define READER BUS_CLIENT_READER

static const struct row {
    unsigned kinds;
    const char *name, *value;
} rows[] = {
    /* ---- connections ---- */
    { ALL, "socket.nagle.disable", "true" },    /* default off costs a delayed acknowledgement, up to 40 ms */
    { ALL, "socket.keepalive.enable", "true" }, /* a peer that vanished is noticed while nothing is sent */
    { ALL, "socket.timeout.ms", "10000" },      /* 60 s: a stopped broker would hold requests for a minute */
    { ALL, "socket.connection.setup.timeout.ms", "3000" }, /* 30 s: a black hole among the brokers is left quickly */
    { ALL, "reconnect.backoff.ms", "50" },
    { ALL, "reconnect.backoff.max.ms", "500" }, /* 10 s: a broker that came back would be idle for that long */
    { ALL, "log.connection.close", "false" },   /* an idle connection that is closed is no trouble */

    /* ---- what is known of topics ---- */
    { ALL, "allow.auto.create.topics", "false" }, /* topics are made by `zapora topics apply`, with their settings */
    { ALL, "topic.metadata.refresh.interval.ms", "30000" },   /* 5 min: a new leader is found without traffic, too */
    { ALL, "topic.metadata.refresh.fast.interval.ms", "50" }, /* first question after a leader is gone */
    { ALL, "topic.metadata.propagation.max.ms", "10000" },    /* a topic that was made now may be unknown so long */

    /* ---- publishing ---- */
    { PRODUCER, "enable.idempotence", "true" },                 /* default off: a retry would double or reorder */
    { PRODUCER, "acks", "all" },                                /* an answer of 202 stands on all in-sync replicas */
    { PRODUCER, "max.in.flight.requests.per.connection", "5" }, /* the most that idempotence keeps in order */
    { PRODUCER, "partitioner", "murmur2_random" }, /* as Java's clients have it; the default here is CRC32 */
    { PRODUCER, "compression.codec", "lz4" },      /* the cheapest that halves our records */
    { PRODUCER, "request.timeout.ms", "5000" },    /* the broker gives up on slow replicas before our socket does */
    { PRODUCER, "retry.backoff.ms", "50" },
    { PRODUCER, "message.max.bytes", "2097152" }, /* 1 MB: a full record must fit when it is parked, too */

    /* ---- consuming ---- */
    { FETCHERS, "enable.auto.commit", "false" }, /* offsets live in PostgreSQL, with their effects */
    { FETCHERS, "enable.auto.offset.store", "false" },
    { FETCHERS, "auto.offset.reset", "error" },   /* `largest` would skip orders without a word */
    { FETCHERS, "check.crcs", "true" },           /* default off: rotten bytes would be parked as ours */
    { FETCHERS, "fetch.min.bytes", "1" },         /* a record is sent the moment it is there */
    { FETCHERS, "fetch.wait.max.ms", "100" },     /* 500: a started partition joins only the next fetch */
    { FETCHERS, "fetch.error.backoff.ms", "50" }, /* 500 */

    /* ---- the worker group ---- */
    { CONSUMER, "partition.assignment.strategy", "range" }, /* cooperative-sticky loops, crashes and loses here */
    { CONSUMER, "session.timeout.ms", "6000" },             /* the broker refuses less for ever */
    { CONSUMER, "heartbeat.interval.ms", "1000" },
    { CONSUMER, "max.poll.interval.ms", "10000" }, /* 5 min: a worker that hangs gives its partitions up */

    /* ---- reading ranges ---- */
    { READER, "enable.partition.eof", "true" }, /* how a range whose last offsets hold no record ends */
};

static enum zp_err setting_apply(rd_kafka_conf_t *conf, const char *name, const char *value, char why[BUS_WHY_SIZE])
{
    char words[160];
    if (rd_kafka_conf_set(conf, name, value, words, sizeof(words)) != RD_KAFKA_CONF_OK) {
        snprintf(why, BUS_WHY_SIZE, "%s = %.40s: %s", name, value, words);
        return ZP_INVALID;
    }
    return ZP_OK;
}

static enum zp_err option_apply(rd_kafka_conf_t *conf, const struct bus_client_option *option, char why[BUS_WHY_SIZE])
{
    char number[24];
    snprintf(number, sizeof(number), "%lld", (long long)option->number);
    return setting_apply(conf, option->name, option->text != NULL ? option->text : number, why);
}

/* The library would write its log to stderr from its own threads. What matters of it comes through on_error. */
static void log_nothing(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk, (void)level, (void)facility, (void)text;
}

rd_kafka_conf_t *bus_client_conf(enum bus_client_kind kind, char why[BUS_WHY_SIZE])
{
    BUS_DROP(conf) rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, log_nothing);
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        if ((rows[i].kinds & kind) != 0 && setting_apply(conf, rows[i].name, rows[i].value, why) != ZP_OK) {
            return NULL;
        }
    }
    rd_kafka_conf_t *made = conf;
    conf = NULL;
    return made;
}

static void callbacks_set(rd_kafka_conf_t *conf, const struct bus_client *client)
{
    rd_kafka_conf_set_opaque(conf, client->opaque);
    if (client->on_error != NULL) { /* without one the events would pile up in a client that is never polled */
        rd_kafka_conf_set_error_cb(conf, client->on_error);
    }
    if (client->on_delivery != NULL) {
        rd_kafka_conf_set_dr_msg_cb(conf, client->on_delivery);
    }
    if (client->on_rebalance != NULL) {
        rd_kafka_conf_set_rebalance_cb(conf, client->on_rebalance);
    }
    if (client->on_commit != NULL) {
        rd_kafka_conf_set_offset_commit_cb(conf, client->on_commit);
    }
}

static enum zp_err options_apply(rd_kafka_conf_t *conf, const struct bus_client *client, char why[BUS_WHY_SIZE])
{
    if (client->brokers == NULL || client->brokers[0] == '\0') {
        snprintf(why, BUS_WHY_SIZE, "no brokers are named");
        return ZP_INVALID;
    }
    enum zp_err err = setting_apply(conf, "bootstrap.servers", client->brokers, why);
    if (err == ZP_OK && client->client_id != NULL) {
        err = setting_apply(conf, "client.id", client->client_id, why);
    }
    for (size_t i = 0; err == ZP_OK && i < client->option_count; i++) {
        err = option_apply(conf, &client->options[i], why);
    }
    return err;
}

enum zp_err bus_client_open(const struct bus_client *client, rd_kafka_t **ret_rk, char why[BUS_WHY_SIZE])
{
    BUS_DROP(conf) rd_kafka_conf_t *conf = bus_client_conf(client->kind, why);
    if (conf == NULL) {
        return ZP_INVALID;
    }
    enum zp_err err = options_apply(conf, client, why);
    if (err != ZP_OK) {
        return err;
    }
    callbacks_set(conf, client);
    char words[160];
    rd_kafka_type_t type = client->kind == BUS_CLIENT_PRODUCER ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER;
    rd_kafka_t *rk = rd_kafka_new(type, conf, words, sizeof(words));
    if (rk == NULL) {
        enum zp_err refused = rd_kafka_last_error() == RD_KAFKA_RESP_ERR__INVALID_ARG ? ZP_INVALID : ZP_BUSY;
        snprintf(why, BUS_WHY_SIZE, "Kafka client: %s", words);
        return refused;
    }
    conf = NULL; /* the handle owns it now */
    *ret_rk = rk;
    return ZP_OK;
}

static const struct { rd_kafka_resp_err_t err; enum zp_err gives; } errors[] = {
    { RD_KAFKA_RESP_ERR_NO_ERROR, ZP_OK },
    { RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, ZP_NOT_FOUND },
    { RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, ZP_NOT_FOUND },
    { RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ZP_NOT_FOUND },
    { RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, ZP_NOT_FOUND },
    { RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, ZP_NOT_FOUND },
    { RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ZP_TOO_LARGE },
    { RD_KAFKA_RESP_ERR__INVALID_ARG, ZP_INVALID },
    { RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, ZP_INVALID },
    { RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, ZP_INVALID },
    { RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, ZP_INVALID },
    { RD_KAFKA_RESP_ERR_INVALID_CONFIG, ZP_INVALID },
    { RD_KAFKA_RESP_ERR_POLICY_VIOLATION, ZP_INVALID },
};

enum zp_err bus_client_err(rd_kafka_resp_err_t err)
{
    for (size_t i = 0; i < ZP_COUNT(errors); i++) {
        if (errors[i].err == err) {
            return errors[i].gives;
        }
    }
    return ZP_BUSY;
}
