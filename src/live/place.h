/* place: a location that this hub hears: its subscription, its ring, its watchers. */
#ifndef ZAPORA_LIVE_PLACE_H
#define ZAPORA_LIVE_PLACE_H

#include "ring.h"

#define PLACE_BUCKETS  1024
#define WAITER_BUCKETS 4096

struct live_hub;

enum place_hearing {
    PLACE_SILENT, /* not subscribed on this connection */
    PLACE_ASKED,  /* SSUBSCRIBE is on its way */
    PLACE_HEARD,  /* confirmed: every later note comes in */
};

struct place {
    struct place *next; /* in its bucket */
    struct live_hub *hub;
    struct zp_id location_id;
    enum place_hearing hearing;
    bool live;    /* heard, and the ring had caught up with the head since then */
    bool checked; /* the head was compared since the last confirmation or the last look */
    bool broken;  /* the ring can't be continued from the stream: begin again at the head */
    bool forked;  /* since the stream holds another history */
    struct ring ring;
    int64_t heard_seq;             /* an event with this seq exists; the ring may be behind */
    int64_t read_serial;           /* the read that is waited for, 0 none; other replies come too late */
    struct live_head read_from;    /* the ring's head when it was sent */
    bool read_based, read_hash;    /* and what was known of it */
    int64_t check_at_us;           /* the next look at the head */
    int64_t lower_since_us;        /* the head is behind the ring's for so long; 0: it is not */
    int64_t idle_since_us;         /* without a watcher */
    struct live_watcher *watchers; /* of the whole location */
    struct live_watcher *waiters;  /* of one order or command; also found by its id */
};

struct places {
    struct place *buckets[PLACE_BUCKETS];
    size_t count;
};

struct place *live_place_find(struct live_hub *hub, const struct zp_id *location_id);
/* The location's place, made and subscribed when there is none; NULL when there are too many or no memory. */
struct place *live_place_open(struct live_hub *hub, const struct zp_id *location_id);
/* How many bytes of events each place may keep, as many as there are now. */
size_t live_places_share(const struct live_hub *hub);
/* The subscription of its channel is confirmed: whatever is published from now on comes in. */
void live_place_confirmed(struct place *place);
/* A message on its channel. */
void live_place_note(struct place *place, const void *bytes, size_t len);

/* The subscribing connection came up, went down. */
void live_places_up(struct live_hub *hub);
void live_places_down(struct live_hub *hub);
/* Looks at heads, retries what failed, forgets idle places. */
void live_places_tick(struct live_hub *hub);
/* Unlinks every watcher without a word and frees all places. */
void live_places_finish(struct live_hub *hub);

#endif
