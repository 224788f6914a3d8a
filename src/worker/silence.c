/* Owns the worker's doubt about its consumer. Called by loop and takeover, on the main thread.
 *
 * librdkafka 2.0.2 can leave a partition with a broker that does not lead it any more: brokers that contradict each
 * other while leaders change make it move to and fro, and when it is sent back before it has left, the library believes
 * that it has arrived. No later answer corrects that. Another replica serves it all the same; a dead broker never
 * does, and a frozen one not before it thaws. And after a leader of old days told it that an offset is not there, it
 * may go to no offset of that partition for minutes. A new handle knows nothing of either.
 *
 * Invariants: only what the partition's leader said within the last moments counts, so that brokers that are down
 * excuse every silence; only rounds in which the consumer had nothing to give are counted, so that no record is called
 * missing that waits behind others; a thread that did not look for a while starts again. */
#include "silence.h"

#define PATIENCE_US 3000000       /* an empty fetch takes 0.1 s */
#define PATIENCE_US_MAX 600000000 /* where the log has an offset without a record, it is in vain every time */
#define LOOKS 20
#define PAUSE_US 1000000 /* between two looks, and how old the word of a leader may be */

static bool log_goes_on(const struct partition *partition, const struct marks *marks, int64_t now_us)
{
    return partition->state == PARTITION_OWNED && marks->end_offset > partition->gathered_offset &&
           now_us - marks->end_asked_us <= PAUSE_US;
}

static bool is_silent(struct silence *silence, int32_t number, int64_t offset, int64_t now_us)
{
    if (silence->places[number].since_us == 0 || silence->places[number].offset != offset) {
        silence->places[number].offset = offset;
        silence->places[number].since_us = now_us;
        silence->places[number].looks = 0;
    }
    silence->places[number].looks++;
    return now_us - silence->places[number].since_us >= silence->patience_us &&
           silence->places[number].looks >= LOOKS;
}

/* The next one is waited for longer, unless this one helped. */
static void blame(struct silence *silence, int32_t number, int64_t offset)
{
    silence->blamed = number;
    silence->blamed_offset = offset;
    silence->patience_us = 2 * silence->patience_us < PATIENCE_US_MAX ? 2 * silence->patience_us : PATIENCE_US_MAX;
    silence->looked_us = 0;
}

bool silence_refused(struct silence *silence, struct partition *partition, int32_t number, int64_t now_us)
{
    silence->patience_us = silence->patience_us == 0 ? PATIENCE_US : silence->patience_us;
    partition->refused_since_us = partition->refused_since_us == 0 ? now_us : partition->refused_since_us;
    if (now_us - partition->refused_since_us < silence->patience_us) {
        return false;
    }
    blame(silence, number, partition->next_offset);
    return true;
}

int32_t silence_look(struct silence *silence, const struct partition *partitions, const struct marks *marks,
                     int64_t now_us)
{
    const struct partition *blamed = &partitions[silence->blamed];
    bool helped = blamed->state == PARTITION_OWNED && blamed->gathered_offset != silence->blamed_offset;
    bool was_away = silence->looked_us == 0 || now_us - silence->looked_us > PAUSE_US;
    int32_t found = -1;
    silence->looked_us = now_us;
    silence->patience_us = silence->patience_us == 0 || helped ? PATIENCE_US : silence->patience_us;
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        if (was_away || !log_goes_on(&partitions[p], &marks[p], now_us)) {
            silence->places[p].since_us = 0;
        } else if (is_silent(silence, p, partitions[p].gathered_offset, now_us) && found < 0) {
            found = p;
        }
    }
    if (found >= 0) {
        blame(silence, found, silence->places[found].offset);
    }
    return found;
}
