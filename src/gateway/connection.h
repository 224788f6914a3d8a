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
    bool has_call;                /* the request being answered reached our handler; else the answer is h2o's own */
    struct early *early;          /* early.c's, while it lingers */
    struct stream *stream;        /* the request's, if it is one */
};

/* The listener's read callback: accepts while there is room, else stops listening until a connection closes. */
void connection_accept(h2o_socket_t *listener, const char *err);
/* The connection of a request. */
struct connection *connection_of(const h2o_req_t *req);
/* Breaks it off: h2o sees the end at its next read or write and frees everything itself. */
void connection_break(struct connection *connection);
void connections_break_all(struct loop *loop);

#endif
