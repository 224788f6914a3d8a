/* fixture.c: owns the restaurant of the order room's tests, and comparisons field by field. */
#include "fixture.h"

#include <string.h>

const struct move LEGAL_MOVES[] = {
    { ORDER_SUBMITTED, EV_ORDER_PLACED,    ORDER_PLACED },
    { ORDER_SUBMITTED, EV_ORDER_REJECTED,  ORDER_REJECTED },
    { ORDER_PLACED,    EV_ORDER_ACCEPTED,  ORDER_ACCEPTED },
    { ORDER_PLACED,    EV_ORDER_REJECTED,  ORDER_REJECTED },
    { ORDER_PLACED,    EV_ORDER_CANCELLED, ORDER_CANCELLED },
    { ORDER_PLACED,    EV_ORDER_EXPIRED,   ORDER_EXPIRED },
    { ORDER_ACCEPTED,  EV_ORDER_STARTED,   ORDER_PREPARING },
    { ORDER_ACCEPTED,  EV_ORDER_CANCELLED, ORDER_CANCELLED },
    { ORDER_PREPARING, EV_ORDER_READIED,   ORDER_READY },
    { ORDER_READY,     EV_ORDER_RECALLED,  ORDER_PREPARING },
    { ORDER_READY,     EV_ORDER_COMPLETED, ORDER_COMPLETED },
};
const size_t LEGAL_MOVE_COUNT = ZP_COUNT(LEGAL_MOVES);

enum order_state move_expected(enum order_state from, enum event_type event)
{
    for (size_t i = 0; i < LEGAL_MOVE_COUNT; i++) {
        if (LEGAL_MOVES[i].from == from && LEGAL_MOVES[i].event == event) {
            return LEGAL_MOVES[i].to;
        }
    }
    return ORDER_NONE;
}

const struct zp_id HERE = { { 0xa0, 1 } }, ELSEWHERE = { { 0xa0, 2 } };
const struct zp_id ANNA = { { 0xb0, 1 } }, BERT = { { 0xb0, 2 } };

static struct menu_option extras[] = {
    { "cheese", "Cheese", 150, true },
    { "bacon", "Bacon", 200, true },
    { "no-onion", "Without onions", -50, true },
    { "truffle", "Truffle", 900, false },
};
static struct menu_option sides[] = { { "fries", "Fries", 0, true }, { "salad", "Salad", 100, true } };
static struct menu_option spreads[] = { { "butter", "Butter", -400, true } };
static struct menu_group burger_groups[] = {
    { "extras", "Extras", 0, 2, extras, ZP_COUNT(extras) },
    { "side", "Side", 1, 1, sides, ZP_COUNT(sides) },
};
static struct menu_group bread_groups[] = { { "spread", "Spread", 0, 9, spreads, ZP_COUNT(spreads) } };
static const char *burger_allergens[] = { "gluten", "milk" };
static struct menu_item items[] = {
    { .id = "burger", .name = "Burger", .description = "With everything", .price = 1250, .tax_rate_bp = 1900,
      .available = true, .station = "grill",
      .allergens = burger_allergens, .allergen_count = ZP_COUNT(burger_allergens),
      .groups = burger_groups, .group_count = ZP_COUNT(burger_groups) },
    { .id = "cola", .name = "Cola", .price = 300, .tax_rate_bp = 1900, .available = true },
    { .id = "soup", .name = "Soup", .price = 700, .tax_rate_bp = 700, .available = false, .station = "grill" },
    { .id = "bread", .name = "Bread", .price = 333, .tax_rate_bp = 700, .available = true,
      .groups = bread_groups, .group_count = ZP_COUNT(bread_groups) },
};
const struct menu MENU = { .version = 1, .items = items, .item_count = ZP_COUNT(items) };

const struct location_settings SETTINGS = {
    .name = "Chez Anna", .currency = "EUR", .prices_include_tax = true, .auto_accept = false, .prep_minutes = 20,
    .delivery_fee = 350,
};

struct zp_id id_of(uint32_t number)
{
    struct zp_id id = { { 0xc0 } };

    memcpy(&id.bytes[12], &number, sizeof(number));
    return id;
}

struct actor actor_of(enum actor_role role, const struct zp_id *user, const struct zp_id *location)
{
    struct actor actor = { .user_id = *user, .role = role };

    if (location != NULL) {
        actor.locations[0] = *location;
        actor.location_count = 1;
    }
    return actor;
}

struct command command_of(enum command_type type, struct actor actor)
{
    static uint32_t count;

    struct zp_id id = id_of(0x40000000 + ++count);
    return (struct command){ .id = id, .location_id = HERE, .type = type, .actor = actor, .if_match = AMOUNT_ABSENT };
}

struct command place_command(struct actor actor, const struct placement *placement)
{
    struct command cmd = command_of(CMD_ORDER_PLACE, actor);

    cmd.order_id = cmd.id;
    memset(cmd.fingerprint, 0x5a, sizeof(cmd.fingerprint));
    cmd.placement = *placement;
    return cmd;
}

struct placement small_placement(void)
{
    static struct placement_line line = { .item_id = "cola", .quantity = 1 };

    return (struct placement){
        .type = ORDER_TYPE_PICKUP, .lines = &line, .line_count = 1, .expected_total = AMOUNT_ABSENT,
    };
}

void restaurant_open(struct location *loc)
{
    struct arena arena;
    struct command settings = command_of(CMD_LOCATION_SET, actor_of(ROLE_SYSTEM, &ID_NONE, NULL));
    struct command menu = command_of(CMD_MENU_SET, actor_of(ROLE_SYSTEM, &ID_NONE, NULL));

    settings.settings = SETTINGS;
    menu.menu = MENU;
    location_init(loc, &HERE);
    arena_init(&arena, ARENA_BYTES);
    apply_ok(loc, NULL, &settings, AT, &arena);
    apply_ok(loc, NULL, &menu, AT, &arena);
    arena_finish(&arena);
}

void restaurant_force(struct location *loc, const struct location_settings *settings, const struct menu *menu)
{
    location_init(loc, &HERE);
    assert_int_equal(location_settings_copy(settings, &loc->arena, &loc->settings), ZP_OK);
    assert_int_equal(menu_copy(menu, &loc->arena, &loc->menu), ZP_OK);
    loc->seq = 2;
}

struct decision decide_ok(const struct location *loc, const struct order *order, const struct command *cmd, int64_t at,
                          struct arena *arena)
{
    struct decision decision;

    assert_int_equal(decide(loc, order, cmd, at, arena, &decision), ZP_OK);
    return decision;
}

struct event apply_ok(struct location *loc, const struct order *order, const struct command *cmd, int64_t at,
                      struct arena *arena)
{
    struct decision decision = decide_ok(loc, order, cmd, at, arena);

    if (decision.err != ZP_OK) {
        fail_msg("%s was refused: %s", COMMAND_WORDS.names[cmd->type], decision.reasons.items[0].code);
    }
    assert_true(decision.has_event);
    assert_int_equal(evolve(loc, order, &decision.event), ZP_OK);
    return decision.event;
}

/* ---- comparing ----------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void expect_reasons(const char *name, const struct reason *reasons, size_t count, const struct expected *expected)
{
    size_t wanted = 0;

    while (expected[wanted].code != NULL) {
        wanted++;
    }
    for (size_t i = 0; i < count || i < wanted; i++) {
        const char *code = i < count ? reasons[i].code : "(none)";
        const char *pointer = i < count ? reasons[i].pointer : "(none)";
        if (i >= wanted) {
            fail_msg("%s: one more reason, %s at %s", name, code, pointer);
        } else if (!same_text(code, expected[i].code) || !same_text(pointer, expected[i].pointer)) {
            fail_msg("%s: reason %zu is %s at %s, not %s at %s", name, i, code, pointer, expected[i].code,
                     expected[i].pointer);
        }
        assert_non_null(reasons[i].detail);
    }
}

void expect_refusal(const char *name, const struct decision *decision, enum zp_err err, const char *code)
{
    if (decision->err != err || decision->has_event || decision->reasons.count != 1 ||
        !same_text(decision->reasons.items[0].code, code) || decision->reasons.items[0].detail == NULL) {
        fail_msg("%s: is %s %s (%zu reasons), not %s %s", name, zp_err_name(decision->err),
                 decision->reasons.count > 0 ? decision->reasons.items[0].code : "", decision->reasons.count,
                 zp_err_name(err), code);
    }
}

#define SAME_INT(a, b, field) assert_int_equal((a)->field, (b)->field)
#define SAME_TEXT(a, b, field) assert_true(same_text((a)->field, (b)->field))
#define SAME_BYTES(a, b, field) assert_memory_equal(&(a)->field, &(b)->field, sizeof((a)->field))

static void expect_same_reasons(const struct reason *a, const struct reason *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        SAME_TEXT(&a[i], &b[i], code);
        SAME_TEXT(&a[i], &b[i], pointer);
        SAME_TEXT(&a[i], &b[i], detail);
    }
}

static void expect_same_line(const struct order_line *a, const struct order_line *b)
{
    SAME_INT(a, b, line);
    SAME_TEXT(a, b, item_id);
    SAME_TEXT(a, b, name);
    SAME_INT(a, b, quantity);
    SAME_INT(a, b, unit_price);
    SAME_INT(a, b, total);
    SAME_INT(a, b, tax_rate_bp);
    SAME_TEXT(a, b, station);
    SAME_INT(a, b, status);
    SAME_TEXT(a, b, note);
    SAME_INT(a, b, option_count);
    for (size_t i = 0; i < a->option_count; i++) {
        SAME_TEXT(&a->options[i], &b->options[i], option_id);
        SAME_TEXT(&a->options[i], &b->options[i], name);
        SAME_INT(&a->options[i], &b->options[i], price);
        SAME_INT(&a->options[i], &b->options[i], quantity);
    }
}

void expect_same_order(const struct order *a, const struct order *b)
{
    SAME_BYTES(a, b, id);
    SAME_BYTES(a, b, location_id);
    SAME_BYTES(a, b, owner);
    SAME_INT(a, b, number);
    SAME_INT(a, b, status);
    SAME_INT(a, b, version);
    SAME_INT(a, b, seq);
    SAME_INT(a, b, type);
    SAME_TEXT(a, b, currency);
    SAME_INT(a, b, subtotal);
    SAME_INT(a, b, discount);
    SAME_INT(a, b, tax);
    SAME_INT(a, b, fee);
    SAME_INT(a, b, tip);
    SAME_INT(a, b, total);
    SAME_INT(a, b, line_count);
    for (size_t i = 0; i < a->line_count; i++) {
        expect_same_line(&a->lines[i], &b->lines[i]);
    }
    SAME_TEXT(a, b, customer.name);
    SAME_TEXT(a, b, customer.phone);
    SAME_TEXT(a, b, customer.address);
    SAME_TEXT(a, b, note);
    SAME_INT(a, b, placed_at);
    SAME_INT(a, b, promised_at);
    SAME_INT(a, b, updated_at);
    SAME_INT(a, b, reason_count);
    expect_same_reasons(a->reasons, b->reasons, a->reason_count);
    SAME_BYTES(a, b, fingerprint);
}

static void expect_same_group(const struct menu_group *a, const struct menu_group *b)
{
    SAME_TEXT(a, b, id);
    SAME_TEXT(a, b, name);
    SAME_INT(a, b, min);
    SAME_INT(a, b, max);
    SAME_INT(a, b, option_count);
    for (size_t i = 0; i < a->option_count; i++) {
        SAME_TEXT(&a->options[i], &b->options[i], id);
        SAME_TEXT(&a->options[i], &b->options[i], name);
        SAME_INT(&a->options[i], &b->options[i], price);
        SAME_INT(&a->options[i], &b->options[i], available);
    }
}

static void expect_same_item(const struct menu_item *a, const struct menu_item *b)
{
    SAME_TEXT(a, b, id);
    SAME_TEXT(a, b, name);
    SAME_TEXT(a, b, description);
    SAME_INT(a, b, price);
    SAME_INT(a, b, tax_rate_bp);
    SAME_INT(a, b, available);
    SAME_TEXT(a, b, station);
    SAME_INT(a, b, allergen_count);
    for (size_t i = 0; i < a->allergen_count; i++) {
        SAME_TEXT(a, b, allergens[i]);
    }
    SAME_INT(a, b, group_count);
    for (size_t i = 0; i < a->group_count; i++) {
        expect_same_group(&a->groups[i], &b->groups[i]);
    }
}

void expect_same_menu(const struct menu *a, const struct menu *b)
{
    SAME_INT(a, b, version);
    SAME_INT(a, b, item_count);
    for (size_t i = 0; i < a->item_count; i++) {
        expect_same_item(&a->items[i], &b->items[i]);
    }
}

void expect_same_event(const struct event *a, const struct event *b)
{
    SAME_INT(a, b, type);
    SAME_INT(a, b, seq);
    SAME_INT(a, b, at);
    SAME_BYTES(a, b, location_id);
    SAME_BYTES(a, b, order_id);
    SAME_BYTES(a, b, command_id);
    SAME_TEXT(a, b, by);
    expect_same_order(&a->order, &b->order);
    SAME_TEXT(a, b, settings.name);
    SAME_TEXT(a, b, settings.currency);
    SAME_INT(a, b, settings.prices_include_tax);
    SAME_INT(a, b, settings.auto_accept);
    SAME_INT(a, b, settings.prep_minutes);
    SAME_INT(a, b, settings.delivery_fee);
    expect_same_menu(&a->menu, &b->menu);
    expect_same_item(&a->item, &b->item);
    SAME_INT(a, b, menu_version);
    SAME_INT(a, b, err);
    SAME_INT(a, b, reason_count);
    expect_same_reasons(a->reasons, b->reasons, a->reason_count);
}
