/* fields_menu: the rows of menus and of a location's settings.
 *
 * In commands, events, the database's documents and restaurant files alike: a default here is one in each of them.
 * Whether a menu makes sense as a whole is menu_check's to say, in order. */
#include "rows.h"

#define IN

#define OWNER struct menu_option
static const struct field menu_option_fields[] = {
    { SLUG(id, REQUIRED) },
    { TEXT(name, 1, ORDER_TEXT_CHARS_MAX, REQUIRED) },
    { INT(price, -ORDER_AMOUNT_MAX, ORDER_AMOUNT_MAX, OPTIONAL) }, /* below 0: a discount */
    { BOOL(available, true, OPTIONAL) },
};
THING(menu_option);
#undef OWNER

#define OWNER struct menu_group
static const struct field menu_group_fields[] = {
    { SLUG(id, REQUIRED) },
    { TEXT(name, 1, ORDER_TEXT_CHARS_MAX, REQUIRED) },
    { INT_OR(min, 0, ORDER_QUANTITY_MAX, 0, OPTIONAL) },
    { INT_OR(max, 0, ORDER_QUANTITY_MAX, 1, OPTIONAL) },
    { LIST(options, option_count, menu_option, 0, MENU_OPTIONS_MAX, OPTIONAL) },
};
THING(menu_group);
#undef OWNER

#define OWNER struct menu_item
static const struct field menu_item_fields[] = {
    { SLUG(id, REQUIRED) },
    { TEXT(name, 1, ORDER_TEXT_CHARS_MAX, REQUIRED) },
    { TEXT(description, 0, MENU_DESCRIPTION_CHARS_MAX, OPTIONAL) },
    { INT(price, 0, ORDER_AMOUNT_MAX, REQUIRED) },
    { INT(tax_rate_bp, 0, MENU_TAX_RATE_BP_MAX, OPTIONAL) },
    { BOOL(available, true, OPTIONAL) },
    { SLUG(station, OPTIONAL) },
    { TEXTS(allergens, allergen_count, MENU_ALLERGENS_MAX) },
    { LIST_AS("option_groups", groups, group_count, menu_group, 0, MENU_GROUPS_MAX, OPTIONAL) },
};
THING(menu_item);
#undef OWNER

#define OWNER struct menu
static const struct field menu_fields[] = {
    { INT(version, 0, INT64_MAX, OPTIONAL) },
    { LIST(items, item_count, menu_item, 0, MENU_ITEMS_MAX, REQUIRED) },
};
THING(menu);
#undef OWNER
#undef IN

/* Whether prices hold the tax is about money, so nobody guesses it. */
#define SETTINGS_ROWS \
    { TEXT(name, 1, ORDER_TEXT_CHARS_MAX, REQUIRED) }, \
    { TEXT(currency, 3, 3, REQUIRED) }, \
    { BOOL(prices_include_tax, false, REQUIRED) }, \
    { BOOL(auto_accept, false, OPTIONAL) }, \
    { INT_OR(prep_minutes, 0, LOCATION_PREP_MINUTES_MAX, 15, OPTIONAL) }, \
    { INT(delivery_fee, 0, ORDER_AMOUNT_MAX, OPTIONAL) }

#define OWNER struct location_settings
#define IN
static const struct field location_settings_fields[] = { SETTINGS_ROWS };
THING(location_settings);
#undef IN
#undef OWNER

/* ---- restaurant files ------------------------------------------------------------------------------ */

/* The file's "location" is the settings and the id together, so its rows reach into the whole restaurant. */
#define OWNER struct restaurant
#define IN
static const struct field restaurant_location_rows[] = {
    { ID(location_id, OPTIONAL) },
#undef IN
#define IN settings.
    SETTINGS_ROWS,
};
#undef IN
static const struct thing restaurant_location_thing = {
    .size = sizeof(struct restaurant), .fields = restaurant_location_rows, .count = ZP_COUNT(restaurant_location_rows),
};

#define IN
static const struct field restaurant_fields[] = {
    { NAMED("location"), .kind = FIELD_THING, .offset = 0, .count_at = OFFSET_OF(has_settings, bool),
      .thing = &restaurant_location_thing },
    { PART(menu, menu, OPTIONAL), .count_at = OFFSET_OF(has_menu, bool) },
};
THING(restaurant);
