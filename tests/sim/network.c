/* network.c: owns the records that are on their way to the log; see bus.h.
 * Invariant: records of one producer to one partition arrive in the order in which they were sent. */
#include "bus.h"
#include "clients.h"
#include "reader.h"
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define FLIGHTS_MAX 4096

struct flight {
    struct bus_producer *producer; /* NULL: a client's, or its producer is no more */
    bool is_client;
    enum fake_topic topic;
    struct record *record;         /* in the arena */
    void *opaque;
    int64_t arrives_at, acked_at;
    int copies;                    /* how often it is written: 0 when it is not persisted */
    bool hides_offset, has_arrived;
    struct bus_delivery delivery;
    struct arena arena;
};

static struct flight *flights[FLIGHTS_MAX], *spare[FLIGHTS_MAX];
static size_t flight_count, spare_count;
static int64_t down_until;

void bus_down_until(int64_t until_us)
{
    down_until = until_us;
}

bool bus_is_down(void)
{
    return down_until > sim.now_us;
}

static struct flight *take_flight(void)
{
    ZP_ASSERT(flight_count < FLIGHTS_MAX);
    struct flight *flight = spare_count > 0 ? spare[--spare_count] : NULL;
    struct arena arena;
    if (flight == NULL) {
        flight = malloc(sizeof *flight);
        ZP_ASSERT(flight != NULL);
        arena_init(&arena, 4 << 20);
    } else {
        arena = flight->arena;
        arena_reset(&arena);
    }
    *flight = (struct flight){ .arena = arena };
    flights[flight_count++] = flight;
    return flight;
}

static void drop_flight(size_t i)
{
    spare[spare_count++] = flights[i];
    flight_count--;
    memmove(&flights[i], &flights[i + 1], (flight_count - i) * sizeof(struct flight *));
}

void network_forget(void)
{
    while (flight_count > 0) {
        drop_flight(flight_count - 1);
    }
    down_until = 0;
}

static int64_t last_arrival(const struct flight *of)
{
    int64_t last = 0;
    for (size_t i = 0; i + 1 < flight_count; i++) {
        const struct flight *flight = flights[i];
        bool same = flight->producer == of->producer && flight->is_client == of->is_client && !of->is_client &&
                    flight->topic == of->topic && flight->record->partition == of->record->partition;
        if (same && flight->arrives_at > last) {
            last = flight->arrives_at;
        }
    }
    return last;
}

static void draw_fate(struct flight *flight)
{
    flight->copies = 1;
    flight->delivery = (struct bus_delivery){ .ack = BUS_ACKED, .partition = flight->record->partition };
    flight->arrives_at = sim.now_us + chance_between(&sim.pace, 50, 3000);
    int64_t last = last_arrival(flight);
    flight->arrives_at = flight->arrives_at < last ? last : flight->arrives_at;
    flight->acked_at = chance_between(&sim.pace, 50, 2000);
    if (fault_strikes(FAULT_WRITTEN_TWICE)) {
        flight->copies = 2;
    }
    if (fault_strikes(FAULT_ACK_REPEATED)) {
        flight->hides_offset = true;
        flight->acked_at += chance_between(&sim.pace, 1000, SIM_SECOND_US);
    } else if (fault_strikes(FAULT_ACK_LATE)) {
        flight->acked_at += chance_between(&sim.pace, 1000, 12 * SIM_SECOND_US);
    } else if (fault_strikes(FAULT_NOT_PERSISTED)) {
        flight->copies = 0;
        flight->delivery.ack = BUS_NOT_PERSISTED;
    } else if (fault_strikes(FAULT_ACK_LOST)) {
        flight->acked_at = SIM_NEVER / 4;
        flight->delivery.ack = BUS_UNKNOWN;
    }
}

void network_send(struct bus_producer *producer, enum fake_topic topic, const struct record *record, void *opaque)
{
    SIM_MEMORY;
    struct flight *flight = take_flight();
    flight->producer = producer;
    flight->is_client = producer == NULL;
    flight->topic = topic;
    flight->record = turn_copy_record(&flight->arena, record);
    ZP_ASSERT(flight->record != NULL);
    flight->opaque = opaque;
    draw_fate(flight);
}

/* A record is refused for good: of a producer without gaps nothing is written any more. */
static void refuse(const struct flight *flight)
{
    if (flight->producer == NULL || !producer_breaks_for_gap(flight->producer)) {
        return;
    }
    for (size_t i = 0; i < flight_count; i++) {
        if (flights[i]->producer == flight->producer && !flights[i]->has_arrived) {
            flights[i]->copies = 0;
            flights[i]->delivery.ack = BUS_NOT_PERSISTED;
        }
    }
}

static void arrive(struct flight *flight)
{
    flight->has_arrived = true;
    if (flight->copies == 0) {
        refuse(flight);
    }
    flight->acked_at += sim.now_us;
    flight->delivery.offset = -1;
    for (int i = 0; i < flight->copies; i++) {
        flight->delivery.offset = fake_log_append(flight->topic, flight->record->partition, flight->record);
        sim_observe_int(flight->topic);
        sim_observe_int(flight->record->partition);
        sim_observe(flight->record->value, flight->record->value_len);
        sim_trace("topic %d partition %d has offset %lld", (int)flight->topic, (int)flight->record->partition,
                  (long long)flight->delivery.offset);
    }
    for (int i = flight->copies; flight->topic == FAKE_EVENTS && i > 0; i--) {
        int64_t offset = flight->delivery.offset - i + 1;
        reader_hear(fake_log_get(FAKE_EVENTS, flight->record->partition, offset));
    }
    if (flight->hides_offset) {
        flight->delivery.offset = -1;
    }
    flight->delivery.timestamp_us = sim.now_us;
    if (flight->topic == FAKE_COMMANDS) {
        group_wake();
    }
}

static void acknowledge(const struct flight *flight)
{
    if (flight->is_client) {
        client_answered(flight->opaque, flight->delivery.ack);
    } else if (flight->producer != NULL) {
        producer_report(flight->producer, flight->opaque, &flight->delivery);
    }
}

int64_t network_due(void)
{
    int64_t next = SIM_NEVER;
    for (size_t i = 0; i < flight_count;) {
        struct flight *flight = flights[i];
        if (!flight->has_arrived && flight->arrives_at <= sim.now_us && !bus_is_down()) {
            arrive(flight);
        }
        if (flight->has_arrived && flight->acked_at <= sim.now_us) {
            acknowledge(flight);
            drop_flight(i);
            continue;
        }
        int64_t due = flight->has_arrived ? flight->acked_at : flight->arrives_at;
        due = !flight->has_arrived && due < down_until ? down_until : due;
        next = due < next ? due : next;
        i++;
    }
    return next;
}

size_t network_in_flight(void)
{
    size_t count = 0;
    for (size_t i = 0; i < flight_count; i++) {
        count += !flights[i]->has_arrived;
    }
    return count;
}

void network_abandon(struct bus_producer *producer, void (*gone)(void *opaque, const struct bus_delivery *delivery))
{
    bool cut[FAKE_TOPIC_COUNT][BUS_PARTITIONS_MAX] = { 0 };
    for (size_t i = 0; i < flight_count;) {
        struct flight *flight = flights[i];
        if (flight->producer != producer || flight->is_client) {
            i++;
            continue;
        }
        bool *is_cut = &cut[flight->topic][flight->record->partition];
        *is_cut = *is_cut || (!flight->has_arrived && (bus_is_down() || flight->copies == 0 ||
                                                              chance_permille(&sim.pace, 500)));
        struct bus_delivery delivery = flight->delivery;
        delivery.ack = *is_cut ? BUS_NOT_PERSISTED : BUS_UNKNOWN;
        void *opaque = flight->opaque;
        if (*is_cut || flight->has_arrived) {
            drop_flight(i);
        } else {
            flight->producer = NULL;
            int64_t soon = sim.now_us + 50000;
            flight->arrives_at = flight->arrives_at > soon ? soon : flight->arrives_at;
            flight->acked_at = 0;
            i++;
        }
        if (gone != NULL) {
            gone(opaque, &delivery);
        }
    }
}

/* What a stopped producer has sent arrives; the rest waits with it. */
void network_freeze(struct bus_producer *producer, int64_t until_us)
{
    bool cut[FAKE_TOPIC_COUNT][BUS_PARTITIONS_MAX] = { 0 };
    for (size_t i = 0; i < flight_count; i++) {
        struct flight *flight = flights[i];
        if (flight->producer != producer || flight->is_client || flight->has_arrived) {
            continue;
        }
        bool *is_cut = &cut[flight->topic][flight->record->partition];
        *is_cut = *is_cut || chance_permille(&sim.pace, 500);
        if (*is_cut) {
            flight->arrives_at = until_us + 50 * (int64_t)i; /* in their order */
        }
    }
}
