/* test_refill.c: refills step by step: what is under way, what is held, and that each of them ends. */
#include "world.h"

#include "fake_live.h"
#include "refill.h"

#include <string.h>

#define P 5
#define STEPS 8 /* more than a wish or two need */

static struct zp_id here;
static struct live_push *push;
static struct refiller refiller;

static int open_here(void **state)
{
    char why[LIVE_WHY_SIZE];
    fake_cache_open();
    world_open(state);
    here = location_in(P, 0);
    post_restaurant(&here, 1);
    own_partition(P);
    assert_int_equal(come_round(), 2);
    fake_announcer_publish(world->announcer);
    assert_int_equal(live_push_create(NULL, &push, why), ZP_OK);
    refiller_init(&refiller, push, world->store, world->marks);
    return 0;
}

static int close_here(void **state)
{
    refiller_finish(&refiller);
    live_push_destroy(push);
    fake_cache_close();
    return world_close(state);
}

/* Commits one order; the log does not have it yet. */
static void commit_one(unsigned number)
{
    struct zp_id id = id_number(number);
    const struct command command = place(&here, &id);
    post(&command);
    assert_int_equal(come_round(), 1);
    fake_announcer_lose(world->announcer); /* the test announces it */
}

/* The log acknowledges the event; then it is pushed, as the announcer does. */
static int announce(size_t i)
{
    const struct batch_event *event = &db.events[i].event;
    struct live_note note = { .seq = event->seq, .head = { .seq = event->seq } };
    struct live_item item = { .notes = &note, .note_count = 1, .location_id = here };
    memcpy(note.head.hash, event->hash, HASH_SIZE);
    memcpy(item.before_hash, db.events[i - 1].event.hash, HASH_SIZE);
    world->marks[P].published_offset = event->command_offset + 1;
    assert_int_equal(live_push_items(push, &item, 1, NULL, 0, NULL, 0), ZP_OK);
    if (item.result == LIVE_REFILL) {
        refiller_wish(&refiller, P, &here);
    }
    return (int)item.result;
}

static void step_often(void)
{
    for (int i = 0; i < STEPS; i++) {
        refiller.retry_at_us = 0;
        refiller_step(&refiller);
    }
}

static int64_t cache_seq(void)
{
    struct live_head head;
    return fake_cache_head(&here, &head) ? head.seq : -1;
}

static void spoil(void)
{
    const struct live_head wrong = { .seq = 1 };
    fake_cache_set(&here, &wrong);
}

/* A regression: there was always an event in the snapshot that the log did not have yet, and the cache stayed wrong for
 * as long as orders came. */
static void a_busy_location_is_refilled(void **state)
{
    (void)state;
    enum { ROUNDS = 50 };
    int refused = 0;
    spoil();
    commit_one(10);
    refiller_wish(&refiller, P, &here);
    for (unsigned i = 1; i < ROUNDS; i++) {
        step_often();
        commit_one(10 + i); /* one is always under way */
        step_often();
        refused += announce(db.event_count - 2) == LIVE_REFILL;
    }
    assert_int_equal(cache.refills, 1);
    assert_in_range(refused, 1, 2);
    assert_int_equal(cache_seq(), fake_location(&here)->seq - 1);
    step_often();
    assert_int_equal(refiller.wish_count, 0);
    assert_false(refiller.holds);
}

/* A regression: of a location with more open orders than a refill takes whole, the rest was not on the board. */
static void every_ticket_is_refilled(void **state)
{
    (void)state;
    db.whole_max = 3;
    for (unsigned i = 0; i < 10; i++) {
        commit_one(10 + i);
    }
    world->marks[P].published_offset = db.events[db.event_count - 1].event.command_offset + 1;
    spoil();
    refiller_wish(&refiller, P, &here);
    step_often();
    assert_int_equal(cache.refills, 1);
    assert_int_equal(cache.orders, 3);
    assert_int_equal(cache.tickets, 10);
    assert_int_equal(cache.tickets, fake_location(&here)->open_count);
}

static void what_is_held_waits_for_the_log(void **state)
{
    (void)state;
    spoil();
    commit_one(10);
    refiller_wish(&refiller, P, &here);
    step_often();
    assert_true(refiller.holds);
    assert_int_equal(cache_seq(), 1);
    world->marks[P].published_offset = db.events[db.event_count - 1].event.command_offset + 1; /* and nobody pushes */
    step_often();
    assert_int_equal(cache_seq(), fake_location(&here)->seq);
    assert_int_equal(refiller.wish_count, 0);
}

/* The head differs from the database's only by what is under way: pushes bring it, and the wish ends. */
static void what_was_right_all_the_time_is_left_alone(void **state)
{
    (void)state;
    struct live_head head = { .seq = fake_location(&here)->seq };
    memcpy(head.hash, fake_location(&here)->hash, HASH_SIZE);
    fake_cache_set(&here, &head);
    commit_one(10);
    refiller_wish(&refiller, P, &here);
    step_often();
    assert_int_equal(refiller.wish_count, 1);
    commit_one(11);
    assert_int_equal(announce(db.event_count - 2), LIVE_PUSHED);
    step_often();
    assert_int_equal(cache.refills, 0);
    assert_int_equal(refiller.wish_count, 0);
    assert_int_equal(announce(db.event_count - 1), LIVE_PUSHED);
}

static void one_that_changes_under_a_held_snapshot_is_looked_at_again(void **state)
{
    (void)state;
    spoil();
    commit_one(10);
    refiller_wish(&refiller, P, &here);
    step_often();
    fake_cache_set(&here, &(struct live_head){ .seq = 2 });
    world->marks[P].published_offset = db.events[db.event_count - 1].event.command_offset + 1;
    step_often();
    assert_int_equal(cache.refills, 1);
    assert_int_equal(cache_seq(), fake_location(&here)->seq);
}

static void what_is_held_goes_with_its_partition(void **state)
{
    (void)state;
    spoil();
    commit_one(10);
    refiller_wish(&refiller, P, &here);
    step_often();
    world->marks[P].owned = false;
    world->marks[P].published_offset = db.events[db.event_count - 1].event.command_offset + 1;
    step_often();
    assert_false(refiller.holds);
    assert_int_equal(cache.refills, 0);
    assert_int_equal(refiller.wish_count, 0);
}

/* A regression: a takeover away and back went unseen by this thread, and the snapshot from before it was put in for
 * what the comparison wished: the cache was behind until somebody looked again. */
static void what_is_held_is_forgotten_when_the_partition_is_doubted(void **state)
{
    (void)state;
    step_often();
    spoil();
    commit_one(10);
    refiller_wish(&refiller, P, &here);
    step_often();
    assert_true(refiller.holds);
    commit_one(11); /* somebody else's, between two takeovers */
    world->marks[P].published_offset = db.events[db.event_count - 1].event.command_offset + 1;
    refiller.compare_wanted[P] = true;
    step_often();
    assert_int_equal(cache.refills, 1);
    assert_int_equal(cache_seq(), fake_location(&here)->seq);
    assert_int_equal(refiller.wish_count, 0);
}

/* Five events, the third last of which is the caller's to spoil. */
static struct batch_event *commit_five(void)
{
    step_often();
    for (unsigned i = 0; i < 5; i++) {
        commit_one(10 + i);
    }
    world->marks[P].published_offset = db.events[db.event_count - 1].event.command_offset + 1;
    return &db.events[db.event_count - 3].event;
}

static void assert_history_begins_behind_it(void)
{
    spoil();
    refiller_wish(&refiller, P, &here);
    step_often();
    assert_int_equal(refiller.wish_count, 0);
    assert_int_equal(cache_seq(), fake_location(&here)->seq);
    assert_int_equal(fake_cache_place(&here)->event_count, 2);
}

/* One row that cannot be decoded: what follows it is kept, and no more. */
static void a_row_that_cannot_be_read_is_where_the_history_begins(void **state)
{
    (void)state;
    commit_five()->value_len = 1;
    assert_history_begins_behind_it();
    assert_int_equal(cache.orders, 5);
}

/* A regression: Redis took no history with a foreign event in it, so the location was asked for again and again, and
 * nothing of it was ever visible. */
static void a_row_with_the_bytes_of_another_is_where_the_history_begins(void **state)
{
    (void)state;
    struct batch_event *bad = commit_five();
    const struct batch_event *newest = &db.events[db.event_count - 1].event;
    bad->value = newest->value;
    bad->value_len = newest->value_len;
    assert_history_begins_behind_it();
}

/* The newest row is the bad one: the log must have it nevertheless before the board shows what it did. */
static void a_newest_row_that_cannot_be_read_waits_for_the_log(void **state)
{
    (void)state;
    step_often();
    spoil();
    commit_one(10);
    db.events[db.event_count - 1].event.value_len = 1;
    refiller_wish(&refiller, P, &here);
    step_often();
    assert_int_equal(cache_seq(), 1);
    world->marks[P].published_offset = db.events[db.event_count - 1].event.command_offset + 1;
    step_often();
    assert_int_equal(cache_seq(), fake_location(&here)->seq);
    assert_int_equal(fake_cache_place(&here)->event_count, 0);
}

static void patrol_all(void)
{
    for (int i = 0; i < BUS_PARTITIONS_MAX; i++) {
        refiller.patrol_at_us = 0;
        step_often();
    }
}

/* What a location under load committed is on its way to Redis nearly always: refilling it held up all pushes. */
static void a_patrol_leaves_a_busy_location_alone(void **state)
{
    (void)state;
    step_often(); /* the takeover's own comparison */
    fake_cache_clear();
    const int refills = cache.refills;
    db.locations[0].updated_at = clock_wall_us() + 60000000; /* however long this takes */
    patrol_all();
    assert_int_equal(cache.refills, refills);
    db.locations[0].updated_at = 0;
    patrol_all();
    assert_int_equal(cache.refills, refills + 1);
}

/* Each try reads a whole location from the database, in vain. */
static void a_cache_that_takes_nothing_is_left_alone_for_a_while(void **state)
{
    (void)state;
    step_often();
    const int refills = cache.refills;
    spoil();
    refiller_wish(&refiller, P, &here);
    cache.takes_nothing = true;
    const int64_t before_us = clock_mono_us();
    refiller_step(&refiller);
    const int asked = fake_cache_heads_asked();
    assert_true(refiller.retry_at_us > before_us);
    refiller.retry_at_us = INT64_MAX; /* however slow the machine is */
    refiller_step(&refiller);
    assert_int_equal(fake_cache_heads_asked(), asked);
    cache.takes_nothing = false;
    step_often();
    assert_int_equal(cache.refills, refills + 1);
    assert_int_equal(cache_seq(), fake_location(&here)->seq);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_here, close_here)
    const struct CMUnitTest tests[] = {
        TEST(a_busy_location_is_refilled),
        TEST(every_ticket_is_refilled),
        TEST(what_is_held_waits_for_the_log),
        TEST(what_was_right_all_the_time_is_left_alone),
        TEST(one_that_changes_under_a_held_snapshot_is_looked_at_again),
        TEST(what_is_held_goes_with_its_partition),
        TEST(what_is_held_is_forgotten_when_the_partition_is_doubted),
        TEST(a_row_that_cannot_be_read_is_where_the_history_begins),
        TEST(a_row_with_the_bytes_of_another_is_where_the_history_begins),
        TEST(a_newest_row_that_cannot_be_read_waits_for_the_log),
        TEST(a_patrol_leaves_a_busy_location_alone),
        TEST(a_cache_that_takes_nothing_is_left_alone_for_a_while),
    };
    return cmocka_run_group_tests_name("worker refill", tests, NULL, NULL);
}
