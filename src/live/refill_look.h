/* refill_look: what Redis keeps of a location before it is replaced. */
#ifndef ZAPORA_LIVE_REFILL_LOOK_H
#define ZAPORA_LIVE_REFILL_LOOK_H

#include "push.h"

#define ID_LIST_MAX 262144

/* Ids of orders, sorted when it matters. */
struct id_list {
    struct zp_id *ids; /* owned */
    size_t count, cap;
};

/* ZP_OK, ZP_TOO_LARGE, ZP_NO_MEMORY. */
enum zp_err live_id_list_add(struct id_list *list, const struct zp_id *id) ZP_MUST_CHECK;

struct look {
    const struct live_refill *refill;
    bool head_known;
    struct live_head head;
    struct id_list orders; /* that have, or may have, a snapshot */
};

/* Looks at the head and the open tickets; after a lost history also at its events. */
enum zp_err live_refill_look(struct live_push *push, struct look *look, bool lost_history) ZP_MUST_CHECK;

#endif
