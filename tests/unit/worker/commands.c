/* commands.c: owns the restaurant's menus and the commands that tests give it; see commands.h. */
#include "commands.h"

#include "zapora/bus.h"

#include <string.h>

/* ---- ids -------------------------------------------------------------------------------------------------- */

struct zp_id location_in(int32_t partition, unsigned n)
{
    for (unsigned i = 0;; i++) {
        struct zp_id id = { { 0xa0 } };
        memcpy(&id.bytes[8], &i, sizeof i);
        if (bus_partition_of_location(&id) == partition && n-- == 0) {
            return id;
        }
    }
}

struct zp_id id_number(unsigned number)
{
    struct zp_id id = { { 0xc0 } };
    memcpy(&id.bytes[12], &number, sizeof number);
    return id;
}

/* ---- commands ----------------------------------------------------------------------------------------------- */

static struct menu_item items[] = {
    { .id = "burger", .name = "Burger", .price = 1250, .tax_rate_bp = 1900, .available = true, .station = "grill" },
    { .id = "cola", .name = "Cola", .price = 300, .tax_rate_bp = 1900, .available = true },
};
static struct placement_line lines[] = { { .item_id = "burger", .quantity = 2 }, { .item_id = "cola", .quantity = 1 } };

static struct command command_of(enum command_type type, enum actor_role role, const struct zp_id *location_id,
                                 const struct zp_id *id)
{
    struct command command = { .id = *id, .location_id = *location_id, .type = type, .if_match = AMOUNT_ABSENT,
                               .submitted_at = 1 };
    command.actor.role = role;
    command.actor.user_id = id_number(9000 + (unsigned)role);
    command.actor.locations[0] = *location_id;
    command.actor.location_count = role == ROLE_CUSTOMER ? 0 : 1;
    memcpy(command.fingerprint, id->bytes, sizeof command.fingerprint);
    return command;
}

struct command place(const struct zp_id *location_id, const struct zp_id *id)
{
    struct command command = command_of(CMD_ORDER_PLACE, ROLE_CUSTOMER, location_id, id);
    command.order_id = *id;
    command.placement = (struct placement){ .type = ORDER_TYPE_PICKUP, .lines = lines, .line_count = ZP_COUNT(lines),
                                            .expected_total = AMOUNT_ABSENT };
    return command;
}

struct command step(enum command_type type, const struct zp_id *location_id, const struct zp_id *order_id,
                    const struct zp_id *id)
{
    struct command command = command_of(type, ROLE_KITCHEN, location_id, id);
    command.order_id = *order_id;
    return command;
}

struct command open_restaurant(const struct zp_id *location_id, const struct zp_id *id)
{
    struct command command = command_of(CMD_LOCATION_SET, ROLE_ADMIN, location_id, id);
    command.actor.role = ROLE_SYSTEM;
    command.settings = (struct location_settings){ .name = "Chez Test", .currency = "EUR", .prices_include_tax = true,
                                                   .auto_accept = true, .prep_minutes = 20 };
    return command;
}

struct command give_menu(const struct zp_id *location_id, const struct zp_id *id)
{
    struct command command = command_of(CMD_MENU_SET, ROLE_MANAGER, location_id, id);
    command.menu = (struct menu){ .items = items, .item_count = ZP_COUNT(items) };
    return command;
}

struct command give_large_menu(const struct zp_id *location_id, const struct zp_id *id)
{
    static struct menu_item many[1100];
    static char ids[ZP_COUNT(many)][16], description[301];
    static struct menu_option options[] = {
        { "o0", "Option", 150, true }, { "o1", "Option", 150, true }, { "o2", "Option", 150, true },
        { "o3", "Option", 150, true }, { "o4", "Option", 150, true }, { "o5", "Option", 150, true },
        { "o6", "Option", 150, true }, { "o7", "Option", 150, true }, { "o8", "Option", 150, true },
        { "o9", "Option", 150, true },
    };
    static struct menu_group group = { "extras", "Extras", 0, 2, options, ZP_COUNT(options) };
    memset(description, '"', sizeof description - 1); /* two bytes each in JSON */
    for (size_t i = 0; i < ZP_COUNT(many); i++) {
        snprintf(ids[i], sizeof ids[i], "item-%zu", i);
        many[i] = (struct menu_item){ .id = ids[i], .name = "Name", .description = description, .price = 1250,
                                      .tax_rate_bp = 1900, .available = true, .groups = &group, .group_count = 1 };
    }
    struct command command = give_menu(location_id, id);
    command.menu = (struct menu){ .items = many, .item_count = ZP_COUNT(many) };
    return command;
}

struct command give_wide_menu(const struct zp_id *location_id, const struct zp_id *id)
{
    static struct menu_item many[1750]; /* the most that a location may have */
    static char ids[ZP_COUNT(many)][16];
    static const char *allergens[MENU_ALLERGENS_MAX];
    static char names[MENU_ALLERGENS_MAX][4];
    for (size_t i = 0; i < ZP_COUNT(allergens); i++) {
        snprintf(names[i], sizeof names[i], "a%zu", i % 100);
        allergens[i] = names[i];
    }
    for (size_t i = 0; i < ZP_COUNT(many); i++) {
        snprintf(ids[i], sizeof ids[i], "i%zu", i);
        many[i] = (struct menu_item){ .id = ids[i], .name = "N", .price = 1, .available = true, .allergens = allergens,
                                      .allergen_count = ZP_COUNT(allergens) };
    }
    struct command command = give_menu(location_id, id);
    command.menu = (struct menu){ .items = many, .item_count = ZP_COUNT(many) };
    return command;
}

struct command give_item(const struct zp_id *location_id, const struct zp_id *id, const char *name, int64_t price)
{
    struct command command = command_of(CMD_MENU_ITEM_SET, ROLE_MANAGER, location_id, id);
    command.item = items[0];
    command.item.name = name;
    command.item.price = price;
    return command;
}
