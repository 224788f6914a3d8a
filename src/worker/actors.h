/* The actors that this worker holds in memory: the state of each location whose partition it owns. */
#ifndef ZAPORA_WORKER_ACTORS_H
#define ZAPORA_WORKER_ACTORS_H

#include "zapora/order.h"

#define ACTOR_BUCKETS 4096

struct actor_slot {
    struct location *location; /* owned; NULL until it has been loaded */
    struct zp_id id;
    int32_t partition;
    bool touched;              /* by the current turn: an event happened */
    bool edited;               /* by the current turn: settings or menu changed */
    struct actor_slot *next;   /* in its bucket */
    struct actor_slot *newer, *older; /* by last use */
};

struct actors {
    struct actor_slot *buckets[ACTOR_BUCKETS];
    struct actor_slot *newest, *oldest;
    size_t count;
    size_t count_max; /* evicted down to this between turns */
};

void actors_init(struct actors *actors, size_t count_max);
/* The slot of a location, made when there is none; NULL without memory. Marks it as used. */
struct actor_slot *actors_claim(struct actors *actors, const struct zp_id *id, int32_t partition);
/* The slot of a location, or NULL. */
struct actor_slot *actors_find(struct actors *actors, const struct zp_id *id);
/* Forgets what is known of a partition: its state may have moved under another owner. */
void actors_drop_partition(struct actors *actors, int32_t partition);
/* Evicts the least recently used down to count_max. Only between turns. */
void actors_trim(struct actors *actors);
void actors_finish(struct actors *actors);

#endif
