/* view: a Kafka message as a struct record, without copying it. For consumer and reader. */
#ifndef ZAPORA_BUS_VIEW_H
#define ZAPORA_BUS_VIEW_H

#include "zapora/bus.h"

#include <librdkafka/rdkafka.h>

struct bus_view;

/* The views of one consumer or reader: used on its thread only. Zeroed is empty. */
struct bus_views {
    struct bus_view *idle; /* owned */
    size_t out;            /* handed out and not released yet */
};

/* Wraps a message without an error; owns it from now on. NULL without memory (the message is gone then, too). */
struct record *bus_view_take(struct bus_views *views, rd_kafka_message_t *message);
/* All views must have been released: they point into the client that is about to go. */
void bus_views_finish(struct bus_views *views);

#endif
