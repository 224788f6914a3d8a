/* cache.c: owns what happens between a worker and the fake cache: pushes that fail, or whose word is lost. */
#include "fake_live.h"
#include "process.h"
#include "sim.h"
#include "wraps.h"

WRAPPED(enum zp_err, live_push_items, struct live_push *push, struct live_item *items, size_t item_count,
        const struct live_note *refusals, size_t refusal_count, const struct outcome *outcomes, size_t outcome_count);
WRAPPED(enum zp_err, live_push_heads, struct live_push *push, const struct zp_id *locations, size_t count,
        struct live_head *ret_heads, bool *ret_known);
WRAPPED(enum zp_err, live_push_refill, struct live_push *push, const struct live_refill *refill, bool seen_known,
        const struct live_head *seen, bool *ret_replaced);

enum zp_err __wrap_live_push_items(struct live_push *push, struct live_item *items, size_t item_count,
                                   const struct live_note *refusals, size_t refusal_count,
                                   const struct outcome *outcomes, size_t outcome_count)
{
    point("push");
    if (fault_strikes(FAULT_PUSH_FAILS)) {
        return ZP_BUSY;
    }
    enum zp_err err;
    {
        SIM_MEMORY;
        err = __real_live_push_items(push, items, item_count, refusals, refusal_count, outcomes, outcome_count);
    }
    point("pushed");
    return err == ZP_OK && fault_strikes(FAULT_PUSH_UNKNOWN) ? ZP_BUSY : err;
}

enum zp_err __wrap_live_push_heads(struct live_push *push, const struct zp_id *locations, size_t count,
                                   struct live_head *ret_heads, bool *ret_known)
{
    point("cache heads");
    if (fault_strikes(FAULT_PUSH_FAILS)) {
        return ZP_BUSY;
    }
    enum zp_err err = __real_live_push_heads(push, locations, count, ret_heads, ret_known);
    point("cache heads read");
    return err;
}

enum zp_err __wrap_live_push_refill(struct live_push *push, const struct live_refill *refill, bool seen_known,
                                    const struct live_head *seen, bool *ret_replaced)
{
    point("refill");
    if (fault_strikes(FAULT_PUSH_FAILS)) {
        return ZP_BUSY;
    }
    enum zp_err err;
    {
        SIM_MEMORY;
        err = __real_live_push_refill(push, refill, seen_known, seen, ret_replaced);
    }
    point("refilled");
    return err == ZP_OK && fault_strikes(FAULT_PUSH_UNKNOWN) ? ZP_BUSY : err;
}
