/* places.h: the locations that the gateway knows, with their menus ready to send. */
#ifndef ZAPORA_GATEWAY_PLACES_H
#define ZAPORA_GATEWAY_PLACES_H

#include "loop.h"
#include "zapora/bus.h"
#include "zapora/store.h"

struct places;

#define PLACE_ETAG_SIZE 48

/* Never changes; shared by the views of all loads that found it unchanged, freed with the last of them. */
struct place {
    _Atomic int64_t refs;
    int64_t mark;              /* of settings and menu in the database */
    struct location *location; /* owned; settings and menu as of the load */
    uint64_t prefix;           /* that its commands' ids start with */
    int32_t partition;
    char *menu_json;           /* owned; GET /menu-items */
    size_t menu_json_len;
    char etag[PLACE_ETAG_SIZE]; /* with its quotes */
};

/* One load of all locations. Never changes; freed when its last holder lets go. */
struct places_view {
    _Atomic int64_t refs;
    int64_t number;            /* of the load, from 1 */
    struct place **places;     /* held; sorted by id */
    struct place **by_prefix;  /* sorted by prefix */
    size_t count;
};

enum zp_err places_create(struct gateway *gateway, struct places **ret_places) ZP_MUST_CHECK;
/* Starts the thread that loads: at once, when asked to and every few seconds. The loops that it tells must run. */
enum zp_err places_run(struct places *places) ZP_MUST_CHECK;
/* Ends the thread, before the loops end; NULL is fine. */
void places_stop(struct places *places);
void places_destroy(struct places *places); /* NULL is fine */
/* The newest view, held for the caller, or NULL before the first load. Thread-safe. */
const struct places_view *places_newest(struct places *places);
void places_view_hold(const struct places_view *view);
void places_view_release(const struct places_view *view); /* NULL is fine */
/* Asks for a load that starts after now; gives the number that its attempt will have. Thread-safe. */
int64_t places_ask(struct places *places);
/* How long nobody loads, even if asked to, after a load that ended so and took so long. */
int64_t places_rest_us(enum zp_err err, int64_t took_us);
/* True when the last attempt to load went well. Thread-safe. */
bool places_well(struct places *places, char *why, size_t why_size);

/* NULL when it is not there. */
const struct place *places_find(const struct places_view *view, const struct zp_id *location_id);
const struct place *places_find_prefix(const struct places_view *view, uint64_t prefix);

/* ---- a loop's side ---- */

/* A call that names a location which the loop does not know waits for a load that started after it came. */
struct place_wait {
    struct place_wait *next;
    struct call *call; /* held */
    int64_t attempt;
    /* known: an attempt went well meanwhile, so what is still missing does not exist. */
    void (*retry)(struct call *call, bool known);
};

/* Calls retry once, later, unless the call is answered before. False without memory. */
bool places_wait(struct call *call, void (*retry)(struct call *call, bool known));
/* Gives up all waits of a loop that ends. */
void places_forget(struct loop *loop);

#endif
