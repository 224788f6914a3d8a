/* partition_view: a partition as the database knows it, beside the two logs as they are. */
#ifndef ZAPORA_CLI_PARTITION_VIEW_H
#define ZAPORA_CLI_PARTITION_VIEW_H

#include "zapora/bus.h"
#include "zapora/store.h"

/* What a takeover would find. C name, wire name, sentence. The first that fits counts. */
#define PARTITION_FINDINGS(X) \
    X(FITS,         "fits",         "the logs are the ones we knew") \
    X(CUT_SHORT,    "cut_short",    "the mailbox ends before what was applied") \
    X(GONE,         "gone",         "commands that were never applied are gone from the mailbox") \
    X(OTHER_RECORD, "other_record", "the record before next_offset is not the one that was applied last") \
    X(EVENTS_MOVED, "events_moved", "the events topic does not hold the place up to which it was read")

#define X(name, wire, sentence) FINDING_##name,
enum partition_finding { PARTITION_FINDINGS(X) FINDING_COUNT };
#undef X
extern const struct words PARTITION_FINDING_WORDS;
const char *partition_finding_sentence(enum partition_finding finding);

struct partition_view {
    struct store_partition row;
    int64_t first, end;               /* of the mailbox */
    int64_t events_first, events_end;
    struct zp_id last_id;             /* of the mailbox's record before next_offset; ID_NONE: it has none */
    enum partition_finding finding;
};

/* The mailbox's records of a partition in [from, to), one after the other, while take gives ZP_OK. */
enum zp_err partition_read(const char *kafka, const struct bus_range *ranges, size_t count,
                           enum zp_err (*take)(void *arg, const struct record *record), void *arg,
                           char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* Looks at all partitions that have a row: an array of *ret_count in the arena, by partition. What the store and the
 * bus give, with a sentence. */
enum zp_err partition_views_get(const char *kafka, struct store *store, struct arena *arena,
                                struct partition_view **ret_views, size_t *ret_count,
                                char why[STORE_WHY_SIZE]) ZP_MUST_CHECK;

#endif
