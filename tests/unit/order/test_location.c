/* test_location.c: what may be done to a location itself, by whom: settings, menu, one item, and how much fits. */
#include "../../../src/order/rules.h"
#include "fixture.h"

#include <string.h>

static struct location loc, fresh;
static struct arena arena;

static int open_restaurant(void **state)
{
    (void)state;
    restaurant_open(&loc);
    location_init(&fresh, &HERE);
    arena_init(&arena, ARENA_BYTES);
    return 0;
}

static int close_restaurant(void **state)
{
    (void)state;
    arena_finish(&arena);
    location_finish(&fresh);
    location_finish(&loc);
    location_finish(NULL);
    return 0;
}

#define IN_RESTAURANT(test) cmocka_unit_test_setup_teardown(test, open_restaurant, close_restaurant)

static struct command edit_by(enum command_type type, enum actor_role role, const struct zp_id *location)
{
    struct command cmd = command_of(type, actor_of(role, &BERT, location));

    cmd.settings = SETTINGS;
    cmd.menu = MENU;
    cmd.item = MENU.items[1];
    return cmd;
}

#define ROLE_TOO_LOW ZP_FORBIDDEN, "role_insufficient"
#define NOT_THERE ZP_NOT_FOUND, "location_unknown"

static const struct row {
    const char *name;
    enum command_type cmd;
    enum actor_role role;
    const struct zp_id *location;
    bool exists;
    enum zp_err err;
    const char *code_or_by;
} rows[] = {
    { "the system creates a location",            CMD_LOCATION_SET, ROLE_SYSTEM, NULL, false, ZP_OK, "system" },
    { "an admin who lists it creates a location", CMD_LOCATION_SET, ROLE_ADMIN, &HERE, false, ZP_OK, "admin" },
    { "another admin does not",       CMD_LOCATION_SET, ROLE_ADMIN,    &ELSEWHERE, false, ROLE_TOO_LOW },
    { "a manager does not",           CMD_LOCATION_SET, ROLE_MANAGER,  &HERE,      false, ROLE_TOO_LOW },
    { "its admin changes it",         CMD_LOCATION_SET, ROLE_ADMIN,    &HERE,      true,  ZP_OK,        "admin" },
    { "its manager does not",         CMD_LOCATION_SET, ROLE_MANAGER,  &HERE,      true,  ROLE_TOO_LOW },
    { "another admin does not",       CMD_LOCATION_SET, ROLE_ADMIN,    &ELSEWHERE, true,  ROLE_TOO_LOW },
    { "a customer does not",          CMD_LOCATION_SET, ROLE_CUSTOMER, NULL,       true,  ROLE_TOO_LOW },
    { "the manager sets the menu",    CMD_MENU_SET,      ROLE_MANAGER, &HERE,      true,  ZP_OK,        "manager" },
    { "the system sets the menu",     CMD_MENU_SET,      ROLE_SYSTEM,  NULL,       true,  ZP_OK,        "system" },
    { "the kitchen does not",         CMD_MENU_SET,      ROLE_KITCHEN, &HERE,      true,  ROLE_TOO_LOW },
    { "another manager does not",     CMD_MENU_SET,      ROLE_MANAGER, &ELSEWHERE, true,  ROLE_TOO_LOW },
    { "a menu of nowhere",            CMD_MENU_SET,      ROLE_SYSTEM,  NULL,       false, NOT_THERE },
    { "the manager sets an item",     CMD_MENU_ITEM_SET, ROLE_MANAGER, &HERE,      true,  ZP_OK,        "manager" },
    { "the admin sets an item",       CMD_MENU_ITEM_SET, ROLE_ADMIN,   &HERE,      true,  ZP_OK,        "admin" },
    { "the kitchen does not",         CMD_MENU_ITEM_SET, ROLE_KITCHEN, &HERE,      true,  ROLE_TOO_LOW },
    { "a customer does not",          CMD_MENU_ITEM_SET, ROLE_CUSTOMER, &HERE,     true,  ROLE_TOO_LOW },
    { "an item of nowhere",           CMD_MENU_ITEM_SET, ROLE_SYSTEM,  NULL,       false, NOT_THERE },
};

static void who_may_do_what(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct command cmd = edit_by(rows[i].cmd, rows[i].role, rows[i].location);
        const struct location *where = rows[i].exists ? &loc : &fresh;
        struct decision decision = decide_ok(where, NULL, &cmd, AT, &arena);
        if (rows[i].err != ZP_OK) {
            expect_refusal(rows[i].name, &decision, rows[i].err, rows[i].code_or_by);
            continue;
        }
        if (decision.err != ZP_OK || !decision.has_event || decision.reasons.count != 0) {
            fail_msg("%s: %s", rows[i].name, zp_err_name(decision.err));
        }
        assert_string_equal(decision.event.by, rows[i].code_or_by);
        assert_int_equal(decision.event.seq, where->seq + 1);
        assert_int_equal(decision.event.at, AT);
        assert_true(id_is_none(&decision.event.order_id));
        assert_true(id_equal(&decision.event.location_id, &HERE));
        assert_true(id_equal(&decision.event.command_id, &cmd.id));
    }
}

static void settings_are_taken_over_and_kept(void **state)
{
    struct command cmd = edit_by(CMD_LOCATION_SET, ROLE_ADMIN, &HERE);
    char name[] = "Chez Bert";

    (void)state;
    cmd.settings.name = name;
    cmd.settings.auto_accept = true;
    cmd.settings.prep_minutes = 5;
    struct event event = apply_ok(&loc, NULL, &cmd, AT, &arena);
    assert_int_equal(event.type, EV_LOCATION_SET);
    assert_string_equal(event.settings.name, "Chez Bert");
    name[0] = '?'; /* the location has its own */
    assert_string_equal(loc.settings.name, "Chez Bert");
    assert_true(loc.settings.auto_accept);
    assert_int_equal(loc.settings.prep_minutes, 5);
    expect_same_menu(&loc.menu, &MENU);
}

static void wrong_settings_are_refused_with_all_faults(void **state)
{
    struct command cmd = edit_by(CMD_LOCATION_SET, ROLE_SYSTEM, NULL);

    (void)state;
    cmd.settings = (struct location_settings){ .currency = "usd", .prep_minutes = -1 };
    struct decision decision = decide_ok(&loc, NULL, &cmd, AT, &arena);
    assert_int_equal(decision.err, ZP_INVALID);
    assert_false(decision.has_event);
    expect_reasons("settings", decision.reasons.items, decision.reasons.count, (struct expected[]){
        { "required", "/name" }, { "currency_invalid", "/currency" }, { "out_of_range", "/prep_minutes" }, { NULL } });
}

static void a_currency_is_fixed_once_there(void **state)
{
    struct command cmd = edit_by(CMD_LOCATION_SET, ROLE_SYSTEM, NULL);

    (void)state;
    cmd.settings.currency = "USD";
    struct decision decision = decide_ok(&loc, NULL, &cmd, AT, &arena);
    expect_refusal("another currency", &decision, ZP_CONFLICT, "currency_fixed");
    assert_string_equal(decision.reasons.items[0].pointer, "/currency");
    assert_non_null(strstr(decision.reasons.items[0].detail, "EUR"));
    decision = decide_ok(&fresh, NULL, &cmd, AT, &arena);
    assert_int_equal(decision.err, ZP_OK);
}

static void a_menu_gets_the_next_version(void **state)
{
    struct command cmd = edit_by(CMD_MENU_SET, ROLE_MANAGER, &HERE);

    (void)state;
    assert_int_equal(loc.menu.version, 1);
    cmd.menu.version = 999; /* ignored */
    cmd.menu.item_count = 2;
    struct event event = apply_ok(&loc, NULL, &cmd, AT, &arena);
    assert_int_equal(event.type, EV_MENU_SET);
    assert_int_equal(event.menu.version, 2);
    assert_int_equal(loc.menu.version, 2);
    expect_same_menu(&loc.menu, &event.menu);
    assert_null(menu_find(&loc.menu, "soup"));
    assert_string_equal(loc.settings.name, SETTINGS.name);
}

static void a_wrong_menu_is_refused_with_all_faults(void **state)
{
    struct menu_item items[] = { { .id = "a", .name = "A", .price = -1 }, { .id = "a", .name = "" } };
    struct command cmd = edit_by(CMD_MENU_SET, ROLE_MANAGER, &HERE);

    (void)state;
    cmd.menu = (struct menu){ .items = items, .item_count = 2 };
    struct decision decision = decide_ok(&loc, NULL, &cmd, AT, &arena);
    assert_int_equal(decision.err, ZP_INVALID);
    assert_false(decision.has_event);
    expect_reasons("menu", decision.reasons.items, decision.reasons.count, (struct expected[]){
        { "out_of_range", "/items/0/price" }, { "required", "/items/1/name" }, { "id_repeated", "/items/1/id" },
        { NULL } });
}

static void if_match_is_the_version_of_the_menu(void **state)
{
    static const enum command_type edits[] = { CMD_MENU_SET, CMD_MENU_ITEM_SET };

    (void)state;
    for (size_t i = 0; i < ZP_COUNT(edits); i++) {
        struct command cmd = edit_by(edits[i], ROLE_MANAGER, &HERE);
        cmd.if_match = 0;
        struct decision decision = decide_ok(&loc, NULL, &cmd, AT, &arena);
        expect_refusal("stale", &decision, ZP_STALE, "version_mismatch");
        cmd.if_match = 1;
        decision = decide_ok(&loc, NULL, &cmd, AT, &arena);
        assert_int_equal(decision.err, ZP_OK);
    }
}

static void an_item_is_replaced_in_its_place(void **state)
{
    struct command cmd = edit_by(CMD_MENU_ITEM_SET, ROLE_MANAGER, &HERE);

    (void)state;
    cmd.item.price = 350;
    cmd.item.available = false;
    struct event event = apply_ok(&loc, NULL, &cmd, AT, &arena);
    assert_int_equal(event.type, EV_MENU_ITEM_SET);
    assert_int_equal(event.menu_version, 2);
    assert_string_equal(event.item.id, "cola");
    assert_int_equal(loc.menu.version, 2);
    assert_int_equal(loc.menu.item_count, 4);
    assert_int_equal(loc.menu.items[1].price, 350);
    assert_false(loc.menu.items[1].available);
    assert_string_equal(loc.menu.items[3].id, "bread");
    assert_string_equal(loc.menu.items[0].groups[0].options[1].name, "Bacon");
}

static void a_new_item_comes_last(void **state)
{
    struct command cmd = edit_by(CMD_MENU_ITEM_SET, ROLE_MANAGER, &HERE);

    (void)state;
    cmd.item = (struct menu_item){ .id = "tea", .name = "Tea", .price = 250, .available = true };
    apply_ok(&loc, NULL, &cmd, AT, &arena);
    assert_int_equal(loc.menu.item_count, 5);
    assert_string_equal(loc.menu.items[4].id, "tea");
    assert_ptr_equal(menu_find(&loc.menu, "tea"), &loc.menu.items[4]);
}

static void a_wrong_item_is_refused_with_all_faults(void **state)
{
    struct command cmd = edit_by(CMD_MENU_ITEM_SET, ROLE_MANAGER, &HERE);

    (void)state;
    cmd.item = (struct menu_item){ .id = "Tea", .price = -1 };
    struct decision decision = decide_ok(&loc, NULL, &cmd, AT, &arena);
    assert_int_equal(decision.err, ZP_INVALID);
    assert_false(decision.has_event);
    expect_reasons("item", decision.reasons.items, decision.reasons.count, (struct expected[]){
        { "slug_invalid", "/id" }, { "required", "/name" }, { "out_of_range", "/price" }, { NULL } });
}

/* ---- how much fits --------------------------------------------------------------------------------- */

#define BIG_OPTION_BYTES 720 /* more or less what an option of the big menu takes */

/* A menu of `count` items, each with `groups` groups of 100 options with names of 200 characters of three bytes. */
static struct menu big_menu(size_t count, size_t groups, struct arena *from)
{
    static char name[601];
    struct menu menu = { .items = arena_array(from, count, sizeof(struct menu_item)), .item_count = count };

    for (size_t i = 0; i < 200; i++) {
        memcpy(&name[3 * i], "€", 3);
    }
    for (size_t i = 0; i < count; i++) {
        struct menu_item *item = &menu.items[i];
        *item = (struct menu_item){ .id = arena_printf(from, "item-%zu", i), .name = "Item", .available = true };
        item->groups = arena_array(from, groups, sizeof(*item->groups));
        item->group_count = groups;
        for (size_t g = 0; g < groups; g++) {
            struct menu_group *group = &item->groups[g];
            *group = (struct menu_group){ .id = arena_printf(from, "g-%zu", g), .name = "Group", .max = 1 };
            group->options = arena_array(from, 100, sizeof(*group->options));
            group->option_count = 100;
            for (size_t o = 0; o < 100; o++) {
                group->options[o] = (struct menu_option){ arena_printf(from, "o-%zu-%zu", g, o), name, 0, true };
            }
        }
    }
    return menu;
}

/* menus that are big in one way only, so that nothing else hides what menu_bytes forgets. */
static struct menu wide_menu(size_t which, struct arena *from)
{
    struct menu menu = { .items = arena_array(from, 1, sizeof(struct menu_item)), .item_count = 1 };
    struct menu_item *item = &menu.items[0];
    char *text = arena_alloc(from, 5001);

    memset(text, 'x', 5000);
    *item = (struct menu_item){ .id = "i", .name = "I", .allergens = arena_array(from, 1000, sizeof(*item->allergens)),
                                .groups = arena_array(from, 1000, sizeof(*item->groups)) };
    switch (which) {
    case 0: item->id = text; break;
    case 1: item->name = text; break;
    case 2: item->description = text; break;
    case 3: item->station = text; break;
    case 4: item->allergen_count = 1000; break; /* all NULL: nothing but the array */
    case 5: item->allergens[0] = item->allergens[1] = text; item->allergen_count = 2; break;
    case 6: item->group_count = 1000; break;
    case 7: item->groups[0].id = text; item->group_count = 1; break;
    case 8: item->groups[0].name = text; item->group_count = 1; break;
    case 9: menu = big_menu(1, 1, from); break;
    case 10: menu = big_menu(1000, 0, from); break;
    case 11: menu = (struct menu){ .items = NULL }; break;
    }
    return menu;
}

static void the_size_of_a_menu_is_never_underrated(void **state)
{
    (void)state;
    for (size_t i = 0; i < 12; i++) {
        struct menu menu = wide_menu(i, &arena), copy;
        struct arena into;
        arena_init(&into, ARENA_BYTES);
        assert_int_equal(menu_copy(&menu, &into, &copy), ZP_OK);
        size_t rated = menu_bytes(&menu);
        if (rated < into.used_bytes || rated > 2 * into.used_bytes + 256) {
            fail_msg("menu %zu takes %zu bytes and is rated %zu", i, into.used_bytes, rated);
        }
        arena_finish(&into);
    }
}

static void a_menu_that_is_let_in_fits(void **state)
{
    struct command cmd = edit_by(CMD_MENU_SET, ROLE_MANAGER, &HERE);

    (void)state;
    cmd.menu = big_menu(MENU_BYTES_MAX / BIG_OPTION_BYTES / 100, 1, &arena);
    apply_ok(&loc, NULL, &cmd, AT, &arena);
    assert_true(loc.arena.used_bytes > MENU_BYTES_MAX / 2);
    assert_true(loc.arena.used_bytes <= MENU_BYTES_MAX + 1024);
    expect_same_menu(&loc.menu, &(struct menu){ 2, cmd.menu.items, cmd.menu.item_count });
}

static void a_menu_that_takes_too_much_memory_is_not_let_in(void **state)
{
    struct command cmd = edit_by(CMD_MENU_SET, ROLE_MANAGER, &HERE);

    (void)state;
    cmd.menu = big_menu(MENU_BYTES_MAX / BIG_OPTION_BYTES / 100 + 4, 1, &arena);
    struct decision decision = decide_ok(&loc, NULL, &cmd, AT, &arena);
    expect_refusal("a big menu", &decision, ZP_INVALID, "menu_too_large");
}

static void an_item_that_takes_the_rest_of_the_memory_is_not_let_in(void **state)
{
    struct command set = edit_by(CMD_MENU_SET, ROLE_MANAGER, &HERE);
    struct command add = edit_by(CMD_MENU_ITEM_SET, ROLE_MANAGER, &HERE);

    (void)state;
    set.menu = big_menu(MENU_BYTES_MAX / BIG_OPTION_BYTES / 100, 1, &arena);
    apply_ok(&loc, NULL, &set, AT, &arena);
    add.item = big_menu(1, 10, &arena).items[0];
    add.item.id = "one-more";
    struct decision decision = decide_ok(&loc, NULL, &add, AT, &arena);
    expect_refusal("a big item", &decision, ZP_INVALID, "menu_full");
}

static void a_full_menu_takes_changes_but_no_more_items(void **state)
{
    struct command set = edit_by(CMD_MENU_SET, ROLE_MANAGER, &HERE);
    struct command add = edit_by(CMD_MENU_ITEM_SET, ROLE_MANAGER, &HERE);

    (void)state;
    set.menu = big_menu(MENU_ITEMS_MAX, 0, &arena);
    apply_ok(&loc, NULL, &set, AT, &arena);
    struct decision decision = decide_ok(&loc, NULL, &add, AT, &arena);
    expect_refusal("one more", &decision, ZP_INVALID, "menu_full");
    assert_string_equal(decision.reasons.items[0].pointer, "");
    add.item.id = "item-1999";
    apply_ok(&loc, NULL, &add, AT, &arena);
    assert_int_equal(loc.menu.item_count, MENU_ITEMS_MAX);
    assert_string_equal(loc.menu.items[1999].name, "Cola");
}

static void edits_do_not_add_up(void **state)
{
    struct command item = edit_by(CMD_MENU_ITEM_SET, ROLE_MANAGER, &HERE);
    struct command settings = edit_by(CMD_LOCATION_SET, ROLE_ADMIN, &HERE);

    (void)state;
    apply_ok(&loc, NULL, &item, AT, &arena);
    size_t used = loc.arena.used_bytes;
    for (int i = 0; i < 200; i++) {
        apply_ok(&loc, NULL, i % 2 == 0 ? &item : &settings, AT, &arena);
        assert_int_equal(loc.arena.used_bytes, used);
    }
    assert_int_equal(loc.menu.version, 102);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_RESTAURANT(who_may_do_what),
        IN_RESTAURANT(settings_are_taken_over_and_kept),
        IN_RESTAURANT(wrong_settings_are_refused_with_all_faults),
        IN_RESTAURANT(a_currency_is_fixed_once_there),
        IN_RESTAURANT(a_menu_gets_the_next_version),
        IN_RESTAURANT(a_wrong_menu_is_refused_with_all_faults),
        IN_RESTAURANT(if_match_is_the_version_of_the_menu),
        IN_RESTAURANT(an_item_is_replaced_in_its_place),
        IN_RESTAURANT(a_new_item_comes_last),
        IN_RESTAURANT(a_wrong_item_is_refused_with_all_faults),
        IN_RESTAURANT(the_size_of_a_menu_is_never_underrated),
        IN_RESTAURANT(a_menu_that_is_let_in_fits),
        IN_RESTAURANT(a_menu_that_takes_too_much_memory_is_not_let_in),
        IN_RESTAURANT(an_item_that_takes_the_rest_of_the_memory_is_not_let_in),
        IN_RESTAURANT(a_full_menu_takes_changes_but_no_more_items),
        IN_RESTAURANT(edits_do_not_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
