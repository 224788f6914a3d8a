/* fake_bus.c: owns the consumer and the producer over the logs of fake_log.c; see fake_bus.h. What the announcer's
 * thread may call is serialised. */
#include "fake_bus.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define PENDING_MAX 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void unlock(int *held)
{
    (void)held;
    pthread_mutex_unlock(&lock);
}

#define LOCKED __attribute__((cleanup(unlock), unused)) int held = pthread_mutex_lock(&lock)

/* ---- consume
 * ------------------------------------------------------------------------------------------------------ */

struct bus_consumer {
    bool runs[BUS_PARTITIONS_MAX];
    int64_t next[BUS_PARTITIONS_MAX];
    int32_t turn; /* partitions take turns */
    void (*on_revoke)(void *arg, int32_t partition);
    void *arg;
    int32_t revoked;
};

struct bus_consumer *fake_consumer(void)
{
    return calloc(1, sizeof(struct bus_consumer));
}

bool fake_consumer_runs(const struct bus_consumer *consumer, int32_t partition)
{
    return consumer->runs[partition];
}

void fake_consumer_revoke(struct bus_consumer *consumer, void (*on_revoke)(void *arg, int32_t partition), void *arg,
                          int32_t partition)
{
    consumer->on_revoke = on_revoke;
    consumer->arg = arg;
    consumer->revoked = partition;
}

void bus_consumer_destroy(struct bus_consumer *consumer)
{
    free(consumer);
}

static struct record *next_of(struct bus_consumer *consumer, int32_t partition)
{
    int64_t *next = &consumer->next[partition];
    if (bus.hidden.times > 0 && bus.hidden.partition == partition && bus.hidden.offset == *next) {
        bus.hidden.times--;
        (*next)++;
    }
    const struct record *record = fake_log_get(FAKE_COMMANDS, partition, *next);
    *next += record != NULL;
    return record == NULL ? NULL : fake_log_lend(record);
}

struct record *bus_consume(struct bus_consumer *consumer, int timeout_ms)
{
    (void)timeout_ms;
    if (consumer->on_revoke != NULL) {
        void (*on_revoke)(void *arg, int32_t partition) = consumer->on_revoke;
        consumer->on_revoke = NULL;
        consumer->runs[consumer->revoked] = false;
        on_revoke(consumer->arg, consumer->revoked);
        return NULL;
    }
    for (int i = 0; i < BUS_PARTITIONS_MAX; i++) {
        int32_t partition = consumer->turn;
        consumer->turn = (partition + 1) % BUS_PARTITIONS_MAX;
        struct record *record = consumer->runs[partition] ? next_of(consumer, partition) : NULL;
        if (record != NULL) {
            return record;
        }
    }
    return NULL;
}

enum zp_err bus_consumer_start(struct bus_consumer *consumer, int32_t partition, int64_t offset)
{
    bus.starts++;
    if (bus.start_fails > 0) {
        bus.start_fails--;
        return ZP_BUSY;
    }
    consumer->runs[partition] = true;
    consumer->next[partition] = offset;
    return ZP_OK;
}

enum zp_err bus_consumer_pause(struct bus_consumer *consumer, int32_t partition)
{
    bus.pauses++;
    consumer->runs[partition] = false;
    return ZP_OK;
}

/* ---- publish
 * ------------------------------------------------------------------------------------------------------------ */

struct bus_producer {
    void (*on_delivery)(void *opaque, const struct bus_delivery *delivery);
    struct { void *opaque; struct bus_delivery delivery; } pending[PENDING_MAX];
    size_t count;
    int fd;
};

enum zp_err bus_producer_create(const struct bus_producer_settings *settings, struct bus_producer **ret_producer,
                                char why[BUS_WHY_SIZE])
{
    (void)why;
    struct bus_producer *producer = calloc(1, sizeof *producer);
    ZP_ASSERT(producer != NULL);
    producer->on_delivery = settings->on_delivery;
    producer->fd = -1;
    LOCKED;
    bus.producers_made++;
    *ret_producer = producer;
    return ZP_OK;
}

enum zp_err bus_producer_warm(struct bus_producer *producer, const char *topic, int timeout_ms, char why[BUS_WHY_SIZE])
{
    (void)producer, (void)topic, (void)timeout_ms, (void)why;
    return ZP_OK;
}

void bus_producer_notify(struct bus_producer *producer, int fd)
{
    producer->fd = fd;
}

bool bus_producer_broken(struct bus_producer *producer)
{
    (void)producer;
    return false;
}

const char *bus_producer_trouble(struct bus_producer *producer)
{
    (void)producer;
    return NULL;
}

enum zp_err bus_produce(struct bus_producer *producer, const char *topic, const struct record *record, void *opaque)
{
    LOCKED;
    if (bus.queue_full > 0) {
        bus.queue_full--;
        return ZP_BUSY;
    }
    struct bus_delivery delivery = { .ack = BUS_NOT_PERSISTED, .partition = record->partition, .offset = -1 };
    if (bus.refusals > 0) {
        bus.refusals--;
    } else {
        delivery.ack = BUS_ACKED;
        delivery.offset = fake_log_append(fake_topic_of(topic), record->partition, record);
    }
    ZP_ASSERT(producer->count < PENDING_MAX);
    producer->pending[producer->count].opaque = opaque;
    producer->pending[producer->count++].delivery = delivery;
    uint64_t one = 1;
    ZP_ASSERT(producer->fd < 0 || write(producer->fd, &one, sizeof one) == sizeof one);
    return ZP_OK;
}

/* Callbacks run outside of the lock: they may look at the logs. */
void bus_producer_poll(struct bus_producer *producer, int timeout_ms)
{
    (void)timeout_ms;
    pthread_mutex_lock(&lock);
    size_t count = bus.holds_acks ? 0 : producer->count;
    pthread_mutex_unlock(&lock);
    for (size_t i = 0; i < count; i++) {
        producer->on_delivery(producer->pending[i].opaque, &producer->pending[i].delivery);
    }
    producer->count -= count;
}

void bus_producer_destroy(struct bus_producer *producer, int flush_ms)
{
    (void)flush_ms;
    if (producer == NULL) {
        return;
    }
    for (size_t i = 0; i < producer->count; i++) {
        struct bus_delivery lost = producer->pending[i].delivery;
        lost.ack = BUS_UNKNOWN;
        producer->on_delivery(producer->pending[i].opaque, &lost);
    }
    free(producer);
}
