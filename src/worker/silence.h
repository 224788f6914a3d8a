/* silence: the partitions that the consumer is deaf to: their records do not come, though the log has them, or it does
 * not go to their offsets. For the worker's loop and its takeovers. */
#ifndef ZAPORA_WORKER_SILENCE_H
#define ZAPORA_WORKER_SILENCE_H

#include "partition.h"

struct silence {
    int64_t looked_us;   /* 0: never */
    int64_t patience_us; /* 0: as at first */
    int32_t blamed;      /* for whose sake the consumer was made anew, and what was awaited of it */
    int64_t blamed_offset;
    struct {
        int64_t offset, since_us; /* the record that is awaited, and since when; since_us 0: none is */
        int looks;
    } places[BUS_PARTITIONS_MAX];
};

/* To be called whenever the consumer had nothing to give. Gives the partition for whose sake the consumer should be
 * made anew, or -1; each time it does, its patience doubles until that partition's record has come. */
int32_t silence_look(struct silence *silence, const struct partition *partitions, const struct marks *marks,
                     int64_t now_us);
/* To be called whenever the consumer did not go to a partition's next_offset, though the leader answered a moment ago.
 * True when that has lasted for the same patience: the consumer should be made anew for its sake. */
bool silence_refused(struct silence *silence, struct partition *partition, int32_t number, int64_t now_us);

#endif
