/* routes.h: the one table of what can be asked. */
#ifndef ZAPORA_GATEWAY_ROUTES_H
#define ZAPORA_GATEWAY_ROUTES_H

#include "text.h"
#include "zapora/order.h"

struct call;

#define ROUTES_MAX 40

enum route_access {
    ACCESS_PUBLIC,   /* no token */
    ACCESS_CUSTOMER, /* any valid token; what it may see or do is decided further in */
    ACCESS_KITCHEN,  /* staff only; of which location is decided further in */
};

struct route {
    const char *path;             /* ":id" stands for a UUID, ":slug" for a slug */
    const char *method;           /* GET stands for HEAD too, but not for a stream's */
    enum route_access access;
    void (*handle)(struct call *call);
    enum command_type command;    /* of a step */
    bool stream;
};

extern const struct route ROUTES[];
extern const size_t ROUTE_COUNT;

/* What a path and a method lead to. */
struct route_match {
    const struct route *route; /* NULL: see allow */
    struct zp_id id;           /* of ":id" */
    struct text slug;          /* of ":slug" */
    char allow[64];            /* the methods that the path takes; "": no such path */
};

/* The path without its query. */
void route_find(struct text method, struct text path, struct route_match *ret_match);

#endif
