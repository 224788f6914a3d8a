/* Owns the form in which an entry reaches the log: its outcome as a record of the events topic, and a parked record as
 * a dead letter. Called by the line.
 * Invariant: an entry's dead letter is with the producer before its outcome is, so that a parking that was heard of can
 * be looked at. */
#include "publish.h"

#include <string.h>

/* The record as it came, with where it came from and why it lies here. */
static enum zp_err produce_dead_letter(struct bus_producer *producer, struct turn *turn, struct entry *entry)
{
    const struct letter letter = turn_letter(entry);
    struct record record;
    enum zp_err err = message_letter_write(&letter, entry->dead, &turn->arena, &record);
    entry->as_dead_letter = (struct told){ entry, true };
    return err != ZP_OK ? err : bus_produce(producer, TOPIC_DEAD_LETTERS, &record, &entry->as_dead_letter);
}

static enum zp_err produce_event(struct bus_producer *producer, struct turn *turn, struct entry *entry)
{
    struct record record;
    enum zp_err err = message_event_write(entry->event, &entry->meta, entry->outcome.partition, entry->value,
                                          entry->value_len, &turn->arena, &record);
    if (err != ZP_OK) {
        return err;
    }
    entry->as_event = (struct told){ entry, false };
    return bus_produce(producer, TOPIC_EVENTS, &record, &entry->as_event);
}

enum zp_err publish_entry(struct bus_producer *producer, struct turn *turn, struct entry *entry)
{
    if (entry->kind == ENTRY_DUPLICATE) {
        return ZP_OK; /* repeated to waiters only */
    }
    if (entry->dead != NULL && !entry->dead_sent) {
        enum zp_err err = produce_dead_letter(producer, turn, entry);
        if (err != ZP_OK) {
            return err;
        }
        entry->dead_sent = true;
        turn->unacked++;
    }
    enum zp_err err = produce_event(producer, turn, entry);
    turn->unacked += err == ZP_OK;
    return err;
}
