/* test_check.c: what makes a menu, an item or settings fit to be let in, and every fault that keeps them out. */
#include "fixture.h"

#include <string.h>

#define TEN "0123456789"
#define SIXTY_FOUR TEN TEN TEN TEN TEN TEN "0123"
#define TWO_HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define EUROS       "€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€"
#define OPTION(id) { id, "An option", 0, true }
#define MENU_OPTIONS_OF(...) \
    (struct menu_option[]){ __VA_ARGS__ }, sizeof((struct menu_option[]){ __VA_ARGS__ }) / sizeof(struct menu_option)
#define GROUPS(...) \
    .groups = (struct menu_group[]){ __VA_ARGS__ }, \
    .group_count = sizeof((struct menu_group[]){ __VA_ARGS__ }) / sizeof(struct menu_group)
#define THING .id = "thing", .name = "Thing"

static struct menu_group many_groups[MENU_GROUPS_MAX + 1];
static struct menu_option many_options[MENU_OPTIONS_MAX + 1];
static char many_ids[MENU_OPTIONS_MAX + 1][8];
static const char *many_allergens[MENU_ALLERGENS_MAX + 1];
static char long_description[MENU_DESCRIPTION_CHARS_MAX + 2];

static const struct row { const char *name; struct menu_item item; struct expected faults[12]; } rows[] = {
    { "the least an item needs", { THING }, { { NULL } } },
    { "a name of 200 characters of three bytes each", { .id = SIXTY_FOUR, .name = EUROS EUROS EUROS EUROS EUROS },
      { { NULL } } },
    { "a name of 201 such characters", { .id = SIXTY_FOUR, .name = EUROS EUROS EUROS EUROS EUROS "€" },
      { { "too_long", "/name" } } },
    { "every amount at its limit",
      { THING, .price = ORDER_AMOUNT_MAX, .tax_rate_bp = 10000,
        GROUPS({ "a-b_9", "A", 999, 999, MENU_OPTIONS_OF({ "o", "O", -ORDER_AMOUNT_MAX, true }) }) }, { { NULL } } },
    { "an empty description", { THING, .description = "" }, { { NULL } } },
    { "no id", { .name = "Thing" }, { { "required", "/id" } } },
    { "an empty id", { .id = "", .name = "Thing" }, { { "required", "/id" } } },
    { "an id in capitals", { .id = "Thing", .name = "Thing" }, { { "slug_invalid", "/id" } } },
    { "an id with a blank", { .id = "a thing", .name = "Thing" }, { { "slug_invalid", "/id" } } },
    { "an id with a slash", { .id = "a/b", .name = "Thing" }, { { "slug_invalid", "/id" } } },
    { "an id with an umlaut", { .id = "ä", .name = "Thing" }, { { "slug_invalid", "/id" } } },
    { "an id of 65 characters", { .id = SIXTY_FOUR "5", .name = "Thing" }, { { "slug_invalid", "/id" } } },
    { "no name", { .id = "thing" }, { { "required", "/name" } } },
    { "an empty name", { .id = "thing", .name = "" }, { { "required", "/name" } } },
    { "a name of 201 characters", { .id = "thing", .name = TWO_HUNDRED "1" }, { { "too_long", "/name" } } },
    { "a long description", { THING, .description = long_description }, { { "too_long", "/description" } } },
    { "a price below 0", { THING, .price = -1 }, { { "out_of_range", "/price" } } },
    { "a price above the limit", { THING, .price = ORDER_AMOUNT_MAX + 1 }, { { "out_of_range", "/price" } } },
    { "a tax below 0", { THING, .tax_rate_bp = -1 }, { { "out_of_range", "/tax_rate_bp" } } },
    { "a tax above 100 %", { THING, .tax_rate_bp = 10001 }, { { "out_of_range", "/tax_rate_bp" } } },
    { "an empty station", { THING, .station = "" }, { { "required", "/station" } } },
    { "a station that is no slug", { THING, .station = "The Grill" }, { { "slug_invalid", "/station" } } },
    { "an empty allergen", { THING, .allergens = (const char *[]){ "milk", "" }, .allergen_count = 2 },
      { { "required", "/allergens/1" } } },
    { "too many allergens", { THING, .allergens = many_allergens, .allergen_count = MENU_ALLERGENS_MAX + 1 },
      { { "too_many", "/allergens" } } },
    { "too many groups", { THING, .groups = many_groups, .group_count = MENU_GROUPS_MAX + 1 },
      { { "too_many", "/option_groups" } } },
    { "too many options", { THING, GROUPS({ "g", "G", 0, 1, many_options, MENU_OPTIONS_MAX + 1 }) },
      { { "too_many", "/option_groups/0/options" } } },
    { "a group without id and name", { THING, GROUPS({ NULL, NULL, 0, 1, MENU_OPTIONS_OF(OPTION("o")) }) },
      { { "required", "/option_groups/0/id" }, { "required", "/option_groups/0/name" } } },
    { "a minimum below 0", { THING, GROUPS({ "g", "G", -1, 1, MENU_OPTIONS_OF(OPTION("o")) }) },
      { { "out_of_range", "/option_groups/0/min" } } },
    { "a maximum nobody can order", { THING, GROUPS({ "g", "G", 0, 1000, MENU_OPTIONS_OF(OPTION("o")) }) },
      { { "out_of_range", "/option_groups/0/max" } } },
    { "a minimum above the maximum", { THING, GROUPS({ "g", "G", 2, 1, MENU_OPTIONS_OF(OPTION("o")) }) },
      { { "min_above_max", "/option_groups/0/min" } } },
    { "a minimum out of reach", { THING, GROUPS({ "g", "G", 1, 1, NULL, 0 }) },
      { { "min_unreachable", "/option_groups/0/min" } } },
    { "a group without options that asks for none", { THING, GROUPS({ "g", "G", 0, 1, NULL, 0 }) }, { { NULL } } },
    { "an option without id and name", { THING, GROUPS({ "g", "G", 0, 1, MENU_OPTIONS_OF(OPTION("o"), { NULL }) }) },
      { { "required", "/option_groups/0/options/1/id" }, { "required", "/option_groups/0/options/1/name" } } },
    { "an option that takes off too much",
      { THING, GROUPS({ "g", "G", 0, 1, MENU_OPTIONS_OF({ "o", "O", -ORDER_AMOUNT_MAX - 1, true }) }) },
      { { "out_of_range", "/option_groups/0/options/0/price" } } },
    { "an option twice in a group", { THING, GROUPS({ "g", "G", 0, 1, MENU_OPTIONS_OF(OPTION("o"), OPTION("o")) }) },
      { { "id_repeated", "/option_groups/0/options/1/id" } } },
    { "an option in two groups",
      { THING, GROUPS({ "g", "G", 0, 1, MENU_OPTIONS_OF(OPTION("p"), OPTION("o")) },
                      { "h", "H", 0, 1, MENU_OPTIONS_OF(OPTION("o")) }) },
      { { "id_repeated", "/option_groups/1/options/0/id" } } },
    { "an option three times",
      { THING, GROUPS({ "g", "G", 0, 1, MENU_OPTIONS_OF(OPTION("o"), OPTION("p"), OPTION("o"), OPTION("o")) }) },
      { { "id_repeated", "/option_groups/0/options/2/id" }, { "id_repeated", "/option_groups/0/options/3/id" } } },
    { "a group twice",
      { THING, GROUPS({ "g", "G", 0, 1, NULL, 0 }, { "h", "H", 0, 1, NULL, 0 }, { "g", "G", 0, 1, NULL, 0 }) },
      { { "id_repeated", "/option_groups/2/id" } } },
    { "everything at once",
      { .name = TWO_HUNDRED "1", .price = -1, .tax_rate_bp = 10001,
        GROUPS({ "g", "", 3, 2, MENU_OPTIONS_OF({ "o", "", 0, true }, { "o", "O", 0, true }) },
               { "g", "G", 1, 1, NULL, 0 }) },
      { { "required", "/id" }, { "too_long", "/name" }, { "out_of_range", "/price" },
        { "out_of_range", "/tax_rate_bp" },
        { "required", "/option_groups/0/name" }, { "min_above_max", "/option_groups/0/min" },
        { "required", "/option_groups/0/options/0/name" }, { "min_unreachable", "/option_groups/1/min" },
        { "id_repeated", "/option_groups/1/id" }, { "id_repeated", "/option_groups/0/options/1/id" } } },
};

static int fill_the_big_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(many_groups); i++) {
        many_groups[i] = (struct menu_group){ .id = "g", .name = "G" };
    }
    for (size_t i = 0; i < ZP_COUNT(many_options); i++) {
        snprintf(many_ids[i], sizeof(many_ids[i]), "o%zu", i);
        many_options[i] = (struct menu_option)OPTION(many_ids[i]);
    }
    for (size_t i = 0; i < ZP_COUNT(many_allergens); i++) {
        many_allergens[i] = "milk";
    }
    memset(long_description, 'x', sizeof(long_description) - 1);
    return 0;
}

static void items_are_checked(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct reason_list faults = { .count = 0 };
        assert_int_equal(menu_item_check(&rows[i].item, "", &arena, &faults), ZP_OK);
        expect_reasons(rows[i].name, faults.items, faults.count, rows[i].faults);
    }
    arena_finish(&arena);
}

static struct menu_item many_items[MENU_ITEMS_MAX + 1];
static struct menu_item twins[] = { { THING }, { .id = "other", .name = "Other" }, { .name = "Nameless" }, { THING },
                                    { .name = "Nameless" }, { THING } };
static struct menu_item one_bad[] = { { THING }, { .id = "other", .name = "Other", .price = -1,
                                                   GROUPS({ "g", "G", 1, 1, NULL, 0 }) } };

static const struct { const char *name; struct menu menu; const char *pointer; struct expected faults[6]; } menus[] = {
    { "an empty menu", { 0 }, "", { { NULL } } },
    { "the menu of the tests", { 0 }, "/menu", { { NULL } } }, /* filled in below */
    { "too many items", { .items = many_items, .item_count = ZP_COUNT(many_items) }, "/menu",
      { { "too_many", "/menu/items" } } },
    { "one id three times, two without any", { .items = twins, .item_count = ZP_COUNT(twins) }, "",
      { { "required", "/items/2/id" }, { "required", "/items/4/id" }, { "id_repeated", "/items/3/id" },
        { "id_repeated", "/items/5/id" } } },
    { "pointers have the prefix", { .items = one_bad, .item_count = ZP_COUNT(one_bad) }, "/menu",
      { { "out_of_range", "/menu/items/1/price" },
        { "min_unreachable", "/menu/items/1/option_groups/0/min" } } },
};

static void menus_are_checked(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ZP_COUNT(menus); i++) {
        struct reason_list faults = { .count = 0 };
        const struct menu *menu = i == 1 ? &MENU : &menus[i].menu;
        assert_int_equal(menu_check(menu, menus[i].pointer, &arena, &faults), ZP_OK);
        expect_reasons(menus[i].name, faults.items, faults.count, menus[i].faults);
    }
    arena_finish(&arena);
}

static void faults_end_at_the_ceiling_and_take_no_more_memory(void **state)
{
    struct arena arena;
    struct reason_list faults = { .count = 0 };
    size_t used;

    (void)state;
    arena_init(&arena, ARENA_BYTES);
    const struct menu nameless = { .items = many_items, .item_count = MENU_ITEMS_MAX };
    assert_int_equal(menu_check(&nameless, "", &arena, &faults), ZP_OK);
    assert_int_equal(faults.count, ORDER_REASONS_MAX);
    assert_string_equal(faults.items[ORDER_REASONS_MAX - 1].pointer, "/items/31/name");
    used = arena.used_bytes;
    assert_true(used < ORDER_REASONS_MAX * 256 + MENU_ITEMS_MAX * 64 * 3);
    assert_int_equal(location_settings_check(&SETTINGS, "", &arena, &faults), ZP_OK);
    assert_int_equal(location_settings_check(&(struct location_settings){ 0 }, "", &arena, &faults), ZP_OK);
    assert_int_equal(faults.count, ORDER_REASONS_MAX);
    assert_int_equal(arena.used_bytes, used);
    arena_finish(&arena);
}

/* The pointer's buffer is bounded; a silly prefix is cut, not followed past its end. */
static void a_very_long_prefix_is_cut(void **state)
{
    struct arena arena;
    struct reason_list faults = { .count = 0 };

    (void)state;
    arena_init(&arena, ARENA_BYTES);
    assert_int_equal(menu_check(&(struct menu){ .items = one_bad, .item_count = 2 }, long_description, &arena, &faults),
                     ZP_OK);
    assert_int_equal(faults.count, 2);
    assert_true(strlen(faults.items[1].pointer) < 300);
    arena_finish(&arena);
}

static const struct settings_row {
    const char *name;
    struct location_settings settings;
    struct expected faults[5];
} settings_rows[] = {
    { "settings at their least", { .name = "x", .currency = "JPY" }, { { NULL } } },
    { "settings at their most",
      { .name = TWO_HUNDRED, .currency = "EUR", .prep_minutes = 1440, .delivery_fee = ORDER_AMOUNT_MAX },
      { { NULL } } },
    { "no name", { .currency = "EUR" }, { { "required", "/name" } } },
    { "a long name", { .name = TWO_HUNDRED "1", .currency = "EUR" }, { { "too_long", "/name" } } },
    { "no currency", { .name = "x" }, { { "currency_invalid", "/currency" } } },
    { "a currency in small letters", { .name = "x", .currency = "eur" }, { { "currency_invalid", "/currency" } } },
    { "a currency of two letters", { .name = "x", .currency = "EU" }, { { "currency_invalid", "/currency" } } },
    { "a currency of four letters", { .name = "x", .currency = "EURO" }, { { "currency_invalid", "/currency" } } },
    { "preparation below 0", { .name = "x", .currency = "EUR", .prep_minutes = -1 },
      { { "out_of_range", "/prep_minutes" } } },
    { "preparation for more than a day", { .name = "x", .currency = "EUR", .prep_minutes = 1441 },
      { { "out_of_range", "/prep_minutes" } } },
    { "a fee below 0", { .name = "x", .currency = "EUR", .delivery_fee = -1 },
      { { "out_of_range", "/delivery_fee" } } },
    { "everything at once", { .name = "", .prep_minutes = INT64_MIN, .delivery_fee = INT64_MAX },
      { { "required", "/name" }, { "currency_invalid", "/currency" }, { "out_of_range", "/prep_minutes" },
        { "out_of_range", "/delivery_fee" } } },
};

static void settings_are_checked(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ZP_COUNT(settings_rows); i++) {
        struct reason_list faults = { .count = 0 };
        assert_int_equal(location_settings_check(&settings_rows[i].settings, "", &arena, &faults), ZP_OK);
        expect_reasons(settings_rows[i].name, faults.items, faults.count, settings_rows[i].faults);
    }
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_checked),
        cmocka_unit_test(menus_are_checked),
        cmocka_unit_test(faults_end_at_the_ceiling_and_take_no_more_memory),
        cmocka_unit_test(a_very_long_prefix_is_cut),
        cmocka_unit_test(settings_are_checked),
    };
    return cmocka_run_group_tests(tests, fill_the_big_ones, NULL);
}
