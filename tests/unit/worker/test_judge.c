/* test_judge.c: what each command of a turn becomes, and what is written of it. */
#include "world.h"

#include <string.h>

#define HERE_PARTITION 5

static struct zp_id here;

static int open_restaurant_here(void **state)
{
    world_open(state);
    here = location_in(HERE_PARTITION, 0);
    post_restaurant(&here, 1);
    own_partition(HERE_PARTITION);
    assert_int_equal(come_round(), 2);
    fake_announcer_publish(world->announcer);
    return 0;
}

static const struct entry *told(size_t i)
{
    const struct entry *entry = fake_announcer_entry(world->announcer, i);
    assert_non_null(entry);
    return entry;
}

static struct command fresh_place(unsigned number)
{
    struct zp_id id = id_number(number);
    return place(&here, &id);
}

static struct command fresh_step(enum command_type type, const struct command *placed, unsigned number)
{
    struct zp_id id = id_number(number);
    return step(type, &here, &placed->id, &id);
}

/* ---- events, seqs and the chain ----------------------------------------------------------------------------- */

static void the_first_commands_make_the_restaurant(void **state)
{
    (void)state;
    const struct location *location = fake_location(&here);
    assert_non_null(location);
    assert_int_equal(location->seq, 2);
    assert_int_equal(location->menu.item_count, 2);
    assert_string_equal(location->settings.currency, "EUR");
    assert_int_equal(db.locations[0].partition, HERE_PARTITION);
    assert_int_equal(db.last.locations, 1); /* once, though touched twice */
    assert_int_equal(db.last.edited, 1);
}

static void two_events_of_a_turn_follow_one_another(void **state)
{
    (void)state;
    uint8_t chain[HASH_SIZE];
    memcpy(chain, fake_location(&here)->hash, HASH_SIZE);
    struct command first = fresh_place(10), second = fresh_place(11);
    int64_t offset = post(&first);
    post(&second);
    assert_int_equal(come_round(), 2);
    for (size_t i = 0; i < 2; i++) {
        const struct entry *entry = told(i);
        const struct batch_event *row = &db.events[2 + i].event;
        assert_int_equal(entry->kind, ENTRY_EVENT);
        assert_int_equal(entry->event->seq, 3 + i);
        assert_int_equal(entry->outcome.seq, 3 + i);
        assert_memory_equal(entry->before_hash, chain, HASH_SIZE);
        location_chain(chain, 3 + (int64_t)i, EV_ORDER_PLACED, row->at, row->value, row->value_len);
        assert_memory_equal(entry->meta.hash, chain, HASH_SIZE);
        assert_memory_equal(row->hash, chain, HASH_SIZE);
        assert_memory_equal(entry->head.hash, chain, HASH_SIZE);
        assert_int_equal(entry->head.open_count, 1 + i);
        assert_int_equal(entry->meta.command_offset, offset + (int64_t)i);
        assert_int_equal(row->command_offset, offset + (int64_t)i);
        assert_int_equal(entry->event->order.number, 1 + i);
    }
    assert_memory_equal(fake_location(&here)->hash, chain, HASH_SIZE);
    assert_int_equal(fake_location(&here)->last_number, 2);
    assert_int_equal(db.last.edited, 0);
}

static void the_log_time_is_the_event_s_time(void **state)
{
    (void)state;
    struct command first = fresh_place(10);
    int64_t offset = post(&first);
    come_round();
    int64_t at = fake_log_get(FAKE_COMMANDS, HERE_PARTITION, offset)->timestamp_us;
    assert_int_equal(told(0)->event->at, at);
    assert_int_equal(fake_outcome(&first.id)->at, at);
    assert_int_equal(fake_order(&first.id)->placed_at, at);
}

static void placed_and_started_in_one_turn_is_one_new_row(void **state)
{
    (void)state;
    struct command placed = fresh_place(10), started = fresh_step(CMD_ORDER_START, &placed, 11);
    post(&placed);
    post(&started);
    assert_int_equal(come_round(), 2);
    assert_int_equal(db.last.new_orders, 1);
    assert_int_equal(db.last.changed_orders, 0);
    assert_int_equal(db.last.events, 2);
    assert_int_equal(db.last.outcomes, 2);
    const struct order *order = fake_order(&placed.id);
    assert_int_equal(order->status, ORDER_PREPARING);
    assert_int_equal(order->version, 2);
    assert_int_equal(order->seq, 4);
    /* each event shows the order as it was after it */
    assert_int_equal(told(0)->event->order.status, ORDER_ACCEPTED);
    assert_int_equal(told(1)->event->order.status, ORDER_PREPARING);
}

static void two_steps_in_one_turn_are_one_changed_row(void **state)
{
    (void)state;
    struct command placed = fresh_place(10), started = fresh_step(CMD_ORDER_START, &placed, 11),
                   readied = fresh_step(CMD_ORDER_READY, &placed, 12);
    post(&placed);
    come_round();
    post(&started);
    post(&readied);
    assert_int_equal(come_round(), 2);
    assert_int_equal(db.last.new_orders, 0);
    assert_int_equal(db.last.changed_orders, 1);
    assert_int_equal(fake_order(&placed.id)->status, ORDER_READY);
}

static void an_order_keeps_the_menu_it_was_priced_from(void **state)
{
    (void)state;
    struct command before = fresh_place(10), after = fresh_place(12);
    struct zp_id id = id_number(11);
    struct command item = give_item(&here, &id, "Bigger burger", 2000);
    post(&before);
    post(&item);
    post(&after);
    assert_int_equal(come_round(), 3);
    assert_string_equal(fake_order(&before.id)->lines[0].name, "Burger");
    assert_int_equal(fake_order(&before.id)->total, 2 * 1250 + 300);
    assert_string_equal(fake_order(&after.id)->lines[0].name, "Bigger burger");
    assert_int_equal(fake_order(&after.id)->total, 2 * 2000 + 300);
    assert_string_equal(told(0)->event->order.lines[0].name, "Burger"); /* after the menu has gone */
    assert_string_equal(told(0)->order->lines[0].name, "Burger");
}

static void locations_of_one_partition_have_their_own_seqs(void **state)
{
    (void)state;
    struct zp_id there = location_in(HERE_PARTITION, 1), id = id_number(20);
    post_restaurant(&there, 30);
    struct command order_here = fresh_place(10), order_there = place(&there, &id);
    post(&order_here);
    post(&order_there);
    assert_int_equal(come_round(), 4);
    assert_int_equal(fake_location(&here)->seq, 3);
    assert_int_equal(fake_location(&there)->seq, 3);
    assert_int_equal(db.last.locations, 2);
    assert_int_equal(db.last.partitions, 1);
}

/* ---- refusals ------------------------------------------------------------------------------------------------- */

static void a_refused_placement_has_an_event_and_a_row(void **state)
{
    (void)state;
    struct placement_line unknown = { .item_id = "pizza", .quantity = 1 };
    struct command command = fresh_place(10);
    command.placement.lines = &unknown;
    command.placement.line_count = 1;
    post(&command);
    come_round();
    assert_int_equal(told(0)->kind, ENTRY_EVENT);
    assert_int_equal(told(0)->event->type, EV_ORDER_REJECTED);
    assert_string_equal(told(0)->event->by, "actor");
    const struct outcome *outcome = fake_outcome(&command.id);
    assert_int_equal(outcome->err, ZP_INVALID);
    assert_int_equal(outcome->seq, 3);
    assert_int_equal(outcome->reason_count, 1);
    assert_string_equal(outcome->reasons[0].code, "item_unknown");
    assert_int_equal(fake_order(&command.id)->status, ORDER_REJECTED);
    assert_int_equal(fake_order(&command.id)->number, 0);
    assert_int_equal(fake_location(&here)->open_count, 0);
}

static void other_refusals_have_no_event(void **state)
{
    (void)state;
    struct command placed = fresh_place(10), twice = fresh_step(CMD_ORDER_COMPLETE, &placed, 11), nobody = placed;
    struct zp_id unknown = id_number(77), nowhere = location_in(HERE_PARTITION, 3), id = id_number(13);
    nobody.id = id_number(12);
    struct command of_nothing = step(CMD_ORDER_START, &here, &unknown, &nobody.id), at_nowhere = place(&nowhere, &id);
    post(&placed);
    post(&twice);
    post(&of_nothing);
    post(&at_nowhere);
    assert_int_equal(come_round(), 4);
    static const enum zp_err want[] = { ZP_OK, ZP_CONFLICT, ZP_NOT_FOUND, ZP_INVALID };
    for (size_t i = 1; i < 4; i++) {
        const struct entry *entry = told(i);
        assert_int_equal(entry->kind, ENTRY_REFUSED);
        assert_int_equal(entry->outcome.err, want[i]);
        assert_int_equal(entry->outcome.seq, 0);
        assert_int_equal(entry->event->type, EV_COMMAND_REFUSED);
        assert_int_equal(entry->event->seq, 0);
        assert_int_equal(entry->event->err, want[i]);
        assert_true(entry->outcome.reason_count > 0);
        assert_int_equal(fake_outcome(&entry->outcome.command_id)->err, want[i]);
    }
    assert_int_equal(db.last.events, 1);
    assert_int_equal(db.last.outcomes, 4);
    assert_int_equal(fake_location(&here)->seq, 3);
    assert_null(fake_location(&nowhere)); /* asking does not make it */
    assert_int_equal(told(1)->head.seq, 3); /* a refusal shows the head as it is */
}

/* ---- duplicates ------------------------------------------------------------------------------------------------- */

static void assert_duplicate(const struct entry *entry, enum zp_err err, int64_t seq)
{
    assert_int_equal(entry->kind, ENTRY_DUPLICATE);
    assert_int_equal(entry->outcome.err, err);
    assert_int_equal(entry->outcome.seq, seq);
    assert_null(entry->event);
}

static void a_repetition_in_one_turn_is_applied_once(void **state)
{
    (void)state;
    struct command placed = fresh_place(10);
    post(&placed);
    int64_t second = post(&placed);
    assert_int_equal(come_round(), 2);
    assert_duplicate(told(1), ZP_OK, 3);
    assert_ptr_equal(told(1)->order, told(0)->order);
    assert_int_equal(db.last.outcomes, 1);
    assert_int_equal(db.last.events, 1);
    assert_int_equal(db.partitions[HERE_PARTITION].next_offset, second + 1); /* it moves on all the same */
    assert_memory_equal(&db.partitions[HERE_PARTITION].last_command_id, &placed.id, sizeof placed.id);
}

static void a_repetition_later_is_told_the_stored_outcome(void **state)
{
    (void)state;
    struct command placed = fresh_place(10), started = fresh_step(CMD_ORDER_START, &placed, 11),
                   again = fresh_step(CMD_ORDER_START, &placed, 12);
    post(&placed);
    post(&started);
    post(&again);
    come_round();
    fake_announcer_publish(world->announcer);
    post(&placed);
    post(&started);
    post(&again);
    assert_int_equal(come_round(), 3);
    assert_duplicate(told(0), ZP_OK, 3);
    assert_duplicate(told(1), ZP_OK, 4);
    assert_duplicate(told(2), ZP_CONFLICT, 0);
    assert_int_equal(told(2)->outcome.reason_count, 1);
    assert_string_equal(told(2)->outcome.reasons[0].code, "state_conflict");
    assert_int_equal(told(0)->order->status, ORDER_PREPARING); /* the order as it is now */
    assert_int_equal(db.last.outcomes, 0);
    assert_int_equal(fake_order(&placed.id)->version, 2);
}

static void another_request_under_the_key_changes_nothing(void **state)
{
    (void)state;
    struct command placed = fresh_place(10), other = fresh_place(10);
    other.fingerprint[0] ^= 1;
    other.placement.tip = 500;
    post(&placed);
    post(&other);
    come_round();
    assert_duplicate(told(1), ZP_OK, 3);
    assert_memory_equal(told(1)->outcome.fingerprint, placed.fingerprint, sizeof placed.fingerprint);
    assert_int_equal(fake_order(&placed.id)->tip, 0);
    assert_memory_equal(fake_outcome(&placed.id)->fingerprint, placed.fingerprint, sizeof placed.fingerprint);
}

/* Forty-eight hours later: the outcome's row is gone, the order's is not. */
static void forget_outcomes(void)
{
    db.outcome_count = 0;
}

static void a_placement_is_a_duplicate_at_any_age(void **state)
{
    (void)state;
    struct command placed = fresh_place(10);
    post(&placed);
    come_round();
    fake_announcer_publish(world->announcer);
    forget_outcomes();
    post(&placed);
    come_round();
    assert_duplicate(told(0), ZP_OK, 3);
    assert_memory_equal(told(0)->outcome.fingerprint, placed.fingerprint, sizeof placed.fingerprint);
    assert_int_equal(db.order_count, 1);
    assert_int_equal(fake_location(&here)->seq, 3);
}

static void a_refused_placement_stays_refused_at_any_age(void **state)
{
    (void)state;
    struct placement_line unknown = { .item_id = "pizza", .quantity = 1 };
    struct command command = fresh_place(10);
    command.placement.lines = &unknown;
    command.placement.line_count = 1;
    post(&command);
    come_round();
    fake_announcer_publish(world->announcer);
    forget_outcomes();
    post(&command);
    come_round();
    assert_duplicate(told(0), ZP_INVALID, 3);
    assert_int_equal(told(0)->outcome.reason_count, 1);
}

static void a_placement_that_the_kitchen_ended_was_placed(void **state)
{
    (void)state;
    struct zp_id id = id_number(9);
    struct command settings = open_restaurant(&here, &id), placed = fresh_place(10),
                   rejected = fresh_step(CMD_ORDER_REJECT, &placed, 11);
    settings.settings.auto_accept = false;
    post(&settings);
    post(&placed);
    post(&rejected);
    come_round();
    assert_int_equal(fake_order(&placed.id)->status, ORDER_REJECTED);
    assert_int_equal(fake_outcome(&placed.id)->err, ZP_OK);
    fake_announcer_publish(world->announcer);
    forget_outcomes();
    post(&placed);
    come_round();
    assert_int_equal(told(0)->kind, ENTRY_DUPLICATE);
    assert_int_equal(told(0)->outcome.err, ZP_OK);
    assert_int_equal(told(0)->outcome.reason_count, 0);
}

/* ---- parked
 * ------------------------------------------------------------------------------------------------------- */

static void what_cannot_be_decoded_is_parked_and_the_next_is_applied(void **state)
{
    (void)state;
    char key[ID_TEXT_SIZE];
    int64_t offset = post_garbage(HERE_PARTITION, id_format(&here, key), "\xc1 no msgpack");
    struct command placed = fresh_place(10);
    post(&placed);
    assert_int_equal(come_round(), 2);
    const struct entry *parked = told(0);
    assert_int_equal(parked->kind, ENTRY_PARKED);
    assert_int_equal(parked->event->type, EV_COMMAND_PARKED);
    assert_int_equal(parked->outcome.err, ZP_PARKED);
    assert_int_equal(parked->outcome.type, CMD_COUNT);
    assert_int_equal(parked->outcome.offset, offset);
    assert_string_equal(parked->outcome.reasons[0].code, "parked");
    assert_string_equal(parked->outcome.reasons[1].code, "undecodable");
    assert_int_equal(turn_letter(parked).class, LETTER_UNDECODABLE);
    assert_int_equal(turn_letter(parked).attempts, 1);
    assert_non_null(parked->dead);
    assert_memory_equal(parked->dead->value, "\xc1 no msgpack", parked->dead->value_len);
    assert_int_equal(fake_outcome(&parked->outcome.command_id)->err, ZP_PARKED);
    assert_int_equal(told(1)->kind, ENTRY_EVENT);
}

static void without_a_key_it_is_parked_too(void **state)
{
    (void)state;
    post_garbage(HERE_PARTITION, NULL, "");
    post_garbage(HERE_PARTITION, "no id", "");
    assert_int_equal(come_round(), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(told(i)->kind, ENTRY_PARKED);
        assert_true(id_is_none(&told(i)->outcome.location_id));
    }
}

/* A regression: the actor was kept under the partition that the record lay in, and no takeover of its own dropped
 * it. */
static void a_record_in_a_wrong_partition_leaves_no_actor_there(void **state)
{
    (void)state;
    struct zp_id there = location_in(HERE_PARTITION + 1, 0), id = id_number(10);
    char key[ID_TEXT_SIZE];
    struct command lost = place(&there, &id);
    struct arena arena;
    struct record record;
    arena_init(&arena, 1 << 20);
    assert_int_equal(message_command_write(&lost, NULL, &arena, &record), ZP_OK);
    fake_log_append(FAKE_COMMANDS, HERE_PARTITION, &record);
    arena_finish(&arena);
    post_garbage(HERE_PARTITION, id_format(&there, key), "garbage");
    assert_int_equal(come_round(), 2);
    assert_int_equal(told(0)->kind, ENTRY_PARKED);
    assert_int_equal(told(1)->kind, ENTRY_PARKED);
    const struct actor_slot *slot = actors_find(&world->actors, &there);
    assert_true(slot == NULL || slot->partition == HERE_PARTITION + 1);
}

/* The placement of an order that was set aside: its id is known, the rest is not. */
static struct command park_placement(unsigned number)
{
    struct command command = fresh_place(number);
    char key[ID_TEXT_SIZE], text[ID_TEXT_SIZE];
    id_format(&here, key);
    struct header header = { "ce_id", id_format(&command.id, text), ID_TEXT_SIZE - 1 };
    const struct record record = { .key = key, .key_len = ID_TEXT_SIZE - 1, .value = "?", .value_len = 1,
                                   .headers = &header, .header_count = 1 };
    fake_log_append(FAKE_COMMANDS, HERE_PARTITION, &record);
    return command;
}

static void steps_on_a_parked_order_are_refused(void **state)
{
    (void)state;
    struct command placed = park_placement(10), at_once = fresh_step(CMD_ORDER_START, &placed, 11),
                   later = fresh_step(CMD_ORDER_CANCEL, &placed, 12);
    post(&at_once);
    assert_int_equal(come_round(), 2);
    assert_int_equal(told(0)->outcome.err, ZP_PARKED);
    assert_true(id_equal(&told(0)->outcome.command_id, &placed.id));
    assert_int_equal(told(1)->outcome.err, ZP_ORDER_PARKED);
    fake_announcer_publish(world->announcer);
    post(&later);
    come_round();
    assert_int_equal(told(0)->kind, ENTRY_REFUSED);
    assert_int_equal(told(0)->outcome.err, ZP_ORDER_PARKED);
    assert_string_equal(told(0)->outcome.reasons[0].code, "order_parked");
}

static void a_retry_of_a_parked_placement_stays_parked(void **state)
{
    (void)state;
    struct command placed = park_placement(10);
    come_round();
    fake_announcer_publish(world->announcer);
    post(&placed);
    come_round();
    assert_duplicate(told(0), ZP_PARKED, 0);
    assert_null(fake_order(&placed.id));
}

static void a_redriven_order_is_not_parked_any_more(void **state)
{
    (void)state;
    struct command parked = park_placement(10), redrive = fresh_place(11),
                   started = fresh_step(CMD_ORDER_START, &parked, 12);
    redrive.order_id = redrive.redrives = parked.id;
    redrive.redrive_count = 1;
    post(&redrive);
    post(&started);
    assert_int_equal(come_round(), 3);
    assert_int_equal(told(1)->kind, ENTRY_EVENT);
    assert_int_equal(told(2)->kind, ENTRY_EVENT);
    assert_int_equal(fake_order(&parked.id)->status, ORDER_PREPARING);
}

static void a_second_redrive_of_an_order_changes_nothing(void **state)
{
    (void)state;
    struct command parked = park_placement(10), redrive = fresh_place(11), another = fresh_place(12);
    redrive.order_id = redrive.redrives = another.order_id = another.redrives = parked.id;
    post(&redrive);
    come_round();
    fake_announcer_publish(world->announcer);
    post(&redrive);
    post(&another);
    assert_int_equal(come_round(), 2);
    assert_duplicate(told(0), ZP_OK, 3);
    assert_duplicate(told(1), ZP_OK, 3);
    assert_int_equal(fake_location(&here)->seq, 3);
}

static const struct stray { const char *name; bool names, of_applied; } strays[] = {
    { "a placement under another id than its own",   false, false },
    { "a redrive of what nobody knows",              true,  false },
    { "a redrive of what was applied",               true,  true },
};

static void only_what_was_parked_is_redriven(void **state)
{
    (void)state;
    struct command applied = fresh_place(10);
    post(&applied);
    come_round();
    for (size_t i = 0; i < ZP_COUNT(strays); i++) {
        fake_announcer_publish(world->announcer);
        struct command command = fresh_place(20 + (unsigned)i);
        command.order_id = id_number(40 + (unsigned)i);
        command.redrives = !strays[i].names ? ID_NONE : strays[i].of_applied ? applied.id : id_number(50);
        post(&command);
        come_round();
        if (told(0)->kind != ENTRY_REFUSED || strcmp(told(0)->outcome.reasons[0].code, "not_parked") != 0) {
            fail_msg("%s: not refused as not_parked", strays[i].name);
        }
        assert_null(fake_order(&command.order_id));
    }
}

/* ---- caches
 * --------------------------------------------------------------------------------------------------------- */

static void an_evicted_location_is_loaded_again_as_it_was(void **state)
{
    (void)state;
    world->actors.count_max = 0;
    struct command placed = fresh_place(10), second = fresh_place(11);
    post(&placed);
    come_round();
    assert_null(actors_find(&world->actors, &here));
    post(&second);
    come_round();
    assert_int_equal(told(1)->event->seq, 4);
    assert_int_equal(told(1)->event->order.number, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_restaurant_here, world_close)
    const struct CMUnitTest tests[] = {
        TEST(the_first_commands_make_the_restaurant),
        TEST(two_events_of_a_turn_follow_one_another),
        TEST(the_log_time_is_the_event_s_time),
        TEST(placed_and_started_in_one_turn_is_one_new_row),
        TEST(two_steps_in_one_turn_are_one_changed_row),
        TEST(an_order_keeps_the_menu_it_was_priced_from),
        TEST(locations_of_one_partition_have_their_own_seqs),
        TEST(a_refused_placement_has_an_event_and_a_row),
        TEST(other_refusals_have_no_event),
        TEST(a_repetition_in_one_turn_is_applied_once),
        TEST(a_repetition_later_is_told_the_stored_outcome),
        TEST(another_request_under_the_key_changes_nothing),
        TEST(a_placement_is_a_duplicate_at_any_age),
        TEST(a_refused_placement_stays_refused_at_any_age),
        TEST(a_placement_that_the_kitchen_ended_was_placed),
        TEST(what_cannot_be_decoded_is_parked_and_the_next_is_applied),
        TEST(without_a_key_it_is_parked_too),
        TEST(a_record_in_a_wrong_partition_leaves_no_actor_there),
        TEST(steps_on_a_parked_order_are_refused),
        TEST(a_retry_of_a_parked_placement_stays_parked),
        TEST(a_redriven_order_is_not_parked_any_more),
        TEST(a_second_redrive_of_an_order_changes_nothing),
        TEST(only_what_was_parked_is_redriven),
        TEST(an_evicted_location_is_loaded_again_as_it_was),
    };
    return cmocka_run_group_tests_name("worker judge", tests, NULL, NULL);
}
