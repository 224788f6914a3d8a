/* decide, evolve, prices, checks and copies, with each allocation failing once: the answer is ZP_NO_MEMORY, the
 * location and the results are as they were, and the same thing asked again is answered. */
#include "torture.h"

#include "../unit/order/fixture.h"

static struct location loc, before;
static struct arena arena;
static struct decision decision, untouched;
static struct order order_made;
static struct reason_list faults;

static void open_restaurant(void)
{
    restaurant_open(&loc);
    arena_init(&arena, ARENA_BYTES);
    memset(&decision, 0xaa, sizeof(decision));
    untouched = decision;
    before = loc;
}

static void close_restaurant(void)
{
    location_finish(&loc);
    arena_finish(&arena);
}

static bool location_is_as_before(void)
{
    return memcmp(&loc, &before, sizeof(loc)) == 0;
}

/* ---- decide --------------------------------------------------------------------------------------------------- */

static struct order_line placed_lines[] = { { .line = 1, .item_id = "cola", .name = "Cola", .quantity = 1 } };
static const struct order placed = {
    .id = { { 0xc1 } }, .location_id = { { 0xa0, 1 } }, .status = ORDER_PLACED, .version = 1, .lines = placed_lines,
    .line_count = 1,
};
static struct menu_group wrong_group = { .id = "G", .min = 2, .max = 1 };
static struct menu_item wrong_items[] = {
    { .id = "a", .name = "A", .price = -1, .groups = &wrong_group, .group_count = 1 }, { .id = "a", .station = "" },
};

static enum zp_err decide_it(struct command cmd, const struct order *order, bool force)
{
    cmd.location_id = HERE;
    cmd.actor.role = force ? ROLE_SYSTEM : ROLE_CUSTOMER;
    cmd.if_match = cmd.if_match == 0 ? AMOUNT_ABSENT : cmd.if_match;
    return decide(&loc, order, &cmd, AT, &arena, &decision);
}

static bool decided(enum zp_err err)
{
    bool same = memcmp(&decision, &untouched, sizeof(decision)) == 0;
    return location_is_as_before() && same == (err != ZP_OK);
}

#define DECIDE(function, the_order, system, ...) \
    static enum zp_err function(void) \
    { \
        return decide_it((struct command){ __VA_ARGS__ }, the_order, system); \
    }

DECIDE(a_placement, NULL, true, .type = CMD_ORDER_PLACE, .placement = {
    LINES({ "burger", 2, OPTIONS({ "fries", 1 }, { "cheese", 1 }) }, { "cola", 1 }, { "bread", 1 }),
    .expected_total = AMOUNT_ABSENT })
DECIDE(a_placement_with_faults, NULL, true, .type = CMD_ORDER_PLACE, .placement = { .type = ORDER_TYPE_DELIVERY,
    LINES({ "burger", 2, OPTIONS({ "salad", 2 }, { "x", 0 }) }, { "pizza", 1 }, { "soup", 1 }),
    .expected_total = 1, .tip = -1 })
DECIDE(an_acceptance, &placed, true, .type = CMD_ORDER_ACCEPT, .order_id = { { 0xc1 } })
DECIDE(a_rejection, &placed, true, .type = CMD_ORDER_REJECT, .order_id = { { 0xc1 } }, .reason = "closed")
DECIDE(a_step_too_far, &placed, true, .type = CMD_ORDER_READY, .order_id = { { 0xc1 } })
DECIDE(a_stale_step, &placed, true, .type = CMD_ORDER_ACCEPT, .order_id = { { 0xc1 } }, .if_match = 7)
DECIDE(a_forbidden_menu, NULL, false, .type = CMD_MENU_SET)
DECIDE(wrong_settings, NULL, true, .type = CMD_LOCATION_SET)
DECIDE(another_currency, NULL, true, .type = CMD_LOCATION_SET, .settings = { .name = "x", .currency = "USD" })
DECIDE(a_wrong_menu, NULL, true, .type = CMD_MENU_SET, .menu = { 0, wrong_items, ZP_COUNT(wrong_items) })
DECIDE(a_wrong_item, NULL, true, .type = CMD_MENU_ITEM_SET,
       .item = { .id = "A", .groups = &wrong_group, .group_count = 1 })
DECIDE(a_stale_menu, NULL, true, .type = CMD_MENU_SET, .if_match = 7)

/* ---- evolve --------------------------------------------------------------------------------------------------- */

static bool evolved(enum zp_err err)
{
    return err == ZP_OK ? loc.seq > before.seq : location_is_as_before();
}

static enum zp_err a_new_menu(void)
{
    if (loc.seq > before.seq) { /* tried again after it was done */
        return ZP_OK;
    }
    const struct event event = { .type = EV_MENU_SET, .seq = loc.seq + 1, .location_id = HERE, .menu = MENU };
    return evolve(&loc, NULL, &event);
}

static enum zp_err new_settings(void)
{
    const struct event event = { .type = EV_LOCATION_SET, .seq = before.seq + 1, .location_id = HERE,
                                 .settings = SETTINGS };
    return evolve(&loc, NULL, &event);
}

static enum zp_err a_new_item(void)
{
    const struct event event = { .type = EV_MENU_ITEM_SET, .seq = before.seq + 1, .location_id = HERE,
                                 .item = { .id = "tea", .name = "Tea", .price = 200, .available = true },
                                 .menu_version = before.menu.version + 1 };
    return evolve(&loc, NULL, &event);
}

/* ---- prices, checks, copies ------------------------------------------------------------------------------------- */

static enum zp_err a_price(void)
{
    struct placement placement = small_placement();
    faults.count = 0;
    return order_price(&loc, &placement, &arena, &order_made, &faults);
}

static enum zp_err a_checked_menu(void)
{
    const struct menu menu = { 0, wrong_items, ZP_COUNT(wrong_items) };
    faults.count = 0;
    return menu_check(&menu, "/menu", &arena, &faults);
}

static enum zp_err checked_settings(void)
{
    const struct location_settings settings = { .prep_minutes = -1, .delivery_fee = -1 };
    faults.count = 0;
    return location_settings_check(&settings, "", &arena, &faults);
}

static bool has_faults(enum zp_err err)
{
    return err != ZP_OK || faults.count > 0;
}

static struct menu menu_made;
static struct location_settings settings_made;

static void open_copies(void)
{
    open_restaurant();
    order_made.number = menu_made.version = settings_made.prep_minutes = -1;
}

static enum zp_err a_copied_order(void)
{
    return order_copy(&placed, &arena, &order_made);
}

static enum zp_err a_copied_menu(void)
{
    return menu_copy(&MENU, &arena, &menu_made);
}

static enum zp_err copied_settings(void)
{
    return location_settings_copy(&SETTINGS, &arena, &settings_made);
}

static bool order_is_whole(enum zp_err err)
{
    return (order_made.number == -1) == (err != ZP_OK);
}

static bool menu_is_whole(enum zp_err err)
{
    return (menu_made.version == -1) == (err != ZP_OK);
}

static bool settings_are_whole(enum zp_err err)
{
    return (settings_made.prep_minutes == -1) == (err != ZP_OK);
}

#define ROW(function, open, holds) { #function, open, function, holds, close_restaurant, 0, ZP_OK }

static const struct torture rows[] = {
    ROW(a_placement, open_restaurant, decided),
    ROW(a_placement_with_faults, open_restaurant, decided),
    ROW(an_acceptance, open_restaurant, decided),
    ROW(a_rejection, open_restaurant, decided),
    ROW(a_step_too_far, open_restaurant, decided),
    ROW(a_stale_step, open_restaurant, decided),
    ROW(a_forbidden_menu, open_restaurant, decided),
    ROW(wrong_settings, open_restaurant, decided),
    ROW(another_currency, open_restaurant, decided),
    ROW(a_wrong_menu, open_restaurant, decided),
    ROW(a_wrong_item, open_restaurant, decided),
    ROW(a_stale_menu, open_restaurant, decided),
    ROW(a_new_menu, open_restaurant, evolved),
    ROW(new_settings, open_restaurant, evolved),
    ROW(a_new_item, open_restaurant, evolved),
    ROW(a_price, open_restaurant, NULL),
    ROW(a_checked_menu, open_restaurant, has_faults),
    ROW(checked_settings, open_restaurant, has_faults),
    ROW(a_copied_order, open_copies, order_is_whole),
    ROW(a_copied_menu, open_copies, menu_is_whole),
    ROW(copied_settings, open_copies, settings_are_whole),
};

int main(void)
{
    return torture_main("order", rows, ZP_COUNT(rows));
}
