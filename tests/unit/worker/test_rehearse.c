/* test_rehearse.c: a rehearsal says what a turn would do, and does nothing. */
#include "world.h"
#include "zapora/worker.h"

#include <string.h>

#define HERE_PARTITION 5

static struct zp_id here;
static struct arena written;

static int open_restaurant_here(void **state)
{
    world_open(state);
    arena_init(&written, 1 << 20);
    here = location_in(HERE_PARTITION, 0);
    post_restaurant(&here, 1);
    own_partition(HERE_PARTITION);
    assert_int_equal(come_round(), 2);
    return 0;
}

static int close_here(void **state)
{
    arena_finish(&written);
    return world_close(state);
}

static struct worker_rehearsal rehearse(const struct command *command)
{
    struct record record;
    struct worker_rehearsal rehearsal;
    assert_int_equal(message_command_write(command, NULL, &written, &record), ZP_OK);
    record.partition = bus_partition_of_location(&command->location_id);
    record.offset = INT64_MAX;
    record.timestamp_us = 1767366245678000;
    assert_int_equal(worker_rehearse(world->store, &record, &rehearsal), ZP_OK);
    return rehearsal;
}

static void what_would_be_applied_is_shown_and_not_done(void **state)
{
    (void)state;
    const struct zp_id id = id_number(10);
    const struct command command = place(&here, &id);
    for (int i = 0; i < 2; i++) { /* the same each time: nothing is left behind */
        struct worker_rehearsal rehearsal = rehearse(&command);
        assert_int_equal(rehearsal.kind, REHEARSED_EVENT);
        assert_int_equal(rehearsal.outcome->err, ZP_OK);
        assert_int_equal(rehearsal.event->seq, 3);
        assert_int_equal(rehearsal.event->order.number, 1);
        assert_null(rehearsal.before);
        worker_rehearsal_finish(&rehearsal);
    }
    assert_null(fake_order(&id));
    assert_null(fake_outcome(&id));
    assert_int_equal(fake_location(&here)->seq, 2);
}

static void the_order_is_shown_as_it_is_and_as_it_would_be(void **state)
{
    (void)state;
    const struct zp_id id = id_number(10), step_id = id_number(11);
    const struct command placed = place(&here, &id), started = step(CMD_ORDER_START, &here, &id, &step_id);
    post(&placed);
    come_round();
    struct worker_rehearsal rehearsal = rehearse(&started);
    assert_int_equal(rehearsal.kind, REHEARSED_EVENT);
    assert_int_equal(rehearsal.before->status, ORDER_ACCEPTED);
    assert_int_equal(rehearsal.event->order.status, ORDER_PREPARING);
    worker_rehearsal_finish(&rehearsal);
    assert_int_equal(fake_order(&id)->status, ORDER_ACCEPTED);
}

static void what_was_settled_before_is_a_duplicate(void **state)
{
    (void)state;
    const struct zp_id id = id_number(10);
    const struct command command = place(&here, &id);
    post(&command);
    come_round();
    struct worker_rehearsal rehearsal = rehearse(&command);
    assert_int_equal(rehearsal.kind, REHEARSED_DUPLICATE);
    assert_int_equal(rehearsal.outcome->seq, 3);
    assert_null(rehearsal.event);
    worker_rehearsal_finish(&rehearsal);
}

static void what_would_be_refused_says_why(void **state)
{
    (void)state;
    const struct zp_id nobody = id_number(40), id = id_number(10);
    const struct command command = step(CMD_ORDER_START, &here, &nobody, &id);
    struct worker_rehearsal rehearsal = rehearse(&command);
    assert_int_equal(rehearsal.kind, REHEARSED_REFUSED);
    assert_int_equal(rehearsal.outcome->err, ZP_NOT_FOUND);
    assert_true(rehearsal.outcome->reason_count > 0);
    assert_null(rehearsal.event);
    worker_rehearsal_finish(&rehearsal);
}

static void a_redrive_of_what_is_not_parked_is_refused(void **state)
{
    (void)state;
    const struct zp_id id = id_number(10);
    struct command command = place(&here, &id);
    command.redrives = command.order_id = id_number(41);
    command.redrive_count = 1;
    struct worker_rehearsal rehearsal = rehearse(&command);
    assert_int_equal(rehearsal.kind, REHEARSED_REFUSED);
    assert_string_equal(rehearsal.outcome->reasons[0].code, "not_parked");
    worker_rehearsal_finish(&rehearsal);
}

static void a_database_that_is_away_is_said(void **state)
{
    (void)state;
    const struct zp_id id = id_number(10);
    const struct command command = place(&here, &id);
    struct record record;
    struct worker_rehearsal rehearsal;
    assert_int_equal(message_command_write(&command, NULL, &written, &record), ZP_OK);
    record.partition = HERE_PARTITION;
    db.on_load = (struct fake_failure){ .err = ZP_BUSY, .sqlstate = "57P01", .times = 1 };
    assert_int_equal(worker_rehearse(world->store, &record, &rehearsal), ZP_BUSY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_restaurant_here, close_here)
    const struct CMUnitTest tests[] = {
        TEST(what_would_be_applied_is_shown_and_not_done),
        TEST(the_order_is_shown_as_it_is_and_as_it_would_be),
        TEST(what_was_settled_before_is_a_duplicate),
        TEST(what_would_be_refused_says_why),
        TEST(a_redrive_of_what_is_not_parked_is_refused),
        TEST(a_database_that_is_away_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
