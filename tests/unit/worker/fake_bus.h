/* fake_bus: the bus room's door over logs in memory, for tests of the worker. Partitioning is the real one.
 *
 * The consumer keeps the door's promise: a partition is paused until it is started, and what comes out rises from
 * there. Trouble is asked for by filling `bus`. */
#ifndef FAKE_BUS_H
#define FAKE_BUS_H

#include "zapora/bus.h"

enum fake_topic { FAKE_COMMANDS, FAKE_EVENTS, FAKE_DEAD_LETTERS, FAKE_TOPIC_COUNT };

struct fake_bus {
    int offsets_fail;         /* the next questions about offsets fail */
    int readers_made;
    int readers_good;         /* so many readers are made before ... */
    int reader_fails;         /* ... the next ones can't be */
    int pauses, starts;       /* calls of the consumer */
    int start_fails;          /* the next starts fail */
    struct { int32_t partition; int64_t offset; int times; } hidden; /* a record that the consumer skips */
    _Atomic bool holds_acks;  /* what is produced stands in the log, and nobody says so */
    _Atomic int refusals;     /* the next records produced are reported as not persisted, and are not */
    _Atomic int queue_full;   /* the next calls of bus_produce give ZP_BUSY */
    int producers_made;
    int64_t (*clock)(void);   /* the brokers' time; NULL: a millisecond for each record */
};

extern struct fake_bus bus;

void fake_bus_open(void);
void fake_bus_close(void);

/* Adds a copy of the record at the end of a partition's log; returns its offset. timestamp_us is the brokers'
 * time. */
int64_t fake_log_append(enum fake_topic topic, int32_t partition, const struct record *record);
/* The record at that place; NULL: there is none. */
const struct record *fake_log_get(enum fake_topic topic, int32_t partition, int64_t offset);
int64_t fake_log_end(enum fake_topic topic, int32_t partition);
/* Retention: everything below is gone. */
void fake_log_trim(enum fake_topic topic, int32_t partition, int64_t first);
/* A log that lost its end, as no log should. */
void fake_log_cut(enum fake_topic topic, int32_t partition, int64_t end);
/* Puts another record in the place of one. */
void fake_log_replace(enum fake_topic topic, int32_t partition, int64_t offset, const struct record *record);

/* A view of a record, as the real bus lends it: on the heap, so that a use after its release is found. */
struct record *fake_log_lend(const struct record *record);
enum fake_topic fake_topic_of(const char *name);

/* A consumer that nobody made through the door, for tests of a worker's parts: everything is assigned and paused. */
struct bus_consumer *fake_consumer(void);
bool fake_consumer_runs(const struct bus_consumer *consumer, int32_t partition);
/* The next bus_consume gives these away, by the worker's callback, and no record. */
void fake_consumer_revoke(struct bus_consumer *consumer, void (*on_revoke)(void *arg, int32_t partition), void *arg,
                          int32_t partition);

#endif
