/* test_lifecycle.c: every state × event pair against the set of legal moves, and the words of the field. */
#include "fixture.h"

static void every_cell_of_the_table_is_as_written(void **state)
{
    size_t legal = 0;

    (void)state;
    for (int from = 0; from < ORDER_STATE_COUNT; from++) {
        for (int event = 0; event < EV_COUNT; event++) {
            enum order_state to = order_next((enum order_state)from, (enum event_type)event);
            legal += to != ORDER_NONE;
            if (to != move_expected((enum order_state)from, (enum event_type)event)) {
                fail_msg("%s × %s leads to %s", ORDER_STATE_WORDS.names[from], EVENT_WORDS.names[event],
                         ORDER_STATE_WORDS.names[to]);
            }
        }
    }
    assert_int_equal(legal, LEGAL_MOVE_COUNT);
}

static const struct row {
    const char *name;
    enum order_state from;
    enum event_type ev;
    enum order_state want;
} rows[] = {
    { "a placed order can be cancelled",           ORDER_PLACED,    EV_ORDER_CANCELLED, ORDER_CANCELLED },
    { "a cooking order is not cancelled",          ORDER_PREPARING, EV_ORDER_CANCELLED, ORDER_NONE },
    { "a ready order is not cancelled",            ORDER_READY,     EV_ORDER_CANCELLED, ORDER_NONE },
    { "an accepted order is not rejected",         ORDER_ACCEPTED,  EV_ORDER_REJECTED,  ORDER_NONE },
    { "a placed order is not started unaccepted",  ORDER_PLACED,    EV_ORDER_STARTED,   ORDER_NONE },
    { "a bump is taken back",                      ORDER_READY,     EV_ORDER_RECALLED,  ORDER_PREPARING },
    { "a recall never un-cancels",                 ORDER_CANCELLED, EV_ORDER_RECALLED,  ORDER_NONE },
    { "a recall never un-completes",               ORDER_COMPLETED, EV_ORDER_RECALLED,  ORDER_NONE },
    { "an accepted order does not expire",         ORDER_ACCEPTED,  EV_ORDER_EXPIRED,   ORDER_NONE },
    { "an order is not placed twice",              ORDER_PLACED,    EV_ORDER_PLACED,    ORDER_NONE },
};

static void the_rules_people_ask_about(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        if (order_next(rows[i].from, rows[i].ev) != rows[i].want) {
            fail_msg("%s: it does not hold", rows[i].name);
        }
    }
}

static void nothing_leads_out_of_an_end(void **state)
{
    static const enum order_state ends[] = { ORDER_COMPLETED, ORDER_CANCELLED, ORDER_REJECTED, ORDER_EXPIRED };

    (void)state;
    for (size_t i = 0; i < ZP_COUNT(ends); i++) {
        for (int event = 0; event < EV_COUNT; event++) {
            assert_int_equal(order_next(ends[i], (enum event_type)event), ORDER_NONE);
        }
        assert_false(order_is_open(ends[i]));
    }
}

static void the_board_shows_placed_to_ready(void **state)
{
    (void)state;
    for (int s = 0; s < ORDER_STATE_COUNT; s++) {
        bool open = s == ORDER_PLACED || s == ORDER_ACCEPTED || s == ORDER_PREPARING || s == ORDER_READY;
        assert_int_equal(order_is_open((enum order_state)s), open);
    }
}

static const struct { const struct words *words; size_t count; const char *first, *last; } tables[] = {
    { &ORDER_TYPE_WORDS,  ORDER_TYPE_COUNT,  "pickup",       "delivery" },
    { &ORDER_STATE_WORDS, ORDER_STATE_COUNT, "none",         "expired" },
    { &LINE_STATE_WORDS,  LINE_STATE_COUNT,  "new",          "voided" },
    { &ACTOR_ROLE_WORDS,  ROLE_COUNT,        "customer",     "system" },
    { &COMMAND_WORDS,     CMD_COUNT,         "order_place",  "menu_item_set" },
    { &EVENT_WORDS,       EV_COUNT,          "order_placed", "command_parked" },
};

static void every_word_is_found_at_its_value(void **state)
{
    (void)state;
    for (size_t t = 0; t < ZP_COUNT(tables); t++) {
        const struct words *words = tables[t].words;
        assert_int_equal(words->count, tables[t].count);
        assert_string_equal(words->names[0], tables[t].first);
        assert_string_equal(words->names[words->count - 1], tables[t].last);
        for (size_t i = 0; i < words->count; i++) {
            assert_int_equal(words_find(words, words->names[i]), i);
        }
    }
}

static void other_words_are_not_found(void **state)
{
    (void)state;
    assert_int_equal(words_find(&ORDER_TYPE_WORDS, ""), -1);
    assert_int_equal(words_find(&ORDER_TYPE_WORDS, "Pickup"), -1);
    assert_int_equal(words_find(&ORDER_TYPE_WORDS, "pickup "), -1);
    assert_int_equal(words_find(&ORDER_STATE_WORDS, "order_placed"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_of_the_table_is_as_written),
        cmocka_unit_test(the_rules_people_ask_about),
        cmocka_unit_test(nothing_leads_out_of_an_end),
        cmocka_unit_test(the_board_shows_placed_to_ready),
        cmocka_unit_test(every_word_is_found_at_its_value),
        cmocka_unit_test(other_words_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
