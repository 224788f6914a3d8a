/* rules: what the files of this room share with one another. No other room includes it.
 *
 * A question is one command put to one location; each decide_… function answers one family of commands. */
#ifndef ORDER_RULES_H
#define ORDER_RULES_H

#include "draft.h"
#include "zapora/order.h"

struct question {
    const struct location *loc;
    const struct order *order; /* the one the command names, as it is now; NULL: there is none */
    const struct command *cmd;
    int64_t at;
    struct arena *arena;
    enum event_type event;     /* what happens when the answer is yes */
    enum actor_role least;     /* who may ask for it */
};

/* Each fills `decision`, which starts zeroed. ZP_OK or ZP_NO_MEMORY. */
enum zp_err decide_order_place(const struct question *q, struct decision *decision) ZP_MUST_CHECK;
enum zp_err decide_order_step(const struct question *q, struct decision *decision) ZP_MUST_CHECK;
enum zp_err decide_location_set(const struct question *q, struct decision *decision) ZP_MUST_CHECK;
enum zp_err decide_menu_set(const struct question *q, struct decision *decision) ZP_MUST_CHECK;
enum zp_err decide_menu_item_set(const struct question *q, struct decision *decision) ZP_MUST_CHECK;

/* Makes the decision a refusal with this reason. A NULL detail is one that found no memory: ZP_NO_MEMORY. */
enum zp_err decision_refuse(struct decision *decision, enum zp_err err, const char *code, const char *pointer,
                            const char *detail) ZP_MUST_CHECK;
enum zp_err decision_refuse_location(struct decision *decision, enum zp_err err, const char *pointer) ZP_MUST_CHECK;
enum zp_err decision_refuse_role(const struct question *q, struct decision *decision) ZP_MUST_CHECK;
enum zp_err decision_refuse_version(const struct question *q, int64_t current, struct decision *decision) ZP_MUST_CHECK;
/* Starts the decision's event: type, seq, at, ids and who did it. The caller adds the thing itself. */
struct event *decision_event(const struct question *q, enum event_type type, const char *by, struct decision *decision);

/* What the actor is at this location: its own role where it is staff, else a customer like any other. */
enum actor_role actor_role_at(const struct actor *actor, const struct zp_id *location_id);
/* True when the question's actor is at least what its command asks for. */
bool question_is_allowed(const struct question *q);
/* The word for who asks: an event's `by`. */
const char *question_by(const struct question *q);

/* The state of an order's lines when the order has reached `state`. */
enum line_state line_state_for(enum order_state state);

/* What a menu or an item takes in an arena, rounded up. */
size_t menu_bytes(const struct menu *menu);
size_t menu_item_bytes(const struct menu_item *item);

/* A deep copy of `from` in which `item` takes the place of the one with its id, or comes last when there is none. */
enum zp_err menu_copy_with(const struct menu *from, const struct menu_item *item, struct arena *arena,
                           struct menu *ret_menu) ZP_MUST_CHECK;

#endif
