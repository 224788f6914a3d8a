/* fields_command: the rows of commands, and of the requests that become commands.
 *
 * A command's type stands in its ce_type header, not in its value; it says which rows the value has. */
#include "rows.h"

#define COMMAND(name) VARIANT(CMD_##name)
#define ORDER_COMMANDS (COMMAND(LOCATION_SET) - 1) /* all before the first that is not an order's */
#define STEPS (ORDER_COMMANDS & ~COMMAND(ORDER_PLACE))
_Static_assert(CMD_COUNT <= 32, "more commands than bits of a variant");
_Static_assert(CMD_ORDER_RECALL + 1 == CMD_LOCATION_SET, "the commands of orders stand before the others");

#define IN

#define OWNER struct actor
static const struct field actor_fields[] = {
    { ID(user_id, OPTIONAL) }, /* the system has none */
    { WORD(role, ACTOR_ROLE_WORDS, REQUIRED) },
    { IDS(locations, location_count) },
};
THING(actor);
#undef OWNER

#define OWNER struct placement_option
static const struct field placement_option_fields[] = {
    { SLUG(option_id, REQUIRED) },
    { INT_OR(quantity, 1, ORDER_QUANTITY_MAX, 1, OPTIONAL) },
};
THING(placement_option);
#undef OWNER

#define OWNER struct placement_line
static const struct field placement_line_fields[] = {
    { SLUG(item_id, REQUIRED) },
    { INT(quantity, 1, ORDER_QUANTITY_MAX, REQUIRED) },
    { LIST(options, option_count, placement_option, 0, ORDER_LINE_OPTIONS_MAX, OPTIONAL) },
    { TEXT(note, 0, ORDER_NOTE_CHARS_MAX, OPTIONAL) },
};
THING(placement_line);
#undef OWNER
#undef IN

#define PLACEMENT_ROWS \
    { WORD(type, ORDER_TYPE_WORDS, REQUIRED) }, \
    { LIST(lines, line_count, placement_line, 1, ORDER_LINES_MAX, REQUIRED) }, \
    { PART(customer, contact, OPTIONAL) }, \
    { TEXT(note, 0, ORDER_NOTE_CHARS_MAX, OPTIONAL) }, \
    { INT(tip, 0, ORDER_AMOUNT_MAX, OPTIONAL) }, \
    { INT_OR(expected_total, 0, INT64_MAX, AMOUNT_ABSENT, OPTIONAL) }

#define OWNER struct placement
#define IN
static const struct field placement_fields[] = { PLACEMENT_ROWS };
THING(placement);
#undef IN
#undef OWNER

#define OWNER struct place_request
#define IN
static const struct field place_request_fields[] = {
    { ID(location_id, OPTIONAL) },
#undef IN
#define IN placement.
    PLACEMENT_ROWS,
    { REFUSED("scheduled_for") }, /* until schedules exist */
};
THING(place_request);
#undef IN
#undef OWNER

#define REDRIVE_COUNT_MAX 1000000

#define IN
#define OWNER struct command
static const struct field command_fields[] = {
    { ID(id, REQUIRED | ENVELOPE) },
    { ID(location_id, REQUIRED | ENVELOPE) },
    { ID(order_id, REQUIRED | ENVELOPE), .only = ORDER_COMMANDS },
    { PART(actor, actor, REQUIRED) },
    { BYTES(fingerprint, REQUIRED) },
    { INT_OR(if_match, 0, INT64_MAX, AMOUNT_ABSENT, OPTIONAL) },
    { TIME(submitted_at, REQUIRED) },
    { ID(redrives, OPTIONAL) },
    { INT(redrive_count, 0, REDRIVE_COUNT_MAX, ZERO_IS_NULL | PRIVATE) }, /* absent of all that is no redrive */
    { TEXT(reason, 0, ORDER_NOTE_CHARS_MAX, OPTIONAL), .only = STEPS },
    { PART(placement, placement, REQUIRED), .only = COMMAND(ORDER_PLACE) },
    { PART(settings, location_settings, REQUIRED), .only = COMMAND(LOCATION_SET) },
    { PART(menu, menu, REQUIRED), .only = COMMAND(MENU_SET) },
    { PART(item, menu_item, REQUIRED), .only = COMMAND(MENU_ITEM_SET) },
};
THING(command);
#undef OWNER

/* ---- other requests ------------------------------------------------------------------------------------ */

#define OWNER struct step_request
static const struct field step_request_fields[] = {
    { TEXT(reason, 0, ORDER_NOTE_CHARS_MAX, OPTIONAL) },
};
THING(step_request);
#undef OWNER

#define EMAIL_CHARS_MIN 3
#define EMAIL_CHARS_MAX 254
#define PASSWORD_BYTES_MAX 256

#define OWNER struct credentials
static const struct field credentials_fields[] = {
    { TEXT(email, EMAIL_CHARS_MIN, EMAIL_CHARS_MAX, REQUIRED) },
    { TEXT(password, 1, PASSWORD_BYTES_MAX, REQUIRED | ANY_BYTES) },
};
THING(credentials);
