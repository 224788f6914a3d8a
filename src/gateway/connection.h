/* connection.h: the open connections of a loop. */
#ifndef ZAPORA_GATEWAY_CONNECTION_H
#define ZAPORA_GATEWAY_CONNECTION_H

#include "loop.h"

struct early;

/* Allocated when h2o's socket is accepted, freed when it closes. */
struct connection {
    struct loop *loop;
    h2o_socket_t *socket;         /* h2o's */
    struct connection *next, **link;
    struct call *call;            /* the request being answered; NULL: none, or h2o answers it by itself */
    int64_t since_us;             /* opened, or free of a call */
    int64_t sending_since_us;     /* sweep.c's: first seen with a part of a request; 0: with none */
    bool dropped;                 /* broken off by us; h2o closes it soon */
    struct early *early;          /* early.c's, while it lingers */
    struct stream *stream;        /* the request's, if it is one */
};

/* The listener's read callback: accepts while there is room, else stops listening until a connection closes. */
void connection_accept(h2o_socket_t *listener, const char *err);
/* Accepts all that wait in the kernel's queue, as far as there is room. */
void connections_accept(struct loop *loop);
/* The connection of a request. */
struct connection *connection_of(const h2o_req_t *req);
/* Breaks it off: h2o sees the end at its next read or write and frees everything itself. */
void connection_break(struct connection *connection);
/* The same, but what the client has not taken is not kept for it in the kernel either. */
void connection_abort(struct connection *connection);
void connections_break_all(struct loop *loop);

#endif
