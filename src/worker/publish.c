/* Owns the form in which an entry reaches the log: its outcome as a record of the events topic, and a parked record as
 * a dead letter. Called by the line.
 */
#include "publish.h"

#include <string.h>

/* The record as it came, with where it came from and why it lies here. */
enum zp_err publish_letter(struct bus_producer *producer, struct turn *turn, struct entry *entry,
                           struct arena *scratch)
{
    if (entry->dead == NULL || entry->kind == ENTRY_DUPLICATE) {
        return ZP_OK;
    }
    const struct letter letter = turn_letter(entry);
    struct record record;
    enum zp_err err = message_letter_write(&letter, entry->dead, scratch, &record);
    entry->as_dead_letter = (struct told){ entry, true };
    if (err == ZP_OK) {
        err = bus_produce(producer, TOPIC_DEAD_LETTERS, &record, &entry->as_dead_letter);
    }
    turn->letters_unacked += err == ZP_OK;
    return err;
}

enum zp_err publish_outcome(struct bus_producer *producer, struct turn *turn, struct entry *entry,
                            struct arena *scratch)
{
    if (entry->kind == ENTRY_DUPLICATE) {
        return ZP_OK; /* repeated to waiters only */
    }
    struct record record;
    enum zp_err err = message_event_write(entry->event, &entry->meta, entry->outcome.partition, entry->value,
                                          entry->value_len, scratch, &record);
    if (err != ZP_OK) {
        return err;
    }
    entry->as_event = (struct told){ entry, false };
    err = bus_produce(producer, TOPIC_EVENTS, &record, &entry->as_event);
    turn->unacked += err == ZP_OK;
    return err;
}
