/* router: Redis as one place, be it a server or a cluster of them.
 *
 * Owned by the hub (two of them) and by the worker's push (one). A URI with one host is a server: its connection is
 * used as it is. One with several names a cluster: some of its nodes, of which any tells which primary has which slots.
 * That map is asked for again when a server says that a slot has moved, can't serve, or is lost, and until every
 * primary is reached. Commands go on meanwhile to those that are. Invariants: a node is freed only from a tick, outside
 * of its connection's calls; on_up and on_down alternate. */
#include "router.h"

#include "flight.h"

#include <stdlib.h>
#include <string.h>

#define ASK_EVERY_US 100000 /* for the map, while it is in doubt */

static bool is_up(const struct node *node)
{
    return live_connection_is_up(&node->connection);
}

/* ---- up and down ------------------------------------------------------------------------------------------------- */

static bool reaches_all(const struct router *router)
{
    if (!router->is_cluster) {
        return router->node_count > 0 && is_up(router->nodes[0]);
    }
    bool all = router->is_mapped && !router->is_stale;
    for (size_t i = 0; all && i < router->map->server_count; i++) {
        all = router->primaries[i] != NULL && is_up(router->primaries[i]);
    }
    return all;
}

/* A part of what was subscribed is lost: all of it begins anew, so that nothing is heard twice or by half. */
static void begin_anew(struct router *router)
{
    for (size_t i = 0; i < router->node_count; i++) {
        if (is_up(router->nodes[i])) {
            live_connection_doom(&router->nodes[i]->connection, "another server of the cluster was lost");
        }
    }
}

static void assess(struct router *router)
{
    bool is_whole = reaches_all(router);
    if (is_whole == router->is_whole) {
        return;
    }
    router->is_whole = is_whole;
    router->connects += is_whole;
    if (is_whole && router->on_up != NULL) {
        router->on_up(router);
    } else if (!is_whole && router->on_down != NULL) {
        router->on_down(router);
    }
    if (!is_whole && router->is_cluster && router->on_message != NULL) {
        begin_anew(router);
    }
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static void node_up(struct connection *connection)
{
    struct node *node = connection->owner;
    assess(node->router);
}

static void node_down(struct connection *connection)
{
    struct node *node = connection->owner;
    (void)snprintf(node->router->why, sizeof(node->router->why), "%s", connection->why);
    assess(node->router);
}

static void node_message(struct connection *connection, redisReply *reply)
{
    struct node *node = connection->owner;
    node->router->on_message(node->router, reply);
}

static struct node *node_create(struct router *router, const struct live_address *address)
{
    struct node *node = router->node_count == ROUTER_NODES_MAX ? NULL : calloc(1, sizeof(*node));
    if (node == NULL) {
        return NULL;
    }
    node->router = router;
    node->uri = *router->uri;
    memcpy(node->uri.host, address->host, sizeof(node->uri.host));
    memcpy(node->uri.port, address->port, sizeof(node->uri.port));
    node->connection.uri = &node->uri;
    node->connection.reactor = router->reactor;
    node->connection.timeout_us = router->timeout_us;
    node->connection.keepalive_us = router->keepalive_us;
    node->connection.owner = node;
    node->connection.on_up = node_up;
    node->connection.on_down = node_down;
    node->connection.on_message = router->on_message == NULL ? NULL : node_message;
    live_connection_init(&node->connection, router->out_bytes_max);
    router->nodes[router->node_count++] = node;
    return node;
}

static void node_destroy(struct node *node)
{
    live_connection_finish(&node->connection);
    crypto_wipe(&node->uri, sizeof(node->uri));
    free(node);
}

static struct node *find(struct router *router, const struct live_address *address)
{
    for (size_t i = 0; i < router->node_count; i++) {
        const struct live_uri *uri = &router->nodes[i]->uri;
        if (strcmp(uri->host, address->host) == 0 && strcmp(uri->port, address->port) == 0) {
            return router->nodes[i];
        }
    }
    return NULL;
}

struct node *live_router_node_at(struct router *router, const struct live_address *address)
{
    struct node *node = find(router, address);
    return node != NULL ? node : node_create(router, address);
}

struct node *live_router_node(struct router *router, int slot)
{
    if (slot != SLOT_NONE) {
        struct node *node = router->is_mapped ? router->primaries[router->map->server_of[slot]] : NULL;
        return node != NULL && is_up(node) ? node : NULL;
    }
    for (size_t i = 0; i < router->node_count; i++) {
        if (router->nodes[i]->is_primary && is_up(router->nodes[i])) {
            return router->nodes[i];
        }
    }
    return NULL;
}

/* Those that are neither in the map nor named by the setting, once nobody waits for them. */
static void retire(struct router *router)
{
    for (size_t i = router->node_count; i-- > 0;) {
        struct node *node = router->nodes[i];
        if (!node->is_seed && !node->is_primary && node->connection.call_count == 0 && node->waiting == 0) {
            router->nodes[i] = router->nodes[--router->node_count];
            node_destroy(node);
        }
    }
}

/* ---- the map ----------------------------------------------------------------------------------------------------- */

static bool same_map(const struct slot_map *a, const struct slot_map *b)
{
    bool same = a->server_count == b->server_count && memcmp(a->server_of, b->server_of, sizeof(a->server_of)) == 0;
    for (size_t i = 0; same && i < a->server_count; i++) {
        same = live_address_equal(&a->servers[i], &b->servers[i]);
    }
    return same;
}

/* False: there is no room for all of its servers; the map stays as it was, and in doubt. */
static bool take_map(struct router *router, const struct slot_map *map)
{
    struct node *primaries[SLOT_SERVERS_MAX];
    for (size_t i = 0; i < map->server_count; i++) {
        primaries[i] = find(router, &map->servers[i]);
        primaries[i] = primaries[i] != NULL ? primaries[i] : node_create(router, &map->servers[i]);
        if (primaries[i] == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < router->node_count; i++) {
        router->nodes[i]->is_primary = false;
    }
    for (size_t i = 0; i < map->server_count; i++) {
        router->primaries[i] = primaries[i];
        primaries[i]->is_primary = true;
    }
    *router->map = *map;
    router->is_mapped = true;
    return true;
}

static void map_reply(struct call *call, redisReply *taken)
{
    struct router *router = (struct router *)((char *)call - offsetof(struct router, asking));
    REPLY_CLEANUP redisReply *reply = taken;
    struct slot_map *map = calloc(1, sizeof(*map));
    if (map == NULL) {
        live_router_trouble(router, "no memory for its map of slots");
    } else if (!live_slot_map_read(reply, &router->asked, map)) {
        live_router_trouble(router, reply->type == REDIS_REPLY_ERROR ? reply->str : "its map of slots has gaps");
    } else if (router->is_mapped && same_map(router->map, map)) {
        router->is_stale = false;
    } else if (take_map(router, map)) {
        router->is_stale = false;
        router->map_version++;
    }
    free(map);
}

static void map_end(struct call *call, enum zp_err err)
{
    struct router *router = (struct router *)((char *)call - offsetof(struct router, asking));
    (void)err;
    call->wanted = 0;
    assess(router);
}

/* The next one in turn: who was cut off from the others tells an old map. */
static struct node *next_to_ask(struct router *router)
{
    for (size_t i = 0; i < router->node_count; i++) {
        struct node *node = router->nodes[++router->ask_next % router->node_count];
        if (is_up(node)) {
            return node;
        }
    }
    return NULL;
}

static void ask_for_map(struct router *router, int64_t now_us)
{
    struct node *node = router->is_whole || router->asking.wanted > 0 || now_us < router->ask_at_us
                            ? NULL
                            : next_to_ask(router);
    if (node == NULL) {
        return;
    }
    router->ask_at_us = now_us + ASK_EVERY_US;
    memcpy(router->asked.host, node->uri.host, sizeof(router->asked.host));
    memcpy(router->asked.port, node->uri.port, sizeof(router->asked.port));
    struct buffer *out = &node->connection.out;
    size_t before = out->len;
    live_request(out, 2);
    live_request_text(out, "CLUSTER");
    live_request_text(out, "SLOTS");
    if (out->err != ZP_OK) {
        out->len = before;
        out->err = ZP_OK;
        return;
    }
    router->asking = (struct call){ .wanted = 1, .on_reply = map_reply, .on_end = map_end };
    live_connection_send(&node->connection, &router->asking);
}

/* Of one that subscribes: it has no say in the map. */
static void follow_guide(struct router *router)
{
    const struct router *guide = router->guide;
    bool is_new = router->map_version != guide->map_version;
    if (!guide->is_mapped || guide->is_stale || !(is_new || router->is_stale) || !take_map(router, guide->map)) {
        return;
    }
    router->map_version = guide->map_version;
    router->is_stale = true; /* whatever is subscribed may be elsewhere now */
    assess(router);
    router->is_stale = false;
}

bool live_router_moved(struct router *router, const struct redirect *redirect)
{
    bool is_known = false;
    for (size_t i = 0; router->is_mapped && i < router->map->server_count; i++) {
        if (live_address_equal(&router->map->servers[i], &redirect->address)) {
            router->map->server_of[redirect->slot] = (uint8_t)i;
            router->map_version++;
            is_known = true;
        }
    }
    live_router_doom(router, "a slot has moved");
    return is_known;
}

/* ---- the owner's calls ------------------------------------------------------------------------------------------- */

enum zp_err live_router_init(struct router *router, size_t out_bytes_max)
{
    router->out_bytes_max = out_bytes_max;
    router->is_cluster = router->uri->seed_count > 1;
    buffer_init(&router->out, out_bytes_max);
    router->map = router->is_cluster ? calloc(1, sizeof(*router->map)) : NULL;
    bool good = !router->is_cluster || router->map != NULL;
    for (size_t i = 0; good && router->guide == NULL && i < router->uri->seed_count; i++) {
        struct node *node = node_create(router, &router->uri->seeds[i]);
        good = node != NULL;
        if (good) {
            node->is_seed = true;
        }
    }
    if (!good) {
        live_router_finish(router);
        return ZP_NO_MEMORY;
    }
    return ZP_OK;
}

void live_router_finish(struct router *router)
{
    router->is_mapped = false;
    router->is_whole = false;
    live_flights_give_up(router);
    while (router->node_count > 0) {
        node_destroy(router->nodes[--router->node_count]);
    }
    live_flights_finish(router);
    buffer_finish(&router->out);
    free(router->map);
    router->map = NULL;
}

void live_router_tick(struct router *router, int64_t now_us)
{
    for (size_t i = 0; i < router->node_count; i++) {
        live_connection_tick(&router->nodes[i]->connection, now_us);
    }
    if (!router->is_cluster) {
        return;
    }
    if (router->guide != NULL) {
        follow_guide(router);
    } else {
        ask_for_map(router, now_us);
    }
    live_flights_tick(router, now_us);
    retire(router);
    assess(router);
}

struct buffer *live_router_out(struct router *router)
{
    return router->is_cluster ? &router->out : &router->nodes[0]->connection.out;
}

void live_router_send(struct router *router, struct call *call)
{
    if (router->is_cluster) {
        live_flight_send(router, call);
    } else {
        live_connection_send(&router->nodes[0]->connection, call);
    }
}

bool live_router_reaches(struct router *router)
{
    const struct buffer *out = &router->out;
    for (size_t at = 0, len; router->is_cluster && at < out->len; at += len) {
        int slot;
        len = live_slot_command(out->data + at, out->len - at, &slot);
        if (len == 0 || live_router_node(router, slot) == NULL) {
            return false;
        }
    }
    return true;
}

bool live_router_is_up(const struct router *router)
{
    if (!router->is_cluster || router->on_message != NULL) {
        return reaches_all(router);
    }
    bool any = false;
    for (size_t i = 0; router->is_mapped && i < router->map->server_count; i++) {
        any = any || is_up(router->primaries[i]);
    }
    return any;
}

bool live_router_is_coming(const struct router *router)
{
    bool coming = router->asking.wanted > 0;
    for (size_t i = 0; i < router->node_count; i++) {
        const struct node *node = router->nodes[i];
        coming = coming || (node->connection.state != CONNECTION_DOWN && !is_up(node));
        coming = coming || (is_up(node) && !router->is_mapped);
    }
    return coming;
}

size_t live_router_calls(const struct router *router)
{
    return router->is_cluster ? router->flight_count : router->nodes[0]->connection.call_count;
}

void live_router_trouble(struct router *router, const char *why)
{
    if (router->is_cluster) {
        (void)snprintf(router->why, sizeof(router->why), "Redis cluster: %.200s", why);
    } else {
        live_connection_trouble(&router->nodes[0]->connection, why);
    }
}

void live_router_doom(struct router *router, const char *why)
{
    if (!router->is_cluster) {
        live_connection_doom(&router->nodes[0]->connection, why);
        return;
    }
    live_router_trouble(router, why);
    router->is_stale = true;
    if (router->guide != NULL) {
        router->guide->is_stale = true;
    }
    assess(router);
}

const char *live_router_why(const struct router *router)
{
    if (!router->is_cluster) {
        return router->nodes[0]->connection.why;
    }
    for (size_t i = 0; router->why[0] == '\0' && i < router->node_count; i++) {
        if (router->nodes[i]->connection.why[0] != '\0') {
            return router->nodes[i]->connection.why;
        }
    }
    return router->why;
}
