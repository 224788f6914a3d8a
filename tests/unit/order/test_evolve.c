/* test_evolve.c: what events do to their location, which are not its next one, and the hashes anybody can recompute. */
#include "fixture.h"

#include <string.h>

static struct location loc;
static struct arena arena;

static int open_restaurant(void **state)
{
    (void)state;
    restaurant_open(&loc);
    arena_init(&arena, ARENA_BYTES);
    return 0;
}

static int close_restaurant(void **state)
{
    (void)state;
    arena_finish(&arena);
    location_finish(&loc);
    return 0;
}

#define IN_RESTAURANT(test) cmocka_unit_test_setup_teardown(test, open_restaurant, close_restaurant)

static const struct zp_id TICKET = { { 0xc0, [15] = 0x4d } };

static struct order order_in(enum order_state status, int64_t version)
{
    return (struct order){ .id = TICKET, .location_id = HERE, .status = status, .version = version, .number = 9 };
}

static struct event event_of(enum event_type type, const struct order *after)
{
    return (struct event){ .type = type, .seq = loc.seq + 1, .at = AT, .location_id = HERE, .order_id = after->id,
                           .order = *after };
}

static void a_new_location_is_nothing_yet(void **state)
{
    static const uint8_t zero[HASH_SIZE];
    struct location fresh;

    (void)state;
    location_init(&fresh, &HERE);
    assert_true(id_equal(&fresh.id, &HERE));
    assert_int_equal(fresh.seq, 0);
    assert_int_equal(fresh.last_number, 0);
    assert_int_equal(fresh.open_count, 0);
    assert_int_equal(fresh.open_hash, 0);
    assert_memory_equal(fresh.hash, zero, HASH_SIZE);
    assert_int_equal(fresh.menu.item_count, 0);
    assert_int_equal(fresh.arena.max_bytes, LOCATION_BYTES_MAX);
    location_finish(&fresh);
}

/* One ticket through its life, and what the board says of it. */
static const struct stage {
    const char *name;
    enum event_type event;
    enum order_state status;
    int64_t version;
    bool open;
} life[] = {
    { "placed",    EV_ORDER_PLACED,    ORDER_PLACED,    1, true },
    { "accepted",  EV_ORDER_ACCEPTED,  ORDER_ACCEPTED,  2, true },
    { "started",   EV_ORDER_STARTED,   ORDER_PREPARING, 3, true },
    { "readied",   EV_ORDER_READIED,   ORDER_READY,     4, true },
    { "recalled",  EV_ORDER_RECALLED,  ORDER_PREPARING, 5, true },
    { "readied",   EV_ORDER_READIED,   ORDER_READY,     6, true },
    { "completed", EV_ORDER_COMPLETED, ORDER_COMPLETED, 7, false },
};

static void the_board_follows_a_ticket_through_its_life(void **state)
{
    struct order before = { .version = 0 };
    const uint64_t others = 0x1234;

    (void)state;
    loc.open_count = 3;
    loc.open_hash = others;
    for (size_t i = 0; i < ZP_COUNT(life); i++) {
        struct order after = order_in(life[i].status, life[i].version);
        struct event event = event_of(life[i].event, &after);
        assert_int_equal(evolve(&loc, i == 0 ? NULL : &before, &event), ZP_OK);
        assert_int_equal(loc.seq, 3 + (int64_t)i);
        assert_int_equal(loc.last_number, 9);
        uint64_t mine = life[i].open ? board_ticket_hash(&TICKET, life[i].version) : 0;
        if (loc.open_count != 3 + life[i].open || loc.open_hash != (others ^ mine)) {
            fail_msg("%s: %ld open", life[i].name, loc.open_count);
        }
        before = after;
    }
}

static void an_end_of_any_kind_leaves_the_board(void **state)
{
    static const struct { enum event_type event; enum order_state status; } ends[] = {
        { EV_ORDER_REJECTED, ORDER_REJECTED },
        { EV_ORDER_CANCELLED, ORDER_CANCELLED },
        { EV_ORDER_EXPIRED, ORDER_EXPIRED },
    };

    (void)state;
    for (size_t i = 0; i < ZP_COUNT(ends); i++) {
        struct order before = order_in(ORDER_PLACED, 1), after = order_in(ends[i].status, 2);
        struct event placed = event_of(EV_ORDER_PLACED, &before);
        assert_int_equal(evolve(&loc, NULL, &placed), ZP_OK);
        struct event ended = event_of(ends[i].event, &after);
        assert_int_equal(evolve(&loc, &before, &ended), ZP_OK);
        assert_int_equal(loc.open_count, 0);
        assert_int_equal(loc.open_hash, 0);
    }
}

static void a_rejected_placement_is_never_on_the_board(void **state)
{
    struct order after = order_in(ORDER_REJECTED, 1);

    (void)state;
    after.number = 0;
    loc.last_number = 4;
    struct event event = event_of(EV_ORDER_REJECTED, &after);
    assert_int_equal(evolve(&loc, NULL, &event), ZP_OK);
    assert_int_equal(loc.open_count, 0);
    assert_int_equal(loc.open_hash, 0);
    assert_int_equal(loc.last_number, 4);
    assert_int_equal(loc.seq, 3);
}

static void an_older_number_does_not_take_numbers_back(void **state)
{
    struct order before = order_in(ORDER_PLACED, 1), after = order_in(ORDER_ACCEPTED, 2);

    (void)state;
    loc.last_number = 40;
    struct event event = event_of(EV_ORDER_ACCEPTED, &after);
    assert_int_equal(evolve(&loc, &before, &event), ZP_OK);
    assert_int_equal(loc.last_number, 40);
}

enum twist { SEQ_BEHIND, SEQ_AGAIN, SEQ_AHEAD, OTHER_LOCATION, NO_BEFORE, OTHER_BEFORE, OLD_BEFORE, NEW_BEFORE, REFUSED,
             PARKED, NEW_WITH_BEFORE };

static const struct { const char *name; enum twist twist; } refusals[] = {
    { "an event from before",              SEQ_BEHIND },
    { "the event it had last",             SEQ_AGAIN },
    { "a gap",                             SEQ_AHEAD },
    { "another location's event",          OTHER_LOCATION },
    { "a step without its order",          NO_BEFORE },
    { "a step with another order",         OTHER_BEFORE },
    { "a step with an order too old",      OLD_BEFORE },
    { "a step with the order after it",    NEW_BEFORE },
    { "a refusal",                         REFUSED },
    { "a parking",                         PARKED },
    { "a placement of an order that is",   NEW_WITH_BEFORE },
};

static void what_is_not_the_next_event_changes_nothing(void **state)
{
    (void)state;
    loc.last_number = 2;
    loc.open_count = 1;
    loc.open_hash = 5;
    for (size_t i = 0; i < ZP_COUNT(refusals); i++) {
        struct order before = order_in(ORDER_PLACED, 3), after = order_in(ORDER_ACCEPTED, 4);
        struct event event = event_of(EV_ORDER_ACCEPTED, &after);
        const struct order *given = &before;
        switch (refusals[i].twist) {
        case SEQ_BEHIND:      event.seq = loc.seq - 1; break;
        case SEQ_AGAIN:       event.seq = loc.seq; break;
        case SEQ_AHEAD:       event.seq = loc.seq + 2; break;
        case OTHER_LOCATION:  event.location_id = ELSEWHERE; break;
        case NO_BEFORE:       given = NULL; break;
        case OTHER_BEFORE:    before.id = ANNA; break;
        case OLD_BEFORE:      before.version = 2; break;
        case NEW_BEFORE:      before.version = 4; break;
        case REFUSED:         event.type = EV_COMMAND_REFUSED; break;
        case PARKED:          event.type = EV_COMMAND_PARKED; break;
        case NEW_WITH_BEFORE: event.type = EV_ORDER_PLACED; event.order.version = 1; break;
        }
        struct location was = loc;
        if (evolve(&loc, given, &event) != ZP_INTERNAL) {
            fail_msg("%s was applied", refusals[i].name);
        }
        assert_memory_equal(&loc, &was, sizeof(loc));
    }
}

static void a_refusal_is_not_applied_even_without_a_seq(void **state)
{
    struct location fresh;
    struct event event = { .type = EV_COMMAND_REFUSED, .location_id = HERE, .err = ZP_CONFLICT };

    (void)state;
    location_init(&fresh, &HERE);
    assert_int_equal(evolve(&fresh, NULL, &event), ZP_INTERNAL);
    assert_int_equal(fresh.seq, 0);
    location_finish(&fresh);
}

/* More than a location may hold: the item many times over, each with a text of a mebibyte. */
static void what_does_not_fit_changes_nothing(void **state)
{
    static char megabyte[1024 * 1024 + 1];
    struct menu_item items[9];
    struct event event = { .seq = 3, .location_id = HERE };

    (void)state;
    memset(megabyte, 'x', sizeof(megabyte) - 1);
    for (size_t i = 0; i < ZP_COUNT(items); i++) {
        items[i] = (struct menu_item){ .id = "x", .name = "X", .description = megabyte };
    }
    struct location was = loc;
    event.type = EV_MENU_SET;
    event.menu = (struct menu){ .version = 2, .items = items, .item_count = ZP_COUNT(items) };
    assert_int_equal(evolve(&loc, NULL, &event), ZP_NO_MEMORY);
    assert_memory_equal(&loc, &was, sizeof(loc));
    event.type = EV_MENU_ITEM_SET;
    event.menu_version = 2;
    event.item = (struct menu_item){ .id = "x", .name = "X", .group_count = 100 };
    event.item.groups = arena_array(&arena, 100, sizeof(struct menu_group));
    for (size_t i = 0; i < 100; i++) {
        event.item.groups[i].name = megabyte;
    }
    assert_int_equal(evolve(&loc, NULL, &event), ZP_NO_MEMORY);
    assert_memory_equal(&loc, &was, sizeof(loc));
    event.type = EV_LOCATION_SET;
    event.settings = SETTINGS;
    event.settings.name = megabyte;
    assert_int_equal(evolve(&loc, NULL, &event), ZP_OK); /* fits, for what it is worth */
    assert_string_equal(loc.settings.name, megabyte);
    expect_same_menu(&loc.menu, &MENU);
}

/* The same for every other allocation of an edit: the name leaves `left` bytes of the arena for what comes after it. */
static void every_part_of_an_edit_may_be_what_does_not_fit(void **state)
{
    static char name[LOCATION_BYTES_MAX];
    size_t left = 0;
    enum zp_err err = ZP_NO_MEMORY;

    (void)state;
    struct event event = { .type = EV_MENU_ITEM_SET, .seq = 3, .location_id = HERE, .item = MENU.items[0] };
    const char *own_name = loc.settings.name;
    while (err == ZP_NO_MEMORY) {
        memset(name, 'x', sizeof(name) - 1);
        name[sizeof(name) - 1 - left] = '\0';
        loc.settings.name = name;
        struct location was = loc;
        err = evolve(&loc, NULL, &event);
        if (err != ZP_OK) {
            assert_memory_equal(&loc, &was, sizeof(loc));
            loc.settings.name = own_name;
        }
        left += 64;
    }
    assert_int_equal(err, ZP_OK);
    assert_true(left > 1024);
}

/* ---- hashes: the figures below were computed by another program --------------------------------------- */

static const struct { int64_t version; uint64_t hash; } tickets[] = {
    { 1, 0x0eff7fa9b9345430 }, { 4, 0x3efcf27a5ee25be2 }, { INT64_MAX, 0x5b576ada0ee95286 },
};

static void a_ticket_has_the_hash_a_browser_would_compute(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(tickets); i++) {
        assert_int_equal(board_ticket_hash(&TICKET, tickets[i].version), tickets[i].hash);
    }
}

static void the_chain_is_what_its_description_says(void **state)
{
    static const char *const want[] = {
        "b29067179bc12dce3a9fee7d553d0746db3a155fb9fde0ec0fc9cd8c1a54a15e",
        "3b110dfc500020785ed597d1fc801d062757abbc37750240ef4e47382d4f0127",
    };
    uint8_t hash[HASH_SIZE] = { 0 };
    char hex[2 * HASH_SIZE + 1];

    (void)state;
    location_chain(hash, 1, EV_LOCATION_SET, AT, "first", 5);
    assert_string_equal(crypto_hex(hash, HASH_SIZE, hex), want[0]);
    location_chain(hash, 2, EV_ORDER_PLACED, AT + 1000, "", 0);
    assert_string_equal(crypto_hex(hash, HASH_SIZE, hex), want[1]);
}

static int start(void **state)
{
    (void)state;
    crypto_start();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_location_is_nothing_yet),
        IN_RESTAURANT(the_board_follows_a_ticket_through_its_life),
        IN_RESTAURANT(an_end_of_any_kind_leaves_the_board),
        IN_RESTAURANT(a_rejected_placement_is_never_on_the_board),
        IN_RESTAURANT(an_older_number_does_not_take_numbers_back),
        IN_RESTAURANT(what_is_not_the_next_event_changes_nothing),
        cmocka_unit_test(a_refusal_is_not_applied_even_without_a_seq),
        IN_RESTAURANT(what_does_not_fit_changes_nothing),
        IN_RESTAURANT(every_part_of_an_edit_may_be_what_does_not_fit),
        cmocka_unit_test(a_ticket_has_the_hash_a_browser_would_compute),
        cmocka_unit_test(the_chain_is_what_its_description_says),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
