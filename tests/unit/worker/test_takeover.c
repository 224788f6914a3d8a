/* test_takeover.c: the five steps by which a partition becomes ours, and what each of them refuses. */
#include "world.h"

#include "metrics.h"

#include <string.h>

#define P 5
#define Q 9
#define R 12

static struct zp_id here;

/* A restaurant with two orders, all applied and published; then everybody is gone. */
static int open_history(void **state)
{
    world_open(state);
    here = location_in(P, 0);
    post_restaurant(&here, 1);
    for (unsigned i = 0; i < 2; i++) {
        struct zp_id id = id_number(10 + i);
        struct command command = place(&here, &id);
        post(&command);
    }
    own_partition(P);
    assert_int_equal(come_round(), 4);
    fake_announcer_publish(world->announcer);
    return 0;
}

static struct command fresh_place(unsigned number)
{
    struct zp_id id = id_number(number);
    return place(&here, &id);
}

static void assert_told(size_t from, const unsigned *numbers, size_t count)
{
    assert_int_equal(fake_announcer_entries(world->announcer), from + count);
    for (size_t i = 0; i < count; i++) {
        struct zp_id id = id_number(numbers[i]);
        assert_true(id_equal(&fake_announcer_entry(world->announcer, from + i)->outcome.command_id, &id));
    }
}

/* ---- own ------------------------------------------------------------------------------------------------------- */

static void a_first_takeover_makes_the_row(void **state)
{
    (void)state;
    own_partition(Q);
    const struct store_partition *row = &db.partitions[Q];
    assert_int_equal(row->next_offset, 0);
    assert_int_equal(row->takeovers, 1);
    assert_true(id_equal(&row->owner, &world->partitions[Q].owner));
    assert_true(world->marks[Q].owned);
    assert_true(world->marks[Q].ticking);
    assert_true(fake_consumer_runs(world->consumer, Q));
    assert_true(fake_announcer_compared(world->announcer, Q));
}

static void a_takeover_forgets_what_was_cached(void **state)
{
    (void)state;
    actors_find(&world->actors, &here)->location->seq = 999;
    worker_retake(world, P, 0);
    take_over();
    struct command command = fresh_place(20);
    post(&command);
    come_round();
    assert_int_equal(fake_order(&command.id)->seq, 5);
}

static void a_partition_that_is_not_due_waits(void **state)
{
    (void)state;
    worker_retake(world, P, 60000);
    int takes = db.takes;
    takeover_due(world);
    assert_int_equal(db.takes, takes);
    assert_int_equal(world->partitions[P].state, PARTITION_TAKING);
}

static void what_is_still_being_announced_comes_first(void **state)
{
    (void)state;
    struct command command = fresh_place(20);
    post(&command);
    come_round();
    worker_retake(world, P, 0);
    int takes = db.takes;
    take_over();
    assert_int_equal(db.takes, takes); /* the log's word on it may be on its way */
    fake_announcer_publish(world->announcer);
    take_over();
    assert_int_equal(world->partitions[P].state, PARTITION_OWNED);
}

static void an_outage_puts_it_off_with_longer_pauses(void **state)
{
    (void)state;
    worker_retake(world, P, 0);
    db.on_take = (struct fake_failure){ ZP_BUSY, "57P03", 20, false };
    int64_t last_ms = 0;
    for (int i = 0; i < 10; i++) {
        take_over();
        assert_int_equal(world->partitions[P].state, PARTITION_TAKING);
        assert_true(world->partitions[P].backoff_ms >= last_ms);
        assert_true(world->partitions[P].backoff_ms <= 1000);
        last_ms = world->partitions[P].backoff_ms;
    }
    assert_int_equal(last_ms, 1000);
    assert_false(world->database_ok);
    db.on_take.times = 0;
    take_over();
    assert_int_equal(world->partitions[P].state, PARTITION_OWNED);
}

static void brokers_that_do_not_answer_put_it_off(void **state)
{
    (void)state;
    static const struct { int offsets_fail, reader_fails; } rows[] = { { 1, 0 }, { 2, 0 }, { 0, 1 } };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        worker_retake(world, P, 0);
        bus.offsets_fail = rows[i].offsets_fail;
        bus.reader_fails = rows[i].reader_fails;
        take_over();
        assert_int_equal(world->partitions[P].state, PARTITION_TAKING);
        assert_true(world->partitions[P].backoff_ms > 0);
        bus.offsets_fail = bus.reader_fails = 0;
        take_over();
        assert_int_equal(world->partitions[P].state, PARTITION_OWNED);
        fake_announcer_publish(world->announcer); /* what it republished need not be waited for */
    }
}

/* A regression: whoever came after a partition that could not be taken waited for it for ever. */
static void one_that_fails_does_not_hold_up_the_others(void **state)
{
    (void)state;
    db.partitions[P].published_offset = 0;
    worker_retake(world, P, 0);
    assign(Q);
    assign(R);
    for (int i = 0; i < 20; i++) { /* without take_over's mercy: each waits for its own time */
        db.on_outcomes = (struct fake_failure){ ZP_INTERNAL, "XX001", 1, false };
        for (int p = 0; p < BUS_PARTITIONS_MAX; p++) {
            struct partition *partition = &world->partitions[p];
            partition->retry_at_us -= 20000;
        }
        takeover_due(world);
    }
    assert_int_equal(world->partitions[P].state, PARTITION_TAKING);
    assert_int_equal(world->partitions[Q].state, PARTITION_OWNED);
    assert_int_equal(world->partitions[R].state, PARTITION_OWNED);
}

/* A database that is too slow for one partition's outcomes is quick enough for the others. */
static void one_that_is_too_slow_does_not_hold_up_the_others(void **state)
{
    (void)state;
    db.partitions[P].published_offset = 0;
    worker_retake(world, P, 0);
    assign(Q);
    assign(R);
    for (int i = 0; i < 20; i++) {
        db.on_outcomes = (struct fake_failure){ ZP_BUSY, "57014", 1, false };
        for (int p = 0; p < BUS_PARTITIONS_MAX; p++) {
            world->partitions[p].retry_at_us -= 20000;
        }
        takeover_due(world);
    }
    assert_int_equal(world->partitions[P].state, PARTITION_TAKING);
    assert_int_equal(world->partitions[Q].state, PARTITION_OWNED);
    assert_int_equal(world->partitions[R].state, PARTITION_OWNED);
}

/* ---- check
 * -------------------------------------------------------------------------------------------------------- */

static void assert_stopped(void)
{
    worker_retake(world, P, 0);
    take_over();
    assert_int_equal(world->partitions[P].state, PARTITION_STOPPED);
    assert_false(world->marks[P].owned);
    assert_false(fake_consumer_runs(world->consumer, P));
    take_over();
    assert_int_equal(world->partitions[P].state, PARTITION_STOPPED); /* for good */
}

/* A regression: a frozen leader that thawed told the end that it knew, and its partitions stood still for good. */
static void assert_stopped_when_it_stays(void)
{
    worker_retake(world, P, 0);
    take_over();
    assert_int_equal(world->partitions[P].state, PARTITION_TAKING);
    world->partitions[P].short_since_us -= 4000000;
    take_over();
    assert_int_equal(world->partitions[P].state, PARTITION_TAKING);
    world->partitions[P].short_since_us -= 1000000;
    assert_stopped();
}

static void another_last_record_stops(void **state)
{
    (void)state;
    fake_log_replace(FAKE_COMMANDS, P, 3, fake_log_get(FAKE_COMMANDS, P, 2));
    assert_stopped();
}

static void a_mailbox_that_ends_too_early_stops(void **state)
{
    (void)state;
    fake_log_cut(FAKE_COMMANDS, P, 3);
    assert_stopped_when_it_stays();
}

static void a_mailbox_that_lost_what_was_not_applied_stops(void **state)
{
    (void)state;
    struct command commands[2] = { fresh_place(20), fresh_place(21) };
    post(&commands[0]);
    post(&commands[1]);
    fake_log_trim(FAKE_COMMANDS, P, 5);
    assert_stopped();
}

/* What was short once and was whole since is no reason to stop at the next stale word. */
static void a_log_that_was_short_long_ago_is_asked_again(void **state)
{
    (void)state;
    int64_t whole = db.partitions[P].events_offset;
    db.partitions[P].events_offset = fake_log_end(FAKE_EVENTS, P) + 1;
    worker_retake(world, P, 0);
    take_over();
    assert_int_equal(world->partitions[P].state, PARTITION_TAKING);
    world->partitions[P].short_since_us -= 60000000;
    db.partitions[P].events_offset = whole;
    bus.start_fails = 1; /* so that the takeover gets no further than that it is whole */
    take_over();
    assert_int_equal(world->partitions[P].state, PARTITION_TAKING);
    fake_announcer_publish(world->announcer);
    db.partitions[P].events_offset = fake_log_end(FAKE_EVENTS, P) + 1;
    take_over();
    assert_int_equal(world->partitions[P].state, PARTITION_TAKING);
}

static void an_events_topic_that_ends_too_early_stops(void **state)
{
    (void)state;
    db.partitions[P].events_offset = 4;
    fake_log_cut(FAKE_EVENTS, P, 3);
    assert_stopped_when_it_stays();
}

static void retention_may_take_what_was_applied(void **state)
{
    (void)state;
    fake_log_trim(FAKE_COMMANDS, P, 4); /* everything; the mailbox is empty */
    worker_retake(world, P, 0);
    take_over();
    assert_int_equal(world->partitions[P].state, PARTITION_OWNED);
}

static void the_last_record_may_have_been_undecodable(void **state)
{
    (void)state;
    post_garbage(P, NULL, "?");
    assert_int_equal(come_round(), 1);
    fake_announcer_publish(world->announcer);
    die_and_rise(P);
}

static void the_last_record_may_have_been_a_duplicate(void **state)
{
    (void)state;
    struct command command = fresh_place(10);
    post(&command);
    assert_int_equal(come_round(), 1);
    die_and_rise(P);
}

/* ---- republish
 * ------------------------------------------------------------------------------------------------------ */

static void what_nobody_heard_is_published_again_in_order(void **state)
{
    (void)state;
    struct command placed = fresh_place(20), twice = fresh_place(21);
    struct zp_id id = id_number(22);
    struct command refused = step(CMD_ORDER_READY, &here, &placed.id, &id);
    post(&placed);
    post(&placed); /* a duplicate is nothing to publish */
    post(&refused);
    post(&twice);
    assert_int_equal(come_round(), 4);
    assert_int_equal(db.partitions[P].published_offset, 4);
    die_and_rise(P);
    assert_told(0, (const unsigned[]){ 20, 22, 21 }, 3);
    fake_announcer_publish(world->announcer);
    /* the same bytes under the same names, as if nothing had happened in between */
    static const int64_t offsets[] = { 4, 6, 7 };
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (int64_t i = 0; i < 3; i++) {
        struct event event;
        struct event_meta meta;
        const char *why;
        assert_int_equal(message_event_read(fake_log_get(FAKE_EVENTS, P, 4 + i), &arena, &event, &meta, &why), ZP_OK);
        assert_int_equal(meta.command_offset, offsets[i]);
        assert_int_equal(event.type, i == 1 ? EV_COMMAND_REFUSED : EV_ORDER_PLACED);
        assert_int_equal(event.err, i == 1 ? ZP_CONFLICT : ZP_OK);
        assert_int_equal(event.reason_count, i == 1 ? 1 : 0);
        if (event.seq > 0) {
            assert_memory_equal(meta.hash, db.events[event.seq - 1].event.hash, HASH_SIZE);
        }
    }
    arena_finish(&arena);
}

static void nothing_is_applied_before_it_is_handed_over(void **state)
{
    (void)state;
    struct command placed = fresh_place(20), next = fresh_place(21);
    post(&placed);
    come_round();
    post(&next);
    die_and_rise(P);
    assert_int_equal(come_round(), 1);
    assert_told(0, (const unsigned[]){ 20, 21 }, 2); /* republished ones first */
}

/* A regression: one row of the journal that could not be decoded kept its partition from being taken, for ever. */
static void a_row_that_cannot_be_read_holds_up_nobody(void **state)
{
    (void)state;
    for (unsigned i = 20; i < 23; i++) {
        struct command command = fresh_place(i);
        post(&command);
    }
    assert_int_equal(come_round(), 3);
    struct batch_event *row = &db.events[db.event_count - 2].event;
    row->value = "\x81\xa4type\xa7unknown";
    row->value_len = 14;
    int64_t unreadable = metric_value(&worker_metrics[WM_UNREADABLE]);
    die_and_rise(P);
    assert_int_equal(world->partitions[P].state, PARTITION_OWNED);
    assert_int_equal(metric_value(&worker_metrics[WM_UNREADABLE]), unreadable + 1);
    assert_told(0, (const unsigned[]){ 20, 21, 22 }, 3);
    fake_announcer_publish(world->announcer);
    const struct record *record = fake_log_get(FAKE_EVENTS, P, 5); /* as it lies in the journal, and where it belongs */
    assert_int_equal(record->value_len, row->value_len);
    assert_memory_equal(record->value, row->value, row->value_len);
    const struct header *offset = record_header(record, "command_offset"), *seq = record_header(record, "sequence");
    assert_int_equal(offset->len, 1);
    assert_memory_equal(offset->value, "5", 1);
    assert_int_equal(seq->len, 1);
    assert_memory_equal(seq->value, "6", 1);
    struct command next = fresh_place(23);
    post(&next);
    assert_int_equal(come_round(), 1);
}

static void on_an_ordinary_day_there_is_nothing_to_republish(void **state)
{
    (void)state;
    db.partitions[P].published_offset = 4;
    db.partitions[P].events_offset = 4;
    die_and_rise(P);
    assert_int_equal(fake_announcer_entries(world->announcer), 0);
}

static void a_letter_that_may_not_have_been_written_is_written(void **state)
{
    (void)state;
    int64_t offset = post_garbage(P, NULL, "not ours");
    assert_int_equal(come_round(), 1);
    die_and_rise(P);
    const struct entry *entry = fake_announcer_entry(world->announcer, 0);
    assert_non_null(entry);
    assert_int_equal(entry->event->type, EV_COMMAND_PARKED);
    assert_non_null(entry->dead);
    assert_int_equal(entry->dead->offset, offset);
    assert_memory_equal(entry->dead->value, "not ours", 8);
    assert_int_equal(turn_letter(entry).class, LETTER_UNDECODABLE); /* all that the outcome remembers */
    assert_int_equal(turn_letter(entry).offset, offset);
    assert_int_equal(turn_letter(entry).attempts, 0);
}

/* A regression: brokers that did not answer were taken for a record that retention took, and the letter was lost. */
static void a_letter_is_not_forgotten_because_brokers_are_slow(void **state)
{
    (void)state;
    post_garbage(P, NULL, "not ours");
    struct command last = fresh_place(20);
    post(&last);
    assert_int_equal(come_round(), 2);
    fake_announcer_lose(world->announcer);
    db.partitions[P].events_offset = 4; /* nothing to fold: the first reader is the check's */
    worker_retake(world, P, 0);
    bus.readers_good = 1; /* the check's; the letter's fails */
    bus.reader_fails = 1;
    take_over();
    take_over();
    assert_int_equal(world->partitions[P].state, PARTITION_OWNED);
    fake_announcer_publish(world->announcer);
    assert_int_equal(fake_log_end(FAKE_DEAD_LETTERS, P), 1);
}

static void a_letter_whose_record_is_gone_is_left_out(void **state)
{
    (void)state;
    post_garbage(P, NULL, "not ours");
    struct command last = fresh_place(20);
    post(&last);
    assert_int_equal(come_round(), 2);
    fake_announcer_lose(world->announcer);
    fake_log_trim(FAKE_COMMANDS, P, 5);
    die_and_rise(P);
    assert_int_equal(fake_announcer_entries(world->announcer), 2);
    assert_null(fake_announcer_entry(world->announcer, 0)->dead);
}

/* A regression: with the first, all the others of its piece were given up. */
static void a_letter_that_is_gone_takes_no_other_along(void **state)
{
    (void)state;
    post_garbage(P, NULL, "gone");
    int64_t kept = post_garbage(P, NULL, "kept");
    struct command last = fresh_place(20);
    post(&last);
    assert_int_equal(come_round(), 3);
    fake_announcer_lose(world->announcer);
    fake_log_trim(FAKE_COMMANDS, P, kept);
    die_and_rise(P);
    assert_null(fake_announcer_entry(world->announcer, 0)->dead);
    assert_non_null(fake_announcer_entry(world->announcer, 1)->dead);
}

/* A regression: each letter had a reader of its own, and the group gave up on whoever had many to write. */
static void many_letters_are_read_again_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        char value[32];
        snprintf(value, sizeof value, "not ours %d", i); /* the same twice would be a duplicate */
        post_garbage(P, NULL, value);
    }
    assert_int_equal(come_round(), 50);
    bus.readers_made = 0;
    die_and_rise(P);
    assert_int_equal(fake_announcer_entries(world->announcer), 50);
    for (size_t i = 0; i < 50; i++) {
        assert_non_null(fake_announcer_entry(world->announcer, i)->dead);
        assert_int_equal(fake_announcer_entry(world->announcer, i)->dead->offset, 4 + (int64_t)i);
    }
    assert_true(bus.readers_made <= 3); /* the fold's, the check's, the letters' */
}

/* A regression: what did not fit into one turn was never republished, and the partition never taken. */
static void large_outcomes_are_republished_a_few_at_a_time(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        struct zp_id id = id_number(100 + i);
        struct command command = give_wide_menu(&here, &id);
        post(&command);
        assert_int_equal(come_round(), 1);
        assert_int_equal(fake_outcome(&id)->err, ZP_OK);
        if (i < 39) {
            fake_announcer_publish(world->announcer);
        }
    }
    db.partitions[P].published_offset = 4;
    fake_announcer_lose(world->announcer);
    worker_retake(world, P, 0);
    for (int i = 0; i < 10 && world->partitions[P].state != PARTITION_OWNED; i++) {
        take_over();
        fake_announcer_publish(world->announcer);
    }
    assert_int_equal(world->partitions[P].state, PARTITION_OWNED);
    assert_int_equal(world->marks[P].published_offset, 44);
}

static void a_worker_that_dies_again_and_again_repeats_itself(void **state)
{
    (void)state;
    struct command placed = fresh_place(20);
    post(&placed);
    come_round();
    for (int i = 0; i < 5; i++) {
        die_and_rise(P);
        assert_told(0, (const unsigned[]){ 20 }, 1);
    }
    assert_int_equal(db.order_count, 3);
}

/* ---- a record that kills its worker
 * ------------------------------------------------------------------------------------ */

/* Gathers, and dies before anything is committed. */
static void die_over_it(void)
{
    struct turn *turn = announcer_turn(world->announcer, 0);
    gather(world, turn, 0);
    announcer_return(world->announcer, turn);
    die_and_rise(P);
}

static void the_third_try_parks_what_kills(void **state)
{
    (void)state;
    struct command killer = fresh_place(20), next = fresh_place(21);
    post(&killer);
    post(&next);
    int deaths = 0;
    while (fake_outcome(&killer.id) == NULL && deaths < 20) {
        if (world->partitions[P].park_offset >= 0) {
            work_off();
            break;
        }
        die_over_it();
        deaths++;
    }
    assert_int_equal(fake_outcome(&killer.id)->err, ZP_PARKED);
    assert_int_equal(fake_outcome(&killer.id)->type, CMD_COUNT); /* reading it may be what kills */
    assert_string_equal(fake_outcome(&killer.id)->reasons[1].code, "killed_its_worker");
    assert_int_equal(fake_outcome(&next.id)->err, ZP_OK);
    assert_int_equal(fake_log_end(FAKE_DEAD_LETTERS, P), 1);
    assert_true(deaths >= 3 + 1 && deaths <= 3 + 2); /* three before it is suspected, two under its name */
}

static void deaths_over_different_records_park_none(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct command command = fresh_place(20 + i);
        post(&command);
        for (int death = 0; death < 3; death++) { /* not its fault */
            die_over_it();
        }
        work_off();
        assert_int_equal(fake_outcome(&command.id)->err, ZP_OK);
    }
}

static void an_outage_with_deaths_in_it_parks_none(void **state)
{
    (void)state;
    struct command command = fresh_place(20);
    post(&command);
    for (int i = 0; i < 10; i++) { /* takeovers that the process survives are no deaths */
        worker_retake(world, P, 0);
        bus.offsets_fail = 1;
        take_over();
        fake_announcer_publish(world->announcer);
    }
    take_over();
    assert_false(world->partitions[P].solo);
    for (int i = 0; i < 3; i++) {
        die_over_it();
    }
    assert_true(world->partitions[P].solo);
    die_over_it(); /* one death under its name */
    fake_announcer_publish(world->announcer);
    for (int i = 0; i < 10; i++) {
        worker_retake(world, P, 0);
        bus.offsets_fail = 1;
        take_over();
        fake_announcer_publish(world->announcer);
    }
    work_off();
    assert_int_equal(fake_outcome(&command.id)->err, ZP_OK);
}

static void errors_that_are_survived_park_none(void **state)
{
    (void)state;
    struct command command = fresh_place(20);
    post(&command);
    for (int i = 0; i < 4; i++) {
        die_over_it();
    }
    for (int i = 0; i < 10; i++) { /* the database goes away right after the record was named, each time */
        db.on_load = (struct fake_failure){ ZP_BUSY, "57P01", 1, false };
        db.on_try = (struct fake_failure){ ZP_OK, "", 0, false };
        struct turn *turn = announcer_turn(world->announcer, 0);
        gather(world, turn, 0);
        db.on_try = (struct fake_failure){ ZP_BUSY, "57P01", 1, false };
        if (turn->count > 0) {
            settle(world, turn);
        } else {
            announcer_return(world->announcer, turn);
        }
        db.on_try.times = 0;
        take_over();
        fake_announcer_publish(world->announcer);
    }
    work_off();
    assert_int_equal(fake_outcome(&command.id)->err, ZP_OK);
}

/* Both live, both believe the partition theirs, until the group says whose it is. */
static void two_workers_that_fight_park_none(void **state)
{
    (void)state;
    struct command command = fresh_place(20);
    post(&command);
    for (int i = 0; i < 4; i++) {
        die_over_it();
    }
    for (int i = 0; i < 6; i++) {
        struct turn *turn = announcer_turn(world->announcer, 0);
        gather(world, turn, 0); /* names it */
        struct zp_id other = id_number(666);
        struct store_partition row;
        assert_int_equal(store_partition_take(world->store, P, &ID_NONE, &other, &row), ZP_OK);
        assert_int_equal(store_partition_try(world->store, P, &other, 4), ZP_OK); /* so does the other */
        if (turn->count > 0) {
            settle(world, turn); /* fenced */
        } else {
            announcer_return(world->announcer, turn);
        }
        fake_announcer_publish(world->announcer);
        take_over();
        fake_announcer_publish(world->announcer);
    }
    work_off();
    assert_int_equal(fake_outcome(&command.id)->err, ZP_OK);
}

/* What an attempt published again is acknowledged before the next one. */
static void publish_and_take_over(void)
{
    fake_announcer_publish(world->announcer);
    take_over();
}

/* Whether the consumer is to be made anew when it has refused for so long. */
static bool is_stuck_after(int64_t refused_us)
{
    bus.start_fails = 2;
    worker_retake(world, P, 0);
    publish_and_take_over();
    assert_int_equal(world->partitions[P].state, PARTITION_TAKING);
    assert_false(world->consumer_stuck);
    world->partitions[P].refused_since_us -= refused_us;
    publish_and_take_over();
    assert_int_equal(bus.start_fails, 0);
    bool is_stuck = world->consumer_stuck;
    world->consumer_stuck = false; /* as the loop does it */
    world->partitions[P].refused_since_us = 0;
    return is_stuck;
}

static void a_consumer_that_goes_nowhere_is_made_anew(void **state)
{
    (void)state;
    own_partition(P);
    assert_false(is_stuck_after(0));
    assert_true(is_stuck_after(3000000));
    assert_false(is_stuck_after(3000000)); /* a new one did not help: it is waited for longer */
    assert_true(is_stuck_after(6000000));
    publish_and_take_over();
    assert_int_equal(world->partitions[P].state, PARTITION_OWNED);
    bus.start_fails = 1;
    worker_retake(world, P, 0);
    publish_and_take_over();
    assert_int_not_equal(world->partitions[P].refused_since_us, 0);
    publish_and_take_over();
    assert_int_equal(world->partitions[P].refused_since_us, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_history, world_close)
    const struct CMUnitTest tests[] = {
        TEST(a_first_takeover_makes_the_row),
        TEST(a_takeover_forgets_what_was_cached),
        TEST(a_partition_that_is_not_due_waits),
        TEST(what_is_still_being_announced_comes_first),
        TEST(a_consumer_that_goes_nowhere_is_made_anew),
        TEST(an_outage_puts_it_off_with_longer_pauses),
        TEST(brokers_that_do_not_answer_put_it_off),
        TEST(one_that_fails_does_not_hold_up_the_others),
        TEST(one_that_is_too_slow_does_not_hold_up_the_others),
        TEST(another_last_record_stops),
        TEST(a_mailbox_that_ends_too_early_stops),
        TEST(a_mailbox_that_lost_what_was_not_applied_stops),
        TEST(an_events_topic_that_ends_too_early_stops),
        TEST(a_log_that_was_short_long_ago_is_asked_again),
        TEST(retention_may_take_what_was_applied),
        TEST(the_last_record_may_have_been_undecodable),
        TEST(the_last_record_may_have_been_a_duplicate),
        TEST(what_nobody_heard_is_published_again_in_order),
        TEST(nothing_is_applied_before_it_is_handed_over),
        TEST(a_row_that_cannot_be_read_holds_up_nobody),
        TEST(on_an_ordinary_day_there_is_nothing_to_republish),
        TEST(a_letter_that_may_not_have_been_written_is_written),
        TEST(a_letter_is_not_forgotten_because_brokers_are_slow),
        TEST(a_letter_whose_record_is_gone_is_left_out),
        TEST(a_letter_that_is_gone_takes_no_other_along),
        TEST(many_letters_are_read_again_at_once),
        TEST(large_outcomes_are_republished_a_few_at_a_time),
        TEST(a_worker_that_dies_again_and_again_repeats_itself),
        TEST(the_third_try_parks_what_kills),
        TEST(deaths_over_different_records_park_none),
        TEST(an_outage_with_deaths_in_it_parks_none),
        TEST(errors_that_are_survived_park_none),
        TEST(two_workers_that_fight_park_none),
    };
    return cmocka_run_group_tests_name("worker takeover", tests, NULL, NULL);
}
