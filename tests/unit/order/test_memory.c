/* test_memory.c: every allocation fails once. An arena's ceiling goes up from nothing until the call succeeds; before
 * that each call says ZP_NO_MEMORY and leaves its result alone. */
#include "fixture.h"

#include <string.h>

static struct location loc;
static struct order_line order_lines[] = { { .line = 1, .item_id = "cola", .name = "Cola", .quantity = 1 } };
static struct order placed = { .id = { { 0xc1 } }, .location_id = { { 0xa0, 1 } }, .status = ORDER_PLACED, .version = 1,
                               .lines = order_lines, .line_count = 1 };

/* ---- decisions -------------------------------------------------------------------------------------- */

static struct menu_group wrong_group = { .id = "G", .min = 2, .max = 1 };
static struct menu_item wrong_items[] = {
    { .id = "a", .name = "A", .price = -1, .groups = &wrong_group, .group_count = 1 }, { .id = "a", .station = "" },
};

static const struct asked {
    const char *name;
    struct command cmd;
    const struct order *order;
    enum zp_err err;
    bool has_event;
} asked[] = {
    { "a placement", { .type = CMD_ORDER_PLACE, .placement = {
        LINES({ "burger", 2, OPTIONS({ "fries", 1 }, { "cheese", 1 }) }, { "cola", 1 }, { "bread", 1 }),
        .expected_total = AMOUNT_ABSENT } }, NULL, ZP_OK, true },
    { "a placement with faults", { .type = CMD_ORDER_PLACE, .placement = {
        .type = ORDER_TYPE_DELIVERY,
        LINES({ "burger", 2, OPTIONS({ "salad", 2 }, { "x", 0 }) }, { "pizza", 1 }, { "soup", 1 }),
        .expected_total = 1, .tip = -1 } }, NULL, ZP_INVALID, true },
    { "an acceptance", { .type = CMD_ORDER_ACCEPT, .order_id = { { 0xc1 } } }, &placed, ZP_OK, true },
    { "a rejection", { .type = CMD_ORDER_REJECT, .order_id = { { 0xc1 } } }, &placed, ZP_OK, true },
    { "a step too far", { .type = CMD_ORDER_READY, .order_id = { { 0xc1 } } }, &placed, ZP_CONFLICT, false },
    { "a stale step", { .type = CMD_ORDER_ACCEPT, .order_id = { { 0xc1 } }, .if_match = 7 }, &placed, ZP_STALE, false },
    { "wrong settings", { .type = CMD_LOCATION_SET }, NULL, ZP_INVALID, false },
    { "another currency", { .type = CMD_LOCATION_SET, .settings = { .name = "x", .currency = "USD" } },
      NULL, ZP_CONFLICT, false },
    { "a wrong menu", { .type = CMD_MENU_SET, .menu = { 0, wrong_items, ZP_COUNT(wrong_items) } },
      NULL, ZP_INVALID, false },
    { "a wrong item", { .type = CMD_MENU_ITEM_SET, .item = { .id = "A", .groups = &wrong_group, .group_count = 1 } },
      NULL, ZP_INVALID, false },
    { "a stale menu", { .type = CMD_MENU_SET, .if_match = 7 }, NULL, ZP_STALE, false },
    { "a stale item", { .type = CMD_MENU_ITEM_SET, .if_match = 7 }, NULL, ZP_STALE, false },
};

static bool decide_within(const struct asked *row, size_t max_bytes)
{
    struct decision decision, untouched;
    struct arena arena;
    struct command cmd = row->cmd;

    cmd.location_id = HERE;
    cmd.actor.role = ROLE_SYSTEM;
    cmd.if_match = cmd.if_match == 0 ? AMOUNT_ABSENT : cmd.if_match;
    memset(&decision, 0xaa, sizeof(decision));
    untouched = decision;
    arena_init(&arena, max_bytes);
    enum zp_err err = decide(&loc, row->order, &cmd, AT, &arena, &decision);
    if (err == ZP_OK) {
        assert_int_equal(decision.err, row->err);
        assert_int_equal(decision.has_event, row->has_event);
    } else if (err != ZP_NO_MEMORY || memcmp(&decision, &untouched, sizeof(decision)) != 0) {
        fail_msg("%s within %zu bytes: %s", row->name, max_bytes, zp_err_name(err));
    }
    arena_finish(&arena);
    return err == ZP_OK;
}

static void decisions_run_out_of_memory_cleanly(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(asked); i++) {
        size_t bytes = 0;
        while (!decide_within(&asked[i], bytes)) {
            bytes += 16;
        }
        if (bytes == 0) {
            fail_msg("%s took no memory: this case shows nothing", asked[i].name);
        }
    }
}

static void a_forbidden_step_runs_out_of_memory_cleanly(void **state)
{
    struct command cmd = command_of(CMD_MENU_SET, actor_of(ROLE_CUSTOMER, &ANNA, NULL));
    struct decision decision;
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    assert_int_equal(decide(&loc, NULL, &cmd, AT, &arena, &decision), ZP_NO_MEMORY);
    arena_finish(&arena);
}

/* ---- copies ----------------------------------------------------------------------------------------- */

static struct order_option chosen[] = { { "fries", "Fries", 0, 1 }, { "cheese", "Cheese", 150, 2 } };
static struct order_line full_lines[] = {
    { 1, "burger", "Burger", 2, 1250, chosen, 2, 3100, 1900, "grill", LINE_COOKING, "no salt" },
    { 2, "cola", "Cola", 1, 300, NULL, 0, 300, 1900, NULL, LINE_COOKING, NULL },
};
static struct reason full_reasons[] = { { "cancelled", NULL, "changed plans" }, { "x", "/lines/0", "y" } };
static const struct order full_order = {
    .id = { { 1 } }, .location_id = { { 2 } }, .owner = { { 3 } }, .number = 4, .status = ORDER_PREPARING, .version = 5,
    .seq = 6, .type = ORDER_TYPE_DELIVERY, .currency = "EUR", .subtotal = 7, .discount = 8, .tax = 9, .fee = 10,
    .tip = 11, .total = 12, .lines = full_lines, .line_count = 2,
    .customer = { "Anna", "+49 1", "Here 1" }, .note = "ring",
    .placed_at = 13, .promised_at = 14, .updated_at = 15, .reasons = full_reasons, .reason_count = 2,
    .fingerprint = { 16, 17 },
};

/* A pointer of the copy that leads into the original would outlive it. */
#define OWN(a, b, field) assert_true((a)->field == NULL || (const void *)(a)->field != (const void *)(b)->field)

static void expect_own_order(const struct order *a, const struct order *b)
{
    OWN(a, b, currency);
    OWN(a, b, customer.name);
    OWN(a, b, customer.phone);
    OWN(a, b, customer.address);
    OWN(a, b, note);
    OWN(a, b, lines);
    OWN(a, b, reasons);
    for (size_t i = 0; i < a->line_count; i++) {
        OWN(&a->lines[i], &b->lines[i], item_id);
        OWN(&a->lines[i], &b->lines[i], name);
        OWN(&a->lines[i], &b->lines[i], station);
        OWN(&a->lines[i], &b->lines[i], note);
        OWN(&a->lines[i], &b->lines[i], options);
        for (size_t o = 0; o < a->lines[i].option_count; o++) {
            OWN(&a->lines[i].options[o], &b->lines[i].options[o], option_id);
            OWN(&a->lines[i].options[o], &b->lines[i].options[o], name);
        }
    }
    for (size_t i = 0; i < a->reason_count; i++) {
        OWN(&a->reasons[i], &b->reasons[i], code);
        OWN(&a->reasons[i], &b->reasons[i], pointer);
        OWN(&a->reasons[i], &b->reasons[i], detail);
    }
}

static void expect_own_item(const struct menu_item *a, const struct menu_item *b)
{
    OWN(a, b, id);
    OWN(a, b, name);
    OWN(a, b, description);
    OWN(a, b, station);
    OWN(a, b, allergens);
    OWN(a, b, groups);
    for (size_t i = 0; i < a->allergen_count; i++) {
        OWN(a, b, allergens[i]);
    }
    for (size_t g = 0; g < a->group_count; g++) {
        OWN(&a->groups[g], &b->groups[g], id);
        OWN(&a->groups[g], &b->groups[g], name);
        OWN(&a->groups[g], &b->groups[g], options);
        for (size_t o = 0; o < a->groups[g].option_count; o++) {
            OWN(&a->groups[g].options[o], &b->groups[g].options[o], id);
            OWN(&a->groups[g].options[o], &b->groups[g].options[o], name);
        }
    }
}

static void orders_are_copied_whole_or_not_at_all(void **state)
{
    enum zp_err err = ZP_NO_MEMORY;

    (void)state;
    for (size_t bytes = 0; err != ZP_OK; bytes += 16) {
        struct order copy = { .number = -1 };
        struct arena arena;
        arena_init(&arena, bytes);
        err = order_copy(&full_order, &arena, &copy);
        if (err == ZP_OK) {
            expect_same_order(&copy, &full_order);
            expect_own_order(&copy, &full_order);
        } else {
            assert_int_equal(err, ZP_NO_MEMORY);
            assert_int_equal(copy.number, -1);
        }
        arena_finish(&arena);
    }
}

static void menus_are_copied_whole_or_not_at_all(void **state)
{
    enum zp_err err = ZP_NO_MEMORY;

    (void)state;
    for (size_t bytes = 0; err != ZP_OK; bytes += 16) {
        struct menu copy = { .version = -1 };
        struct arena arena;
        arena_init(&arena, bytes);
        err = menu_copy(&MENU, &arena, &copy);
        if (err == ZP_OK) {
            expect_same_menu(&copy, &MENU);
            for (size_t i = 0; i < copy.item_count; i++) {
                expect_own_item(&copy.items[i], &MENU.items[i]);
            }
        } else {
            assert_int_equal(err, ZP_NO_MEMORY);
            assert_int_equal(copy.version, -1);
        }
        arena_finish(&arena);
    }
}

static void settings_are_copied_whole_or_not_at_all(void **state)
{
    enum zp_err err = ZP_NO_MEMORY;

    (void)state;
    for (size_t bytes = 0; err != ZP_OK; bytes += 16) {
        struct location_settings copy = { .prep_minutes = -1 };
        struct arena arena;
        arena_init(&arena, bytes);
        err = location_settings_copy(&SETTINGS, &arena, &copy);
        if (err == ZP_OK) {
            assert_string_equal(copy.name, SETTINGS.name);
            assert_string_equal(copy.currency, "EUR");
            assert_int_equal(copy.delivery_fee, 350);
            OWN(&copy, &SETTINGS, name);
            OWN(&copy, &SETTINGS, currency);
        } else {
            assert_int_equal(err, ZP_NO_MEMORY);
            assert_int_equal(copy.prep_minutes, -1);
        }
        arena_finish(&arena);
    }
}

static int open_restaurant(void **state)
{
    (void)state;
    restaurant_open(&loc);
    return 0;
}

static int close_restaurant(void **state)
{
    (void)state;
    location_finish(&loc);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decisions_run_out_of_memory_cleanly),
        cmocka_unit_test(a_forbidden_step_runs_out_of_memory_cleanly),
        cmocka_unit_test(orders_are_copied_whole_or_not_at_all),
        cmocka_unit_test(menus_are_copied_whole_or_not_at_all),
        cmocka_unit_test(settings_are_copied_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, open_restaurant, close_restaurant);
}
