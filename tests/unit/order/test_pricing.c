/* test_pricing.c: what an order comes to, every fault that stands in the way, and figures made to overflow. */
#include "fixture.h"

#include <string.h>

#define NO_TOTAL .expected_total = AMOUNT_ABSENT
#define PICKUP .type = ORDER_TYPE_PICKUP

static struct order price(const struct location *loc, const struct placement *placement, struct arena *arena,
                          struct reason_list *faults)
{
    struct order order = { .number = 7 };

    faults->count = 0;
    assert_int_equal(order_price(loc, placement, arena, &order, faults), ZP_OK);
    assert_int_equal(order.number, 7); /* not for pricing to touch */
    return order;
}

/* ---- what it comes to -------------------------------------------------------------------------- */

static const struct good {
    const char *name;
    struct placement placement;
    int64_t subtotal, tax, fee, tip, total;
} good[] = {
    { "one cola", { PICKUP, LINES({ "cola", 1 }), NO_TOTAL }, 300, 48, 0, 0, 300 },
    { "options count for each unit",
      { PICKUP, LINES({ "burger", 2, OPTIONS({ "fries", 1 }, { "cheese", 2 }) }), NO_TOTAL }, 3100, 495, 0, 0, 3100 },
    { "the minimum is one for each unit, not one each",
      { PICKUP, LINES({ "burger", 9, OPTIONS({ "fries", 1 }) }), NO_TOTAL }, 11250, 1796, 0, 0, 11250 },
    { "an option may take off",
      { PICKUP, LINES({ "burger", 1, OPTIONS({ "salad", 1 }, { "no-onion", 1 }) }), NO_TOTAL }, 1300, 208, 0, 0, 1300 },
    { "a maximum is still allowed",
      { PICKUP, LINES({ "burger", 1, OPTIONS({ "salad", 1 }, { "cheese", 1 }, { "bacon", 1 }) }), NO_TOTAL },
      1700, 271, 0, 0, 1700 },
    { "tax is rounded for each line",
      { PICKUP, LINES({ "bread", 1 }, { "bread", 1 }, { "bread", 1 }), NO_TOTAL }, 999, 66, 0, 0, 999 },
    { "one line of three has the tax of one line", { PICKUP, LINES({ "bread", 3 }), NO_TOTAL }, 999, 65, 0, 0, 999 },
    { "a delivery has a fee, a tip is on top, neither is taxed",
      { .type = ORDER_TYPE_DELIVERY, LINES({ "cola", 1 }), NO_TOTAL, .tip = 100, .customer = { .address = "Here 1" } },
      300, 48, 350, 100, 750 },
    { "an address alone is no delivery",
      { .type = ORDER_TYPE_DINE_IN, LINES({ "cola", 1 }), NO_TOTAL, .customer = { .address = "Here 1" } },
      300, 48, 0, 0, 300 },
    { "a total that was expected rightly",
      { PICKUP, LINES({ "cola", 2 }), .expected_total = 600 }, 600, 96, 0, 0, 600 },
    { "the largest quantity", { PICKUP, LINES({ "cola", 999 }), NO_TOTAL }, 299700, 47851, 0, 0, 299700 },
};

static void orders_come_to_what_the_menu_says(void **state)
{
    struct location loc;
    struct arena arena;
    struct reason_list faults;

    (void)state;
    restaurant_open(&loc);
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ZP_COUNT(good); i++) {
        struct order order = price(&loc, &good[i].placement, &arena, &faults);
        expect_reasons(good[i].name, faults.items, faults.count, (struct expected[]){ { NULL } });
        if (order.subtotal != good[i].subtotal || order.tax != good[i].tax || order.fee != good[i].fee ||
            order.tip != good[i].tip || order.total != good[i].total || order.discount != 0) {
            fail_msg("%s: subtotal %ld, tax %ld, fee %ld, tip %ld, total %ld", good[i].name, order.subtotal, order.tax,
                     order.fee, order.tip, order.total);
        }
        assert_string_equal(order.currency, "EUR");
    }
    arena_finish(&arena);
    location_finish(&loc);
}

static void a_line_carries_what_the_menu_says_of_it(void **state)
{
    struct location loc;
    struct arena arena;
    struct reason_list faults;
    const struct placement placement = {
        PICKUP, NO_TOTAL,
        LINES({ "cola", 1 }, { "burger", 2, OPTIONS({ "fries", 1 }, { "cheese", 2 }), .note = "no salt" }),
    };

    (void)state;
    restaurant_open(&loc);
    arena_init(&arena, ARENA_BYTES);
    struct order order = price(&loc, &placement, &arena, &faults);
    location_finish(&loc); /* the order must not need it any more */
    assert_int_equal(order.line_count, 2);
    const struct order_line *cola = &order.lines[0], *burger = &order.lines[1];
    assert_int_equal(cola->line, 1);
    assert_string_equal(cola->name, "Cola");
    assert_null(cola->station);
    assert_null(cola->note);
    assert_int_equal(cola->option_count, 0);
    assert_int_equal(burger->line, 2);
    assert_string_equal(burger->item_id, "burger");
    assert_string_equal(burger->name, "Burger");
    assert_string_equal(burger->station, "grill");
    assert_string_equal(burger->note, "no salt");
    assert_int_equal(burger->quantity, 2);
    assert_int_equal(burger->unit_price, 1250);
    assert_int_equal(burger->tax_rate_bp, 1900);
    assert_int_equal(burger->total, 3100);
    assert_int_equal(burger->status, LINE_NEW);
    assert_int_equal(burger->option_count, 2);
    assert_string_equal(burger->options[1].option_id, "cheese");
    assert_string_equal(burger->options[1].name, "Cheese");
    assert_int_equal(burger->options[1].price, 150);
    assert_int_equal(burger->options[1].quantity, 2);
    arena_finish(&arena);
}

static const struct taxed { const char *name; int64_t price, rate_bp; bool included; int64_t tax; } taxed[] = {
    { "nothing of nothing",                      0,     1900,  false, 0 },
    { "no rate, no tax",                         100,   0,     true,  0 },
    { "19 % within",                             119,   1900,  true,  19 },
    { "7 % within",                              107,   700,   true,  7 },
    { "19 % on top",                             100,   1900,  false, 19 },
    { "just below a half goes down",             49,    100,   false, 0 },
    { "a half goes up",                          50,    100,   false, 1 },
    { "a half goes up from an odd number",       150,   100,   false, 2 },
    { "a half goes up from an even number too",  250,   100,   false, 3 },
    { "a half within goes up",                   1,     10000, true,  1 },
    { "another half within",                     3,     10000, true,  2 },
    { "an odd divisor has no half",              1000,  1075,  true,  97 },
    { "the most there can be, within", ORDER_AMOUNT_MAX, 10000, true, ORDER_AMOUNT_MAX / 2 },
};

static void tax_is_rounded_half_away_from_zero(void **state)
{
    struct location loc;
    struct arena arena;
    struct reason_list faults;
    const struct placement placement = { PICKUP, LINES({ "thing", 1 }), NO_TOTAL };

    (void)state;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ZP_COUNT(taxed); i++) {
        struct menu_item item = { .id = "thing", .name = "Thing", .price = taxed[i].price, .available = true,
                                  .tax_rate_bp = taxed[i].rate_bp };
        struct location_settings settings = SETTINGS;
        settings.prices_include_tax = taxed[i].included;
        restaurant_force(&loc, &settings, &(struct menu){ .items = &item, .item_count = 1 });
        struct order order = price(&loc, &placement, &arena, &faults);
        int64_t total = taxed[i].price + (taxed[i].included ? 0 : taxed[i].tax);
        if (faults.count != 0 || order.tax != taxed[i].tax || order.total != total) {
            fail_msg("%s: tax %ld, total %ld", taxed[i].name, order.tax, order.total);
        }
        location_finish(&loc);
    }
    arena_finish(&arena);
}

/* ---- what stands in the way ---------------------------------------------------------------------- */

static struct placement_option many_options[ORDER_LINE_OPTIONS_MAX + 1];
static struct placement_line many_lines[ORDER_LINES_MAX + 1];

static const struct bad { const char *name; struct placement placement; struct expected faults[12]; } bad[] = {
    { "no lines", { PICKUP, NO_TOTAL }, { { "required", "/lines" } } },
    { "too many lines", { PICKUP, NO_TOTAL, .lines = many_lines, .line_count = ZP_COUNT(many_lines) },
      { { "too_many", "/lines" } } },
    { "an unknown item", { PICKUP, LINES({ "pizza", 1 }), NO_TOTAL }, { { "item_unknown", "/lines/0/item_id" } } },
    { "an item's name is not its id", { PICKUP, LINES({ "Cola", 1 }), NO_TOTAL },
      { { "item_unknown", "/lines/0/item_id" } } },
    { "a sold out item", { PICKUP, LINES({ "soup", 1 }), NO_TOTAL }, { { "item_unavailable", "/lines/0/item_id" } } },
    { "quantity 0", { PICKUP, LINES({ "cola", 0 }), NO_TOTAL }, { { "out_of_range", "/lines/0/quantity" } } },
    { "quantity below 0", { PICKUP, LINES({ "cola", -1 }), NO_TOTAL }, { { "out_of_range", "/lines/0/quantity" } } },
    { "quantity 1000", { PICKUP, LINES({ "cola", 1000 }), NO_TOTAL }, { { "out_of_range", "/lines/0/quantity" } } },
    { "a huge quantity", { PICKUP, LINES({ "cola", INT64_MAX }), NO_TOTAL },
      { { "out_of_range", "/lines/0/quantity" } } },
    { "an option of an item without any", { PICKUP, LINES({ "cola", 1, OPTIONS({ "ice", 1 }) }), NO_TOTAL },
      { { "option_unknown", "/lines/0/options/0/option_id" } } },
    { "an option of another item",
      { PICKUP, LINES({ "burger", 1, OPTIONS({ "fries", 1 }, { "butter", 1 }) }), NO_TOTAL },
      { { "option_unknown", "/lines/0/options/1/option_id" } } },
    { "a sold out option", { PICKUP, LINES({ "burger", 1, OPTIONS({ "fries", 1 }, { "truffle", 1 }) }), NO_TOTAL },
      { { "option_unavailable", "/lines/0/options/1/option_id" } } },
    { "an option twice",
      { PICKUP, LINES({ "burger", 1, OPTIONS({ "fries", 1 }, { "cheese", 1 }, { "cheese", 1 }) }), NO_TOTAL },
      { { "option_repeated", "/lines/0/options/2/option_id" } } },
    { "an unknown option twice",
      { PICKUP, LINES({ "bread", 1, OPTIONS({ "jam", 1 }, { "jam", 1 }) }), NO_TOTAL },
      { { "option_unknown", "/lines/0/options/0/option_id" }, { "option_repeated", "/lines/0/options/1/option_id" } } },
    { "option quantity 0", { PICKUP, LINES({ "burger", 1, OPTIONS({ "fries", 1 }, { "cheese", 0 }) }), NO_TOTAL },
      { { "out_of_range", "/lines/0/options/1/quantity" } } },
    { "a huge option quantity", { PICKUP, LINES({ "bread", 1, OPTIONS({ "butter", INT64_MAX }) }), NO_TOTAL },
      { { "out_of_range", "/lines/0/options/0/quantity" } } },
    { "too many options",
      { PICKUP, NO_TOTAL, LINES({ "burger", 1, .options = many_options, .option_count = ZP_COUNT(many_options) }) },
      { { "too_many", "/lines/0/options" } } },
    { "too many options of an unknown item",
      { PICKUP, NO_TOTAL, LINES({ "pizza", 1, .options = many_options, .option_count = ZP_COUNT(many_options) }) },
      { { "too_many", "/lines/0/options" }, { "item_unknown", "/lines/0/item_id" } } },
    { "below the minimum", { PICKUP, LINES({ "burger", 1 }), NO_TOTAL },
      { { "options_below_min", "/lines/0/options" } } },
    { "above the maximum by one option's quantity",
      { PICKUP, LINES({ "burger", 1, OPTIONS({ "fries", 2 }) }), NO_TOTAL },
      { { "options_above_max", "/lines/0/options" } } },
    { "above the maximum by two options",
      { PICKUP, LINES({ "burger", 1, OPTIONS({ "fries", 1 }, { "salad", 1 }) }), NO_TOTAL },
      { { "options_above_max", "/lines/0/options" } } },
    { "one group above, another below",
      { PICKUP, LINES({ "burger", 1, OPTIONS({ "cheese", 2 }, { "bacon", 1 }) }), NO_TOTAL },
      { { "options_above_max", "/lines/0/options" }, { "options_below_min", "/lines/0/options" } } },
    { "a line below 0", { PICKUP, LINES({ "bread", 1, OPTIONS({ "butter", 1 }) }), NO_TOTAL },
      { { "amount_negative", "/lines/0" } } },
    { "a tip below 0", { PICKUP, LINES({ "cola", 1 }), NO_TOTAL, .tip = -1 }, { { "amount_negative", "/tip" } } },
    { "a tip for a castle", { PICKUP, LINES({ "cola", 1 }), NO_TOTAL, .tip = ORDER_AMOUNT_MAX + 1 },
      { { "amount_too_large", "/tip" } } },
    { "a tip that takes the total too far", { PICKUP, LINES({ "cola", 1 }), NO_TOTAL, .tip = ORDER_AMOUNT_MAX },
      { { "amount_too_large", "/lines" } } },
    { "a delivery to nowhere", { .type = ORDER_TYPE_DELIVERY, LINES({ "cola", 1 }), NO_TOTAL },
      { { "address_required", "/customer/address" } } },
    { "a delivery to an empty address",
      { .type = ORDER_TYPE_DELIVERY, LINES({ "cola", 1 }), NO_TOTAL, .customer = { .address = "" } },
      { { "address_required", "/customer/address" } } },
    { "one too little expected", { PICKUP, LINES({ "cola", 2 }), .expected_total = 599 },
      { { "total_mismatch", "/expected_total" } } },
    { "nothing expected", { PICKUP, LINES({ "cola", 2 }), .expected_total = 0 },
      { { "total_mismatch", "/expected_total" } } },
    { "the price of a sold out item is known",
      { PICKUP, LINES({ "soup", 1 }), .expected_total = 699 },
      { { "item_unavailable", "/lines/0/item_id" }, { "total_mismatch", "/expected_total" } } },
    { "the price of an unknown item is not", { PICKUP, LINES({ "pizza", 1 }), .expected_total = 699 },
      { { "item_unknown", "/lines/0/item_id" } } },
    { "nor what comes before a good line", { PICKUP, LINES({ "pizza", 1 }, { "cola", 1 }), .expected_total = 699 },
      { { "item_unknown", "/lines/0/item_id" } } },
    { "nor that of an unknown option", { PICKUP, LINES({ "cola", 1, OPTIONS({ "ice", 1 }) }), .expected_total = 299 },
      { { "option_unknown", "/lines/0/options/0/option_id" } } },
    { "nor that of a good option after it",
      { PICKUP, LINES({ "bread", 2, OPTIONS({ "jam", 1 }, { "butter", 0 }) }), .expected_total = 299 },
      { { "option_unknown", "/lines/0/options/0/option_id" }, { "out_of_range", "/lines/0/options/1/quantity" } } },
    { "nor that of a bad option before a good one",
      { PICKUP, LINES({ "burger", 1, OPTIONS({ "ham", 1 }, { "fries", 1 }) }), .expected_total = 299 },
      { { "option_unknown", "/lines/0/options/0/option_id" } } },
    { "nor that of an option twice",
      { PICKUP, LINES({ "burger", 1, OPTIONS({ "salad", 1 }, { "salad", 1 }) }), .expected_total = 299 },
      { { "option_repeated", "/lines/0/options/1/option_id" } } },
    { "nor that of no option at all",
      { PICKUP, LINES({ "burger", 1, OPTIONS({ "fries", 1 }, { "cheese", 0 }) }), .expected_total = 299 },
      { { "out_of_range", "/lines/0/options/1/quantity" } } },
    { "nor that of too many lines",
      { PICKUP, .lines = many_lines, .line_count = ZP_COUNT(many_lines), .expected_total = 9 },
      { { "too_many", "/lines" } } },
    { "nor that of too many options", { PICKUP, .expected_total = 299,
        LINES({ "cola", 1, .options = many_options, .option_count = ZP_COUNT(many_options) }) },
      { { "too_many", "/lines/0/options" } } },
    { "nor that of a line below 0", { PICKUP, LINES({ "bread", 1, OPTIONS({ "butter", 1 }) }), .expected_total = 299 },
      { { "amount_negative", "/lines/0" } } },
    { "nor what a wrong tip comes to", { PICKUP, LINES({ "cola", 1 }), .expected_total = 299, .tip = -1 },
      { { "amount_negative", "/tip" } } },
    { "nor what nothing costs", { PICKUP, .expected_total = 299 }, { { "required", "/lines" } } },
    { "everything at once",
      { .type = ORDER_TYPE_DELIVERY, .tip = -5, NO_TOTAL,
        LINES({ "cola", 0, OPTIONS({ "ice", 1 }) }, { "pizza", 1 }, { "soup", 1 },
              { "burger", 1, OPTIONS({ "salad", 2 }, { "salad", 1 }, { "truffle", 3 }) },
              { "bread", 1, OPTIONS({ "butter", 1 }) }) },
      { { "out_of_range", "/lines/0/quantity" }, { "option_unknown", "/lines/0/options/0/option_id" },
        { "item_unknown", "/lines/1/item_id" }, { "item_unavailable", "/lines/2/item_id" },
        { "option_repeated", "/lines/3/options/1/option_id" }, { "option_unavailable", "/lines/3/options/2/option_id" },
        { "options_above_max", "/lines/3/options" }, { "options_above_max", "/lines/3/options" },
        { "amount_negative", "/lines/4" }, { "address_required", "/customer/address" },
        { "amount_negative", "/tip" } } },
};

static void every_fault_is_found_with_its_pointer(void **state)
{
    struct location loc;
    struct arena arena;
    struct reason_list faults;

    (void)state;
    for (size_t i = 0; i < ZP_COUNT(many_options); i++) {
        many_options[i] = (struct placement_option){ "fries", 1 };
    }
    for (size_t i = 0; i < ZP_COUNT(many_lines); i++) {
        many_lines[i] = (struct placement_line){ "cola", 1 };
    }
    restaurant_open(&loc);
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ZP_COUNT(bad); i++) {
        price(&loc, &bad[i].placement, &arena, &faults);
        expect_reasons(bad[i].name, faults.items, faults.count, bad[i].faults);
    }
    arena_finish(&arena);
    location_finish(&loc);
}

static void faults_are_appended_and_end_at_the_ceiling(void **state)
{
    struct location loc;
    struct arena arena;
    struct reason_list faults = { .count = 0 };
    struct order order;
    struct placement placement = { PICKUP, NO_TOTAL, .lines = many_lines, .line_count = ORDER_LINES_MAX };

    (void)state;
    for (size_t i = 0; i < ZP_COUNT(many_lines); i++) {
        many_lines[i] = (struct placement_line){ "pizza", 1 };
    }
    restaurant_open(&loc);
    arena_init(&arena, ARENA_BYTES);
    reason_add(&faults, "earlier", NULL, "found before");
    assert_int_equal(order_price(&loc, &placement, &arena, &order, &faults), ZP_OK);
    assert_int_equal(faults.count, ORDER_REASONS_MAX);
    assert_string_equal(faults.items[0].code, "earlier");
    assert_string_equal(faults.items[1].pointer, "/lines/0/item_id");
    assert_string_equal(faults.items[ORDER_REASONS_MAX - 1].pointer, "/lines/62/item_id");
    reason_add(&faults, "later", NULL, "dropped");
    assert_int_equal(faults.count, ORDER_REASONS_MAX);
    assert_string_equal(faults.items[ORDER_REASONS_MAX - 1].code, "item_unknown");
    arena_finish(&arena);
    location_finish(&loc);
}

static void a_mismatch_names_both_figures(void **state)
{
    struct location loc;
    struct arena arena;
    struct reason_list faults;
    const struct placement placement = { PICKUP, LINES({ "cola", 2 }), .expected_total = 599 };

    (void)state;
    restaurant_open(&loc);
    arena_init(&arena, ARENA_BYTES);
    price(&loc, &placement, &arena, &faults);
    assert_non_null(strstr(faults.items[0].detail, "599"));
    assert_non_null(strstr(faults.items[0].detail, "600"));
    arena_finish(&arena);
    location_finish(&loc);
}

static void what_is_known_is_filled_in_beside_the_faults(void **state)
{
    struct location loc;
    struct arena arena;
    struct reason_list faults;
    const struct placement placement = {
        .type = ORDER_TYPE_DELIVERY, NO_TOTAL, .tip = 50,
        LINES({ "pizza", 2, OPTIONS({ "ham", 3 }), .note = "hot" }, { "cola", 2 }, { "soup", 1 }),
    };

    (void)state;
    restaurant_open(&loc);
    arena_init(&arena, ARENA_BYTES);
    struct order order = price(&loc, &placement, &arena, &faults);
    assert_int_equal(order.line_count, 3);
    assert_string_equal(order.lines[0].name, "pizza"); /* nothing better is known */
    assert_string_equal(order.lines[0].note, "hot");
    assert_int_equal(order.lines[0].total, 0);
    assert_int_equal(order.lines[0].option_count, 1);
    assert_string_equal(order.lines[0].options[0].name, "ham");
    assert_int_equal(order.lines[0].options[0].quantity, 3);
    assert_int_equal(order.lines[2].total, 700);
    assert_int_equal(order.subtotal, 1300);
    assert_int_equal(order.tax, 96 + 46);
    assert_int_equal(order.total, 1300 + 350 + 50);
    arena_finish(&arena);
    location_finish(&loc);
}

/* ---- figures that no check lets in ------------------------------------------------------------------ */

static const struct huge {
    const char *name;
    int64_t price, option_price, rate_bp, fee;
    bool included;
    struct placement placement;
    struct expected faults[3];
} huge[] = {
    { "a line at the limit", ORDER_AMOUNT_MAX, 0, 0, 0, true, { PICKUP, LINES({ "thing", 1 }), NO_TOTAL },
      { { NULL } } },
    { "a line beyond it", ORDER_AMOUNT_MAX, 0, 0, 0, true, { PICKUP, LINES({ "thing", 2 }), .expected_total = 1 },
      { { "amount_too_large", "/lines/0" } } },
    { "two lines beyond it together", ORDER_AMOUNT_MAX, 0, 0, 0, true,
      { PICKUP, LINES({ "thing", 1 }, { "thing", 1 }), NO_TOTAL }, { { "amount_too_large", "/lines" } } },
    { "tax on top goes beyond it", ORDER_AMOUNT_MAX, 0, 10000, 0, false, { PICKUP, LINES({ "thing", 1 }), NO_TOTAL },
      { { "amount_too_large", "/lines" } } },
    { "a quantity that overflows", INT64_MAX, 0, 0, 0, true, { PICKUP, LINES({ "thing", 2 }), NO_TOTAL },
      { { "amount_too_large", "/lines/0" } } },
    { "an option whose product overflows", 1, INT64_MAX, 0, 0, true,
      { PICKUP, LINES({ "thing", 1, OPTIONS({ "extra", 2 }) }), .expected_total = 3 },
      { { "amount_too_large", "/lines/0/options/0" } } },
    { "an option whose sum overflows", INT64_MAX, 1, 0, 0, true,
      { PICKUP, LINES({ "thing", 1, OPTIONS({ "extra", 1 }) }), NO_TOTAL },
      { { "amount_too_large", "/lines/0/options/0" } } },
    { "an option that takes off beyond the least", 0, INT64_MIN, 0, 0, true,
      { PICKUP, LINES({ "thing", 1, OPTIONS({ "extra", 2 }) }), NO_TOTAL },
      { { "amount_too_large", "/lines/0/options/0" } } },
    { "a price below 0", -1, 0, 0, 0, true, { PICKUP, LINES({ "thing", 1 }), NO_TOTAL },
      { { "amount_negative", "/lines/0" } } },
    { "a fee that overflows", 1, 0, 0, INT64_MAX, true,
      { .type = ORDER_TYPE_DELIVERY, LINES({ "thing", 1 }), NO_TOTAL, .customer = { .address = "Here 1" } },
      { { "amount_too_large", "/lines" } } },
    { "a rate below 0 is not for sale", 100, 0, -10000, 0, true, { PICKUP, LINES({ "thing", 1 }), .expected_total = 1 },
      { { "item_unavailable", "/lines/0/item_id" } } },
    { "a rate beyond 100 % is not for sale", 100, 0, INT64_MAX, 0, false, { PICKUP, LINES({ "thing", 1 }), NO_TOTAL },
      { { "item_unavailable", "/lines/0/item_id" } } },
};

static void no_sum_wraps(void **state)
{
    struct location loc;
    struct arena arena;
    struct reason_list faults;

    (void)state;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ZP_COUNT(huge); i++) {
        struct menu_option option = { "extra", "Extra", huge[i].option_price, true };
        struct menu_group group = { "extras", "Extras", 0, 9, &option, 1 };
        struct menu_item item = { .id = "thing", .name = "Thing", .price = huge[i].price, .available = true,
                                  .tax_rate_bp = huge[i].rate_bp, .groups = &group, .group_count = 1 };
        struct location_settings settings = SETTINGS;
        settings.prices_include_tax = huge[i].included;
        settings.delivery_fee = huge[i].fee;
        restaurant_force(&loc, &settings, &(struct menu){ .items = &item, .item_count = 1 });
        struct order order = price(&loc, &huge[i].placement, &arena, &faults);
        expect_reasons(huge[i].name, faults.items, faults.count, huge[i].faults);
        assert_in_range(order.total, 0, ORDER_AMOUNT_MAX);
        location_finish(&loc);
    }
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_come_to_what_the_menu_says),
        cmocka_unit_test(a_line_carries_what_the_menu_says_of_it),
        cmocka_unit_test(tax_is_rounded_half_away_from_zero),
        cmocka_unit_test(every_fault_is_found_with_its_pointer),
        cmocka_unit_test(faults_are_appended_and_end_at_the_ceiling),
        cmocka_unit_test(a_mismatch_names_both_figures),
        cmocka_unit_test(what_is_known_is_filled_in_beside_the_faults),
        cmocka_unit_test(no_sum_wraps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
