/* test_gather.c: what enters a turn: densely, from where the partition stands, and nothing else. */
#include "world.h"

#include <string.h>

#define P 5
#define Q 9

static struct zp_id here, there;

static int open_mailbox(void **state)
{
    world_open(state);
    here = location_in(P, 0);
    there = location_in(Q, 0);
    own_partition(P);
    own_partition(Q);
    return 0;
}

static void post_orders(const struct zp_id *location_id, unsigned first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct zp_id id = id_number(first + i);
        struct command command = place(location_id, &id);
        post(&command);
    }
}

static struct turn *gathered(void)
{
    struct turn *turn = announcer_turn(world->announcer, 0);
    assert_non_null(turn);
    gather(world, turn, 0);
    return turn;
}

static void give_back(struct turn *turn)
{
    announcer_return(world->announcer, turn);
}

/* Every partition's offsets in a turn follow one another from `from`. */
static void assert_dense(const struct turn *turn, int32_t partition, int64_t from, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < turn->count; i++) {
        if (turn->entries[i].outcome.partition == partition) {
            assert_int_equal(turn->entries[i].outcome.offset, from + (int64_t)found++);
        }
    }
    assert_int_equal(found, count);
}

static void a_turn_takes_what_is_there_in_order(void **state)
{
    (void)state;
    post_orders(&here, 10, 3);
    post_orders(&there, 20, 4);
    struct turn *turn = gathered();
    assert_dense(turn, P, 0, 3);
    assert_dense(turn, Q, 0, 4);
    assert_int_equal(world->partitions[P].gathered_offset, 3);
    assert_int_equal(world->partitions[P].next_offset, 0); /* nothing is committed yet */
    assert_null(world->turn);
    give_back(turn);
}

static void an_empty_mailbox_gives_an_empty_turn(void **state)
{
    (void)state;
    struct turn *turn = gathered();
    assert_int_equal(turn->count, 0);
    give_back(turn);
}

static void a_turn_ends_at_its_limit(void **state)
{
    (void)state;
    post_orders(&here, 10, 10);
    world->records_limit = 4;
    assert_int_equal(come_round(), 4);
    world->records_limit = 4;
    struct turn *turn = gathered();
    assert_dense(turn, P, 4, 4);
    give_back(turn);
}

static void what_is_not_owned_is_left_alone(void **state)
{
    (void)state;
    static const enum partition_state others[] = { PARTITION_AWAY, PARTITION_TAKING, PARTITION_STOPPED };
    for (size_t i = 0; i < ZP_COUNT(others); i++) {
        post_orders(&here, 10 * (unsigned)(i + 1), 1);
        world->partitions[P].state = others[i];
        struct turn *turn = gathered();
        assert_int_equal(turn->count, 0);
        assert_int_equal(world->partitions[P].gathered_offset, 0);
        give_back(turn);
    }
}

static void an_older_record_is_dropped(void **state)
{
    (void)state;
    post_orders(&here, 10, 3);
    assert_int_equal(come_round(), 3);
    assert_int_equal(bus_consumer_start(world->consumer, P, 1), ZP_OK); /* it comes once more */
    post_orders(&here, 20, 1);
    struct turn *turn = gathered();
    assert_dense(turn, P, 3, 1);
    give_back(turn);
}

static void a_gap_is_asked_for_again(void **state)
{
    (void)state;
    post_orders(&here, 10, 4);
    bus.hidden.partition = P;
    bus.hidden.offset = 1;
    bus.hidden.times = 1;
    struct turn *turn = gathered();
    assert_dense(turn, P, 0, 4);
    assert_int_equal(world->partitions[P].gaps, 0); /* forgotten with the record that fills it */
    give_back(turn);
}

static void a_log_that_skips_stops_its_partition(void **state)
{
    (void)state;
    post_orders(&here, 10, 4);
    bus.hidden.partition = P;
    bus.hidden.offset = 2;
    bus.hidden.times = 1000;
    struct turn *turn = gathered();
    assert_dense(turn, P, 0, 2); /* what came before the gap is good */
    assert_int_equal(world->partitions[P].state, PARTITION_STOPPED);
    assert_false(world->marks[P].owned);
    assert_true(bus.hidden.times < 1000 && bus.hidden.times > 900); /* asked again, but not for ever */
    give_back(turn);
    post_orders(&there, 20, 2);
    assert_int_equal(come_round(), 2); /* the others go on */
}

static void a_stopped_partition_is_not_read_on(void **state)
{
    (void)state;
    post_orders(&here, 10, 4);
    bus.hidden.partition = P;
    bus.hidden.offset = 2;
    bus.hidden.times = 1000;
    give_back(gathered());
    assert_int_equal(world->partitions[P].state, PARTITION_STOPPED);
    assert_false(fake_consumer_runs(world->consumer, P));
}

static void a_gap_that_cannot_be_asked_for_is_taken_over(void **state)
{
    (void)state;
    post_orders(&here, 10, 4);
    bus.hidden.partition = P;
    bus.hidden.offset = 1;
    bus.hidden.times = 1;
    bus.start_fails = 1;
    assert_int_equal(come_round(), 1); /* what was gathered before is settled all the same */
    assert_int_equal(world->partitions[P].state, PARTITION_TAKING);
    assert_int_equal(db.partitions[P].next_offset, 1);
    work_off();
    assert_int_equal(db.partitions[P].next_offset, 4);
}

/* ---- one at a time ---------------------------------------------------------------------------------------------- */

static void a_suspected_partition_goes_alone_and_by_name(void **state)
{
    (void)state;
    post_orders(&here, 10, 2);
    world->partitions[P].solo = true;
    struct turn *turn = gathered();
    assert_dense(turn, P, 0, 1);
    assert_int_equal(turn->count, 1);
    assert_int_equal(db.partitions[P].trying_offset, 0); /* named before it is touched */
    settle(world, turn);
    assert_int_equal(db.partitions[P].trying_offset, -1);
    assert_false(world->partitions[P].solo);
}

static void it_waits_for_a_turn_of_its_own(void **state)
{
    (void)state;
    post_orders(&there, 20, 1);
    post_orders(&here, 10, 1);
    world->partitions[Q].solo = true; /* 9 comes after 5 */
    assert_int_equal(come_round(), 1);
    assert_non_null(world->carried);
    assert_int_equal(world->carried->partition, Q);
    assert_int_equal(db.partitions[Q].trying_offset, -1);
    assert_int_equal(come_round(), 1);
    assert_null(world->carried);
    assert_int_equal(db.partitions[P].next_offset, 1);
    assert_int_equal(db.partitions[Q].next_offset, 1);
}

static void what_cannot_be_named_is_not_touched(void **state)
{
    (void)state;
    static const enum zp_err errs[] = { ZP_BUSY, ZP_FENCED };
    for (size_t i = 0; i < ZP_COUNT(errs); i++) {
        post_orders(&here, 10, 1);
        world->partitions[P].solo = true;
        db.on_try = (struct fake_failure){ errs[i], "", 1, false };
        struct turn *turn = gathered();
        assert_int_equal(turn->count, 0);
        assert_int_equal(world->partitions[P].state, PARTITION_TAKING);
        give_back(turn);
        take_over();
    }
}

static void gather_without_memory(void)
{
    struct turn *turn = announcer_turn(world->announcer, 0);
    size_t bytes_max = turn->arena.max_bytes;
    turn->arena.max_bytes = 0;
    gather(world, turn, 0);
    turn->arena.max_bytes = bytes_max;
    assert_int_equal(turn->count, 0);
    give_back(turn);
}

/* A regression: the first record of a turn that met no memory ended the process, and three times over that parks. */
static void however_often_memory_is_short_no_order_is_parked(void **state)
{
    (void)state;
    post_restaurant(&here, 1);
    work_off();
    for (unsigned solo = 0; solo <= 1; solo++) {
        struct zp_id id = id_number(10 + solo);
        post_orders(&here, 10 + solo, 1);
        for (int i = 0; i < 10; i++) {
            world->partitions[P].solo = solo == 1;
            gather_without_memory();
            assert_int_equal(world->partitions[P].state, PARTITION_TAKING); /* put off */
            assert_int_equal(db.partitions[P].trying_offset, -1);           /* an error that is survived is no death */
            fake_announcer_publish(world->announcer);
            take_over();
            assert_int_equal(world->partitions[P].state, PARTITION_OWNED);
        }
        work_off();
        assert_non_null(fake_outcome(&id));
        assert_int_equal(fake_outcome(&id)->err, ZP_OK);
    }
    assert_int_equal(fake_log_end(FAKE_DEAD_LETTERS, P), 0);
}

static void a_carried_record_of_a_lost_partition_is_dropped(void **state)
{
    (void)state;
    post_orders(&there, 20, 1);
    post_orders(&here, 10, 1);
    world->partitions[Q].solo = true;
    assert_int_equal(come_round(), 1);
    assert_non_null(world->carried);
    world->partitions[Q].state = PARTITION_AWAY;
    assert_int_equal(come_round(), 0);
    assert_null(world->carried);
    assert_int_equal(db.partitions[Q].next_offset, 0);
}

/* ---- the group takes a partition away
 * ------------------------------------------------------------------------------ */

static void lose_partition(void *arg, int32_t partition)
{
    struct worker *worker = arg;
    worker->partitions[partition].state = PARTITION_AWAY;
    turn_drop_partition(worker->turn, partition);
}

static void a_partition_that_goes_takes_its_records_out_of_the_turn(void **state)
{
    (void)state;
    struct turn *turn = announcer_turn(world->announcer, 0);
    post_orders(&here, 10, 2);
    post_orders(&there, 20, 2);
    world->records_limit = 3;
    gather(world, turn, 0);
    assert_int_equal(turn->count, 3);
    world->turn = turn;
    world->records_limit = WORLD_RECORDS_MAX;
    fake_consumer_revoke(world->consumer, lose_partition, world, P);
    assert_null(bus_consume(world->consumer, 0));
    assert_dense(turn, P, 0, 0);
    for (size_t i = 0; i < turn->count; i++) {
        assert_int_equal(turn->entries[i].outcome.partition, Q);
        assert_ptr_equal(turn->entries[i].turn, turn);
    }
    world->turn = NULL;
    settle(world, turn);
    assert_int_equal(db.partitions[P].next_offset, 0);
    assert_int_equal(db.last.partitions, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_mailbox, world_close)
    const struct CMUnitTest tests[] = {
        TEST(a_turn_takes_what_is_there_in_order),
        TEST(an_empty_mailbox_gives_an_empty_turn),
        TEST(a_turn_ends_at_its_limit),
        TEST(what_is_not_owned_is_left_alone),
        TEST(an_older_record_is_dropped),
        TEST(a_gap_is_asked_for_again),
        TEST(a_log_that_skips_stops_its_partition),
        TEST(a_stopped_partition_is_not_read_on),
        TEST(a_gap_that_cannot_be_asked_for_is_taken_over),
        TEST(a_suspected_partition_goes_alone_and_by_name),
        TEST(it_waits_for_a_turn_of_its_own),
        TEST(what_cannot_be_named_is_not_touched),
        TEST(however_often_memory_is_short_no_order_is_parked),
        TEST(a_carried_record_of_a_lost_partition_is_dropped),
        TEST(a_partition_that_goes_takes_its_records_out_of_the_turn),
    };
    return cmocka_run_group_tests_name("worker gather", tests, NULL, NULL);
}
