/* publisher: owns the producer, and the one thread that polls it.
 *
 * Called by submit.c on any loop. Invariants: every record that the producer took is answered exactly once, also
 * when the producer breaks and is made anew; loops share the producer under a read lock, only the poll thread
 * replaces it, and it destroys the old one after nobody can reach it any more. */
#include "publisher.h"

#include "gateway_parts.h"
#include "metrics.h"
#include "standstill.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define POLL_MS 100
#define QUEUE_BYTES_MAX INT64_C(16777216)
#define QUEUE_MESSAGES_MAX 20000
#define LINGER_US 0               /* a request of librdkafka 2.0.2 holds one partition: waiting gathers nothing */
#define ACKS_AWAITED 16           /* partitions are acknowledged one by one: no wake-up for each of many */
#define ACKS_NAP_MS 1
#define WARM_MS 500
#define FLUSH_MS 200              /* what the others of a producer with a standstill have under way; of a broken one
                                   * nothing is left to wait for */
#define PROBE_ROUNDS 5            /* of POLL_MS each, between two questions */

struct publisher {
    struct bus_producer_settings settings;
    const char *brokers;
    pthread_rwlock_t lock;          /* guards producer: read to use it, written to replace it */
    struct bus_producer *producer;  /* NULL at the end */
    pthread_t poller, prober;
    struct standstill standstill;   /* the poller's, and so is is_stuck */
    bool is_stuck;
    _Atomic int64_t owed;           /* commands that the brokers have not answered */
    _Atomic bool stopping;
    _Atomic bool well;              /* the last word was good: a delivery's, or the probe's */
    _Atomic bool was_well;          /* some word was */
    _Atomic bool is_foreign;        /* the topic has another number of partitions: nothing is sent */
};

static const enum gateway_metric ack_metrics[] = {
    [BUS_ACKED] = METRIC_PUBLISH_ACKED,
    [BUS_NOT_PERSISTED] = METRIC_PUBLISH_NOT_PERSISTED,
    [BUS_UNKNOWN] = METRIC_PUBLISH_UNKNOWN,
};

/* Where on_delivery finds the publisher: there is one for the process, and bus hands back only the record's opaque. */
static _Atomic(struct publisher *) current;

static void on_done(struct post *post)
{
    struct publication *publication = H2O_STRUCT_FROM_MEMBER(struct publication, post, post);
    publication->done(publication);
}

static void on_delivery(void *opaque, const struct bus_delivery *delivery)
{
    struct publication *publication = opaque;
    struct publisher *publisher = atomic_load(&current);
    bool acked = delivery->ack == BUS_ACKED;
    if (publisher != NULL) {
        atomic_fetch_sub(&publisher->owed, 1);
        publisher->is_stuck |=
            standstill_note(&publisher->standstill, delivery->partition, acked, clock_mono_us());
        if (atomic_exchange(&publisher->well, acked) && !acked) {
            log_warn("commands are not delivered", L_STR("why", delivery->why));
        }
        atomic_store(&publisher->was_well, acked || atomic_load(&publisher->was_well));
    }
    metric_add(&gateway_metrics[ack_metrics[delivery->ack]], 1);
    publication->ack = delivery->ack;
    publication->partition = delivery->partition;
    publication->offset = delivery->offset;
    loop_post(publication->loop, &publication->post, on_done);
}

/* A producer that knows the topic's leaders, or finds out with its first command: the brokers may come later. */
static enum zp_err make(const struct publisher *publisher, struct bus_producer **ret_producer, char why[BUS_WHY_SIZE])
{
    char cold[BUS_WHY_SIZE];
    enum zp_err err = bus_producer_create(&publisher->settings, ret_producer, why);
    if (err == ZP_OK && bus_producer_warm(*ret_producer, TOPIC_COMMANDS, WARM_MS, cold) != ZP_OK) {
        log_info("the mailbox's leaders are not known yet", L_STR("why", cold));
    }
    return err;
}

static void replace(struct publisher *publisher, const char *why_anew, int flush_ms)
{
    char why[BUS_WHY_SIZE] = "";
    struct bus_producer *fresh = NULL;
    enum zp_err err = make(publisher, &fresh, why);
    if (err != ZP_OK) {
        log_error("the producer cannot be made anew", L_STR("error", zp_err_name(err)), L_STR("why", why));
        return; /* the old one stays; the next round tries again */
    }
    pthread_rwlock_wrlock(&publisher->lock);
    struct bus_producer *old = publisher->producer;
    publisher->producer = fresh;
    pthread_rwlock_unlock(&publisher->lock);
    log_warn("the producer was made anew", L_STR("why", why_anew));
    metric_add(&gateway_metrics[METRIC_PRODUCERS], 1);
    bus_producer_destroy(old, flush_ms); /* reports what it still held */
    publisher->is_stuck = false;
}

/* Asks for the topic: finds out when the brokers are back, and warms the connection up before the first command. */
static void probe(struct publisher *publisher)
{
    char why[BUS_WHY_SIZE] = "";
    int32_t partitions = 0;
    enum zp_err err = bus_topic_partitions(publisher->brokers, TOPIC_COMMANDS, &partitions, why);
    bool fits = err == ZP_OK && partitions == bus_partitions();
    if (err == ZP_OK && !fits) {
        log_error("the topic has another number of partitions", L_INT("partitions", partitions),
                  L_INT("wanted", bus_partitions()));
    } else if (fits) {
        log_info("the brokers have been reached");
    }
    if (err == ZP_OK) {
        atomic_store(&publisher->is_foreign, !fits);
    }
    atomic_store(&publisher->well, fits);
    atomic_store(&publisher->was_well, fits || atomic_load(&publisher->was_well));
}

static void *run_poll(void *arg)
{
    struct publisher *publisher = arg;
    struct watch *watch = watchdog_watch("publisher", -1);
    while (!atomic_load(&publisher->stopping)) {
        watchdog_beat(watch);
        bus_producer_poll(publisher->producer, POLL_MS); /* only this thread replaces it */
        if (atomic_load(&publisher->owed) > ACKS_AWAITED) {
            (void)poll(NULL, 0, ACKS_NAP_MS);
        }
        if (bus_producer_broken(publisher->producer)) {
            replace(publisher, "a fatal error", 0);
        } else if (publisher->is_stuck) {
            replace(publisher, "a partition's commands fail while others' arrive", FLUSH_MS);
        }
    }
    watchdog_unwatch(watch);
    return NULL;
}

/* On a thread of its own: the question may take seconds, and deliveries must not wait for it. */
static void *run_probe(void *arg)
{
    struct publisher *publisher = arg;
    struct watch *watch = watchdog_watch("prober", -1);
    for (int round = 0; !atomic_load(&publisher->stopping); round++) {
        if (!atomic_load(&publisher->well) && round % PROBE_ROUNDS == 0) {
            probe(publisher);
        }
        (void)poll(NULL, 0, POLL_MS);
        watchdog_beat(watch);
    }
    watchdog_unwatch(watch);
    return NULL;
}

static enum zp_err start_threads(struct publisher *publisher)
{
    if (pthread_create(&publisher->poller, NULL, run_poll, publisher) != 0) {
        return ZP_BUSY;
    }
    if (pthread_create(&publisher->prober, NULL, run_probe, publisher) != 0) {
        atomic_store(&publisher->stopping, true);
        (void)pthread_join(publisher->poller, NULL);
        return ZP_BUSY;
    }
    return ZP_OK;
}

enum zp_err publisher_start(const struct gateway_settings *settings, struct publisher **ret_publisher,
                            char why[BUS_WHY_SIZE])
{
    struct publisher *publisher = calloc(1, sizeof(*publisher));
    if (publisher == NULL) {
        (void)snprintf(why, BUS_WHY_SIZE, "no memory");
        return ZP_BUSY;
    }
    publisher->brokers = settings->kafka;
    publisher->settings = (struct bus_producer_settings){
        .brokers = settings->kafka, .client_id = "zapora-gateway", .timeout_ms = settings->publish_timeout_ms,
        .linger_us = LINGER_US, .lanes = bus_lanes(),
        .queue_bytes_max = QUEUE_BYTES_MAX, .queue_messages_max = QUEUE_MESSAGES_MAX,
        .on_delivery = on_delivery,
    };
    enum zp_err err = make(publisher, &publisher->producer, why);
    if (err != ZP_OK) {
        free(publisher);
        return err;
    }
    metric_add(&gateway_metrics[METRIC_PRODUCERS], 1);
    pthread_rwlock_init(&publisher->lock, NULL);
    atomic_store(&current, publisher);
    err = start_threads(publisher);
    if (err != ZP_OK) {
        (void)snprintf(why, BUS_WHY_SIZE, "cannot start a thread");
        atomic_store(&current, NULL);
        (void)pthread_rwlock_destroy(&publisher->lock);
        bus_producer_destroy(publisher->producer, 0);
        free(publisher);
        return err;
    }
    *ret_publisher = publisher;
    return ZP_OK;
}

void publisher_stop(struct publisher *publisher, int flush_ms)
{
    if (publisher == NULL) {
        return;
    }
    atomic_store(&publisher->stopping, true);
    (void)pthread_join(publisher->poller, NULL);
    (void)pthread_join(publisher->prober, NULL);
    pthread_rwlock_wrlock(&publisher->lock);
    struct bus_producer *producer = publisher->producer;
    publisher->producer = NULL;
    pthread_rwlock_unlock(&publisher->lock);
    bus_producer_destroy(producer, flush_ms);
    atomic_store(&current, NULL);
}

void publisher_destroy(struct publisher *publisher)
{
    if (publisher != NULL) {
        pthread_rwlock_destroy(&publisher->lock);
        free(publisher);
    }
}

enum zp_err publisher_send(struct publisher *publisher, const struct record *record, struct publication *publication)
{
    atomic_fetch_add(&publisher->owed, 1); /* before: the answer may come first */
    pthread_rwlock_rdlock(&publisher->lock);
    enum zp_err err = publisher->producer == NULL || atomic_load(&publisher->is_foreign)
        ? ZP_BUSY : bus_produce(publisher->producer, TOPIC_COMMANDS, record, publication);
    pthread_rwlock_unlock(&publisher->lock);
    if (err != ZP_OK) {
        atomic_fetch_sub(&publisher->owed, 1);
        metric_add(&gateway_metrics[METRIC_PUBLISH_REFUSED], 1);
    }
    return err;
}

bool publisher_well(struct publisher *publisher, char *why, size_t why_size)
{
    (void)snprintf(why, why_size, "%s", atomic_load(&publisher->is_foreign)
                   ? "the topic has another number of partitions than the setting"
                   : "the brokers do not answer, or the last command was not delivered");
    return atomic_load(&publisher->well);
}

bool publisher_was_well(struct publisher *publisher)
{
    return atomic_load(&publisher->was_well);
}
