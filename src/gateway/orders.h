/* orders.h: reading one order, from Redis or PostgreSQL. */
#ifndef ZAPORA_GATEWAY_ORDERS_H
#define ZAPORA_GATEWAY_ORDERS_H

#include "call.h"

/* What was found; borrowed until the callback returns. */
struct order_found {
    enum zp_err err;        /* ZP_OK, ZP_NOT_FOUND: neither has it, ZP_BUSY, ZP_CATCHING_UP */
    int64_t version;        /* 0: submitted, not yet applied */
    struct zp_id owner;
    bool may_revive;        /* parked: its next version, by a redrive, is not higher than this one */
    const char *json;
    size_t json_len;
};
typedef void order_read_cb(struct call *call, const struct order_found *found);

/* Reads an order as it is now and calls cb later, if the call is still open then. A snapshot in Redis of a version
 * below version_min is not believed: PostgreSQL is asked. */
void order_read(struct call *call, const struct zp_id *location_id, int32_t partition, const struct zp_id *order_id,
                int64_t version_min, order_read_cb *cb);
/* May the caller see it? */
bool order_may_be_seen(const struct call *call, const struct zp_id *location_id, const struct zp_id *owner);

#endif
