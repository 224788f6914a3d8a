/* reader: reads the events topic as any reader should, record by record as it arrives: drops by command offset, expects
 * seq = last + 1 and a fitting hash, folds with evolve; and judges each command again from the mailbox. What it holds
 * is what everything else is compared with. */
#ifndef SIM_READER_H
#define SIM_READER_H

#include "fake_bus.h"

/* An outcome as the log has it first. */
struct fact {
    struct zp_id command_id, location_id;
    int32_t partition;
    int64_t offset, at, seq;
    enum command_type type;
    enum zp_err err;
    uint8_t hash[HASH_SIZE];
    const struct record *record; /* in the log */
};

/* A location as the log makes it. */
struct told_place {
    struct location location;
    const struct fact **events;  /* by seq - 1 */
    size_t event_count, event_room;
};

void reader_open(void);
void reader_close(void);
/* A record has been written to the events topic. */
void reader_hear(const struct record *record);

const struct fact *reader_fact(const struct zp_id *command_id);             /* the newest of that id, or NULL */
bool reader_has_outcome(const struct zp_id *command_id, enum zp_err err);   /* once, at least */
const struct fact *reader_fact_at(int32_t partition, int64_t offset);       /* of a command, or NULL */
const struct fact *reader_event(const struct zp_id *location_id, int64_t seq);
const struct told_place *reader_place(const struct zp_id *location_id);     /* or NULL */
size_t reader_place_count(void);
const struct told_place *reader_place_number(size_t i);
size_t reader_fact_count(void);
const struct fact *reader_fact_number(size_t i);
const struct order *reader_order_number(size_t i);                          /* NULL behind the last */
const struct order *reader_order(const struct zp_id *order_id);
/* The mailbox is settled up to its end: what follows the last outcome is repetition. */
bool reader_is_through(int32_t partition, const char **ret_why);

#endif
