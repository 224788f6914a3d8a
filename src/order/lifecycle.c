/* lifecycle.c: owns the one table of what may become of an order, and what its lines follow to.
 *
 * Called by every decision about an order; the docs and the tests are made from the same cells. Invariant: completed,
 * cancelled, rejected and expired have no row, so nothing leads out of them: a recall never un-cancels. */
#include "rules.h"

static const enum order_state next[ORDER_STATE_COUNT][EV_COUNT] = {
    /* Every legal move is a cell here; an absent cell is ORDER_NONE: refused. */
    [ORDER_SUBMITTED] = { [EV_ORDER_PLACED]    = ORDER_PLACED,
                          [EV_ORDER_REJECTED]  = ORDER_REJECTED },
    [ORDER_PLACED]    = { [EV_ORDER_ACCEPTED]  = ORDER_ACCEPTED,
                          [EV_ORDER_REJECTED]  = ORDER_REJECTED,
                          [EV_ORDER_CANCELLED] = ORDER_CANCELLED,
                          [EV_ORDER_EXPIRED]   = ORDER_EXPIRED },
    [ORDER_ACCEPTED]  = { [EV_ORDER_STARTED]   = ORDER_PREPARING,
                          [EV_ORDER_CANCELLED] = ORDER_CANCELLED },
    [ORDER_PREPARING] = { [EV_ORDER_READIED]   = ORDER_READY },
    [ORDER_READY]     = { [EV_ORDER_RECALLED]  = ORDER_PREPARING,
                          [EV_ORDER_COMPLETED] = ORDER_COMPLETED },
};

static const struct { enum line_state lines; bool open; } follows[ORDER_STATE_COUNT] = {
    [ORDER_NONE]      = { LINE_NEW,     false },
    [ORDER_SUBMITTED] = { LINE_NEW,     false },
    [ORDER_REJECTED]  = { LINE_VOIDED,  false },
    [ORDER_SCHEDULED] = { LINE_HELD,    false },
    [ORDER_PLACED]    = { LINE_NEW,     true  },
    [ORDER_ACCEPTED]  = { LINE_FIRED,   true  },
    [ORDER_PREPARING] = { LINE_COOKING, true  },
    [ORDER_READY]     = { LINE_READY,   true  },
    [ORDER_COMPLETED] = { LINE_SERVED,  false },
    [ORDER_CANCELLED] = { LINE_VOIDED,  false },
    [ORDER_EXPIRED]   = { LINE_VOIDED,  false },
};

enum order_state order_next(enum order_state from, enum event_type event)
{
    ZP_ASSERT((unsigned)from < ORDER_STATE_COUNT);
    ZP_ASSERT((unsigned)event < EV_COUNT);
    return next[from][event];
}

bool order_is_open(enum order_state state)
{
    ZP_ASSERT((unsigned)state < ORDER_STATE_COUNT);
    return follows[state].open;
}

enum line_state line_state_for(enum order_state state)
{
    ZP_ASSERT((unsigned)state < ORDER_STATE_COUNT);
    return follows[state].lines;
}
