/* hub: what the files of the gateway's side share. */
#ifndef ZAPORA_LIVE_HUB_H
#define ZAPORA_LIVE_HUB_H

#include "place.h"
#include "router.h"

#define HUB_EVENTS_MAX 200 /* events handed out at once */

/* Somebody is being told something: where to go on. An unlinked watcher moves it. */
struct round {
    struct live_watcher *next;
    bool peers; /* goes along the peers of a bucket, not along a place's list */
    struct round *outer;
};

struct live_hub {
    struct live_hub_settings settings; /* its uri is not kept */
    struct live_uri uri;
    struct live_reactor reactor;
    struct router commands, notes;
    struct question *settled, **settled_end; /* answered, not told yet */
    int wake_fd;                             /* readable when something is settled */
    void *wake_handle;
    struct places places;
    struct live_watcher *waiters[WAITER_BUCKETS]; /* those with an order or command, by its id */
    struct round *rounds;                         /* innermost first */
    int64_t walking;                              /* callbacks under way during which no place may be freed */
    int64_t now_us;                               /* of the last tick */
    int64_t serial;                               /* numbers the places' reads */
    bool closing;
};

#endif
