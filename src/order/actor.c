/* actor.c: owns who may see and do what at which location.
 *
 * Called by decisions, and by the gateway for reads. Invariant: a role counts only where its actor is listed as staff;
 * anywhere else a manager is a customer like any other. The system is staff everywhere. */
#include "rules.h"

bool actor_is_staff_of(const struct actor *actor, const struct zp_id *location_id)
{
    ZP_ASSERT(actor->location_count <= ACTOR_LOCATIONS_MAX);
    if (actor->role == ROLE_SYSTEM) {
        return true;
    }
    if (actor->role < ROLE_KITCHEN) {
        return false;
    }
    for (size_t i = 0; i < actor->location_count; i++) {
        if (id_equal(&actor->locations[i], location_id)) {
            return true;
        }
    }
    return false;
}

enum actor_role actor_role_at(const struct actor *actor, const struct zp_id *location_id)
{
    return actor_is_staff_of(actor, location_id) ? actor->role : ROLE_CUSTOMER;
}

bool order_visible_to(const struct order *order, const struct actor *actor)
{
    /* Two actors without an account are not the same person. */
    bool owns = !id_is_none(&order->owner) && id_equal(&order->owner, &actor->user_id);
    return owns || actor_is_staff_of(actor, &order->location_id);
}

bool question_is_allowed(const struct question *q)
{
    return actor_role_at(&q->cmd->actor, &q->loc->id) >= q->least;
}

const char *question_by(const struct question *q)
{
    return ACTOR_ROLE_WORDS.names[actor_role_at(&q->cmd->actor, &q->loc->id)];
}
