/* What verify.c, which starts them, and verify_lane.c share of the lanes of `zapora verify`. */
#ifndef ZAPORA_CLI_VERIFY_LANE_H
#define ZAPORA_CLI_VERIFY_LANE_H

#include "progress.h"
#include "verify.h"

#define VERIFY_GROUP 4 /* partitions at most: each group has a reader of its own, whose start and end take 100 ms */
#define VERIFY_LANES 3 /* while one waits for the database or for a reader to begin, the others go on */
#define VERIFY_GROUPS_A_LANE 4 /* at least, as far as there are partitions: one that ends early takes another */
#define VERIFY_GROUPS_MAX (2 * VERIFY_LANES * VERIFY_GROUPS_A_LANE)

struct verify_settings {
    int64_t differences_max;
    bool json;
    const char *kafka, *location;
    bool no_cache;
    int64_t partition;
    const char *postgres, *redis;
};

struct verify_group {
    int32_t partitions[VERIFY_GROUP];
    size_t count;
    bool is_done;
};

/* Takes one group after the other: reads it from the database, folds it, then looks at what Redis has of it. */
struct verify_lane {
    struct verify *verify;
    struct audit audit;
    struct cache_audit cache;
    struct store *store;  /* owned: first the snapshot's, then for details and for Redis */
    struct bus_watch *watch; /* owned: says where the log ends */
    pthread_t thread;
    int code;
};

struct verify {
    const struct verify_settings *settings;
    struct zp_id only;
    struct verify_lane lanes[VERIFY_LANES];
    struct differences differences;
    struct store *store;  /* owned */
    struct arena arena;   /* of the whole run */
    struct zp_id *strays;
    size_t stray_count;
    struct verify_group groups[VERIFY_GROUPS_MAX];
    size_t group_count;
    pthread_mutex_t lock; /* of all below, while lanes run */
    size_t taken, printed; /* groups */
    bool has_failed;
    struct progress progress;
    struct audit total;   /* counts only */
    int64_t locations;
    struct cache_audit cache_total; /* the same */
};

/* Where these partitions of the events topic begin and end now. Gives the exit code; what failed has been said. */
int verify_find_ranges(struct bus_watch *watch, const int32_t *partitions, size_t count, struct bus_range *ret_ranges);
/* Opens what Redis is asked through; with words in `why` when that fails. */
enum zp_err verify_open_push(const struct verify *verify, struct live_push **ret_push,
                             char why[LIVE_WHY_SIZE]) ZP_MUST_CHECK;
/* A lane's thread: takes groups until there are none, or one of the lanes failed. The argument is the lane, whose code
 * is the exit code. */
void *verify_walk_groups(void *lane);
/* Writes what was told of these partitions. Under the lock while lanes run. */
void verify_print(struct verify *verify, const int32_t *partitions, size_t count);

#endif
