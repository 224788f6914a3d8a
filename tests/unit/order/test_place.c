/* test_place.c: how an order comes into being: who may place it, what it carries, how it is turned down. */
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

static const struct person {
    const char *name;
    enum actor_role role;
    const struct zp_id *location;
    const char *by;
} people[] = {
    { "a customer",                      ROLE_CUSTOMER, NULL,       "customer" },
    { "a customer with a wrong listing", ROLE_CUSTOMER, &HERE,      "customer" },
    { "the kitchen",                     ROLE_KITCHEN,  &HERE,      "kitchen" },
    { "the manager",                     ROLE_MANAGER,  &HERE,      "manager" },
    { "the admin",                       ROLE_ADMIN,    &HERE,      "admin" },
    { "another kitchen is a customer",   ROLE_KITCHEN,  &ELSEWHERE, "customer" },
    { "another admin is a customer",     ROLE_ADMIN,    &ELSEWHERE, "customer" },
    { "an admin of nowhere",             ROLE_ADMIN,    NULL,       "customer" },
    { "the system",                      ROLE_SYSTEM,   NULL,       "system" },
};

static void anybody_places_for_itself(void **state)
{
    struct placement placement = small_placement();

    (void)state;
    for (size_t i = 0; i < ZP_COUNT(people); i++) {
        struct command cmd = place_command(actor_of(people[i].role, &ANNA, people[i].location), &placement);
        struct decision decision = decide_ok(&loc, NULL, &cmd, AT, &arena);
        if (decision.err != ZP_OK || strcmp(decision.event.by, people[i].by) != 0) {
            fail_msg("%s: %s by %s", people[i].name, zp_err_name(decision.err), decision.event.by);
        }
        assert_true(id_equal(&decision.event.order.owner, &ANNA));
    }
}

static void a_placed_order_carries_everything(void **state)
{
    struct command cmd = place_command(actor_of(ROLE_CUSTOMER, &ANNA, NULL), &(struct placement){
        .type = ORDER_TYPE_DINE_IN, LINES({ "cola", 2 }), .expected_total = 700, .tip = 100, .note = "window",
        .customer = { "Anna", "+49 1", NULL },
    });

    (void)state;
    loc.last_number = 16;
    struct decision decision = decide_ok(&loc, NULL, &cmd, AT, &arena);
    const struct event *event = &decision.event;
    const struct order *order = &event->order;
    assert_int_equal(decision.err, ZP_OK);
    assert_int_equal(decision.reasons.count, 0);
    assert_int_equal(event->type, EV_ORDER_PLACED);
    assert_int_equal(event->seq, 3);
    assert_int_equal(event->at, AT);
    assert_true(id_equal(&event->location_id, &HERE));
    assert_true(id_equal(&event->order_id, &cmd.id));
    assert_true(id_equal(&event->command_id, &cmd.id));
    assert_true(id_equal(&order->id, &cmd.order_id));
    assert_true(id_equal(&order->location_id, &HERE));
    assert_memory_equal(order->fingerprint, cmd.fingerprint, sizeof(cmd.fingerprint));
    assert_int_equal(order->number, 17);
    assert_int_equal(order->status, ORDER_PLACED);
    assert_int_equal(order->lines[0].status, LINE_NEW);
    assert_int_equal(order->version, 1);
    assert_int_equal(order->seq, 3);
    assert_int_equal(order->type, ORDER_TYPE_DINE_IN);
    assert_int_equal(order->total, 700);
    assert_int_equal(order->placed_at, AT);
    assert_int_equal(order->updated_at, AT);
    assert_int_equal(order->promised_at, AT + 20 * INT64_C(60000000));
    assert_string_equal(order->customer.name, "Anna");
    assert_string_equal(order->customer.phone, "+49 1");
    assert_null(order->customer.address);
    assert_string_equal(order->note, "window");
    assert_int_equal(order->reason_count, 0);
}

static void automatic_acceptance_is_one_event(void **state)
{
    struct placement placement = small_placement();
    struct command cmd = place_command(actor_of(ROLE_CUSTOMER, &ANNA, NULL), &placement);

    (void)state;
    loc.settings.auto_accept = true;
    struct decision decision = decide_ok(&loc, NULL, &cmd, AT, &arena);
    assert_int_equal(decision.event.type, EV_ORDER_PLACED);
    assert_int_equal(decision.event.order.status, ORDER_ACCEPTED);
    assert_int_equal(decision.event.order.version, 1);
    assert_int_equal(decision.event.order.lines[0].status, LINE_FIRED);
}

static void a_faulty_placement_leaves_a_rejected_order(void **state)
{
    struct command cmd = place_command(actor_of(ROLE_MANAGER, &ANNA, &HERE), &(struct placement){
        .type = ORDER_TYPE_PICKUP, LINES({ "pizza", 1 }, { "cola", 1 }, { "soup", 1 }), .expected_total = AMOUNT_ABSENT,
    });
    const struct expected faults[] = {
        { "item_unknown", "/lines/0/item_id" }, { "item_unavailable", "/lines/2/item_id" }, { NULL },
    };

    (void)state;
    loc.settings.auto_accept = true;
    struct decision decision = decide_ok(&loc, NULL, &cmd, AT, &arena);
    const struct order *order = &decision.event.order;
    assert_int_equal(decision.err, ZP_INVALID);
    assert_true(decision.has_event);
    expect_reasons("the outcome", decision.reasons.items, decision.reasons.count, faults);
    expect_reasons("the order", order->reasons, order->reason_count, faults);
    assert_int_equal(decision.event.type, EV_ORDER_REJECTED);
    assert_string_equal(decision.event.by, "actor");
    assert_int_equal(decision.event.seq, 3);
    assert_int_equal(order->status, ORDER_REJECTED);
    assert_int_equal(order->number, 0);
    assert_int_equal(order->version, 1);
    assert_int_equal(order->seq, 3);
    assert_int_equal(order->placed_at, AT);
    assert_int_equal(order->promised_at, 0);
    assert_int_equal(order->line_count, 3);
    assert_int_equal(order->lines[1].status, LINE_VOIDED);
    assert_int_equal(order->lines[1].total, 300);
    assert_true(id_equal(&order->owner, &ANNA));
}

static void a_rejected_placement_takes_no_number(void **state)
{
    struct placement good = small_placement(), wrong = { .expected_total = AMOUNT_ABSENT };
    struct command first = place_command(actor_of(ROLE_CUSTOMER, &ANNA, NULL), &good);
    struct command second = place_command(actor_of(ROLE_CUSTOMER, &ANNA, NULL), &wrong);
    struct command third = place_command(actor_of(ROLE_CUSTOMER, &BERT, NULL), &good);

    (void)state;
    assert_int_equal(apply_ok(&loc, NULL, &first, AT, &arena).order.number, 1);
    struct decision decision = decide_ok(&loc, NULL, &second, AT, &arena);
    assert_int_equal(evolve(&loc, NULL, &decision.event), ZP_OK);
    struct event event = apply_ok(&loc, NULL, &third, AT, &arena);
    assert_int_equal(event.order.number, 2);
    assert_int_equal(event.seq, 5);
    assert_int_equal(loc.open_count, 2);
}

static void an_unknown_location_is_refused_without_an_event(void **state)
{
    struct placement placement = small_placement();
    struct command cmd = place_command(actor_of(ROLE_CUSTOMER, &ANNA, NULL), &placement);
    struct location nowhere;

    (void)state;
    location_init(&nowhere, &HERE);
    struct decision decision = decide_ok(&nowhere, NULL, &cmd, AT, &arena);
    expect_refusal("nowhere", &decision, ZP_INVALID, "location_unknown");
    assert_string_equal(decision.reasons.items[0].pointer, "/location_id");
    location_finish(&nowhere);
}

static void an_order_is_not_placed_twice(void **state)
{
    struct placement placement = small_placement();
    struct command cmd = place_command(actor_of(ROLE_CUSTOMER, &ANNA, NULL), &placement);

    (void)state;
    struct event event = apply_ok(&loc, NULL, &cmd, AT, &arena);
    struct decision decision = decide_ok(&loc, &event.order, &cmd, AT, &arena);
    expect_refusal("again", &decision, ZP_CONFLICT, "order_exists");
}

static void the_same_input_gives_the_same_event(void **state)
{
    struct arena other;
    struct command good = place_command(actor_of(ROLE_CUSTOMER, &ANNA, NULL), &(struct placement){
        .type = ORDER_TYPE_DELIVERY, .customer = { "Anna", "1", "Here 1" }, .note = "ring", .tip = 5,
        LINES({ "burger", 2, OPTIONS({ "fries", 1 }, { "cheese", 2 }) }, { "bread", 3 }),
        .expected_total = AMOUNT_ABSENT,
    });
    struct command wrong = place_command(actor_of(ROLE_CUSTOMER, &ANNA, NULL), &(struct placement){
        .type = ORDER_TYPE_DELIVERY, LINES({ "burger", 2 }, { "bread", 0 }), .expected_total = 12,
    });

    (void)state;
    arena_init(&other, ARENA_BYTES);
    struct decision a = decide_ok(&loc, NULL, &good, AT, &arena), b = decide_ok(&loc, NULL, &good, AT, &other);
    expect_same_event(&a.event, &b.event);
    a = decide_ok(&loc, NULL, &wrong, AT, &arena);
    b = decide_ok(&loc, NULL, &wrong, AT, &other);
    expect_same_event(&a.event, &b.event);
    arena_finish(&other);
}

/* A batch may hold an order's event and then a new menu; the event is written after both. */
static void an_event_outlives_the_menu_it_was_priced_from(void **state)
{
    struct command cmd = place_command(actor_of(ROLE_CUSTOMER, &ANNA, NULL), &(struct placement){
        .type = ORDER_TYPE_PICKUP, .expected_total = AMOUNT_ABSENT,
        LINES({ "burger", 1, OPTIONS({ "fries", 1 }) }),
    });
    struct command edit = command_of(CMD_MENU_SET, actor_of(ROLE_MANAGER, &BERT, &HERE));

    (void)state;
    struct event event = apply_ok(&loc, NULL, &cmd, AT, &arena);
    apply_ok(&loc, NULL, &edit, AT, &arena); /* an empty menu: frees the old one */
    assert_string_equal(event.order.currency, "EUR");
    assert_string_equal(event.order.lines[0].name, "Burger");
    assert_string_equal(event.order.lines[0].station, "grill");
    assert_string_equal(event.order.lines[0].options[0].name, "Fries");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_RESTAURANT(anybody_places_for_itself),
        IN_RESTAURANT(a_placed_order_carries_everything),
        IN_RESTAURANT(automatic_acceptance_is_one_event),
        IN_RESTAURANT(a_faulty_placement_leaves_a_rejected_order),
        IN_RESTAURANT(a_rejected_placement_takes_no_number),
        IN_RESTAURANT(an_unknown_location_is_refused_without_an_event),
        IN_RESTAURANT(an_order_is_not_placed_twice),
        IN_RESTAURANT(the_same_input_gives_the_same_event),
        IN_RESTAURANT(an_event_outlives_the_menu_it_was_priced_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
