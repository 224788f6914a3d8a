/* router: Redis as one place, be it a server or a cluster of them: each command goes to the server that has its key. */
#ifndef ZAPORA_LIVE_ROUTER_H
#define ZAPORA_LIVE_ROUTER_H

#include "connection.h"
#include "slots.h"

#define ROUTER_NODES_MAX (SLOT_SERVERS_MAX + URI_SEEDS_MAX)

struct router;
struct flight;

/* A server that is spoken to. */
struct node {
    struct live_uri uri; /* its own address, everybody's credentials */
    struct connection connection;
    struct router *router;
    bool is_seed, is_primary;
    size_t waiting; /* commands that go there as soon as it is reached */
};

struct router {
    /* Set by the owner before the first tick. */
    const struct live_uri *uri;         /* borrowed for life */
    const struct live_reactor *reactor; /* borrowed for life */
    int64_t timeout_us, keepalive_us;   /* as a connection has them */
    void *owner;
    void (*on_up)(struct router *router);   /* all of it is reached, after it was not */
    void (*on_down)(struct router *router); /* not all of it is reached any more */
    /* Given: it subscribes, and every message of any server goes there and belongs to the callee. Such a router is up
     * only as a whole, and begins anew when a part is lost. */
    void (*on_message)(struct router *router, redisReply *reply);
    struct router *guide; /* of a cluster, for one that subscribes: whose map it follows */

    int64_t connects; /* times that it became whole */

    /* The router's own. */
    size_t out_bytes_max;
    bool is_cluster, is_whole, is_mapped;
    bool is_stale; /* the map is in doubt: to be asked for again */
    struct node *nodes[ROUTER_NODES_MAX];
    size_t node_count;
    struct buffer out;           /* of a cluster: commands before they are told apart */
    struct slot_map *map;        /* owned; of a cluster, NULL: none yet */
    struct node *primaries[SLOT_SERVERS_MAX]; /* of the map's servers */
    int64_t map_version;         /* counts changes of the map */
    struct call asking;          /* for the map; wanted 0: nobody is asked */
    struct live_address asked;   /* who was */
    size_t ask_next;
    int64_t ask_at_us;
    struct flight *flights;      /* under way */
    struct call *stranded;       /* borrowed: there was no memory to send them; they end with the next tick */
    size_t flight_count;         /* of both */
    char why[LIVE_WHY_SIZE];
};

/* ZP_OK, or ZP_NO_MEMORY. */
enum zp_err live_router_init(struct router *router, size_t out_bytes_max) ZP_MUST_CHECK;
/* Ends it for good; its calls get ZP_BUSY. on_down is not called. */
void live_router_finish(struct router *router);
/* Connects, asks for the map, gives up what takes too long. */
void live_router_tick(struct router *router, int64_t now_us);
/* Where commands are appended; then live_router_send, in the same breath. */
struct buffer *live_router_out(struct router *router);
/* Sends what was appended: a call waits for one reply to each command, in their order; NULL on a router that
 * subscribes. Only while up. A command without a key goes to every server, and one of them answers. */
void live_router_send(struct router *router, struct call *call);
/* True when for each appended command the server that it goes to is reached. */
bool live_router_reaches(struct router *router);
/* Commands can be sent: to all that is needed by one that subscribes, to at least one server otherwise. */
bool live_router_is_up(const struct router *router);
/* Some connection is on its way. */
bool live_router_is_coming(const struct router *router);
/* Calls that wait. */
size_t live_router_calls(const struct router *router);
/* What was answered says that a server can't serve: drops the connection, or of a cluster asks who serves. */
void live_router_doom(struct router *router, const char *why);
void live_router_trouble(struct router *router, const char *why);
/* The last trouble, "" before the first. */
const char *live_router_why(const struct router *router);

#endif
