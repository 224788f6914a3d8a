/* test_model.c: thousands of random commands against one location, and after each what must be true whatever happened.
 *
 * The model knows the rules a second time, written as plainly as possible and without the room's own functions: which
 * moves are legal, what an order comes to, which tickets are open. The seed is fixed, so a failure comes back. */
#include "fixture.h"

#include <string.h>

#define COMMANDS 6000
#define ORDERS_MAX COMMANDS

struct known { struct order order; struct arena arena; };

static struct known orders[ORDERS_MAX];
static size_t order_count;
static uint64_t random_state;
static size_t applied, rejected, refused;

/* xorshift64*: the same numbers on every machine. */
static uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (random_state * 0x2545f4914f6cdd1d >> 33) % limit;
}

static bool one_in(uint64_t n)
{
    return random_below(n) == 0;
}

/* ---- the rules a second time --------------------------------------------------------------------------- */

static int64_t round_half_up(__int128 numerator, __int128 denominator)
{
    return (int64_t)((2 * numerator + denominator) / (2 * denominator));
}

static int64_t price_in(const struct menu_item *item, const char *option_id)
{
    for (size_t g = 0; g < item->group_count; g++) {
        for (size_t o = 0; o < item->groups[g].option_count; o++) {
            if (strcmp(item->groups[g].options[o].id, option_id) == 0) {
                return item->groups[g].options[o].price;
            }
        }
    }
    fail_msg("no option %s", option_id);
    return 0;
}

static const struct menu_item *item_in(const struct menu *menu, const char *id)
{
    for (size_t i = 0; i < menu->item_count; i++) {
        if (strcmp(menu->items[i].id, id) == 0) {
            return &menu->items[i];
        }
    }
    fail_msg("no item %s", id);
    return NULL;
}

/* A good order's figures from what was asked for and the menu alone. */
static void expect_figures(const struct location *loc, const struct placement *placement, const struct order *order)
{
    __int128 subtotal = 0;
    int64_t tax = 0;

    for (size_t i = 0; i < placement->line_count; i++) {
        const struct placement_line *line = &placement->lines[i];
        const struct menu_item *item = item_in(&loc->menu, line->item_id);
        __int128 unit = item->price;
        for (size_t o = 0; o < line->option_count; o++) {
            unit += (__int128)price_in(item, line->options[o].option_id) * line->options[o].quantity;
        }
        __int128 total = unit * line->quantity, rate = item->tax_rate_bp;
        subtotal += total;
        tax += round_half_up(total * rate, loc->settings.prices_include_tax ? 10000 + rate : 10000);
        assert_int_equal(order->lines[i].total, (int64_t)total);
    }
    int64_t fee = placement->type == ORDER_TYPE_DELIVERY ? loc->settings.delivery_fee : 0;
    assert_int_equal(order->subtotal, (int64_t)subtotal);
    assert_int_equal(order->tax, tax);
    assert_int_equal(order->fee, fee);
    assert_int_equal(order->tip, placement->tip);
    assert_int_equal(order->total,
                     (int64_t)subtotal + fee + placement->tip + (loc->settings.prices_include_tax ? 0 : tax));
}

static bool is_open(enum order_state s)
{
    return s == ORDER_PLACED || s == ORDER_ACCEPTED || s == ORDER_PREPARING || s == ORDER_READY;
}

static void expect_board(const struct location *loc)
{
    int64_t count = 0, number = 0;
    uint64_t hash = 0;

    for (size_t i = 0; i < order_count; i++) {
        const struct order *order = &orders[i].order;
        if (is_open(order->status)) {
            count++;
            hash ^= board_ticket_hash(&order->id, order->version);
        }
        number = order->number > number ? order->number : number;
    }
    assert_int_equal(loc->open_count, count);
    assert_int_equal(loc->open_hash, hash);
    assert_int_equal(loc->last_number, number);
}

/* ---- commands at random ------------------------------------------------------------------------------------ */

static struct actor random_actor(const struct zp_id *owner)
{
    static const struct { enum actor_role role; const struct zp_id *user, *location; } people[] = {
        { ROLE_CUSTOMER, &ANNA, NULL },   { ROLE_CUSTOMER, &BERT, NULL },  { ROLE_KITCHEN, &BERT, &HERE },
        { ROLE_KITCHEN, &BERT, &HERE },   { ROLE_MANAGER, &BERT, &HERE },  { ROLE_MANAGER, &ANNA, &ELSEWHERE },
        { ROLE_ADMIN, &BERT, &HERE },     { ROLE_SYSTEM, &ID_NONE, NULL },
    };
    size_t i = random_below(ZP_COUNT(people));

    return actor_of(people[i].role, owner != NULL && one_in(3) ? owner : people[i].user, people[i].location);
}

static struct placement_option options[3][3];
static struct placement_line lines[3];

/* Lines that this menu takes, whatever its prices; bread alone takes an option off its price. */
static struct placement good_placement(void)
{
    static const char *const extras[] = { "cheese", "bacon", "no-onion" };
    struct placement placement = { .lines = lines, .line_count = 1 + random_below(3), .expected_total = AMOUNT_ABSENT };

    for (size_t i = 0; i < placement.line_count; i++) {
        lines[i] = (struct placement_line){ .quantity = 1 + (int64_t)random_below(20), .options = options[i] };
        lines[i].item_id = one_in(2) ? "burger" : one_in(2) ? "cola" : "bread";
        if (strcmp(lines[i].item_id, "burger") == 0) {
            options[i][0] = (struct placement_option){ one_in(2) ? "fries" : "salad", 1 };
            options[i][1] = (struct placement_option){ extras[random_below(3)], 1 + (int64_t)random_below(2) };
            lines[i].option_count = 1 + random_below(2);
        }
    }
    placement.type = (enum order_type)random_below(ORDER_TYPE_COUNT);
    placement.customer.address = placement.type == ORDER_TYPE_DELIVERY ? "Here 1" : NULL;
    placement.tip = (int64_t)random_below(500);
    return placement;
}

/* The same with one thing wrong. */
static struct placement bad_placement(void)
{
    struct placement placement = good_placement();
    struct placement_line *line = &lines[random_below(placement.line_count)];

    switch (random_below(8)) {
    case 0: line->item_id = "pizza"; break;
    case 1: line->item_id = "soup"; break;
    case 2: line->quantity = 0; break;
    case 3: *line = (struct placement_line){ .item_id = "burger", .quantity = 1 }; break;
    case 4: placement.tip = -1; break;
    case 5: placement.expected_total = 1; break;
    case 6: placement.line_count = 0; break;
    case 7: placement.type = ORDER_TYPE_DELIVERY; placement.customer.address = NULL; break;
    }
    return placement;
}

static struct order *remember(const struct order *order)
{
    struct known *known = &orders[order_count++];

    arena_init(&known->arena, ARENA_BYTES);
    assert_int_equal(order_copy(order, &known->arena, &known->order), ZP_OK);
    return &known->order;
}

static void replace(struct known *known, const struct order *order)
{
    struct arena old = known->arena;

    arena_init(&known->arena, ARENA_BYTES);
    assert_int_equal(order_copy(order, &known->arena, &known->order), ZP_OK);
    arena_finish(&old);
}

static void place(struct location *loc, int64_t at, struct arena *arena)
{
    bool good = !one_in(4);
    struct placement placement = good ? good_placement() : bad_placement();
    struct command cmd = place_command(random_actor(NULL), &placement);
    struct decision decision = decide_ok(loc, NULL, &cmd, at, arena);

    assert_int_equal(decision.err, good ? ZP_OK : ZP_INVALID);
    assert_true(decision.has_event);
    if (good) {
        expect_figures(loc, &placement, &decision.event.order);
        assert_int_equal(decision.event.order.number, loc->last_number + 1);
        assert_int_equal(decision.event.order.status, loc->settings.auto_accept ? ORDER_ACCEPTED : ORDER_PLACED);
    }
    assert_int_equal(decision.event.order.version, 1);
    assert_int_equal(evolve(loc, NULL, &decision.event), ZP_OK);
    remember(&decision.event.order);
    applied += good;
    rejected += !good;
}

static const struct { enum command_type cmd; enum event_type event; } steps[] = {
    { CMD_ORDER_CANCEL, EV_ORDER_CANCELLED },     { CMD_ORDER_ACCEPT, EV_ORDER_ACCEPTED },
    { CMD_ORDER_REJECT, EV_ORDER_REJECTED },      { CMD_ORDER_START, EV_ORDER_STARTED },
    { CMD_ORDER_READY, EV_ORDER_READIED },        { CMD_ORDER_COMPLETE, EV_ORDER_COMPLETED },
    { CMD_ORDER_RECALL, EV_ORDER_RECALLED },
};

/* What the outcome of a step must be, in the order in which refusals go. */
static enum zp_err expected_outcome(const struct order *order, const struct command *cmd, enum event_type event)
{
    bool staff = cmd->actor.role == ROLE_SYSTEM ||
                 (cmd->actor.role >= ROLE_KITCHEN && id_equal(&cmd->actor.locations[0], &HERE));
    bool owner = !id_is_none(&order->owner) && id_equal(&order->owner, &cmd->actor.user_id);

    if (!staff && !owner) {
        return ZP_NOT_FOUND;
    }
    if (!staff && cmd->type != CMD_ORDER_CANCEL) {
        return ZP_FORBIDDEN;
    }
    if (cmd->if_match != AMOUNT_ABSENT && cmd->if_match != order->version) {
        return ZP_STALE;
    }
    return move_expected(order->status, event) == ORDER_NONE ? ZP_CONFLICT : ZP_OK;
}

static void step(struct location *loc, int64_t at, struct arena *arena)
{
    size_t recent = order_count < 30 ? order_count : 30; /* old ones are mostly finished */
    struct known *known = &orders[order_count - 1 - random_below(one_in(8) ? order_count : recent)];
    struct order before = known->order;
    size_t s = random_below(ZP_COUNT(steps));
    struct command cmd = command_of(steps[s].cmd, random_actor(&before.owner));

    cmd.order_id = before.id;
    cmd.if_match = one_in(4) ? before.version - (int64_t)random_below(2) : AMOUNT_ABSENT;
    struct decision decision = decide_ok(loc, &before, &cmd, at, arena);
    assert_int_equal(decision.err, expected_outcome(&before, &cmd, steps[s].event));
    assert_int_equal(decision.has_event, decision.err == ZP_OK);
    if (decision.err != ZP_OK) {
        assert_true(decision.reasons.count >= 1);
        refused++;
        return;
    }
    const struct order *after = &decision.event.order;
    assert_int_equal(after->status, move_expected(before.status, steps[s].event));
    assert_int_equal(after->version, before.version + 1);
    assert_int_equal(after->total, before.total);
    assert_int_equal(after->number, before.number);
    assert_true(after->updated_at >= before.updated_at);
    assert_int_equal(evolve(loc, &before, &decision.event), ZP_OK);
    replace(known, after);
    applied++;
}

static void edit(struct location *loc, int64_t at, struct arena *arena)
{
    struct command cmd = command_of(CMD_LOCATION_SET, actor_of(ROLE_SYSTEM, &ID_NONE, NULL));
    struct menu_item items[8];

    memcpy(items, MENU.items, MENU.item_count * sizeof(items[0]));
    for (size_t i = 0; i < MENU.item_count; i++) {
        items[i].price += (int64_t)random_below(1000);
        items[i].tax_rate_bp = (int64_t)random_below(2500);
    }
    cmd.settings = SETTINGS;
    cmd.settings.auto_accept = one_in(2);
    cmd.settings.prices_include_tax = one_in(2);
    cmd.settings.delivery_fee = (int64_t)random_below(900);
    cmd.menu = (struct menu){ .items = items, .item_count = MENU.item_count };
    cmd.item = items[random_below(MENU.item_count)];
    cmd.type = (enum command_type)(CMD_LOCATION_SET + random_below(3));
    int64_t version = loc->menu.version + (cmd.type != CMD_LOCATION_SET);
    apply_ok(loc, NULL, &cmd, at, arena);
    assert_int_equal(loc->menu.version, version);
    assert_int_equal(loc->menu.item_count, MENU.item_count);
    applied++;
}

static void whatever_happens_the_location_adds_up(void **state)
{
    struct location loc;
    struct arena arena;
    int64_t at = AT;

    (void)state;
    random_state = 0x5eed5eed5eed5eed;
    restaurant_open(&loc);
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < COMMANDS; i++) {
        int64_t seq = loc.seq;
        size_t events = applied + rejected;
        at += (int64_t)random_below(2000000) - 500000; /* a log's clock may go back */
        uint64_t kind = random_below(100);
        if (kind < 4) {
            edit(&loc, at, &arena);
        } else if (kind < 24 || order_count == 0) {
            place(&loc, at, &arena);
        } else {
            step(&loc, at, &arena);
        }
        assert_int_equal(loc.seq - seq, applied + rejected - events); /* one command, at most one event; no gap */
        if (i % 50 == 0) {
            expect_board(&loc);
            arena_reset(&arena);
        }
    }
    expect_board(&loc);
    assert_int_equal(loc.seq, 2 + applied + rejected);
    /* It was a fair mixture. */
    assert_true(applied > COMMANDS / 4 && rejected > COMMANDS / 50 && refused > COMMANDS / 4);
    for (size_t i = 0; i < order_count; i++) {
        arena_finish(&orders[i].arena);
    }
    arena_finish(&arena);
    location_finish(&loc);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(whatever_happens_the_location_adds_up) };

    crypto_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
