/* client: owns the one table of librdkafka's settings, with the reason for each row, and makes every handle of this
 * room.
 *
 * Called by producer, consumer, reader, watch and admin. Invariant: what is the same for all clients of a kind
 * stands in the table and nowhere else; the defaults of librdkafka 2.0.2 that are wrong for us are all named here;
 * whoever ends a handle waits for a bounded time, while few are left ending. */
#include "client.h"
#include "pace.h"

#include <pthread.h>
#include <time.h>

#define CLOSE_S 2       /* an end takes some milliseconds, with a frozen broker too */
#define CLOSINGS_MAX 16 /* handles that are ending, or never will, with their threads */

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
    { ALL, "socket.timeout.ms", "2000" },       /* 60 s: a frozen broker is left after 2 to 3 s; others take its place
                                                 * after 2, and what is sent to it until then waits for as long again */
    { ALL, "socket.connection.setup.timeout.ms", "2000" }, /* 30 s: a black hole among the brokers is left quickly */
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
    { PRODUCER, "request.timeout.ms", "1500" },    /* a leader that waits for its followers answers in time */
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
    { CONSUMER, "heartbeat.interval.ms", "500" }, /* 3 s: of a session of 6 nearly all is left for a new coordinator */
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
    if (client->fetch_interval_us > 0 && bus_pace_fetches(conf, client->fetch_interval_us) != ZP_OK) {
        snprintf(why, BUS_WHY_SIZE, "Kafka client: its fetches cannot be paced");
        return ZP_BUSY;
    }
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

/* ---- partitions ---- */

/* librdkafka 2.0.2 ends the process when a partition is taken away a second time before it has stopped, as a revocation
 * or the end of the handle does (`rktp_started` is asserted). Its main thread sends itself a message to stop each, then
 * one that it has stopped; our question waits in the same queue. So when a first one has been answered all are told to
 * stop, and when a second one has, all have. */
rd_kafka_resp_err_t bus_client_reassign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t err = rd_kafka_assign(rk, list);
    for (int i = 0; i < 2; i++) {
        BUS_DROP(list) rd_kafka_topic_partition_list_t *assigned = NULL;
        (void)rd_kafka_assignment(rk, &assigned);
    }
    return err;
}

/* ---- the end of a handle ---- */

/* librdkafka 2.0.2 ends a handle when the last of its brokers' threads has let go of everything. After Kafka came back
 * as another one, without its topics, a thread of a consumer never does (seen in a debugger: the main thread joins
 * rdk:main, which joins rdk:broker1, which waits for work). So the library ends a handle on a thread of its own. */
struct closing {
    rd_kafka_t *rk;
    bool used, done, left; /* left: nobody waits any more, its thread gives the place back */
};

/* What grows has a ceiling: when all of them are taken, the next end is waited for as long as it takes, and the
 * watchdog has the last word. */
static struct closing closings[CLOSINGS_MAX];
static pthread_mutex_t closings_lock = PTHREAD_MUTEX_INITIALIZER; /* of all places */
static pthread_cond_t closings_changed = PTHREAD_COND_INITIALIZER;

static struct closing *closing_take(rd_kafka_t *rk)
{
    struct closing *taken = NULL;
    pthread_mutex_lock(&closings_lock);
    for (size_t i = 0; i < CLOSINGS_MAX && taken == NULL; i++) {
        if (!closings[i].used) {
            taken = &closings[i];
            *taken = (struct closing){ .rk = rk, .used = true };
        }
    }
    pthread_mutex_unlock(&closings_lock);
    return taken;
}

static void closing_give_back(struct closing *closing)
{
    pthread_mutex_lock(&closings_lock);
    closing->used = false;
    pthread_mutex_unlock(&closings_lock);
}

static void rk_end(rd_kafka_t *rk)
{
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

static void *close_in_its_own_time(void *arg)
{
    struct closing *closing = arg;
    rk_end(closing->rk);
    pthread_mutex_lock(&closings_lock);
    closing->done = true;
    closing->used = !closing->left;
    pthread_cond_broadcast(&closings_changed);
    pthread_mutex_unlock(&closings_lock);
    return NULL;
}

/* False when its time is over: it is left to its thread then. */
static bool closing_wait(struct closing *closing)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLOSE_S;
    int rc = 0;
    pthread_mutex_lock(&closings_lock);
    while (!closing->done && rc == 0) {
        rc = pthread_cond_timedwait(&closings_changed, &closings_lock, &until);
    }
    bool done = closing->done;
    closing->left = !done;
    closing->used = !done;
    pthread_mutex_unlock(&closings_lock);
    return done;
}

bool bus_client_close(rd_kafka_t *rk)
{
    if (rk == NULL) {
        return true;
    }
    pthread_t thread;
    struct closing *closing = closing_take(rk);
    if (closing != NULL && pthread_create(&thread, NULL, close_in_its_own_time, closing) == 0) {
        pthread_detach(thread);
        return closing_wait(closing);
    }
    if (closing != NULL) {
        closing_give_back(closing);
    }
    rk_end(rk);
    return true;
}

/* ---- errors ---- */

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
