/* routes: the table of routes, and the way from a request line to its row.
 *
 * Called by guard.c. Invariants: rows are sorted by path, then method (a test checks it); a path that has an id in
 * it is matched only when the id is well-formed, so handlers never see another. */
#include "routes.h"

#include "handlers.h"

const struct route ROUTES[] = {
    /* path                   method  access           handler         step's command */
    { "/auth/login",          "POST", ACCESS_PUBLIC,   login_post },
    { "/commands/:id",        "GET",  ACCESS_CUSTOMER, command_get },
    { "/locations/:id/board", "GET",  ACCESS_KITCHEN,  board_get },
    { "/locations/:id/events", "GET", ACCESS_KITCHEN,  location_events_get, .stream = true },
    { "/me",                  "GET",  ACCESS_CUSTOMER, me_get },
    { "/menu-items",          "GET",  ACCESS_PUBLIC,   menu_get },
    { "/menu-items/:slug",    "GET",  ACCESS_PUBLIC,   menu_item_get },
    { "/orders",              "GET",  ACCESS_CUSTOMER, orders_get },
    { "/orders",              "POST", ACCESS_CUSTOMER, order_post },
    { "/orders/:id",          "GET",  ACCESS_CUSTOMER, order_get },
    { "/orders/:id/accept",   "POST", ACCESS_CUSTOMER, step_post, CMD_ORDER_ACCEPT },
    { "/orders/:id/cancel",   "POST", ACCESS_CUSTOMER, step_post, CMD_ORDER_CANCEL },
    { "/orders/:id/complete", "POST", ACCESS_CUSTOMER, step_post, CMD_ORDER_COMPLETE },
    { "/orders/:id/events",   "GET",  ACCESS_CUSTOMER, order_events_get, .stream = true },
    { "/orders/:id/ready",    "POST", ACCESS_CUSTOMER, step_post, CMD_ORDER_READY },
    { "/orders/:id/recall",   "POST", ACCESS_CUSTOMER, step_post, CMD_ORDER_RECALL },
    { "/orders/:id/reject",   "POST", ACCESS_CUSTOMER, step_post, CMD_ORDER_REJECT },
    { "/orders/:id/start",    "POST", ACCESS_CUSTOMER, step_post, CMD_ORDER_START },
};
const size_t ROUTE_COUNT = ZP_COUNT(ROUTES);
_Static_assert(ZP_COUNT(ROUTES) <= ROUTES_MAX, "metrics.c has a group for each route");

static bool is_slug(struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) {
            return false;
        }
    }
    return text.len > 0 && text.len <= SLUG_CHARS_MAX;
}

static bool segment_fits(struct text pattern, struct text segment, struct route_match *match)
{
    if (text_is(pattern, ":id")) {
        return id_parse(segment.at, segment.len, &match->id);
    }
    if (text_is(pattern, ":slug")) {
        match->slug = segment;
        return is_slug(segment);
    }
    return text_equal(pattern, segment);
}

static bool path_fits(const char *pattern, struct text path, struct route_match *match)
{
    struct text wanted = { pattern, strlen(pattern) };
    while (wanted.at != NULL && path.at != NULL) {
        if (!segment_fits(text_cut(&wanted, '/'), text_cut(&path, '/'), match)) {
            return false;
        }
    }
    return wanted.at == NULL && path.at == NULL;
}

static bool method_fits(const struct route *route, struct text method)
{
    return text_is(method, route->method) ||
           (text_is(method, "HEAD") && strcmp(route->method, "GET") == 0 && !route->stream);
}

static void allow(struct route_match *match, const struct route *route)
{
    size_t len = strlen(match->allow);
    bool head = strcmp(route->method, "GET") == 0 && !route->stream;
    (void)snprintf(match->allow + len, sizeof(match->allow) - len, "%s%s%s", len == 0 ? "" : ", ", route->method,
                   head ? ", HEAD" : "");
}

void route_find(struct text method, struct text path, struct route_match *ret_match)
{
    *ret_match = (struct route_match){ 0 };
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (path_fits(ROUTES[i].path, path, ret_match)) {
            if (method_fits(&ROUTES[i], method)) {
                ret_match->route = &ROUTES[i];
                return;
            }
            allow(ret_match, &ROUTES[i]);
        }
    }
}
