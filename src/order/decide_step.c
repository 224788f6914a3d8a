/* decide_step.c: owns every step after a placement: accept, reject, start, ready, complete, recall, cancel.
 *
 * Called by decide. Invariant: a step is one cell of the transition table; the version goes up by one, time never goes
 * back, and nothing else of the order changes but the state of its lines and the reasons of an end. */
#include "rules.h"

/* The reason an order carries when it ended by this event; the words stand in where the client gave none. */
static const struct { const char *code, *words; } endings[EV_COUNT] = {
    [EV_ORDER_REJECTED]  = { "rejected_by_kitchen", "the kitchen rejected the order" },
    [EV_ORDER_CANCELLED] = { "cancelled",           "the order was cancelled" },
};

/* Somebody else's order is no order. */
static bool is_known(const struct question *q)
{
    return q->order != NULL && id_equal(&q->order->id, &q->cmd->order_id) &&
           id_equal(&q->order->location_id, &q->loc->id) && order_visible_to(q->order, &q->cmd->actor);
}

static enum zp_err set_ending(const struct question *q, struct order *order)
{
    if (endings[q->event].code == NULL) {
        return ZP_OK;
    }
    struct reason *reason = arena_alloc(q->arena, sizeof(*reason));
    if (reason == NULL) {
        return ZP_NO_MEMORY;
    }
    reason->code = endings[q->event].code;
    reason->detail = q->cmd->reason != NULL ? q->cmd->reason : endings[q->event].words;
    order->reasons = reason;
    order->reason_count = 1;
    return ZP_OK;
}

static enum zp_err take_step(const struct question *q, enum order_state to, struct decision *decision)
{
    struct order order = *q->order;

    order.lines = arena_array(q->arena, order.line_count, sizeof(*order.lines));
    if (order.lines == NULL) {
        return ZP_NO_MEMORY;
    }
    for (size_t i = 0; i < order.line_count; i++) {
        order.lines[i] = q->order->lines[i];
        order.lines[i].status = line_state_for(to);
    }
    order.status = to;
    order.version = q->order->version + 1;
    order.seq = q->loc->seq + 1;
    order.updated_at = q->at > q->order->updated_at ? q->at : q->order->updated_at;
    enum zp_err err = set_ending(q, &order);
    if (err != ZP_OK) {
        return err;
    }
    struct event *event = decision_event(q, q->event, question_by(q), decision);
    event->order = order;
    event->order_id = order.id;
    return ZP_OK;
}

enum zp_err decide_order_step(const struct question *q, struct decision *decision)
{
    const struct command *cmd = q->cmd;

    if (q->loc->seq == 0) {
        return decision_refuse_location(decision, ZP_NOT_FOUND, NULL);
    }
    if (!is_known(q)) {
        return decision_refuse(decision, ZP_NOT_FOUND, "order_unknown", NULL, "there is no such order, or not for you");
    }
    if (!question_is_allowed(q)) {
        return decision_refuse_role(q, decision);
    }
    if (cmd->if_match != AMOUNT_ABSENT && cmd->if_match != q->order->version) {
        return decision_refuse_version(q, q->order->version, decision);
    }
    enum order_state to = order_next(q->order->status, q->event);
    if (to == ORDER_NONE) {
        return decision_refuse(decision, ZP_CONFLICT, "state_conflict", NULL,
                               arena_printf(q->arena, "the order is %s, which does not allow %s",
                                            ORDER_STATE_WORDS.names[q->order->status], COMMAND_WORDS.names[cmd->type]));
    }
    return take_step(q, to, decision);
}
