/* publisher.h: the way of commands into the log: one producer for the whole process. */
#ifndef ZAPORA_GATEWAY_PUBLISHER_H
#define ZAPORA_GATEWAY_PUBLISHER_H

#include "loop.h"
#include "zapora/bus.h"

struct gateway_settings;
struct publisher;

/* One command under way. Embedded in its owner, which lives until done has been called. */
struct publication {
    /* Set by the owner. */
    struct loop *loop;
    void (*done)(
        struct publication *publication); /* on the loop's thread, once for each publisher_send that gave ZP_OK */
    /* Filled in before done. */
    enum bus_ack ack;
    int32_t partition;
    int64_t offset;
    /* The publisher's. */
    struct post post;
};

/* Starts the producer and the thread that polls it. ZP_INVALID or ZP_BUSY with a sentence in why. */
enum zp_err publisher_start(const struct gateway_settings *settings, struct publisher **ret_publisher,
                            char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* Flushes for at most flush_ms; every publication is done then, and none is taken any more. The loops must still
 * take posts. NULL is fine. */
void publisher_stop(struct publisher *publisher, int flush_ms);
void publisher_destroy(struct publisher *publisher); /* NULL is fine */
/* Queues a copy of the record for the mailbox. ZP_BUSY: nothing was queued. Thread-safe. */
enum zp_err publisher_send(struct publisher *publisher, const struct record *record,
                           struct publication *publication) ZP_MUST_CHECK;
/* True when the brokers have been reached and the last delivery went well. Thread-safe. */
bool publisher_well(struct publisher *publisher, char *why, size_t why_size);
/* True once the brokers have ever been reached. Thread-safe. */
bool publisher_was_well(struct publisher *publisher);

#endif
