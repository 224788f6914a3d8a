/* Refilling: bringing a location's cache in Redis to what the database and the log have. */
#ifndef ZAPORA_WORKER_REFILL_H
#define ZAPORA_WORKER_REFILL_H

#include "partition.h"
#include "zapora/live.h"
#include "zapora/store.h"

#define REFILL_QUEUE_MAX 1024 /* locations waiting; more, and their partitions are compared again later */

struct refill_wish { struct zp_id location_id; int32_t partition; };

/* A location as the database had it at one moment, and as Redis had it just before. */
struct refill_snapshot {
    struct refill_wish wish;
    struct live_head seen;
    bool seen_known;
    int64_t last_offset;      /* of the command behind its newest event; -1: there is none */
    struct live_refill refill;
};

/* What waits to be compared and refilled; used by the announcer's thread only, but for compare_wanted. */
struct refiller {
    struct live_push *push;   /* borrowed */
    struct store *store;      /* borrowed */
    struct marks *marks;      /* borrowed, BUS_PARTITIONS_MAX */
    _Atomic bool compare_wanted[BUS_PARTITIONS_MAX];
    struct refill_wish wishes[REFILL_QUEUE_MAX];
    size_t wish_count;
    int64_t connections_seen; /* of the push connection: a new one means that all heads are doubtful */
    size_t failures;          /* in a row */
    int64_t retry_at_us;      /* when everything failed */
    int64_t patrol_at_us;     /* when the next partition is compared without being asked */
    int32_t patrolled;        /* the one that was last */
    bool is_thorough;         /* also replaces what has the right head: somebody says that the rest may be wrong */
    struct arena arena;
    struct buffer scratch;
    bool holds;               /* `held` waits for the log to have its newest event */
    struct refill_snapshot held;
    struct arena held_arena;  /* its memory */
};

void refiller_init(struct refiller *refiller, struct live_push *push, struct store *store, struct marks *marks);
void refiller_finish(struct refiller *refiller);
/* Wishes for one location's refill. Said of an event that the log has and Redis did not take, before the next turn is
 * pushed: when the snapshot that waits for that event is this location's, it is put in at once, and the next turn's
 * events fit behind it. */
void refiller_wish(struct refiller *refiller, int32_t partition, const struct zp_id *location_id);
/* Wishes that all heads of what is owned be compared: Redis may have lost or kept anything. */
void refiller_doubt_all(struct refiller *refiller);
/* How long the thread may rest before there is something to refill: at most longest_ms. */
int refiller_wait_ms(const struct refiller *refiller, int longest_ms);
/* Does a bounded piece of what waits: compares one partition or refills one location. */
void refiller_step(struct refiller *refiller);

#endif
