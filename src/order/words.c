/* words.c: owns the wire names of everything that is counted off in the header's tables.
 *
 * Called by codecs, printers and every detail of a refusal. Invariant: a name stands at its enum value, for ever. */
#include "zapora/order.h"

#include <string.h>

#define X(name, wire, ...) wire,
static const char *const order_types[] = { ORDER_TYPES(X) };
static const char *const order_states[] = { ORDER_STATES(X) };
static const char *const line_states[] = { LINE_STATES(X) };
static const char *const actor_roles[] = { ACTOR_ROLES(X) };
static const char *const commands[] = { COMMAND_TYPES(X) };
static const char *const events[] = { EVENT_TYPES(X) };
#undef X

const struct words ORDER_TYPE_WORDS = { order_types, ZP_COUNT(order_types) };
const struct words ORDER_STATE_WORDS = { order_states, ZP_COUNT(order_states) };
const struct words LINE_STATE_WORDS = { line_states, ZP_COUNT(line_states) };
const struct words ACTOR_ROLE_WORDS = { actor_roles, ZP_COUNT(actor_roles) };
const struct words COMMAND_WORDS = { commands, ZP_COUNT(commands) };
const struct words EVENT_WORDS = { events, ZP_COUNT(events) };

int words_find(const struct words *words, const char *name)
{
    for (size_t i = 0; i < words->count; i++) {
        if (strcmp(words->names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}
