/* test_rebuild.c: the database made anew from the log, by lanes with threads of their own: the rows come back, the live
 * ones are left alone until the swap, and what is in the way is named. */
#include "world.h"

#include "fake_shadow.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>

#define RESTAURANTS 7
#define FAILS_FOR_EVER 1000000

/* ---- time that passes at once ------------------------------------------------------------------------------- */

static pthread_t maker;
static int pauses; /* of the thread that makes the lanes: between two tries to swap */

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    (void)fds, (void)count, (void)timeout_ms;
    if (pthread_equal(pthread_self(), maker)) {
        pauses++;
    }
    return 0;
}

/* ---- a history --------------------------------------------------------------------------------------------------- */

static struct fake_db *before;   /* the live tables as the workers left them */
static int64_t records;          /* that the log holds of them */
static struct worker_rebuilt rebuilt;
static char why[WORKER_WHY_SIZE];
static int64_t told_done, told_total;

static int32_t partition_of(int restaurant)
{
    return 3 + 7 * restaurant;
}

static struct zp_id restaurant_at(int restaurant)
{
    return location_in(partition_of(restaurant), 0);
}

static void post_orders(int restaurant, unsigned number)
{
    const struct zp_id here = restaurant_at(restaurant), ids[] = { id_number(number), id_number(number + 1),
                                                                   id_number(number + 2) };
    struct command placed = place(&here, &ids[0]), started = step(CMD_ORDER_START, &here, &ids[0], &ids[1]);
    struct command refused = step(CMD_ORDER_COMPLETE, &here, &ids[0], &ids[2]);
    post(&placed);
    post(&started);
    post(&refused);
}

static int open_history(void **state)
{
    world_open(state);
    fake_shadow_open();
    maker = pthread_self();
    for (int i = 0; i < RESTAURANTS; i++) {
        const struct zp_id here = restaurant_at(i);
        post_restaurant(&here, 1000 * (unsigned)(i + 1));
        post_orders(i, 1000 * (unsigned)(i + 1) + 10);
        assign(partition_of(i));
    }
    work_off();
    before = fake_db_save();
    records = 0;
    for (int i = 0; i < RESTAURANTS; i++) {
        records += fake_log_end(FAKE_EVENTS, partition_of(i));
    }
    assert_int_equal(records, 5 * RESTAURANTS);
    pauses = 0;
    return 0;
}

static int close_history(void **state)
{
    fake_shadow_drop();
    fake_db_forget(before);
    return world_close(state);
}

static void on_progress(void *arg, int64_t done, int64_t total)
{
    (void)arg;
    assert_true(done > told_done && done <= total);
    told_done = done;
    told_total = total;
}

static enum zp_err rebuild(bool swaps)
{
    const struct worker_rebuild wanted = { .kafka = "fake", .postgres = "fake", .migrations_dir = "fake",
                                           .swaps = swaps, .on_progress = on_progress };
    rebuilt = (struct worker_rebuilt){ .records = 0 };
    told_done = told_total = 0;
    return worker_rebuild_database(&wanted, &rebuilt, why);
}

static void assert_same_rows(void)
{
    assert_int_equal(fake_db_lacks(&db, before), 0);
    assert_int_equal(fake_db_lacks(before, &db), 0);
}

static void assert_swapped(void)
{
    assert_int_equal(shadow.swaps, 1);
    assert_null(shadow.live);
    assert_same_rows();
}

/* It failed for that reason, and has not touched the live tables; once the reason is gone, it works. */
static void assert_refused(enum zp_err err, enum zp_err expected, const char *reason)
{
    assert_int_equal(err, expected);
    if (strstr(why, reason) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", why, reason);
    }
    assert_int_equal(shadow.swaps, 0);
    if (shadow.live != NULL) {
        assert_int_equal(fake_db_lacks(shadow.live, before), 0);
        fake_shadow_drop();
    }
    assert_same_rows();
}

static void assert_works_now(void)
{
    assert_int_equal(rebuild(true), ZP_OK);
    assert_swapped();
}

/* ---- what comes back ----------------------------------------------------------------------------------------- */

static void every_row_comes_back(void **state)
{
    (void)state;
    assert_int_equal(rebuild(true), ZP_OK);
    assert_swapped();
    assert_int_equal(rebuilt.records, records);
    assert_int_equal(told_done, records);
    assert_int_equal(told_total, records);
    assert_int_equal(rebuilt.table_count, 1);
    assert_int_equal(rebuilt.tables[0].only_live + rebuilt.tables[0].only_shadow, 0);
    for (int i = 0; i < RESTAURANTS; i++) {
        assert_int_equal(db.partitions[partition_of(i)].next_offset, 5);
        assert_int_equal(db.partitions[partition_of(i)].events_offset, 5);
    }
}

static void it_does_not_swap_unless_it_is_told_to(void **state)
{
    (void)state;
    assert_int_equal(rebuild(false), ZP_OK);
    assert_int_equal(shadow.swaps, 0);
    assert_same_rows(); /* of the shadow */
    assert_int_equal(fake_db_lacks(shadow.live, before), 0);
}

static void what_the_log_does_not_have_is_told(void **state)
{
    (void)state;
    fake_db_add_location(&(struct zp_id){ { 7 } }, 1, 3);
    assert_int_equal(rebuild(false), ZP_OK);
    assert_int_equal(rebuilt.tables[0].only_live, 1);
    assert_int_equal(rebuilt.tables[0].only_shadow, 0);
}

/* ---- what is in the way ---------------------------------------------------------------------------------------- */

static void an_outage_is_outlasted(void **state)
{
    (void)state;
    db.on_take = db.on_load = db.on_commit = (struct fake_failure){ .err = ZP_BUSY, .times = 3 };
    bus.reader_fails = 3;
    assert_int_equal(rebuild(true), ZP_OK);
    assert_swapped();
    assert_int_equal(rebuilt.records, records);
}

/* A regression: it said "the fold: " and nothing, or what the database had said long before. */
static void a_log_that_cannot_be_read_is_named(void **state)
{
    (void)state;
    bus.reader_fails = FAILS_FOR_EVER;
    assert_refused(rebuild(true), ZP_BUSY, "the fold: the events topic cannot be read");
    bus.reader_fails = 0;
    assert_works_now();
}

static void a_database_that_takes_no_batch_is_named(void **state)
{
    (void)state;
    db.on_commit = (struct fake_failure){ .err = ZP_BUSY, .times = FAILS_FOR_EVER };
    assert_refused(rebuild(true), ZP_BUSY, "the fold: scripted");
    db.on_commit.times = 0;
    assert_works_now();
}

static void a_database_that_gives_no_partition_is_named(void **state)
{
    (void)state;
    db.on_take = (struct fake_failure){ .err = ZP_BUSY, .times = FAILS_FOR_EVER };
    assert_refused(rebuild(true), ZP_BUSY, "the fold: scripted");
    db.on_take.times = 0;
    assert_works_now();
}

static void a_log_without_its_beginning_is_refused(void **state)
{
    (void)state;
    fake_log_trim(FAKE_EVENTS, partition_of(2), 1);
    assert_refused(rebuild(true), ZP_CONFLICT, "the log has lost its beginning");
}

static void a_log_whose_end_is_not_known_is_refused(void **state)
{
    (void)state;
    bus.offsets_fail = 1;
    assert_refused(rebuild(true), ZP_BUSY, TOPIC_EVENTS ": scripted");
    assert_works_now();
}

static void an_event_that_does_not_follow_stops_it(void **state)
{
    (void)state;
    int32_t partition = partition_of(4);
    fake_log_replace(FAKE_EVENTS, partition, 1, fake_log_get(FAKE_EVENTS, partition, 3));
    assert_refused(rebuild(true), ZP_CONFLICT, "does not follow");
}

static void tables_that_cannot_be_made_are_named(void **state)
{
    (void)state;
    struct fake_failure *const failing[] = { &shadow.on_begin, &shadow.on_migrate, &shadow.on_compare };
    static const char *const words[] = { "the shadow cannot be made: scripted", "the shadow cannot be made: scripted",
                                         "the comparison: scripted" };
    for (size_t i = 0; i < ZP_COUNT(failing); i++) {
        *failing[i] = (struct fake_failure){ .err = ZP_BUSY, .times = 1 };
        assert_refused(rebuild(true), ZP_BUSY, words[i]);
    }
    assert_works_now();
}

/* ---- the swap --------------------------------------------------------------------------------------------------- */

static void publish_the_rest(void)
{
    fake_announcer_publish(world->announcer);
}

/* A worker is a turn ahead of the log, and goes on. */
static void what_is_published_meanwhile_is_folded_before_the_swap(void **state)
{
    (void)state;
    post_orders(1, 9000);
    assert_int_equal(come_round(), 3);
    fake_db_forget(before);
    before = fake_db_save();
    shadow.on_uncovered = publish_the_rest;
    assert_int_equal(rebuild(true), ZP_OK);
    assert_true(rebuilt.tables[0].only_live > 0); /* when they were compared */
    assert_int_equal(pauses, 1);
    assert_swapped();
}

static void what_is_never_published_is_not_swapped_away(void **state)
{
    (void)state;
    post_orders(1, 9000);
    assert_int_equal(come_round(), 3);
    fake_db_forget(before);
    before = fake_db_save();
    assert_refused(rebuild(true), ZP_CATCHING_UP, "not swapped");
    fake_announcer_publish(world->announcer);
    assert_works_now();
}

static void a_swap_whose_word_was_lost_is_asked_for_again(void **state)
{
    (void)state;
    shadow.on_swap = (struct fake_failure){ .err = ZP_BUSY, .times = 1, .applied = true };
    assert_int_equal(rebuild(true), ZP_OK);
    assert_swapped();
    assert_int_equal(pauses, 1);
}

static void who_stays_in_the_way_of_a_swap_is_named(void **state)
{
    (void)state;
    shadow.on_swap = (struct fake_failure){ .err = ZP_BUSY, .times = FAILS_FOR_EVER };
    assert_refused(rebuild(true), ZP_BUSY, "not swapped: scripted");
    assert_int_equal(FAILS_FOR_EVER - shadow.on_swap.times, 5); /* orders wait behind each try */
    shadow.on_swap.times = 0;
    assert_works_now();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_history, close_history)
    const struct CMUnitTest tests[] = {
        TEST(every_row_comes_back),
        TEST(it_does_not_swap_unless_it_is_told_to),
        TEST(what_the_log_does_not_have_is_told),
        TEST(an_outage_is_outlasted),
        TEST(a_log_that_cannot_be_read_is_named),
        TEST(a_database_that_takes_no_batch_is_named),
        TEST(a_database_that_gives_no_partition_is_named),
        TEST(a_log_without_its_beginning_is_refused),
        TEST(a_log_whose_end_is_not_known_is_refused),
        TEST(an_event_that_does_not_follow_stops_it),
        TEST(tables_that_cannot_be_made_are_named),
        TEST(what_is_published_meanwhile_is_folded_before_the_swap),
        TEST(what_is_never_published_is_not_swapped_away),
        TEST(a_swap_whose_word_was_lost_is_asked_for_again),
        TEST(who_stays_in_the_way_of_a_swap_is_named),
    };
    return cmocka_run_group_tests_name("worker rebuild", tests, NULL, NULL);
}
