/* decide_place.c: owns how an order comes into being, or is turned down at once.
 *
 * Called by decide. Invariant: a placement at a real location always leaves an order behind, placed or rejected, so
 * that whoever sent it can read what became of it; only a placed one gets a ticket number. */
#include "rules.h"

#include <string.h>

#define MINUTE_US INT64_C(60000000)

static void set_state(struct order *order, enum order_state state)
{
    order->status = state;
    for (size_t i = 0; i < order->line_count; i++) {
        order->lines[i].status = line_state_for(state);
    }
}

/* The faults found outlive the decision's own list: the order carries them. */
static enum zp_err turn_down(const struct question *q, struct order *order, struct decision *decision)
{
    const struct reason_list *faults = &decision->reasons;

    order->reasons = arena_array(q->arena, faults->count, sizeof(*order->reasons));
    if (order->reasons == NULL) {
        return ZP_NO_MEMORY;
    }
    memcpy(order->reasons, faults->items, faults->count * sizeof(*order->reasons));
    order->reason_count = faults->count;
    set_state(order, order_next(ORDER_SUBMITTED, EV_ORDER_REJECTED));
    decision->err = ZP_INVALID;
    decision_event(q, EV_ORDER_REJECTED, "actor", decision);
    return ZP_OK;
}

static void take_on(const struct question *q, struct order *order, struct decision *decision)
{
    const struct location *loc = q->loc;
    enum order_state state = order_next(ORDER_SUBMITTED, EV_ORDER_PLACED);

    if (loc->settings.auto_accept) {
        state = order_next(state, EV_ORDER_ACCEPTED); /* one event carries both moves */
    }
    set_state(order, state);
    order->number = loc->last_number + 1;
    order->promised_at = q->at + loc->settings.prep_minutes * MINUTE_US;
    decision_event(q, EV_ORDER_PLACED, question_by(q), decision);
}

enum zp_err decide_order_place(const struct question *q, struct decision *decision)
{
    const struct placement *placement = &q->cmd->placement;

    if (q->loc->seq == 0) {
        return decision_refuse_location(decision, ZP_INVALID, "/location_id");
    }
    if (q->order != NULL) {
        return decision_refuse(decision, ZP_CONFLICT, "order_exists", NULL, "there is an order with this id already");
    }
    struct order order = {
        .id = q->cmd->order_id, .location_id = q->loc->id, .owner = q->cmd->actor.user_id,
        .version = 1, .seq = q->loc->seq + 1, .type = placement->type,
        .customer = placement->customer, .note = placement->note,
        .placed_at = q->at, .updated_at = q->at,
    };
    memcpy(order.fingerprint, q->cmd->fingerprint, sizeof(order.fingerprint));
    enum zp_err err = order_price(q->loc, placement, q->arena, &order, &decision->reasons);
    if (err == ZP_OK && decision->reasons.count > 0) {
        err = turn_down(q, &order, decision);
    } else if (err == ZP_OK) {
        take_on(q, &order, decision);
    }
    decision->event.order = order;
    decision->event.order_id = order.id;
    return err;
}
