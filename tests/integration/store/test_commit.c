/* The batch: one transaction behind a fence. What must not be written is more than what must. */
#include "support.h"

#include <string.h>

static const struct zp_id location_id = { { 0x10, 1 } };

static int64_t rows_written(void)
{
    return sql_int("SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM order_events) + "
                   "(SELECT count(*) FROM commands) + (SELECT count(*) FROM locations) + (SELECT count(*) FROM menus)");
}

static int64_t next_offset(int32_t partition)
{
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "SELECT next_offset FROM partitions WHERE partition = %d", partition);
    return sql_int(sql);
}

/* A batch that touches every table: ten placements, one step of an order that is there, a location with its menu. */
static struct draft_batch *full_batch(struct location *location)
{
    const struct zp_id owner = id_of(1), stepped = id_of(1000), command = id_of(2000);
    struct draft_batch *draft = draft_begin(3, &owner);
    draft_place(draft, make_order(&stepped, &location_id, 1, 1));
    draft_flush(draft);
    for (uint32_t i = 0; i < 10; i++) {
        const struct zp_id id = id_of(100 + i);
        draft_place(draft, make_order(&id, &location_id, 10 + i, 3));
    }
    struct order *order = make_order(&stepped, &location_id, 1, 1);
    order->version = 2;
    order->seq = 20;
    order->status = ORDER_PREPARING;
    draft_step(draft, order, &command, EV_ORDER_STARTED);
    draft_location(draft, location, true);
    return draft;
}

static void a_full_batch_is_written(void **state)
{
    (void)state;
    NEEDS_WORLD();
    struct location *location = make_location(&location_id, 20);
    struct draft_batch *draft = full_batch(location);
    draft->partition.published_offset = 1;
    draft->partition.events_offset = 7;
    sql_run("UPDATE partitions SET takeovers = 3, trying_offset = 1");
    OK(draft_commit(draft));
    assert_int_equal(sql_int("SELECT count(*) FROM orders"), 11);
    assert_int_equal(sql_int("SELECT count(*) FROM order_lines"), 31);
    assert_int_equal(sql_int("SELECT count(*) FROM order_events"), 12);
    assert_int_equal(sql_int("SELECT count(*) FROM commands"), 12);
    assert_int_equal(sql_int("SELECT count(*) FROM menus WHERE menu_version = 7"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM orders WHERE status = 'preparing' AND version = 2"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM order_events e JOIN commands c USING (command_id) "
                             "WHERE e.partition = 3 AND e.command_offset = c.command_offset AND e.seq = c.seq"), 12);
    assert_int_equal(
        sql_int("SELECT count(*) FROM partitions WHERE next_offset = 12 AND takeovers = 0 AND trying_offset IS NULL "
                "AND published_offset = 1 AND events_offset = 7 AND last_command_id IS NOT NULL"),
        1);
}

static void offsets_of_the_events_topic_never_go_back(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1);
    struct draft_batch *draft = draft_begin(3, &owner);
    draft->partition.published_offset = 5;
    draft->partition.events_offset = 9;
    draft->partition.next_offset = 6;
    draft_flush(draft);
    draft->partition.published_offset = 4;
    draft->partition.events_offset = 8;
    draft_flush(draft);
    assert_int_equal(sql_int("SELECT published_offset FROM partitions"), 5);
    assert_int_equal(sql_int("SELECT events_offset FROM partitions"), 9);
}

/* ---- the fence
 * ------------------------------------------------------------------------------------------------------- */

static const struct fence_row {
    const char *name;
    bool foreign_owner;
    int64_t offset_by;
    enum zp_err want;
} fence_rows[] = {
    { "ours passes",                       false,  0, ZP_OK },
    { "another owner is refused",          true,   0, ZP_FENCED },
    { "an offset too far is refused",      false,  1, ZP_FENCED },
    { "an offset done before is refused",  false, -1, ZP_FENCED },
};

static void the_fence_compares_owner_and_offset(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1), stranger = id_of(2);
    for (size_t i = 0; i < ZP_COUNT(fence_rows); i++) {
        const struct fence_row *row = &fence_rows[i];
        const struct zp_id id = id_of(100 + (uint32_t)i);
        struct draft_batch *draft = draft_begin(3, &owner);
        int64_t before = next_offset(3), written = rows_written();
        draft_place(draft, make_order(&id, &location_id, 1 + (int64_t)i, 1));
        draft->partition.owner = row->foreign_owner ? stranger : owner;
        draft->partition.from_offset += row->offset_by;
        print_message("  %s\n", row->name);
        assert_int_equal(draft_commit(draft), row->want);
        assert_int_equal(next_offset(3) > before, row->want == ZP_OK);
        assert_int_equal(rows_written() > written, row->want == ZP_OK);
        if (row->want == ZP_FENCED) {
            assert_string_equal(store_trouble(world.store)->sqlstate, "ZF001");
            assert_non_null(strstr(store_trouble(world.store)->why, "partition 3"));
        }
    }
}

static void a_partition_without_a_row_is_fenced(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1);
    struct draft_batch *draft = draft_begin(3, &owner);
    draft->partition.partition = 4;
    draft->partition.next_offset = 1;
    assert_int_equal(draft_commit(draft), ZP_FENCED);
    assert_int_equal(sql_int("SELECT count(*) FROM partitions"), 1);
}

static void one_foreign_partition_of_two_stops_both(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1), stranger = id_of(2), order_id = id_of(100);
    struct draft_batch *draft = draft_begin(3, &owner);
    struct store_partition other;
    OK(store_partition_take(world.store, 5, &ID_NONE, &stranger, &other));
    draft_place(draft, make_order(&order_id, &location_id, 1, 1));
    const struct batch_partition both[] = {
        draft->partition,
        { .partition = 5, .owner = owner, .from_offset = 0, .next_offset = 1 },
    };
    draft->batch.partitions = both;
    draft->batch.partition_count = 2;
    assert_int_equal(draft_commit(draft), ZP_FENCED);
    assert_non_null(strstr(store_trouble(world.store)->why, "partition 5"));
    assert_int_equal(rows_written(), 0);
    assert_int_equal(next_offset(3), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM partitions WHERE takeovers = 1"), 2);
}

/* A sequence is not rolled back, so it tells whether an insert was so much as begun. */
static void nothing_is_executed_behind_a_fence_that_holds(void **state)
{
    (void)state;
    NEEDS_WORLD();
    sql_run("CREATE SEQUENCE touched; CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM nextval('touched'); RETURN NEW; END $$; "
            "CREATE TRIGGER touch BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION touch()");
    struct location *location = make_location(&location_id, 20);
    struct draft_batch *draft = full_batch(location);
    int64_t before = sql_int("SELECT last_value FROM touched");
    draft->partition.owner = id_of(2);
    assert_int_equal(draft_commit(draft), ZP_FENCED);
    assert_int_equal(sql_int("SELECT last_value FROM touched"), before);
    draft->partition.owner = id_of(1);
    OK(draft_commit(draft));
    assert_int_equal(sql_int("SELECT last_value FROM touched"), before + 10);
    sql_run("DROP TRIGGER touch ON orders; DROP FUNCTION touch; DROP SEQUENCE touched");
}

/* ---- all or nothing
 * -------------------------------------------------------------------------------------------------- */

static const struct refusal_row { const char *name, *trigger; } refusal_rows[] = {
    { "an error in the last statement",
      "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON menus FOR EACH ROW EXECUTE FUNCTION refuse()" },
    { "an error in the middle",
      "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON commands FOR EACH ROW EXECUTE FUNCTION refuse()" },
    { "an error of the commit itself",
      "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED "
      "FOR EACH ROW EXECUTE FUNCTION refuse()" },
};

static void an_error_anywhere_leaves_nothing(void **state)
{
    (void)state;
    NEEDS_WORLD();
    for (size_t i = 0; i < ZP_COUNT(refusal_rows); i++) {
        print_message("  %s\n", refusal_rows[i].name);
        (void)world_clean(NULL);
        struct location *location = make_location(&location_id, 20);
        struct draft_batch *draft = full_batch(location);
        int64_t written = rows_written();
        sql_run("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$");
        sql_run(refusal_rows[i].trigger);
        assert_int_equal(draft_commit(draft), ZP_INTERNAL);
        assert_string_equal(store_trouble(world.store)->sqlstate, "P0001");
        assert_int_equal(rows_written(), written);
        assert_int_equal(next_offset(3), 1);
        assert_int_equal(sql_int("SELECT count(*) FROM orders WHERE version = 2"), 0);
        sql_run("DROP FUNCTION refuse CASCADE");
        OK(draft_commit(draft)); /* the connection lives on, and the batch was not the one at fault */
    }
}

static void a_command_twice_is_the_records_own_fault(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1), id = id_of(100), other = id_of(101);
    struct draft_batch *draft = draft_begin(3, &owner);
    draft_place(draft, make_order(&id, &location_id, 1, 2));
    draft_flush(draft);
    draft_place(draft, make_order(&other, &location_id, 2, 2));
    draft_outcome(draft, &id, &location_id);
    int64_t written = rows_written();
    assert_int_equal(draft_commit(draft), ZP_INTERNAL);
    assert_string_equal(store_trouble(world.store)->sqlstate, "23505");
    assert_non_null(strstr(store_trouble(world.store)->why, "commands_pkey"));
    assert_int_equal(rows_written(), written);
    assert_int_equal(next_offset(3), 1);
}

static void an_event_number_twice_is_refused(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1), id = id_of(100), other = id_of(101);
    struct draft_batch *draft = draft_begin(3, &owner);
    draft_place(draft, make_order(&id, &location_id, 1, 0));
    draft_place(draft, make_order(&other, &location_id, 1, 0));
    assert_int_equal(draft_commit(draft), ZP_INTERNAL);
    assert_non_null(strstr(store_trouble(world.store)->why, "order_events_pkey"));
    assert_int_equal(rows_written(), 0);
}

static const struct step_row { const char *name; uint32_t order; int64_t version; } step_rows[] = {
    { "a step of an order that is not there", 101, 2 },
    { "a step to the version it has",         100, 1 },
};

static void a_step_must_meet_its_order(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1), id = id_of(100), command = id_of(200);
    struct draft_batch *draft = draft_begin(3, &owner);
    draft_place(draft, make_order(&id, &location_id, 1, 1));
    draft_flush(draft);
    for (size_t i = 0; i < ZP_COUNT(step_rows); i++) {
        print_message("  %s\n", step_rows[i].name);
        const struct zp_id stepped = id_of(step_rows[i].order);
        draft = draft_begin(3, &owner);
        struct order *order = make_order(&stepped, &location_id, 1, 1);
        order->version = step_rows[i].version;
        order->seq = 2;
        draft_step(draft, order, &command, EV_ORDER_STARTED);
        assert_int_equal(draft_commit(draft), ZP_INTERNAL);
        assert_string_equal(store_trouble(world.store)->sqlstate, "ZC001");
        assert_int_equal(sql_int("SELECT count(*) FROM commands"), 1);
        assert_int_equal(next_offset(3), 1);
    }
}

static void text_that_is_not_utf8_is_the_records_own_fault(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1), id = id_of(100);
    struct draft_batch *draft = draft_begin(3, &owner);
    struct order *order = make_order(&id, &location_id, 1, 1);
    order->note = "\xff\xfe";
    draft_place(draft, order);
    assert_int_equal(draft_commit(draft), ZP_INTERNAL);
    assert_string_equal(store_trouble(world.store)->sqlstate, "22021");
    assert_int_equal(rows_written(), 0);
}

static void a_number_that_does_not_fit_is_the_records_own_fault(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1), id = id_of(100);
    struct draft_batch *draft = draft_begin(3, &owner);
    struct order *order = make_order(&id, &location_id, 1, 1);
    order->lines[0].quantity = INT64_C(1) << 40;
    draft_place(draft, order);
    assert_int_equal(draft_commit(draft), ZP_INTERNAL);
    assert_int_equal(rows_written(), 0);
    order->lines[0].quantity = 1;
    OK(draft_commit(draft)); /* half a batch was on its way: the connection was made anew */
}

/* In the database that wrote it, the first outcome had been purged. */
static void a_facts_outcome_takes_the_place_of_an_earlier_one(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1), id = id_of(100);
    struct draft_batch *draft = draft_begin(3, &owner);
    (void)draft_outcome(draft, &id, &location_id);
    OK(draft_commit(draft));
    draft = draft_begin(3, &owner);
    draft_outcome(draft, &id, &location_id)->err = ZP_CONFLICT;
    assert_int_equal(draft_commit(draft), ZP_INTERNAL);
    assert_string_equal(store_trouble(world.store)->sqlstate, "23505");
    draft = draft_begin(3, &owner);
    draft_outcome(draft, &id, &location_id)->err = ZP_CONFLICT;
    draft->batch.are_facts = true;
    OK(draft_commit(draft));
    assert_int_equal(sql_int("SELECT count(*) FROM commands WHERE command_offset = 1 AND err = 'CONFLICT'"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM commands"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(a_full_batch_is_written),
        world_test(offsets_of_the_events_topic_never_go_back),
        world_test(the_fence_compares_owner_and_offset),
        world_test(a_partition_without_a_row_is_fenced),
        world_test(one_foreign_partition_of_two_stops_both),
        world_test(nothing_is_executed_behind_a_fence_that_holds),
        world_test(an_error_anywhere_leaves_nothing),
        world_test(a_command_twice_is_the_records_own_fault),
        world_test(a_facts_outcome_takes_the_place_of_an_earlier_one),
        world_test(an_event_number_twice_is_refused),
        world_test(a_step_must_meet_its_order),
        world_test(text_that_is_not_utf8_is_the_records_own_fault),
        world_test(a_number_that_does_not_fit_is_the_records_own_fault),
    };
    return cmocka_run_group_tests_name("store: commit", tests, world_begin, world_end);
}
