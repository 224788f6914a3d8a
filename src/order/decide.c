/* decide.c: owns which function judges which command, and what refusals and events have in common.
 *
 * Called by the worker once for each command, and by nobody else. Invariant: an answer depends on nothing but its
 * arguments; a command gives at most one event, and a refusal at least one reason. */
#include "rules.h"

#include <inttypes.h>

#define X(name, wire, role) [CMD_##name] = role,
static const enum actor_role least_roles[CMD_COUNT] = { COMMAND_TYPES(X) };
#undef X

static const struct row {
    enum zp_err (*decide)(const struct question *q, struct decision *decision);
    enum event_type event; /* what happens when the answer is yes */
} rows[CMD_COUNT] = {
    [CMD_ORDER_PLACE]    = { decide_order_place,   EV_ORDER_PLACED },
    [CMD_ORDER_CANCEL]   = { decide_order_step,    EV_ORDER_CANCELLED },
    [CMD_ORDER_ACCEPT]   = { decide_order_step,    EV_ORDER_ACCEPTED },
    [CMD_ORDER_REJECT]   = { decide_order_step,    EV_ORDER_REJECTED },
    [CMD_ORDER_START]    = { decide_order_step,    EV_ORDER_STARTED },
    [CMD_ORDER_READY]    = { decide_order_step,    EV_ORDER_READIED },
    [CMD_ORDER_COMPLETE] = { decide_order_step,    EV_ORDER_COMPLETED },
    [CMD_ORDER_RECALL]   = { decide_order_step,    EV_ORDER_RECALLED },
    [CMD_LOCATION_SET]   = { decide_location_set,  EV_LOCATION_SET },
    [CMD_MENU_SET]       = { decide_menu_set,      EV_MENU_SET },
    [CMD_MENU_ITEM_SET]  = { decide_menu_item_set, EV_MENU_ITEM_SET },
};

enum zp_err decide(const struct location *loc, const struct order *order, const struct command *cmd, int64_t at,
                   struct arena *arena, struct decision *ret_decision)
{
    ZP_ASSERT((unsigned)cmd->type < CMD_COUNT);
    ZP_ASSERT(id_equal(&cmd->location_id, &loc->id));
    struct decision decision = { .err = ZP_OK };
    const struct row *row = &rows[cmd->type];
    const struct question q = {
        .loc = loc, .order = order, .cmd = cmd, .at = at, .arena = arena,
        .event = row->event, .least = least_roles[cmd->type],
    };

    enum zp_err err = row->decide(&q, &decision);
    if (err == ZP_OK) {
        ZP_ASSERT((decision.err == ZP_OK) == (decision.reasons.count == 0));
        *ret_decision = decision;
    }
    return err;
}

struct event *decision_event(const struct question *q, enum event_type type, const char *by, struct decision *decision)
{
    decision->has_event = true;
    decision->event = (struct event){
        .type = type, .seq = q->loc->seq + 1, .at = q->at, .by = by,
        .location_id = q->loc->id, .command_id = q->cmd->id,
    };
    return &decision->event;
}

enum zp_err decision_refuse(struct decision *decision, enum zp_err err, const char *code, const char *pointer,
                            const char *detail)
{
    if (detail == NULL) {
        return ZP_NO_MEMORY;
    }
    decision->err = err;
    reason_add(&decision->reasons, code, pointer, detail);
    return ZP_OK;
}

enum zp_err decision_refuse_location(struct decision *decision, enum zp_err err, const char *pointer)
{
    return decision_refuse(decision, err, "location_unknown", pointer, "there is no such location");
}

enum zp_err decision_refuse_role(const struct question *q, struct decision *decision)
{
    return decision_refuse(decision, ZP_FORBIDDEN, "role_insufficient", NULL,
                           arena_printf(q->arena, "%s takes at least the role %s at this location",
                                        COMMAND_WORDS.names[q->cmd->type], ACTOR_ROLE_WORDS.names[q->least]));
}

enum zp_err decision_refuse_version(const struct question *q, int64_t current, struct decision *decision)
{
    return decision_refuse(decision, ZP_STALE, "version_mismatch", NULL,
                           arena_printf(q->arena, "If-Match asks for version %" PRId64 ", the current one is %" PRId64,
                                        q->cmd->if_match, current));
}
