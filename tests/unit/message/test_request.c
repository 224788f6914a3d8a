/* Steps, logins, restaurant files, and the database's documents. */
#include "support.h"

#define TEXT_100 "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
#define TEXT_500 TEXT_100 TEXT_100 TEXT_100 TEXT_100 TEXT_100
#define TEXT_256 TEXT_100 TEXT_100 "12345678901234567890123456789012345678901234567890123456"
#define TEXT_254 TEXT_100 TEXT_100 "123456789012345678901234567890123456789012345678901234"

struct row {
    const char *name, *body;
    enum zp_err err;
    const char *faults[8]; /* "code pointer" each */
};

/* ---- steps ----------------------------------------------------------------------------------------------- */

static void steps(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "nothing",            "",                                  ZP_OK,        { NULL } },
        { "an empty object",    "{}",                                ZP_OK,        { NULL } },
        { "a reason",           "{\"reason\":\"as asked\"}",         ZP_OK,        { NULL } },
        { "no reason",          "{\"reason\":null}",                 ZP_OK,        { NULL } },
        { "an empty reason",    "{\"reason\":\"\"}",                 ZP_OK,        { NULL } },
        { "white space alone",  "  ",                                ZP_MALFORMED, { "malformed_json " } },
        { "a list",             "[]",                                ZP_INVALID,   { "wrong_type " } },
        { "null",               "null",                              ZP_INVALID,   { "wrong_type " } },
        { "a number",           "{\"reason\":1}",                    ZP_INVALID,   { "wrong_type /reason" } },
        { "a long reason",      "{\"reason\":\"" TEXT_500 "1\"}",    ZP_INVALID,   { "too_long /reason" } },
        { "another field",      "{\"Reason\":\"x\",\"status\":1}",   ZP_INVALID,
          { "unknown_field /Reason", "unknown_field /status" } },
        { "a reason twice",     "{\"reason\":\"a\",\"reason\":\"b\"}", ZP_MALFORMED, { "duplicate_key /reason" } },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct reason_list faults = { .count = 0 };
        const char *reason = "untouched";
        enum zp_err err = message_step_parse(rows[i].body, strlen(rows[i].body), &arena, &reason, &faults);

        expect_faults(rows[i].name, &faults, rows[i].faults);
        if (err != rows[i].err || (err != ZP_OK && strcmp(reason, "untouched") != 0)) {
            fail_msg("%s: %s", rows[i].name, zp_err_name(err));
        }
    }
}

static void a_step_keeps_its_reason(void **state)
{
    (void)state;
    struct reason_list faults = { .count = 0 };
    const char *reason = NULL;

    assert_int_equal(message_step_parse("{\"reason\":\"as asked\"}", 21, &arena, &reason, &faults), ZP_OK);
    assert_string_equal(reason, "as asked");
    assert_int_equal(message_step_parse(NULL, 0, &arena, &reason, &faults), ZP_OK);
    assert_null(reason);
}

/* ---- logins ------------------------------------------------------------------------------------------------ */

static void logins(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "a login",              "{\"email\":\"a@b\",\"password\":\"x\"}",                     ZP_OK, { NULL } },
        { "the longest email",    "{\"email\":\"" TEXT_254 "\",\"password\":\"x\"}",            ZP_OK, { NULL } },
        { "the longest password", "{\"email\":\"a@b\",\"password\":\"" TEXT_256 "\"}",          ZP_OK, { NULL } },
        { "any character in a password", "{\"email\":\"a@b\",\"password\":\"a\\u0001\\r€\"}",   ZP_OK, { NULL } },
        { "a password of 257 bytes", "{\"email\":\"a@b\",\"password\":\"" TEXT_256 "1\"}",      ZP_INVALID,
          { "too_long /password" } },
        { "bytes, not characters", "{\"email\":\"a@b\",\"password\":\"" TEXT_254 "€\"}",        ZP_INVALID,
          { "too_long /password" } },
        { "an email of 255",      "{\"email\":\"" TEXT_254 "1\",\"password\":\"x\"}",           ZP_INVALID,
          { "too_long /email" } },
        { "an email of 2",        "{\"email\":\"a@\",\"password\":\"x\"}",                      ZP_INVALID,
          { "too_short /email" } },
        { "an empty password",    "{\"email\":\"a@b\",\"password\":\"\"}",                      ZP_INVALID,
          { "too_short /password" } },
        { "a control character in an email", "{\"email\":\"a@b\\u0007\",\"password\":\"x\"}",   ZP_INVALID,
          { "bad_text /email" } },
        { "nothing",              "{}", ZP_INVALID, { "required /email", "required /password" } },
        { "numbers",              "{\"email\":1,\"password\":2}", ZP_INVALID,
          { "wrong_type /email", "wrong_type /password" } },
        { "more than asked for",  "{\"email\":\"a@b\",\"password\":\"x\",\"role\":\"admin\"}",  ZP_INVALID,
          { "unknown_field /role" } },
        { "a NUL in a password",  "{\"email\":\"a@b\",\"password\":\"a\\u0000b\"}",             ZP_MALFORMED,
          { "nul /password" } },
        { "no body",              "", ZP_MALFORMED, { "malformed_json " } },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct reason_list faults = { .count = 0 };
        struct credentials credentials = { .email = "untouched" };
        enum zp_err err = message_login_parse(rows[i].body, strlen(rows[i].body), &arena, &credentials, &faults);

        expect_faults(rows[i].name, &faults, rows[i].faults);
        if (err != rows[i].err || (err != ZP_OK) != (strcmp(credentials.email, "untouched") == 0)) {
            fail_msg("%s: %s", rows[i].name, zp_err_name(err));
        }
        for (size_t f = 0; f < faults.count; f++) { /* never the password itself */
            assert_null(strstr(faults.items[f].detail, "12345"));
        }
    }
}

/* ---- restaurant files ----------------------------------------------------------------------------------------- */

#define SETTINGS "\"name\":\"Zur Post\",\"currency\":\"EUR\",\"prices_include_tax\":true"
#define MENU(item) "{\"menu\":{\"items\":[{" item "}]}}"

static void restaurants(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "neither part", "{}", ZP_OK, { NULL } },
        { "a location alone", "{\"location\":{" SETTINGS "}}", ZP_OK, { NULL } },
        { "with its id", "{\"location\":{\"location_id\":\"0193f0a1-5c3e-8711-9abc-def012345602\"," SETTINGS "}}",
          ZP_OK, { NULL } },
        { "an empty menu", "{\"menu\":{\"items\":[]}}", ZP_OK, { NULL } },
        { "the least item", MENU("\"id\":\"a\",\"name\":\"A\",\"price\":0"), ZP_OK, { NULL } },
        { "an option that is a discount",
          MENU("\"id\":\"a\",\"name\":\"A\",\"price\":0,\"option_groups\":[{\"id\":\"g\","
          "\"name\":\"G\",\"options\":[{\"id\":\"o\",\"name\":\"O\",\"price\":-50}]}]"), ZP_OK, { NULL } },
        { "a menu with its version", "{\"menu\":{\"version\":3,\"items\":[]}}", ZP_OK, { NULL } },

        { "no settings", "{\"location\":{}}", ZP_INVALID,
          { "required /location/name", "required /location/currency", "required /location/prices_include_tax" } },
        { "an id of the file's own", "{\"location\":{\"location_id\":\"demo\"," SETTINGS "}}", ZP_INVALID,
          { "not_a_uuid /location/location_id" } },
        { "a long currency", "{\"location\":{\"name\":\"A\",\"currency\":\"EURO\",\"prices_include_tax\":false}}",
          ZP_INVALID,
          { "too_long /location/currency" } },
        { "two days to prepare", "{\"location\":{" SETTINGS ",\"prep_minutes\":2880}}", ZP_INVALID,
          { "out_of_range /location/prep_minutes" } },
        { "a truth in words", "{\"location\":{" SETTINGS ",\"auto_accept\":\"yes\"}}", ZP_INVALID,
          { "wrong_type /location/auto_accept" } },
        { "no items", "{\"menu\":{}}", ZP_INVALID, { "required /menu/items" } },
        { "items at the top", "{\"items\":[]}", ZP_INVALID, { "unknown_field /items" } },
        { "an empty item", MENU(""), ZP_INVALID,
          { "required /menu/items/0/id", "required /menu/items/0/name", "required /menu/items/0/price" } },
        { "a price in money", MENU("\"id\":\"a\",\"name\":\"A\",\"price\":12.50"), ZP_INVALID,
          { "not_an_integer /menu/items/0/price" } },
        { "a price below 0", MENU("\"id\":\"a\",\"name\":\"A\",\"price\":-1"), ZP_INVALID,
          { "out_of_range /menu/items/0/price" } },
        { "an id in capitals", MENU("\"id\":\"A\",\"name\":\"A\",\"price\":1"), ZP_INVALID,
          { "not_a_slug /menu/items/0/id" } },
        { "an empty name", MENU("\"id\":\"a\",\"name\":\"\",\"price\":1"), ZP_INVALID,
          { "too_short /menu/items/0/name" } },
        { "more tax than price", MENU("\"id\":\"a\",\"name\":\"A\",\"price\":1,\"tax_rate_bp\":10001"), ZP_INVALID,
          { "out_of_range /menu/items/0/tax_rate_bp" } },
        { "allergens as a word", MENU("\"id\":\"a\",\"name\":\"A\",\"price\":1,\"allergens\":\"milk\""), ZP_INVALID,
          { "wrong_type /menu/items/0/allergens" } },
        { "an allergen that is null", MENU("\"id\":\"a\",\"name\":\"A\",\"price\":1,\"allergens\":[null]"), ZP_INVALID,
          { "wrong_type /menu/items/0/allergens/0" } },
        { "an allergen of 65 letters", MENU("\"id\":\"a\",\"name\":\"A\",\"price\":1,\"allergens\":["
          "\"12345678901234567890123456789012345678901234567890123456789012345\"]"), ZP_INVALID,
          { "too_long /menu/items/0/allergens/0" } },
        { "an option without a name", MENU("\"id\":\"a\",\"name\":\"A\",\"price\":1,\"option_groups\":[{\"id\":\"g\","
          "\"name\":\"G\",\"options\":[{\"id\":\"o\"}]}]"), ZP_INVALID,
          { "required /menu/items/0/option_groups/0/options/0/name" } },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct reason_list faults = { .count = 0 };
        struct restaurant restaurant = { .location_id = { { 42 } } };
        enum zp_err err = message_restaurant_parse(rows[i].body, strlen(rows[i].body), &arena, &restaurant, &faults);

        expect_faults(rows[i].name, &faults, rows[i].faults);
        if (err != rows[i].err || (err != ZP_OK) != (restaurant.location_id.bytes[0] == 42)) {
            fail_msg("%s: %s", rows[i].name, zp_err_name(err));
        }
    }
}

static void a_restaurant_file_fills_settings_and_menu(void **state)
{
    (void)state;
    static const char file[] =
        "{\"location\":{\"location_id\":\"0193f0a1-5c3e-8711-9abc-def012345602\",\"name\":\"Zur Post\","
        "\"currency\":\"EUR\","
        "\"prices_include_tax\":true,\"auto_accept\":true,\"prep_minutes\":20,\"delivery_fee\":350},"
        "\"menu\":{\"items\":[{\"id\":\"burger\",\"name\":\"Käse-Burger\",\"description\":\"With \\\"everything\\\"\","
        "\"price\":1250,\"tax_rate_bp\":1900,\"station\":\"grill\",\"allergens\":[\"gluten\",\"milk\"],"
        "\"option_groups\":["
        "{\"id\":\"toppings\",\"name\":\"Toppings\",\"min\":0,\"max\":2,\"options\":[{\"id\":\"extra-cheese\","
        "\"name\":\"Extra cheese\",\"price\":150},{\"id\":\"no_onion\",\"name\":\"Ohne Zwiebeln 🧅\",\"price\":-50,"
        "\"available\":false}]}]},{\"id\":\"water\",\"name\":\"Water\",\"price\":200,\"tax_rate_bp\":700,"
        "\"available\":false}]}}";
    struct restaurant restaurant;
    struct reason_list faults = { .count = 0 };

    assert_int_equal(message_restaurant_parse(file, sizeof(file) - 1, &arena, &restaurant, &faults), ZP_OK);
    assert_true(restaurant.has_settings && restaurant.has_menu);
    assert_true(id_equal(&restaurant.location_id, &sample_command(CMD_MENU_SET)->location_id));
    assert_true(thing_same(&location_settings_thing, VARIANT_ANY, &sample_command(CMD_LOCATION_SET)->settings,
                           &restaurant.settings));
    assert_true(thing_same(&menu_thing, VARIANT_ANY, &sample_command(CMD_MENU_SET)->menu, &restaurant.menu));
}

static void what_a_file_leaves_out_has_its_default(void **state)
{
    (void)state;
    static const char file[] = "{\"location\":{" SETTINGS "},\"menu\":{\"items\":[{\"id\":\"a\",\"name\":\"A\","
        "\"price\":1,"
                               "\"option_groups\":[{\"id\":\"g\",\"name\":\"G\",\"options\":[{\"id\":\"o\","
                               "\"name\":\"O\"}]}]}]}}";
    struct restaurant restaurant;
    struct reason_list faults = { .count = 0 };

    assert_int_equal(message_restaurant_parse(file, sizeof(file) - 1, &arena, &restaurant, &faults), ZP_OK);
    assert_true(id_is_none(&restaurant.location_id));
    assert_false(restaurant.settings.auto_accept);
    assert_int_equal(restaurant.settings.prep_minutes, 15);
    assert_int_equal(restaurant.settings.delivery_fee, 0);
    const struct menu_item *item = &restaurant.menu.items[0];
    assert_int_equal(restaurant.menu.version, 0);
    assert_true(item->available);
    assert_null(item->description);
    assert_null(item->station);
    assert_int_equal(item->tax_rate_bp, 0);
    assert_int_equal(item->allergen_count, 0);
    assert_int_equal(item->groups[0].min, 0);
    assert_int_equal(item->groups[0].max, 1);
    assert_int_equal(item->groups[0].options[0].price, 0);
    assert_true(item->groups[0].options[0].available);
}

static void a_part_that_is_not_in_the_file_is_not_there(void **state)
{
    (void)state;
    static const struct { const char *file; bool has_settings, has_menu; } rows[] = {
        { "{}", false, false },
        { "{\"menu\":null,\"location\":null}", false, false },
        { "{\"menu\":{\"items\":[]}}", false, true },
        { "{\"location\":{" SETTINGS "}}", true, false },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct restaurant restaurant;
        struct reason_list faults = { .count = 0 };

        assert_int_equal(message_restaurant_parse(rows[i].file, strlen(rows[i].file), &arena, &restaurant, &faults),
                         ZP_OK);
        assert_int_equal(restaurant.has_settings, rows[i].has_settings);
        assert_int_equal(restaurant.has_menu, rows[i].has_menu);
    }
}

/* ---- the database's documents: there and back ---------------------------------------------------------- */

static void documents_come_back_as_they_were(void **state)
{
    (void)state;
    const struct menu *menu = &sample_event(EV_MENU_SET)->menu;
    const struct location_settings *settings = &sample_event(EV_LOCATION_SET)->settings;
    const struct order *order = &sample_event(EV_ORDER_REJECTED)->order;
    struct menu read_menu;
    struct location_settings read_settings;
    struct reason_doc reasons;
    struct option_doc options;
    struct buffer doc;

    buffer_init(&doc, MESSAGE_BODY_BYTES_MAX);
    message_menu_doc_json(menu, &doc);
    assert_int_equal(message_menu_doc_parse(doc.data, doc.len, &arena, &read_menu), ZP_OK);
    assert_true(thing_same(&menu_thing, VARIANT_ANY, menu, &read_menu));

    buffer_reset(&doc);
    message_settings_json(settings, &doc);
    assert_int_equal(message_settings_parse(doc.data, doc.len, &arena, &read_settings), ZP_OK);
    assert_true(thing_same(&location_settings_thing, VARIANT_ANY, settings, &read_settings));

    buffer_reset(&doc);
    message_reasons_json(order->reasons, order->reason_count, &doc);
    assert_int_equal(message_reasons_parse(doc.data, doc.len, &arena, &reasons.reasons, &reasons.reason_count), ZP_OK);
    assert_int_equal(reasons.reason_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(thing_same(&reason_thing, VARIANT_ANY, &order->reasons[i], &reasons.reasons[i]));
    }

    buffer_reset(&doc);
    message_options_json(order->lines[0].options, order->lines[0].option_count, &doc);
    assert_int_equal(message_options_parse(doc.data, doc.len, &arena, &options.options, &options.option_count), ZP_OK);
    assert_int_equal(options.option_count, 1);
    assert_true(thing_same(&order_option_thing, VARIANT_ANY, &order->lines[0].options[0], &options.options[0]));
    buffer_finish(&doc);
}

static void empty_lists_come_back_empty(void **state)
{
    (void)state;
    struct reason_doc reasons = { .reason_count = 42 };
    struct option_doc options = { .option_count = 42 };
    struct buffer doc;

    buffer_init(&doc, 64);
    message_reasons_json(NULL, 0, &doc);
    expect_text(&doc, "[]");
    assert_int_equal(message_reasons_parse(doc.data, doc.len, &arena, &reasons.reasons, &reasons.reason_count), ZP_OK);
    assert_int_equal(reasons.reason_count, 0);
    assert_int_equal(message_options_parse("[]", 2, &arena, &options.options, &options.option_count), ZP_OK);
    assert_int_equal(options.option_count, 0);
    buffer_finish(&doc);
}

static void bad_documents_are_refused(void **state)
{
    (void)state;
    static const struct { const char *doc; enum zp_err err; } rows[] = {
        { "", ZP_MALFORMED }, { "[", ZP_MALFORMED }, { "[}", ZP_MALFORMED }, { "{}", ZP_INVALID },
          { "null", ZP_INVALID },
        { "[1]", ZP_INVALID }, { "[{}]", ZP_INVALID }, { "[{\"x\":1}]", ZP_INVALID },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct reason_doc reasons = { .reason_count = 42 };
        struct option_doc options = { .option_count = 42 };
        struct menu menu = { .version = 42 };
        struct location_settings settings = { .prep_minutes = 42 };
        const char *doc = rows[i].doc;
        size_t len = strlen(doc);

        assert_int_equal(message_reasons_parse(doc, len, &arena, &reasons.reasons, &reasons.reason_count), rows[i].err);
        assert_int_equal(message_options_parse(doc, len, &arena, &options.options, &options.option_count), rows[i].err);
        assert_int_equal(message_menu_doc_parse(doc, len, &arena, &menu), rows[i].err);
        assert_int_equal(message_settings_parse(doc, len, &arena, &settings), rows[i].err);
        assert_int_equal(reasons.reason_count, 42);
        assert_int_equal(options.option_count, 42);
        assert_int_equal(menu.version, 42);
        assert_int_equal(settings.prep_minutes, 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(steps),
        test(a_step_keeps_its_reason),
        test(logins),
        test(restaurants),
        test(a_restaurant_file_fills_settings_and_menu),
        test(what_a_file_leaves_out_has_its_default),
        test(a_part_that_is_not_in_the_file_is_not_there),
        test(documents_come_back_as_they_were),
        test(empty_lists_come_back_empty),
        test(bad_documents_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
