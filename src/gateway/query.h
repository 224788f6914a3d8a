/* query.h: the parameters behind a path's question mark. */
#ifndef ZAPORA_GATEWAY_QUERY_H
#define ZAPORA_GATEWAY_QUERY_H

#include "text.h"
#include "zapora/order.h"

#define QUERY_BYTES_MAX 2048

struct query_slot {
    const char *name;  /* the parameter that a route knows */
    const char *value; /* decoded and NUL-terminated, in the arena; NULL: not sent */
};

/* Fills the slots of the known names. Every unknown, repeated or badly encoded parameter becomes a fault whose
 * pointer is "?name". ZP_OK (see faults) or ZP_NO_MEMORY. */
enum zp_err query_parse(struct text query, struct query_slot *slots, size_t count, struct arena *arena,
                        struct reason_list *faults) ZP_MUST_CHECK;
/* The slot's value as text; its `at` is NULL when it was not sent. */
struct text query_text(const struct query_slot *slot);

#endif
