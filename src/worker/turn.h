/* One turn of the worker: the commands it gathered, what they made, and what has to be told about them. */
#ifndef ZAPORA_WORKER_TURN_H
#define ZAPORA_WORKER_TURN_H

#include "idmap.h"
#include "zapora/bus.h"
#include "zapora/live.h"
#include "zapora/store.h"

#define TURN_JSON_BYTES_MAX (8u << 20) /* of one event: names stand in JSON as often as in its value, escaped */
#define TURN_BYTES_MAX (96u << 20) /* ceiling of a turn's arena: one record of 1 MiB always fits */

enum entry_kind {
    ENTRY_FRESH,     /* not judged yet */
    ENTRY_EVENT,     /* an event with a seq */
    ENTRY_REFUSED,   /* settled without an event */
    ENTRY_DUPLICATE, /* settled earlier: told to waiters again, written nowhere */
    ENTRY_PARKED,    /* the record's own fault */
    ENTRY_REPEATED,  /* an outcome of the database, published again at a takeover */
};

/* Why a record is to be parked before it is even looked at, and what is known of the attempts. */
struct parking {
    enum letter_class class;
    const char *error;               /* a sentence for operators, borrowed */
    int64_t attempts, first_at;      /* first_at 0: not known, but not before it came into the mailbox */
    bool unread;                     /* not even decoded: that may be what killed */
};

/* One record of the mailbox (or, in a fold, one fact of the log) and what became of it. */
struct entry {
    enum entry_kind kind;
    struct outcome outcome;          /* partition, offset, at and ids from the start; the rest once judged */
    struct command *command;         /* decoded; NULL: undecodable, or a fact */
    const char *park_why;            /* why it will be parked, or NULL */
    struct letter letter;            /* what its dead letter says, when it will be parked */
    struct record *dead;             /* copy for the dead letters, when parked */
    struct event *event;             /* what the log carries */
    struct event_meta meta;
    const void *value;               /* the event encoded */
    size_t value_len;
    uint8_t before_hash[HASH_SIZE];  /* the location's chain before it */
    struct live_head head;           /* the location's head after it */
    const struct order *order;       /* as it is after it, or for a duplicate as it is now; NULL when there is none */
    struct turn *turn;
    int64_t log_offset;              /* of its event in the events topic, once acknowledged */
    struct told {
        struct entry *entry;
        bool is_dead_letter;
    } as_event, as_dead_letter; /* what deliveries come back with */
};

/* An order that the turn touches. */
struct turn_order {
    struct order *now;               /* NULL: does not exist */
    bool is_new, is_changed;
};

struct turn {
    struct arena arena;
    struct buffer scratch;           /* for encoding values: no larger than a record may be */
    struct entry *entries;
    size_t count, count_max;
    struct idmap outcomes;           /* command id → struct outcome, stored ones and this turn's */
    struct idmap orders;             /* order id → struct turn_order */
    struct batch_partition slices[BUS_PARTITIONS_MAX];
    size_t slice_count;
    bool are_facts;                  /* of a fold */
    /* the announcer's */
    size_t lettered, letters_unacked; /* entries whose dead letter is with the producer or that need none */
    size_t produced, unacked;        /* entries whose outcome is with the producer or that tell none */
    int64_t handed_at_us;
    int64_t waiting_since_us;        /* first in the line and not acknowledged; 0: not yet */
    bool failed;                     /* a record was not acknowledged */
    struct turn *next;
};

/* Allocates a turn for at most count_max entries; NULL without memory. */
struct turn *turn_create(size_t count_max);
void turn_reset(struct turn *turn);
void turn_destroy(struct turn *turn);

/* Adds a record of the mailbox, decoded. Copies what it needs. parking: it is to be parked for that reason whatever it
 * holds, or NULL. ZP_OK, or ZP_NO_MEMORY: the turn is full. */
enum zp_err turn_add_record(struct turn *turn, const struct record *record,
                            const struct parking *parking) ZP_MUST_CHECK;
/* Adds a fact of the events topic. ZP_OK, ZP_NO_MEMORY, or ZP_MALFORMED with a sentence. */
enum zp_err turn_add_fact(struct turn *turn, const struct record *record, const char **ret_why) ZP_MUST_CHECK;
/* Drops the entries of a partition, which moved away. */
void turn_drop_partition(struct turn *turn, int32_t partition);
/* What the dead letter of a parked entry says: also of one that was parked in another life, as far as its outcome
 * tells. Borrowed from the entry. */
struct letter turn_letter(const struct entry *entry);
/* A copy of a record in an arena, or NULL. */
struct record *turn_copy_record(struct arena *arena, const struct record *record);

#endif
