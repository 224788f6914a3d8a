/* test_step.c: every step by everybody in every state, what its event carries, and which refusal comes first. */
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

/* Anna's order of two lines in that state, at version 4. */
static struct order order_in(enum order_state status)
{
    static struct order_line lines[2];

    lines[0] = (struct order_line){ .line = 1, .item_id = "cola", .name = "Cola", .quantity = 1, .status = LINE_HELD };
    lines[1] = (struct order_line){ .line = 2, .item_id = "soup", .name = "Soup", .quantity = 2, .status = LINE_HELD };
    return (struct order){
        .id = id_of(77), .location_id = HERE, .owner = ANNA, .number = 5, .status = status, .version = 4, .seq = 2,
        .currency = "EUR", .lines = lines, .line_count = 2, .placed_at = AT - 100, .updated_at = AT - 50,
    };
}

static struct command step_by(enum command_type type, enum actor_role role, const struct zp_id *user,
                              const struct zp_id *location)
{
    struct command cmd = command_of(type, actor_of(role, user, location));

    cmd.order_id = id_of(77);
    return cmd;
}

static const struct step {
    enum command_type cmd;
    enum event_type event;
    enum actor_role least;
    enum line_state lines; /* afterwards */
} steps[] = {
    { CMD_ORDER_CANCEL,   EV_ORDER_CANCELLED, ROLE_CUSTOMER, LINE_VOIDED },
    { CMD_ORDER_ACCEPT,   EV_ORDER_ACCEPTED,  ROLE_KITCHEN,  LINE_FIRED },
    { CMD_ORDER_REJECT,   EV_ORDER_REJECTED,  ROLE_KITCHEN,  LINE_VOIDED },
    { CMD_ORDER_START,    EV_ORDER_STARTED,   ROLE_KITCHEN,  LINE_COOKING },
    { CMD_ORDER_READY,    EV_ORDER_READIED,   ROLE_KITCHEN,  LINE_READY },
    { CMD_ORDER_COMPLETE, EV_ORDER_COMPLETED, ROLE_KITCHEN,  LINE_SERVED },
    { CMD_ORDER_RECALL,   EV_ORDER_RECALLED,  ROLE_KITCHEN,  LINE_COOKING },
};

static const struct person {
    const char *name;
    enum actor_role role;
    const struct zp_id *user, *location;
    bool sees;            /* Anna's order */
    enum actor_role acts; /* as this */
} people[] = {
    { "its owner",                     ROLE_CUSTOMER, &ANNA,    NULL,       true,  ROLE_CUSTOMER },
    { "another customer",              ROLE_CUSTOMER, &BERT,    NULL,       false, ROLE_CUSTOMER },
    { "a customer listed as staff",    ROLE_CUSTOMER, &BERT,    &HERE,      false, ROLE_CUSTOMER },
    { "somebody without an account",   ROLE_CUSTOMER, &ID_NONE, NULL,       false, ROLE_CUSTOMER },
    { "the kitchen",                   ROLE_KITCHEN,  &BERT,    &HERE,      true,  ROLE_KITCHEN },
    { "the owner in the kitchen",      ROLE_KITCHEN,  &ANNA,    &HERE,      true,  ROLE_KITCHEN },
    { "the owner in another kitchen",  ROLE_KITCHEN,  &ANNA,    &ELSEWHERE, true,  ROLE_CUSTOMER },
    { "another kitchen",               ROLE_KITCHEN,  &BERT,    &ELSEWHERE, false, ROLE_CUSTOMER },
    { "the manager",                   ROLE_MANAGER,  &BERT,    &HERE,      true,  ROLE_MANAGER },
    { "another manager",               ROLE_MANAGER,  &BERT,    &ELSEWHERE, false, ROLE_CUSTOMER },
    { "the admin",                     ROLE_ADMIN,    &BERT,    &HERE,      true,  ROLE_ADMIN },
    { "an admin of nowhere",           ROLE_ADMIN,    &BERT,    NULL,       false, ROLE_CUSTOMER },
    { "the system",                    ROLE_SYSTEM,   &ID_NONE, NULL,       true,  ROLE_SYSTEM },
};

static void expect_step(const char *name, const struct step *step, const struct order *before,
                        const struct command *cmd, enum actor_role acts)
{
    struct decision decision = decide_ok(&loc, before, cmd, AT, &arena);
    const struct event *event = &decision.event;
    const struct order *after = &event->order;

    if (decision.err != ZP_OK || !decision.has_event) {
        fail_msg("%s, %s, %s: refused as %s", name, COMMAND_WORDS.names[step->cmd],
                 ORDER_STATE_WORDS.names[before->status], decision.reasons.items[0].code);
    }
    assert_int_equal(decision.reasons.count, 0);
    assert_int_equal(event->type, step->event);
    assert_int_equal(event->seq, loc.seq + 1);
    assert_int_equal(event->at, AT);
    assert_true(id_equal(&event->location_id, &HERE));
    assert_true(id_equal(&event->order_id, &before->id));
    assert_true(id_equal(&event->command_id, &cmd->id));
    assert_string_equal(event->by, ACTOR_ROLE_WORDS.names[acts]);
    assert_int_equal(after->status, move_expected(before->status, step->event));
    assert_int_equal(after->version, 5);
    assert_int_equal(after->seq, loc.seq + 1);
    assert_int_equal(after->updated_at, AT);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(after->lines[i].status, step->lines);
        assert_int_equal(before->lines[i].status, LINE_HELD); /* the order before it is not touched */
        assert_string_equal(after->lines[i].name, before->lines[i].name);
    }
    assert_int_equal(after->number, 5);
    assert_int_equal(after->placed_at, before->placed_at);
    assert_true(id_equal(&after->owner, &ANNA));
}

static void everybody_tries_every_step_in_every_state(void **state)
{
    char name[128];

    (void)state;
    for (size_t p = 0; p < ZP_COUNT(people); p++) {
        for (size_t s = 0; s < ZP_COUNT(steps); s++) {
            for (int status = ORDER_REJECTED; status < ORDER_STATE_COUNT; status++) {
                const struct person *who = &people[p];
                struct order order = order_in((enum order_state)status);
                struct command cmd = step_by(steps[s].cmd, who->role, who->user, who->location);
                bool legal = move_expected((enum order_state)status, steps[s].event) != ORDER_NONE;
                snprintf(name, sizeof(name), "%s, %s, %s", who->name, COMMAND_WORDS.names[cmd.type],
                         ORDER_STATE_WORDS.names[status]);
                if (who->sees && who->acts >= steps[s].least && legal) {
                    expect_step(name, &steps[s], &order, &cmd, who->acts);
                    continue;
                }
                struct decision decision = decide_ok(&loc, &order, &cmd, AT, &arena);
                if (!who->sees) {
                    expect_refusal(name, &decision, ZP_NOT_FOUND, "order_unknown");
                } else if (who->acts < steps[s].least) {
                    expect_refusal(name, &decision, ZP_FORBIDDEN, "role_insufficient");
                } else {
                    expect_refusal(name, &decision, ZP_CONFLICT, "state_conflict");
                }
            }
        }
        arena_reset(&arena);
    }
}

static void nobody_without_an_account_owns_an_order_without_an_owner(void **state)
{
    struct order order = order_in(ORDER_PLACED);
    struct command cmd = step_by(CMD_ORDER_CANCEL, ROLE_CUSTOMER, &ID_NONE, NULL);

    (void)state;
    order.owner = ID_NONE;
    struct decision decision = decide_ok(&loc, &order, &cmd, AT, &arena);
    expect_refusal("no owner", &decision, ZP_NOT_FOUND, "order_unknown");
}

static void a_list_of_locations_ends_where_it_says(void **state)
{
    struct order order = order_in(ORDER_ACCEPTED);
    struct actor actor = actor_of(ROLE_MANAGER, &BERT, &ELSEWHERE);

    (void)state;
    actor.locations[1] = HERE;
    assert_false(actor_is_staff_of(&actor, &HERE));
    assert_false(order_visible_to(&order, &actor));
    actor.location_count = 2;
    assert_true(actor_is_staff_of(&actor, &HERE));
    assert_true(order_visible_to(&order, &actor));
}

static void an_order_that_is_not_this_one_is_unknown(void **state)
{
    struct command cmd = step_by(CMD_ORDER_START, ROLE_SYSTEM, &ID_NONE, NULL);
    struct order order = order_in(ORDER_ACCEPTED);

    (void)state;
    struct decision decision = decide_ok(&loc, NULL, &cmd, AT, &arena);
    expect_refusal("no order", &decision, ZP_NOT_FOUND, "order_unknown");
    order.location_id = ELSEWHERE;
    decision = decide_ok(&loc, &order, &cmd, AT, &arena);
    expect_refusal("of another location", &decision, ZP_NOT_FOUND, "order_unknown");
    order = order_in(ORDER_ACCEPTED);
    cmd.order_id = id_of(78);
    decision = decide_ok(&loc, &order, &cmd, AT, &arena);
    expect_refusal("another order", &decision, ZP_NOT_FOUND, "order_unknown");
}

static void a_location_that_does_not_exist_comes_first(void **state)
{
    struct location nowhere;
    struct order order = order_in(ORDER_ACCEPTED);
    struct command cmd = step_by(CMD_ORDER_START, ROLE_SYSTEM, &ID_NONE, NULL);

    (void)state;
    location_init(&nowhere, &HERE);
    struct decision decision = decide_ok(&nowhere, &order, &cmd, AT, &arena);
    expect_refusal("nowhere", &decision, ZP_NOT_FOUND, "location_unknown");
    location_finish(&nowhere);
}

static void an_old_version_is_stale(void **state)
{
    static const int64_t wrong[] = { 3, 5, 0, -1, INT64_MAX };
    struct order order = order_in(ORDER_ACCEPTED);
    struct command cmd = step_by(CMD_ORDER_START, ROLE_KITCHEN, &BERT, &HERE);

    (void)state;
    for (size_t i = 0; i < ZP_COUNT(wrong); i++) {
        cmd.if_match = wrong[i];
        struct decision decision = decide_ok(&loc, &order, &cmd, AT, &arena);
        expect_refusal("stale", &decision, ZP_STALE, "version_mismatch");
    }
    cmd.if_match = 31;
    struct decision decision = decide_ok(&loc, &order, &cmd, AT, &arena);
    assert_non_null(strstr(decision.reasons.items[0].detail, "31"));
    assert_non_null(strstr(decision.reasons.items[0].detail, "4"));
    cmd.if_match = 4;
    decision = decide_ok(&loc, &order, &cmd, AT, &arena);
    assert_int_equal(decision.err, ZP_OK);
}

static void the_first_refusal_is_the_one_that_gives_least_away(void **state)
{
    struct order order = order_in(ORDER_COMPLETED);
    struct command cmd = step_by(CMD_ORDER_START, ROLE_CUSTOMER, &BERT, NULL);

    (void)state;
    cmd.if_match = 1;
    struct decision decision = decide_ok(&loc, &order, &cmd, AT, &arena);
    expect_refusal("not seen", &decision, ZP_NOT_FOUND, "order_unknown");
    cmd.actor.user_id = ANNA;
    decision = decide_ok(&loc, &order, &cmd, AT, &arena);
    expect_refusal("seen", &decision, ZP_FORBIDDEN, "role_insufficient");
    cmd.actor = actor_of(ROLE_KITCHEN, &BERT, &HERE);
    decision = decide_ok(&loc, &order, &cmd, AT, &arena);
    expect_refusal("stale", &decision, ZP_STALE, "version_mismatch");
    cmd.if_match = 4;
    decision = decide_ok(&loc, &order, &cmd, AT, &arena);
    expect_refusal("finished", &decision, ZP_CONFLICT, "state_conflict");
    assert_non_null(strstr(decision.reasons.items[0].detail, "completed"));
    assert_non_null(strstr(decision.reasons.items[0].detail, "order_start"));
}

static void time_does_not_go_back_within_an_order(void **state)
{
    struct order order = order_in(ORDER_ACCEPTED);
    struct command cmd = step_by(CMD_ORDER_START, ROLE_KITCHEN, &BERT, &HERE);

    (void)state;
    order.updated_at = AT + 10;
    struct decision decision = decide_ok(&loc, &order, &cmd, AT, &arena);
    assert_int_equal(decision.event.order.updated_at, AT + 10);
    assert_int_equal(decision.event.at, AT); /* the log's own time stays what it was */
}

static const struct ending {
    const char *name;
    enum command_type cmd;
    const char *reason, *code, *detail; /* detail NULL: whatever, but something */
} endings[] = {
    { "a rejection with words",       CMD_ORDER_REJECT, "no more buns",  "rejected_by_kitchen", "no more buns" },
    { "a rejection without",          CMD_ORDER_REJECT, NULL,            "rejected_by_kitchen", NULL },
    { "a cancellation with words",    CMD_ORDER_CANCEL, "changed plans", "cancelled",           "changed plans" },
    { "a cancellation without",       CMD_ORDER_CANCEL, NULL,            "cancelled",           NULL },
    { "an acceptance needs no words", CMD_ORDER_ACCEPT, "gladly",        NULL,                  NULL },
};

static void an_end_says_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(endings); i++) {
        struct order order = order_in(ORDER_PLACED);
        struct command cmd = step_by(endings[i].cmd, ROLE_KITCHEN, &BERT, &HERE);
        cmd.reason = endings[i].reason;
        struct decision decision = decide_ok(&loc, &order, &cmd, AT, &arena);
        const struct order *after = &decision.event.order;
        expect_reasons(endings[i].name, after->reasons, after->reason_count,
                       (struct expected[]){ { endings[i].code }, { NULL } });
        if (endings[i].detail != NULL) {
            assert_string_equal(after->reasons[0].detail, endings[i].detail);
        }
    }
}

static void the_same_input_gives_the_same_event(void **state)
{
    struct arena other;

    (void)state;
    arena_init(&other, ARENA_BYTES);
    for (size_t s = 0; s < ZP_COUNT(steps); s++) {
        for (size_t m = 0; m < LEGAL_MOVE_COUNT; m++) {
            if (LEGAL_MOVES[m].event != steps[s].event || LEGAL_MOVES[m].from == ORDER_SUBMITTED) {
                continue;
            }
            struct order order = order_in(LEGAL_MOVES[m].from);
            struct command cmd = step_by(steps[s].cmd, ROLE_SYSTEM, &ID_NONE, NULL);
            struct decision a = decide_ok(&loc, &order, &cmd, AT, &arena);
            struct decision b = decide_ok(&loc, &order, &cmd, AT, &other);
            expect_same_event(&a.event, &b.event);
        }
    }
    arena_finish(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_RESTAURANT(everybody_tries_every_step_in_every_state),
        IN_RESTAURANT(nobody_without_an_account_owns_an_order_without_an_owner),
        cmocka_unit_test(a_list_of_locations_ends_where_it_says),
        IN_RESTAURANT(an_order_that_is_not_this_one_is_unknown),
        IN_RESTAURANT(a_location_that_does_not_exist_comes_first),
        IN_RESTAURANT(an_old_version_is_stale),
        IN_RESTAURANT(the_first_refusal_is_the_one_that_gives_least_away),
        IN_RESTAURANT(time_does_not_go_back_within_an_order),
        IN_RESTAURANT(an_end_says_why),
        IN_RESTAURANT(the_same_input_gives_the_same_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
