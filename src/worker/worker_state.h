/* The worker as a whole: what its main thread owns. Private to this room. */
#ifndef ZAPORA_WORKER_STATE_H
#define ZAPORA_WORKER_STATE_H

#include "actors.h"
#include "announce.h"
#include "partition.h"
#include "silence.h"
#include "turn.h"
#include "zapora/worker.h"

/* Between two tries while a server is away: doubled from try to try, up to what an outage may be prolonged by. */
#define OUTAGE_PAUSE_MS_MIN 100
#define OUTAGE_PAUSE_MS_MAX 1000

struct worker {
    const struct worker_settings *settings;
    struct bus_consumer *consumer;
    struct store *store;
    struct announcer *announcer;
    struct actors actors;
    struct partition partitions[BUS_PARTITIONS_MAX];
    struct marks marks[BUS_PARTITIONS_MAX];
    struct turn *turn;            /* being gathered, or NULL */
    struct record *carried;       /* taken from the consumer, did not fit into the last turn */
    size_t records_limit;         /* of a turn: halved when memory was short, doubled by each success */
    struct silence silence;
    bool consumer_stuck;          /* it does not go where it is told to: to be made anew */
    bool congested;               /* the announcer has no turn free: consumption is paused */
    int64_t hinted_at_us, purged_at_us, complained_us;
    int32_t purge_next;
    struct watch *watch;          /* the watchdog's: the main loop beats once a round */
    _Atomic bool database_ok, consumer_ok;
    _Atomic bool is_assigned;     /* the group's last word was which partitions are ours, none of them perhaps */
};

/* Opens the announcer and the consumer. ZP_OK, or ZP_BUSY or ZP_INVALID with a sentence in why; loop_close is due
 * either way. */
enum zp_err loop_open(struct worker *worker, char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* One round of the main thread: heeds troubles, takes over what is due, gathers a turn and settles it. */
void loop_come_round(struct worker *worker);
/* Waits for what is under way, releases the partitions in order, closes both. */
void loop_close(struct worker *worker);

/* The checks of /readyz; arg is the worker. */
bool ready_database(void *arg, char *why, size_t why_size);
bool ready_consumer(void *arg, char *why, size_t why_size);
bool ready_partitions(void *arg, char *why, size_t why_size);

/* The pause after the one that was in vain; 0: there was none. */
int64_t worker_pause_after(int64_t pause_ms);
/* Back to a takeover from step 1, after a pause: the partition's caches are doubtful. */
void worker_retake(struct worker *worker, int32_t partition, int64_t delay_ms);

/* Gathers a dense turn, waiting up to wait_ms for its first record. True when the consumer had nothing more to give. */
bool gather(struct worker *worker, struct turn *turn, int wait_ms);

/* Applies a gathered turn: loads, judges, commits, hands over, or works out what its failure means. Takes the turn. */
void settle(struct worker *worker, struct turn *turn);

/* Takes over every partition whose time has come: own, fold, check, republish, compare. Bounded: a failed step puts the
 * partition back with a longer pause. */
void takeover_due(struct worker *worker);

/* Takes a partition out of the round, to be tried again after a longer pause; why NULL: an earlier one said it. */
struct takeover;
void takeover_put_off(struct worker *worker, struct takeover *takeover, const char *step, const char *why);
/* Stops a partition for good: this is not the log we knew. Puts it off instead when it is not surely ours any more. */
void takeover_stop(struct worker *worker, struct takeover *takeover, const char *why);

/* Folds the facts of the events topic into the database for partitions in `which`, from their events_offset up to
 * `ends`. Partitions that failed are taken out of `which`. */
struct takeover {
    int32_t partition;
    struct store_partition row; /* as it was when it became ours */
    int64_t events_end;
    bool is_ours;               /* step 1 is done */
    bool has_failed;            /* out of this round */
    const char *fold_why;       /* of a fold that has failed, or NULL; borrowed until the store's next call */
};
void fold(struct worker *worker, struct takeover *takeovers, size_t count);

/* The ticker: a thread that writes tick:<partition> every 250 ms for what is owned. */
struct ticker;
enum zp_err ticker_start(const struct worker_settings *settings, struct marks *marks, struct ticker **ret_ticker,
                         char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
void ticker_stop(struct ticker *ticker);

#endif
