/* standstill.h: which partition's commands fail while the others' arrive. */
#ifndef ZAPORA_GATEWAY_STANDSTILL_H
#define ZAPORA_GATEWAY_STANDSTILL_H

#include "zapora/bus.h"

/* All zero: nothing known. */
struct standstill {
    int64_t since_us[BUS_PARTITIONS_MAX]; /* the first failure that nothing acknowledged has followed; 0: none */
    int64_t acked_us;                 /* any partition's last acknowledgement */
    int64_t patience_us;
    int32_t blamed;                   /* the partition of the last verdict */
};

/* Notes what became of a command, at a moment of the monotonic clock. True: the partition's commands have failed for as
 * long as patience allows, and another's were acknowledged meanwhile, so the brokers are well and this producer is not:
 * make it anew. The next verdict takes twice as long, at most 10 minutes, unless the partition blamed last is well. */
bool standstill_note(struct standstill *standstill, int32_t partition, bool is_acked, int64_t now_us);

#endif
