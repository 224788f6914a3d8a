/* flight: a call's commands on their ways to the servers of a cluster, and their replies back in order.
 *
 * Called by router. Each command is a leg of the flight: it keeps its bytes, so that it can be sent once more where a
 * redirect points. A command that was lost with its server is not sent again, for nobody knows whether it was done.
 * Invariants: replies are handed out in the order of the commands, up to the first one that was lost; a call ends once,
 * when every leg has ended, and never from inside of the sending; a node that a leg waits for counts it. */
#include "flight.h"

#include <stdlib.h>
#include <string.h>

#define HOPS_MAX 5

struct leg {
    struct call call; /* first: what a connection knows of it */
    struct flight *flight;
    size_t start, len; /* of its bytes */
    int slot;
    int hops;
    bool is_waiting; /* for a connection to its server, or for the map that says which one it is */
    bool is_done, is_lost;
    struct node *node;   /* borrowed: who has it, while it is under way */
    struct node *target; /* borrowed: where ASK sends it, with ASKING before it; else NULL */
    redisReply *reply;   /* owned until it is handed out */
};

struct flight {
    struct router *router;
    struct call *call; /* borrowed until its end */
    struct flight *next, **link;
    int64_t deadline_us; /* of waiting */
    size_t count, done, told;
    char *bytes; /* behind the legs */
    struct leg legs[];
};

/* ---- ends -------------------------------------------------------------------------------------------------------- */

static void flight_free(struct flight *flight)
{
    *flight->link = flight->next;
    if (flight->next != NULL) {
        flight->next->link = flight->link;
    }
    flight->router->flight_count--;
    for (size_t i = 0; i < flight->count; i++) {
        if (flight->legs[i].reply != NULL) {
            freeReplyObject(flight->legs[i].reply);
        }
    }
    free(flight);
}

/* Hands out what is there in order; ends the call with its last leg. */
static void advance(struct flight *flight)
{
    struct call *call = flight->call;
    while (flight->told < flight->count && flight->legs[flight->told].is_done && !flight->legs[flight->told].is_lost) {
        redisReply *reply = flight->legs[flight->told].reply;
        flight->legs[flight->told++].reply = NULL;
        call->got++;
        call->on_reply(call, reply);
    }
    if (flight->done == flight->count) {
        bool whole = flight->told == flight->count;
        flight_free(flight);
        call->on_end(call, whole ? ZP_OK : ZP_BUSY);
    }
}

static void set_waiting(struct leg *leg, bool is_waiting)
{
    if (leg->target != NULL && leg->is_waiting != is_waiting) {
        leg->target->waiting += is_waiting ? 1 : -1;
    }
    leg->is_waiting = is_waiting;
}

static void settle(struct leg *leg, bool is_lost)
{
    set_waiting(leg, false);
    leg->is_done = true;
    leg->is_lost = is_lost;
    leg->flight->done++;
}

/* ---- a leg ------------------------------------------------------------------------------------------------------- */

static void on_reply(struct call *call, redisReply *reply)
{
    struct leg *leg = (struct leg *)call;
    if (leg->reply != NULL) {
        freeReplyObject(leg->reply); /* that of ASKING */
    }
    leg->reply = reply;
}

static void on_end(struct call *call, enum zp_err err);

static bool put(struct node *node, struct leg *leg)
{
    struct buffer *out = &node->connection.out;
    size_t before = out->len;
    if (leg->target != NULL) {
        live_request(out, 1);
        live_request_text(out, "ASKING");
    }
    buffer_append(out, leg->flight->bytes + leg->start, leg->len);
    if (out->err != ZP_OK) {
        out->len = before;
        out->err = ZP_OK;
        return false;
    }
    leg->call = (struct call){
        .wanted = leg->target != NULL ? 2 : 1,
        .patience_us = leg->flight->call->patience_us,
        .on_reply = on_reply,
        .on_end = on_end,
    };
    leg->node = node;
    live_connection_send(&node->connection, &leg->call);
    return true;
}

/* NULL: it is not reached. */
static struct node *node_of(struct leg *leg)
{
    if (leg->target != NULL) {
        return live_connection_is_up(&leg->target->connection) ? leg->target : NULL;
    }
    return live_router_node(leg->flight->router, leg->slot);
}

/* Follows a redirect: at once where it leads to a server that is reached, else as soon as it does. */
static void follow(struct leg *leg, const struct redirect *redirect)
{
    struct router *router = leg->flight->router;
    freeReplyObject(leg->reply);
    leg->reply = NULL;
    leg->hops++;
    bool is_known = redirect->once || live_router_moved(router, redirect);
    leg->target = redirect->once ? live_router_node_at(router, &redirect->address) : NULL;
    struct node *node = is_known ? node_of(leg) : NULL;
    if (redirect->once && leg->target == NULL) {
        settle(leg, true);
    } else if (node == NULL) {
        set_waiting(leg, true);
    } else if (!put(node, leg)) {
        settle(leg, true);
    }
}

/* Where the reply leads, if it leads anywhere: a host that is not named is that of who said so. */
static bool is_redirect(const struct leg *leg, struct redirect *ret_redirect)
{
    if (leg->reply->type != REDIS_REPLY_ERROR || !live_redirect_read(leg->reply->str, ret_redirect)) {
        return false;
    }
    if (ret_redirect->address.host[0] == '\0') {
        memcpy(ret_redirect->address.host, leg->node->uri.host, sizeof(ret_redirect->address.host));
    }
    return true;
}

static void on_end(struct call *call, enum zp_err err)
{
    struct leg *leg = (struct leg *)call;
    struct redirect redirect;
    if (err == ZP_OK && leg->hops < HOPS_MAX && is_redirect(leg, &redirect)) {
        follow(leg, &redirect);
    } else {
        settle(leg, err != ZP_OK);
    }
    advance(leg->flight);
}

/* ---- what goes to every server ----------------------------------------------------------------------------------- */

static void stray_reply(struct call *call, redisReply *reply)
{
    (void)call;
    freeReplyObject(reply);
}

static void stray_end(struct call *call, enum zp_err err)
{
    (void)err;
    free(call);
}

/* One of them answers the leg; what the others say is not waited for: they show it when they are asked for more. */
static void send_to_others(struct router *router, const struct node *answering, const char *bytes, size_t len)
{
    for (size_t i = 0; i < router->node_count; i++) {
        struct node *node = router->nodes[i];
        if (node == answering || !node->is_primary || !live_connection_is_up(&node->connection)) {
            continue;
        }
        struct call *call = calloc(1, sizeof(*call));
        struct buffer *out = &node->connection.out;
        size_t before = out->len;
        buffer_append(out, bytes, len);
        if (call == NULL || out->err != ZP_OK) {
            out->len = before;
            out->err = ZP_OK;
            free(call);
            continue;
        }
        *call = (struct call){ .wanted = 1, .on_reply = stray_reply, .on_end = stray_end };
        live_connection_send(&node->connection, call);
    }
}

/* ---- the flight -------------------------------------------------------------------------------------------------- */

/* NULL: there is no memory for it. */
static struct flight *flight_create(struct router *router, struct call *call)
{
    const struct buffer *out = &router->out;
    struct flight *flight = calloc(1, sizeof(*flight) + call->wanted * sizeof(flight->legs[0]) + out->len);
    if (flight == NULL) {
        return NULL;
    }
    flight->router = router;
    flight->call = call;
    flight->count = call->wanted;
    flight->bytes = (char *)&flight->legs[flight->count];
    flight->deadline_us = clock_mono_us() + router->timeout_us + call->patience_us;
    memcpy(flight->bytes, out->data, out->len);
    flight->next = router->flights;
    flight->link = &router->flights;
    if (flight->next != NULL) {
        flight->next->link = &flight->next;
    }
    router->flights = flight;
    router->flight_count++;
    return flight;
}

/* Nothing of it could be sent: it ends with the next tick. */
static void strand(struct router *router, struct call *call)
{
    call->next = router->stranded;
    router->stranded = call;
    router->flight_count++;
}

static void end_stranded(struct router *router)
{
    struct call *call = router->stranded;
    router->stranded = NULL;
    while (call != NULL) {
        struct call *next = call->next;
        router->flight_count--;
        call->on_end(call, ZP_BUSY);
        call = next;
    }
}

/* Commands of a router that subscribes: no reply is waited for. */
static void send_unasked(struct router *router)
{
    const struct buffer *out = &router->out;
    for (size_t at = 0, len; at < out->len; at += len) {
        int slot;
        len = live_slot_command(out->data + at, out->len - at, &slot);
        ZP_ASSERT(len > 0);
        struct node *node = live_router_node(router, slot);
        if (node == NULL) {
            continue; /* being lost: everything is asked for again */
        }
        buffer_append(&node->connection.out, out->data + at, len);
        if (node->connection.out.err != ZP_OK) {
            live_connection_doom(&node->connection, "too much to send");
            continue;
        }
        live_connection_send(&node->connection, NULL);
    }
}

void live_flight_send(struct router *router, struct call *call)
{
    if (call == NULL) {
        send_unasked(router);
        buffer_reset(&router->out);
        return;
    }
    call->got = 0;
    size_t len = router->out.len, at = 0;
    struct flight *flight = flight_create(router, call);
    buffer_reset(&router->out);
    if (flight == NULL) {
        strand(router, call);
        return;
    }
    for (size_t i = 0; i < flight->count; i++) {
        struct leg *leg = &flight->legs[i];
        leg->flight = flight;
        leg->start = at;
        leg->len = live_slot_command(flight->bytes + at, len - at, &leg->slot);
        ZP_ASSERT(leg->len > 0);
        at += leg->len;
        struct node *node = node_of(leg);
        if (node == NULL || !put(node, leg)) {
            settle(leg, true);
        } else if (leg->slot == SLOT_NONE) {
            send_to_others(router, node, flight->bytes + leg->start, leg->len);
        }
    }
    ZP_ASSERT(at == len);
}

/* ---- the router's calls ------------------------------------------------------------------------------------------ */

static void send_waiting(struct leg *leg, int64_t now_us)
{
    struct router *router = leg->flight->router;
    bool is_known = leg->target != NULL || !router->is_stale;
    struct node *node = is_known ? node_of(leg) : NULL;
    if (node != NULL) {
        set_waiting(leg, false);
        if (!put(node, leg)) {
            settle(leg, true);
        }
    } else if (now_us > leg->flight->deadline_us) {
        settle(leg, true);
    }
}

void live_flights_tick(struct router *router, int64_t now_us)
{
    struct flight *next = NULL;
    end_stranded(router);
    for (struct flight *flight = router->flights; flight != NULL; flight = next) {
        next = flight->next;
        for (size_t i = 0; i < flight->count; i++) {
            if (flight->legs[i].is_waiting) {
                send_waiting(&flight->legs[i], now_us);
            }
        }
        if (flight->done == flight->count) {
            advance(flight);
        }
    }
}

void live_flights_give_up(struct router *router)
{
    for (struct flight *flight = router->flights; flight != NULL; flight = flight->next) {
        for (size_t i = 0; i < flight->count; i++) {
            if (flight->legs[i].is_waiting) {
                settle(&flight->legs[i], true);
            }
        }
    }
}

void live_flights_finish(struct router *router)
{
    while (router->flight_count > 0) {
        struct flight *flight = router->flights;
        end_stranded(router);
        if (flight != NULL) {
            ZP_ASSERT(flight->done == flight->count); /* no connection has any of it */
            advance(flight);
        }
    }
}
