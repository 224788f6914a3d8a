/* test_settle.c: what a failure of a turn means: whose fault it is, what is tried again, what is parked, who hears
 * of it. */
#include "world.h"

#include <string.h>

#define P 5
#define Q 9

static struct zp_id here, there;

static int open_two_restaurants(void **state)
{
    world_open(state);
    here = location_in(P, 0);
    there = location_in(Q, 0);
    post_restaurant(&here, 1);
    post_restaurant(&there, 3);
    own_partition(P);
    own_partition(Q);
    assert_int_equal(come_round(), 4);
    fake_announcer_publish(world->announcer);
    return 0;
}

static struct command place_at(const struct zp_id *location_id, unsigned number)
{
    struct zp_id id = id_number(number);
    return place(location_id, &id);
}

static void assert_applied_once(const struct command *command)
{
    assert_non_null(fake_outcome(&command->id));
    assert_int_equal(fake_outcome(&command->id)->err, ZP_OK);
    assert_non_null(fake_order(&command->id));
}

/* How often the events topic tells of a command. */
static size_t times_told(int32_t partition, const struct zp_id *command_id)
{
    struct arena arena;
    size_t times = 0;
    arena_init(&arena, 16 << 20);
    for (int64_t offset = 0; offset < fake_log_end(FAKE_EVENTS, partition); offset++) {
        struct event event;
        struct event_meta meta;
        const char *why;
        assert_int_equal(message_event_read(fake_log_get(FAKE_EVENTS, partition, offset), &arena, &event, &meta, &why),
                         ZP_OK);
        times += id_equal(&event.command_id, command_id);
        arena_reset(&arena);
    }
    arena_finish(&arena);
    return times;
}

static void a_turn_moves_each_partition_by_its_own_records(void **state)
{
    (void)state;
    struct command a = place_at(&here, 10), b = place_at(&there, 11), c = place_at(&here, 12);
    post(&a);
    post(&b);
    post(&c);
    assert_int_equal(come_round(), 3);
    assert_int_equal(db.last.partitions, 2);
    assert_int_equal(db.partitions[P].next_offset, 4);
    assert_int_equal(db.partitions[Q].next_offset, 3);
    assert_int_equal(world->partitions[P].next_offset, 4);
    assert_int_equal(world->marks[P].next_offset, 4);
    assert_memory_equal(&db.partitions[P].last_command_id, &c.id, sizeof c.id);
    assert_int_equal(world->marks[P].announcing, 1);
}

static void what_the_log_acknowledged_moves_with_a_later_batch(void **state)
{
    (void)state;
    assert_int_equal(db.partitions[P].published_offset, 0);
    struct command a = place_at(&here, 10);
    post(&a);
    come_round();
    assert_int_equal(db.partitions[P].published_offset, 2); /* the restaurant, not the order that goes with it */
    assert_int_equal(db.partitions[P].events_offset, 2);
    assert_int_equal(db.partitions[Q].published_offset, 0); /* it had no batch since */
}

/* What was republished is acknowledged, so that the next takeover need not wait for it. */
static void recover(void)
{
    take_over();
    fake_announcer_publish(world->announcer);
}

/* ---- outages ------------------------------------------------------------------------------------------------ */

static const struct outage { const char *name; struct fake_failure on_load, on_commit; } outages[] = {
    { "no connection when loading",   { ZP_BUSY, "", 40, false },      { ZP_OK } },
    { "a full disk",                  { ZP_OK },                       { ZP_BUSY, "53100", 40, false } },
    { "an administrator's shutdown",  { ZP_OK },                       { ZP_BUSY, "57P01", 40, false } },
    { "a serialization failure",      { ZP_OK },                       { ZP_BUSY, "40001", 40, false } },
    { "unknown outcomes of COMMIT",   { ZP_OK },                       { ZP_BUSY, "", 1, true } },
    { "a unique violation",           { ZP_OK },                       { ZP_INTERNAL, "23505", 40, false } },
    { "the fence",                    { ZP_OK },                       { ZP_FENCED, "ZF001", 40, false } },
    { "no memory",                    { ZP_OK },                       { ZP_NO_MEMORY, "", 40, false } },
};

static void no_outage_parks_loses_or_doubles_an_order(void **state)
{
    for (size_t i = 0; i < ZP_COUNT(outages); i++) {
        struct command commands[5];
        for (unsigned k = 0; k < ZP_COUNT(commands); k++) {
            commands[k] = place_at(k % 2 == 0 ? &here : &there, 10 + k);
            post(&commands[k]);
        }
        db.on_load = outages[i].on_load;
        db.on_commit = outages[i].on_commit;
        work_off();
        for (unsigned k = 0; k < ZP_COUNT(commands); k++) {
            if (fake_outcome(&commands[k].id) == NULL || fake_outcome(&commands[k].id)->err != ZP_OK) {
                fail_msg("%s: order %u was not placed", outages[i].name, k);
            }
            if (times_told(k % 2 == 0 ? P : Q, &commands[k].id) == 0) {
                fail_msg("%s: order %u was never told", outages[i].name, k);
            }
        }
        assert_int_equal(db.order_count, ZP_COUNT(commands));
        assert_int_equal(fake_log_end(FAKE_DEAD_LETTERS, P) + fake_log_end(FAKE_DEAD_LETTERS, Q), 0);
        world_close(state);
        open_two_restaurants(state);
    }
}

static void a_failed_turn_is_taken_over_from_the_first_step(void **state)
{
    (void)state;
    struct command a = place_at(&here, 10);
    post(&a);
    int takes = db.takes;
    struct zp_id owner = db.partitions[P].owner;
    db.on_commit = (struct fake_failure){ ZP_BUSY, "57P01", 1, false };
    come_round();
    assert_int_equal(world->partitions[P].state, PARTITION_TAKING);
    assert_int_equal(world->partitions[Q].state, PARTITION_OWNED); /* it had no part in it */
    assert_false(world->marks[P].owned);
    assert_false(fake_consumer_runs(world->consumer, P));
    assert_null(actors_find(&world->actors, &here)); /* caches are fresh */
    assert_false(world->database_ok);
    take_over();
    assert_int_equal(db.takes, takes + 1);
    assert_false(id_equal(&owner, &db.partitions[P].owner));
    assert_int_equal(come_round(), 1);
    assert_applied_once(&a);
    assert_true(world->database_ok);
}

static void after_an_unknown_commit_it_is_told_by_republishing(void **state)
{
    (void)state;
    struct command a = place_at(&here, 10);
    post(&a);
    db.on_commit = (struct fake_failure){ ZP_BUSY, "", 1, true };
    come_round();
    assert_applied_once(&a);
    assert_int_equal(fake_announcer_entries(world->announcer), 0); /* nobody knows, so nobody says so */
    take_over();
    assert_int_equal(fake_announcer_entries(world->announcer), 1);
    assert_int_equal(fake_announcer_entry(world->announcer, 0)->kind, ENTRY_REPEATED);
    assert_int_equal(come_round(), 0); /* and it is not applied again */
    fake_announcer_publish(world->announcer);
    assert_int_equal(times_told(P, &a.id), 1);
}

/* ---- the fence ---------------------------------------------------------------------------------------------- */

static void a_fenced_turn_announces_nothing(void **state)
{
    (void)state;
    struct command a = place_at(&here, 10);
    post(&a);
    db.partitions[P].owner = id_number(666); /* another worker took the row */
    size_t outcomes = db.outcome_count;
    come_round();
    assert_int_equal(db.outcome_count, outcomes);
    assert_int_equal(fake_announcer_entries(world->announcer), 0);
    assert_int_equal(world->marks[P].announcing, 0);
    assert_int_equal(world->partitions[P].state, PARTITION_TAKING);
    assert_true(world->partitions[P].retry_at_us > clock_mono_us()); /* the group gets time to say whose it is */
}

static void one_fenced_partition_takes_the_whole_turn_along(void **state)
{
    (void)state;
    struct command a = place_at(&here, 10), b = place_at(&there, 11);
    post(&a);
    post(&b);
    db.partitions[P].owner = id_number(666);
    assert_int_equal(come_round(), 2);
    assert_null(fake_outcome(&b.id)); /* one transaction */
    assert_int_equal(fake_announcer_entries(world->announcer), 0);
    work_off();
    assert_applied_once(&a);
    assert_applied_once(&b);
}

static void another_offset_is_as_much_a_fence_as_another_owner(void **state)
{
    (void)state;
    struct command a = place_at(&here, 10);
    post(&a);
    db.partitions[P].next_offset++;
    come_round();
    assert_null(fake_outcome(&a.id));
    assert_int_equal(fake_announcer_entries(world->announcer), 0);
}

/* ---- a record's own error ------------------------------------------------------------------------------------ */

static void an_own_error_is_cornered_and_parked(void **state)
{
    (void)state;
    struct command commands[9];
    for (unsigned i = 0; i < ZP_COUNT(commands); i++) {
        commands[i] = place_at(i < 6 ? &here : &there, 10 + i);
        post(&commands[i]);
    }
    db.poison = commands[3].id;
    work_off();
    for (unsigned i = 0; i < ZP_COUNT(commands); i++) {
        assert_non_null(fake_outcome(&commands[i].id));
        assert_int_equal(fake_outcome(&commands[i].id)->err, i == 3 ? ZP_PARKED : ZP_OK);
    }
    assert_int_equal(fake_log_end(FAKE_DEAD_LETTERS, P), 1);
    assert_int_equal(fake_log_end(FAKE_DEAD_LETTERS, Q), 0);
    assert_int_equal(times_told(P, &commands[3].id), 1);
    assert_null(fake_order(&commands[3].id));
    assert_int_equal(fake_location(&here)->seq, 2 + 5); /* without a gap */
}

static void alone_it_is_tried_twice_and_no_more(void **state)
{
    (void)state;
    struct command a = place_at(&here, 10);
    int64_t offset = post(&a);
    db.poison = a.id;
    assert_int_equal(come_round(), 1);
    assert_int_equal(world->partitions[P].failing_offset, offset);
    assert_int_equal(world->partitions[P].park_offset, -1);
    recover();
    assert_int_equal(come_round(), 1);
    assert_int_equal(world->partitions[P].park_offset, offset);
    assert_null(fake_outcome(&a.id));
    recover();
    assert_int_equal(come_round(), 1);
    assert_int_equal(fake_outcome(&a.id)->err, ZP_PARKED);
    assert_true(id_equal(&fake_outcome(&a.id)->order_id, &a.id)); /* it has been read before: its owner may see it */
    assert_string_equal(fake_outcome(&a.id)->reasons[1].code, "failed_by_itself");
    const struct letter letter = turn_letter(fake_announcer_entry(world->announcer, 0));
    assert_int_equal(letter.class, LETTER_FAILED);
    assert_int_equal(letter.attempts, 2);
    assert_true(letter.first_at > 0 && letter.first_at <= letter.last_at);
    assert_int_equal(world->partitions[P].park_offset, -1);
    assert_int_equal(world->partitions[P].failing_offset, -1);
}

static void an_outage_between_two_own_errors_does_not_count(void **state)
{
    (void)state;
    struct command a = place_at(&here, 10);
    post(&a);
    db.poison = a.id;
    come_round(); /* once by itself */
    recover();
    for (int i = 0; i < 5; i++) {
        db.on_commit = (struct fake_failure){ ZP_BUSY, "57P01", 1, false };
        come_round();
        recover();
        assert_int_equal(world->partitions[P].park_offset, -1);
    }
    db.poison = ID_NONE;
    work_off();
    assert_applied_once(&a);
}

static void after_a_poisoned_record_turns_grow_again(void **state)
{
    (void)state;
    struct command commands[16];
    for (unsigned i = 0; i < ZP_COUNT(commands); i++) {
        commands[i] = place_at(&here, 10 + i);
        post(&commands[i]);
    }
    db.poison = commands[0].id;
    work_off();
    for (unsigned i = 0; i < ZP_COUNT(commands); i++) {
        struct command more = place_at(&here, 100 + i);
        post(&more);
        come_round();
        fake_announcer_publish(world->announcer);
    }
    assert_int_equal(world->records_limit, WORLD_RECORDS_MAX);
    assert_int_equal(world->partitions[P].doubt, 0);
}

/* Found by tests/fault: what other partitions succeeded in made the turns grow again, faster than they were halved, and
 * the record was never alone. */
static void under_load_a_poisoned_record_is_cornered_all_the_same(void **state)
{
    (void)state;
    struct command bad = place_at(&here, 10);
    post(&bad);
    db.poison = bad.id;
    unsigned number = 100;
    for (int round = 0; round < 20 && fake_outcome(&bad.id) == NULL; round++) {
        for (int i = 0; i < 3; i++) {
            struct command good = place_at(&here, number++);
            post(&good);
        }
        come_round(); /* fails, and while its partition rests others succeed */
        fake_announcer_publish(world->announcer);
        for (int i = 0; i < 6; i++) {
            struct command other = place_at(&there, number++);
            post(&other);
            come_round();
            fake_announcer_publish(world->announcer);
        }
        recover();
    }
    assert_non_null(fake_outcome(&bad.id));
    assert_int_equal(fake_outcome(&bad.id)->err, ZP_PARKED);
    work_off();
    for (unsigned i = 100; i < number; i++) {
        struct zp_id id = id_number(i);
        assert_non_null(fake_outcome(&id));
        assert_int_equal(fake_outcome(&id)->err, ZP_OK);
    }
    assert_int_equal(fake_log_end(FAKE_DEAD_LETTERS, P), 1);
}

static void only_the_first_failure_costs_other_partitions_anything(void **state)
{
    (void)state;
    struct command bad = place_at(&here, 10), good = place_at(&there, 11);
    post(&bad);
    post(&good);
    db.poison = bad.id;
    assert_int_equal(come_round(), 2); /* together, and both are rolled back */
    recover();
    while (fake_outcome(&bad.id) == NULL) {
        struct command more = place_at(&there, 12);
        post(&more);
        come_round();
        assert_int_equal(world->partitions[Q].state, PARTITION_OWNED);
        recover();
    }
    assert_applied_once(&good);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_two_restaurants, world_close)
    const struct CMUnitTest tests[] = {
        TEST(a_turn_moves_each_partition_by_its_own_records),
        TEST(what_the_log_acknowledged_moves_with_a_later_batch),
        TEST(no_outage_parks_loses_or_doubles_an_order),
        TEST(a_failed_turn_is_taken_over_from_the_first_step),
        TEST(after_an_unknown_commit_it_is_told_by_republishing),
        TEST(a_fenced_turn_announces_nothing),
        TEST(one_fenced_partition_takes_the_whole_turn_along),
        TEST(another_offset_is_as_much_a_fence_as_another_owner),
        TEST(an_own_error_is_cornered_and_parked),
        TEST(alone_it_is_tried_twice_and_no_more),
        TEST(an_outage_between_two_own_errors_does_not_count),
        TEST(after_a_poisoned_record_turns_grow_again),
        TEST(under_load_a_poisoned_record_is_cornered_all_the_same),
        TEST(only_the_first_failure_costs_other_partitions_anything),
    };
    return cmocka_run_group_tests_name("worker settle", tests, NULL, NULL);
}
