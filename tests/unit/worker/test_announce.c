/* test_announce.c: the announcer's thread: first the log, then the cache, and what happens when either fails. */
#include "metrics.h"
#include "world.h"

#include "fake_live.h"

#include <poll.h>
#include <string.h>

#define P 5
#define WAIT_MS 10000

static struct zp_id here;

static int open_restaurant_here(void **state)
{
    fake_cache_open();
    world_open(state);
    here = location_in(P, 0);
    post_restaurant(&here, 1);
    own_partition(P);
    assert_int_equal(come_round(), 2);
    fake_announcer_publish(world->announcer);
    return 0;
}

static int close_restaurant_here(void **state)
{
    world_close(state);
    fake_cache_close();
    return 0;
}

static struct command fresh_place(unsigned number)
{
    struct zp_id id = id_number(number);
    return place(&here, &id);
}

static void apply(const struct command *command)
{
    post(command);
    assert_int_equal(come_round(), 1);
}

/* Looks again and again until it is so. */
static void wait_until(bool (*is_so)(void))
{
    for (int ms = 0; !is_so(); ms++) {
        if (ms > WAIT_MS) {
            fail_msg("it never came to be");
        }
        poll(NULL, 0, 1);
    }
}

static bool cache_is_right(void)
{
    struct live_head head;
    const struct location *location = fake_location(&here);
    return fake_cache_head(&here, &head) && head.seq == location->seq &&
           memcmp(head.hash, location->hash, HASH_SIZE) == 0 && head.board_hash == location->open_hash &&
           head.open_count == location->open_count;
}

static bool has_failed(void)
{
    return announcer_failed(world->announcer);
}

/* Lets the refiller ask for heads that often, since it had asked `since` times. */
static void wait_for_heads_after(int since, int times)
{
    for (int ms = 0; fake_cache_heads_asked() < since + times; ms++) {
        if (ms > WAIT_MS) {
            fail_msg("the cache was not asked");
        }
        poll(NULL, 0, 1);
    }
}

static size_t notes_of(const struct command *command)
{
    size_t count = 0;
    for (size_t i = 0; i < cache.note_count; i++) {
        count += id_equal(&cache.notes[i].command_id, &command->id);
    }
    return count;
}

static bool log_has_a_third(void)
{
    return fake_log_end(FAKE_EVENTS, P) == 3;
}

static void the_log_first_then_the_cache(void **state)
{
    (void)state;
    struct command placed = fresh_place(10);
    assert_true(cache_is_right());
    bus.holds_acks = true;
    apply(&placed);
    wait_until(log_has_a_third); /* it is there, but nobody has said so */
    assert_false(announcer_drain(world->announcer, 50));
    assert_int_equal(notes_of(&placed), 0);
    assert_int_equal(world->marks[P].published_offset, 2);
    assert_int_equal(world->marks[P].announcing, 1);
    bus.holds_acks = false;
    fake_announcer_publish(world->announcer);
    assert_true(cache_is_right());
    assert_int_equal(notes_of(&placed), 1);
    assert_int_equal(world->marks[P].published_offset, 3);
    assert_int_equal(world->marks[P].events_offset, 3);
    assert_int_equal(world->marks[P].announcing, 0);
}

static void a_full_cache_is_told_while_it_lasts(void **state)
{
    (void)state;
    struct command full = fresh_place(10), well = fresh_place(11);
    cache.is_full = true;
    apply(&full);
    fake_announcer_publish(world->announcer);
    assert_int_equal(metric_value(&worker_metrics[WM_CACHE_FULL]), 1);
    assert_true(cache_is_right());
    cache.is_full = false;
    apply(&well);
    fake_announcer_publish(world->announcer);
    assert_int_equal(metric_value(&worker_metrics[WM_CACHE_FULL]), 0);
}

static void outcomes_stand_in_the_order_of_their_commands(void **state)
{
    (void)state;
    struct zp_id id = id_number(99);
    for (unsigned i = 0; i < 20; i++) {
        struct command placed = fresh_place(10 + i), refused = step(CMD_ORDER_READY, &here, &placed.id, &id);
        refused.id = id_number(100 + i);
        post(&placed);
        post(&refused);
        bus.queue_full = i % 3 == 0 ? 2 : 0;
        assert_int_equal(come_round(), 2);
        if (i % 4 == 3) {
            fake_announcer_publish(world->announcer);
        }
    }
    fake_announcer_publish(world->announcer);
    assert_int_equal(fake_log_end(FAKE_EVENTS, P), 42);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (int64_t offset = 0; offset < 42; offset++) {
        struct event event;
        struct event_meta meta;
        const char *why;
        assert_int_equal(message_event_read(fake_log_get(FAKE_EVENTS, P, offset), &arena, &event, &meta, &why), ZP_OK);
        assert_int_equal(meta.command_offset, offset);
        arena_reset(&arena);
    }
    arena_finish(&arena);
    assert_true(cache_is_right());
}

static void a_duplicate_is_told_and_not_published(void **state)
{
    (void)state;
    struct command placed = fresh_place(10);
    apply(&placed);
    fake_announcer_publish(world->announcer);
    apply(&placed);
    fake_announcer_publish(world->announcer);
    assert_int_equal(fake_log_end(FAKE_EVENTS, P), 3);
    assert_int_equal(notes_of(&placed), 2);
    assert_int_equal(cache.notes[cache.note_count - 1].err, ZP_OK);
}

static const char *text_of(const struct record *record, const char *name)
{
    static char text[64];
    const struct header *header = record_header(record, name);
    assert_non_null(header);
    assert_true(header->len < sizeof text);
    memcpy(text, header->value, header->len);
    text[header->len] = '\0';
    return text;
}

static void a_letter_says_where_it_came_from(void **state)
{
    (void)state;
    post_garbage(P, "strange key", "strange value");
    assert_int_equal(come_round(), 1);
    fake_announcer_publish(world->announcer);
    const struct record *letter = fake_log_get(FAKE_DEAD_LETTERS, P, 0);
    assert_non_null(letter);
    assert_memory_equal(letter->key, "strange key", letter->key_len);
    assert_memory_equal(letter->value, "strange value", letter->value_len);
    assert_string_equal(text_of(letter, "origin_topic"), TOPIC_COMMANDS);
    assert_string_equal(text_of(letter, "origin_partition"), "5");
    assert_string_equal(text_of(letter, "origin_offset"), "2");
    assert_int_equal(fake_log_end(FAKE_EVENTS, P), 3);
}

/* ---- the log fails ------------------------------------------------------------------------------------------ */

/* As the worker's loop does it. */
static void heed(void)
{
    announcer_renew(world->announcer);
    worker_retake(world, P, 0);
    take_over();
    assert_int_equal(world->partitions[P].state, PARTITION_OWNED);
}

static bool a_letter_is_written(void)
{
    return fake_log_end(FAKE_DEAD_LETTERS, P) == 1;
}

static void a_parked_outcome_waits_for_its_letter(void **state)
{
    (void)state;
    bus.holds_acks = true;
    post_garbage(P, "strange key", "strange value");
    assert_int_equal(come_round(), 1);
    wait_until(a_letter_is_written);
    assert_false(announcer_drain(world->announcer, 50));
    assert_int_equal(fake_log_end(FAKE_EVENTS, P), 2);
    bus.holds_acks = false;
    fake_announcer_publish(world->announcer);
    assert_int_equal(fake_log_end(FAKE_EVENTS, P), 3);
    assert_int_equal(fake_log_end(FAKE_DEAD_LETTERS, P), 1);
    assert_int_equal(world->marks[P].published_offset, 3);
}

static void a_parked_outcome_whose_letter_was_refused_is_not_written(void **state)
{
    (void)state;
    bus.refusals = 1;
    post_garbage(P, "strange key", "strange value");
    assert_int_equal(come_round(), 1);
    wait_until(has_failed);
    assert_int_equal(fake_log_end(FAKE_EVENTS, P), 2);
    assert_int_equal(fake_log_end(FAKE_DEAD_LETTERS, P), 0);
    heed();
    fake_announcer_publish(world->announcer);
    assert_int_equal(fake_log_end(FAKE_EVENTS, P), 3);
    assert_int_equal(fake_log_end(FAKE_DEAD_LETTERS, P), 1);
}

static void what_the_log_refused_is_published_after_a_takeover(void **state)
{
    (void)state;
    struct command placed = fresh_place(10), next = fresh_place(11);
    bus.refusals = 1;
    apply(&placed);
    wait_until(has_failed);
    assert_int_equal(notes_of(&placed), 0);
    apply(&next); /* committed, but its turn comes after one that failed */
    assert_false(announcer_drain(world->announcer, 50));
    assert_int_equal(fake_log_end(FAKE_EVENTS, P), 2);
    heed();
    assert_false(announcer_failed(world->announcer));
    assert_int_equal(bus.producers_made, 2);
    fake_announcer_publish(world->announcer);
    assert_int_equal(fake_log_end(FAKE_EVENTS, P), 4);
    assert_int_equal(world->marks[P].published_offset, 4);
    assert_int_equal(world->marks[P].announcing, 0);
    wait_until(cache_is_right);
}

static void renewing_gives_every_turn_back(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        bus.refusals = 1;
        struct command placed = fresh_place(10 + (unsigned)round);
        apply(&placed);
        wait_until(has_failed);
        announcer_renew(world->announcer);
        assert_true(announcer_drain(world->announcer, 0));
        worker_retake(world, P, 0);
        take_over();
        fake_announcer_publish(world->announcer);
    }
    struct turn *turns[16];
    size_t count = 0;
    while ((turns[count] = announcer_turn(world->announcer, 0)) != NULL) {
        count++;
    }
    assert_int_equal(count, ANNOUNCER_TURNS);
    while (count > 0) {
        announcer_return(world->announcer, turns[--count]);
    }
}

static void all_turns_under_way_is_congestion(void **state)
{
    (void)state;
    bus.holds_acks = true;
    for (unsigned i = 0; i < ANNOUNCER_TURNS; i++) {
        struct command placed = fresh_place(10 + i);
        apply(&placed);
    }
    assert_null(announcer_turn(world->announcer, 0));
    bus.holds_acks = false;
    fake_announcer_publish(world->announcer);
    struct turn *turn = announcer_turn(world->announcer, 0);
    assert_non_null(turn);
    announcer_return(world->announcer, turn);
}

static void stopping_drops_what_is_under_way(void **state)
{
    (void)state;
    bus.holds_acks = true;
    struct command placed = fresh_place(10);
    apply(&placed); /* the teardown stops it; nothing may leak */
}

/* ---- the cache fails ------------------------------------------------------------------------------------------- */

static void a_cache_that_was_away_is_refilled(void **state)
{
    (void)state;
    struct command placed = fresh_place(10);
    cache.is_down = true;
    apply(&placed);
    fake_announcer_publish(world->announcer); /* the log does not wait for the cache */
    assert_int_equal(world->marks[P].published_offset, 3);
    assert_false(cache_is_right());
    cache.is_down = false;
    wait_until(cache_is_right);
}

static void a_cache_that_lost_everything_is_refilled_with_the_next_event(void **state)
{
    (void)state;
    fake_cache_clear();
    struct command placed = fresh_place(10);
    apply(&placed);
    wait_until(cache_is_right);
}

/* A FLUSHALL: no new connection, and no event that would find out. */
static void a_cache_that_lost_everything_in_silence_is_refilled(void **state)
{
    (void)state;
    fake_cache_clear();
    wait_until(cache_is_right);
}

static void a_new_connection_makes_all_heads_doubtful(void **state)
{
    (void)state;
    const struct live_head wrong = { .seq = 77 };
    fake_cache_set(&here, &wrong);
    cache.connections++;
    wait_until(cache_is_right);
}

static void nothing_is_refilled_that_the_log_lacks(void **state)
{
    (void)state;
    struct command placed = fresh_place(10);
    const struct live_head wrong = { .seq = 1 };
    bus.holds_acks = true;
    apply(&placed);
    fake_cache_set(&here, &wrong);
    int asked = fake_cache_heads_asked();
    announcer_compare(world->announcer, P);
    wait_for_heads_after(asked, 2); /* it wants to: the comparison, and the look before the snapshot */
    asked = fake_cache_heads_asked();
    announcer_compare(world->announcer, P);
    wait_for_heads_after(asked, 1); /* and has come round since */
    struct live_head head;
    assert_true(fake_cache_head(&here, &head));
    assert_int_equal(head.seq, 1);
    bus.holds_acks = false;
    wait_until(cache_is_right);
}

static _Atomic bool is_spoilt;

static void spoil_and_doubt(void)
{
    const struct live_head wrong = { .seq = 77 };
    fake_cache_set(&here, &wrong);
    announcer_compare(world->announcer, P);
    is_spoilt = true;
}

static bool cache_was_spoilt(void)
{
    return is_spoilt;
}

/* A regression: a wish that came while its partition was being compared was taken for granted. */
static void a_doubt_during_a_comparison_is_not_lost(void **state)
{
    (void)state;
    is_spoilt = false;
    cache.after_heads = spoil_and_doubt;
    announcer_compare(world->announcer, P);
    wait_until(cache_was_spoilt);
    wait_until(cache_is_right);
}

/* For as long as it goes on, however slowly: a machine that is slow is no fault. */
static void wait_for_refills(int count)
{
    int seen = 0;
    for (int ms = 0; cache.refills < count; ms++) {
        ms = cache.refills == seen ? ms : 0;
        seen = cache.refills;
        if (ms > WAIT_MS) {
            fail_msg("%d of %d were refilled, then nothing", seen, count);
        }
        poll(NULL, 0, 1);
    }
}

/* A regression: of more locations than the queue holds, the rest was forgotten. */
static void more_locations_than_the_queue_holds_are_all_refilled(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1500; i++) {
        struct zp_id id = id_number(50000 + i);
        fake_db_add_location(&id, P, 1);
    }
    announcer_compare(world->announcer, P);
    wait_for_refills(1500);
}

static void one_that_cannot_be_refilled_does_not_hold_up_the_others(void **state)
{
    (void)state;
    db.unreadable = id_number(60000);
    fake_db_add_location(&db.unreadable, P + 1, 1);
    world->marks[P + 1].owned = true;
    int asked = fake_cache_heads_asked();
    announcer_compare(world->announcer, P + 1);
    wait_for_heads_after(asked, 3); /* the comparison, and two tries */
    spoil_and_doubt();
    wait_until(cache_is_right);
}

/* A regression: as JSON it is larger than a record may be, and its location was never refilled again. */
static void a_menu_as_large_as_a_record_reaches_the_cache(void **state)
{
    (void)state;
    struct zp_id id = id_number(10);
    struct command command = give_large_menu(&here, &id);
    apply(&command);
    fake_announcer_publish(world->announcer);
    assert_int_equal(fake_location(&here)->seq, 3);
    wait_until(cache_is_right);
    assert_int_equal(notes_of(&command), 1); /* told, not only refilled */
}

/* A regression: a location whose menu was often changed had more history than a refill has memory. */
static void a_history_of_large_menus_is_refilled_as_far_as_it_fits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 24; i++) {
        struct zp_id id = id_number(10 + i);
        struct command command = give_wide_menu(&here, &id);
        apply(&command);
        fake_announcer_publish(world->announcer);
    }
    spoil_and_doubt();
    wait_until(cache_is_right);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_restaurant_here, close_restaurant_here)
    const struct CMUnitTest tests[] = {
        TEST(the_log_first_then_the_cache),
        TEST(a_full_cache_is_told_while_it_lasts),
        TEST(outcomes_stand_in_the_order_of_their_commands),
        TEST(a_duplicate_is_told_and_not_published),
        TEST(a_letter_says_where_it_came_from),
        TEST(a_parked_outcome_waits_for_its_letter),
        TEST(a_parked_outcome_whose_letter_was_refused_is_not_written),
        TEST(what_the_log_refused_is_published_after_a_takeover),
        TEST(renewing_gives_every_turn_back),
        TEST(all_turns_under_way_is_congestion),
        TEST(stopping_drops_what_is_under_way),
        TEST(a_cache_that_was_away_is_refilled),
        TEST(a_cache_that_lost_everything_is_refilled_with_the_next_event),
        TEST(a_cache_that_lost_everything_in_silence_is_refilled),
        TEST(a_new_connection_makes_all_heads_doubtful),
        TEST(nothing_is_refilled_that_the_log_lacks),
        TEST(a_doubt_during_a_comparison_is_not_lost),
        TEST(more_locations_than_the_queue_holds_are_all_refilled),
        TEST(one_that_cannot_be_refilled_does_not_hold_up_the_others),
        TEST(a_menu_as_large_as_a_record_reaches_the_cache),
        TEST(a_history_of_large_menus_is_refilled_as_far_as_it_fits),
    };
    return cmocka_run_group_tests_name("worker announce", tests, NULL, NULL);
}
