/* flight: a call's commands on their ways to the servers of a cluster, and their replies back in order. */
#ifndef ZAPORA_LIVE_FLIGHT_H
#define ZAPORA_LIVE_FLIGHT_H

#include "router.h"

/* Sends what stands in the router's out; see live_router_send. */
void live_flight_send(struct router *router, struct call *call);
/* Sends on what waited for a server, ends what waited too long, and what could not be sent at all. */
void live_flights_tick(struct router *router, int64_t now_us);
/* Waits for no server any more. */
void live_flights_give_up(struct router *router);
/* Ends all that is left, once no connection has any of it, and nothing waits. */
void live_flights_finish(struct router *router);

/* The router's, for flights: the connected server of a slot, any connected one for SLOT_NONE; NULL. */
struct node *live_router_node(struct router *router, int slot);
/* The server there, connected or not; NULL: there is no room or memory for one more. */
struct node *live_router_node_at(struct router *router, const struct live_address *address);
/* A server said that the slot is elsewhere. False: the map has no such server yet. */
bool live_router_moved(struct router *router, const struct redirect *redirect);

#endif
