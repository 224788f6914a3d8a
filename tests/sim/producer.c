/* producer.c: owns the simulated producers: bus.h's door for the announcer. */
#include "bus.h"
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define REPORTS_MAX 1024
#define PRODUCERS_MAX 8

struct bus_producer {
    struct process *process;
    void (*on_delivery)(void *opaque, const struct bus_delivery *delivery);
    struct { void *opaque; struct bus_delivery delivery; } reports[REPORTS_MAX];
    size_t count;
    bool is_gapless, is_broken;
};

static struct bus_producer *producers[PRODUCERS_MAX];

static void keep(struct bus_producer *producer)
{
    size_t i = 0;
    while (producers[i] != NULL) {
        i++;
        ZP_ASSERT(i < PRODUCERS_MAX);
    }
    producers[i] = producer;
}

static void drop(struct bus_producer *producer)
{
    for (size_t i = 0; i < PRODUCERS_MAX; i++) {
        if (producers[i] == producer) {
            producers[i] = NULL;
        }
    }
    free(producer);
}

enum zp_err bus_producer_create(const struct bus_producer_settings *settings, struct bus_producer **ret_producer,
                                char why[BUS_WHY_SIZE])
{
    (void)why;
    point("producer: create");
    SIM_MEMORY;
    struct bus_producer *producer = malloc(sizeof *producer);
    ZP_ASSERT(producer != NULL);
    producer->process = process_now();
    producer->on_delivery = settings->on_delivery;
    producer->count = 0;
    producer->is_gapless = settings->gapless_topic != NULL;
    producer->is_broken = false;
    keep(producer);
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
    (void)producer, (void)fd; /* its process's announcer is woken */
}

bool bus_producer_broken(struct bus_producer *producer)
{
    producer->is_broken = producer->is_broken || fault_strikes(FAULT_PRODUCER_BREAKS);
    return producer->is_broken;
}

const char *bus_producer_trouble(struct bus_producer *producer)
{
    (void)producer;
    return NULL;
}

enum zp_err bus_produce(struct bus_producer *producer, const char *topic, const struct record *record, void *opaque)
{
    point("produce");
    if (producer->is_broken || fault_strikes(FAULT_QUEUE_FULL)) {
        return ZP_BUSY;
    }
    network_send(producer, fake_topic_of(topic), record, opaque);
    return ZP_OK;
}

bool producer_breaks_for_gap(struct bus_producer *producer)
{
    producer->is_broken = producer->is_broken || producer->is_gapless;
    return producer->is_gapless;
}

void producer_report(struct bus_producer *producer, void *opaque, const struct bus_delivery *delivery)
{
    ZP_ASSERT(producer->count < REPORTS_MAX);
    producer->reports[producer->count].opaque = opaque;
    producer->reports[producer->count++].delivery = *delivery;
    process_wake_announcer(producer->process);
}

void bus_producer_poll(struct bus_producer *producer, int timeout_ms)
{
    (void)timeout_ms;
    if (producer->count == 0) {
        return;
    }
    point("producer: reports");
    for (size_t i = 0; i < producer->count; i++) { /* a report's callback waits for nothing */
        producer->on_delivery(producer->reports[i].opaque, &producer->reports[i].delivery);
    }
    producer->count = 0;
}

void bus_producer_destroy(struct bus_producer *producer, int flush_ms)
{
    (void)flush_ms;
    if (producer == NULL) {
        return;
    }
    point("producer: destroy");
    bus_producer_poll(producer, 0);
    network_abandon(producer, producer->on_delivery);
    SIM_MEMORY;
    drop(producer);
}

void producers_of_process_gone(struct process *process)
{
    for (size_t i = 0; i < PRODUCERS_MAX; i++) {
        if (producers[i] != NULL && producers[i]->process == process) {
            network_abandon(producers[i], NULL);
            drop(producers[i]);
        }
    }
}

void producers_of_process_frozen(struct process *process)
{
    for (size_t i = 0; i < PRODUCERS_MAX; i++) {
        if (producers[i] != NULL && producers[i]->process == process) {
            network_freeze(producers[i], process->frozen_until);
        }
    }
}
