/* fields_event: the rows of events, in the order in which a stream shows them.
 *
 * The type stands in the value too, for the journal keeps the value alone; it says which other rows the value has. */
#include "rows.h"

#define EVENT(name) VARIANT(EV_##name)
#define ORDER_EVENTS (EVENT(LOCATION_SET) - 1)        /* all before the first that is not an order's */
#define OUTCOMES (EVENT(COMMAND_REFUSED) | EVENT(COMMAND_PARKED))
#define JOURNALLED ((VARIANT(EV_COUNT) - 1) & ~OUTCOMES) /* what has a seq */
_Static_assert(EV_COUNT < 32, "more events than bits of a variant");
_Static_assert(EV_ORDER_EXPIRED + 1 == EV_LOCATION_SET, "the events of orders stand before the others");

#define X(name, ...) #name,
static const char *const err_names[] = { ZP_ERRORS(X) };
#undef X
const struct words ERR_WORDS = { err_names, ZP_COUNT(err_names) };

#define BY_CHARS_MAX 32

#define IN
#define OWNER struct event
static const struct field event_fields[] = {
    { INT(seq, 1, INT64_MAX, REQUIRED | ENVELOPE), .only = JOURNALLED },
    { INT(seq, 0, 0, ZERO_IS_NULL | ENVELOPE), .only = OUTCOMES },
    { WORD(type, EVENT_WORDS, REQUIRED | ENVELOPE) },
    { TIME(at, REQUIRED | ENVELOPE) },
    { ID(location_id, REQUIRED | ENVELOPE), .only = ~EVENT(COMMAND_PARKED) },
    { ID(location_id, OPTIONAL | ENVELOPE), .only = EVENT(COMMAND_PARKED) }, /* it may not say where it belongs */
    { ID(order_id, REQUIRED | ENVELOPE), .only = ORDER_EVENTS },
    { ID(order_id, OPTIONAL | ENVELOPE), .only = OUTCOMES },
    { ID(command_id, REQUIRED | ENVELOPE) },
    { TEXT(by, 1, BY_CHARS_MAX, REQUIRED), .only = JOURNALLED },
    { TEXT(by, 1, BY_CHARS_MAX, OPTIONAL), .only = OUTCOMES },
    { PART(order, order, REQUIRED | APART), .only = ORDER_EVENTS },
    { PART(settings, location_settings, REQUIRED), .only = EVENT(LOCATION_SET) },
    { PART(menu, menu, REQUIRED), .only = EVENT(MENU_SET) },
    { PART(item, menu_item, REQUIRED), .only = EVENT(MENU_ITEM_SET) },
    { INT(menu_version, 0, INT64_MAX, REQUIRED), .only = EVENT(MENU_ITEM_SET) },
    { WORD(err, ERR_WORDS, REQUIRED), .only = OUTCOMES },
    { LIST(reasons, reason_count, reason, 0, ORDER_REASONS_MAX, OPTIONAL), .only = OUTCOMES },
};
THING(event);
