/* Reads in sessions that are not ours, and pages of a replica that may lag. */
#include "support.h"

#include <string.h>

#include "../../../src/store/connection.h"

static const struct zp_id location_id = { { 0x10, 1 } };

static struct store *open_store(int64_t statement_timeout_ms, const char *lists_uri)
{
    const struct store_settings settings = { .uri = world.uri,
                                             .application = "pooled",
                                             .connect_timeout_ms = 5000,
                                             .statement_timeout_ms = statement_timeout_ms,
                                             .is_pooled = true,
                                             .lists_uri = lists_uri };
    struct store *store = NULL;
    OK(store_create(&settings, &store));
    return store;
}

/* Three orders of one location, in partition 3. */
static void place_three(void)
{
    const struct zp_id owner = id_of(1);
    struct draft_batch *draft = draft_begin(3, &owner);
    for (uint32_t i = 1; i <= 3; i++) {
        const struct zp_id id = id_of(100 + i);
        draft_place(draft, make_order(&id, &location_id, i, 2));
    }
    draft_location(draft, make_location(&location_id, 3), true);
    draft_flush(draft);
}

static size_t page_count(struct store *store)
{
    const struct order_query query = { .location_id = location_id, .limit = 10 };
    struct store_page page;
    OK(store_orders_page(store, &query, &world.arena, &page));
    return page.order_count;
}

/* ---- what is left of us ------------------------------------------------------------------------------------------ */

static void assert_says(struct store *store, const char *sql, const char *expected)
{
    PGresult *result = PQexec(store->conn, sql);
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    assert_string_equal(PQgetvalue(result, 0, 0), expected);
    PQclear(result);
}

static void a_pooled_session_is_left_as_it_was(void **state)
{
    (void)state;
    NEEDS_WORLD();
    place_three();
    struct store *store = open_store(4000, NULL);
    struct store_board board;
    struct order order;
    const struct zp_id id = id_of(101);
    OK(store_board_get(store, &location_id, &world.arena, &board));
    assert_int_equal(board.order_count, 3);
    OK(store_order_get(store, &id, &world.arena, &order));
    assert_int_equal(page_count(store), 3);
    assert_int_equal(PQexitPipelineMode(store->conn), 1);
    assert_int_equal(PQsetnonblocking(store->conn, 0), 0);
    assert_says(store, "SELECT count(*) FROM pg_prepared_statements", "0");
    assert_says(store, "SELECT count(*) FROM pg_settings WHERE source = 'session' AND name <> 'application_name'", "0");
    store_destroy(store);
}

/* The limits count for the page, and for each statement of a snapshot. */
static void a_pooled_read_that_takes_too_long_is_busy(void **state)
{
    (void)state;
    NEEDS_WORLD();
    place_three();
    struct store *store = open_store(300, NULL);
    const struct order_query query = { .location_id = location_id, .limit = 10 };
    struct store_page page;
    struct store_board board;
    assert_int_equal(page_count(store), 3);
    PGconn *holder = world_sql();
    PQclear(PQexec(holder, "BEGIN"));
    PQclear(PQexec(holder, "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE"));
    assert_int_equal(store_orders_page(store, &query, &world.arena, &page), ZP_BUSY);
    assert_string_equal(store_trouble(store)->sqlstate, "57014");
    assert_int_equal(store_board_get(store, &location_id, &world.arena, &board), ZP_BUSY);
    assert_string_equal(store_trouble(store)->sqlstate, "57014");
    PQfinish(holder);
    OK(store_board_get(store, &location_id, &world.arena, &board));
    store_destroy(store);
}

/* ---- a replica --------------------------------------------------------------------------------------------------- */

/* A replica of one server: tables of the same names that come first on its search path. That one has one order less, so
 * that it is known who answered. */
static const struct replica_row {
    const char *name, *change; /* of lagging.partitions, which has partitions 3 and 4 at the offsets of the primary */
    size_t orders;
} replica_rows[] = {
    { "a replica that is as far answers",      "UPDATE lagging.partitions SET owner = owner",                      2 },
    { "one that is farther answers",           "UPDATE lagging.partitions SET next_offset = next_offset + 7",      2 },
    { "one that knows more partitions answers",
      "INSERT INTO lagging.partitions SELECT topic, 1, owner, 0, last_command_id, published_offset, events_offset, "
      "takeovers, trying_offset FROM lagging.partitions WHERE partition = 3",                                      2 },
    { "one that is behind by one does not",    "UPDATE lagging.partitions SET next_offset = next_offset - 1 "
                                               "WHERE partition = 3",                                              3 },
    { "one that lacks the last one does not",  "DELETE FROM lagging.partitions WHERE partition = 4",               3 },
    { "one that lacks the first one does not", "DELETE FROM lagging.partitions WHERE partition = 3",               3 },
    { "one that is empty does not",            "DELETE FROM lagging.partitions",                                   3 },
};

static void make_replica(void)
{
    const struct zp_id owner = id_of(2);
    struct store_partition row;
    OK(store_partition_take(world.store, 4, &ID_NONE, &owner, &row));
    sql_run("DROP SCHEMA IF EXISTS lagging CASCADE; CREATE SCHEMA lagging");
    sql_run("CREATE TABLE lagging.partitions (LIKE partitions INCLUDING ALL)");
    sql_run("CREATE TABLE lagging.orders_all (LIKE orders INCLUDING ALL)");
    sql_run("CREATE TABLE lagging.orders () INHERITS (lagging.orders_all)");
    sql_run("INSERT INTO lagging.partitions SELECT * FROM partitions");
    sql_run("INSERT INTO lagging.orders SELECT * FROM orders WHERE number <> 2");
}

static void a_replica_answers_when_it_is_as_far(void **state)
{
    (void)state;
    NEEDS_WORLD();
    place_three();
    char uri[1200];
    (void)snprintf(uri, sizeof(uri), "%s options='-csearch_path=lagging,public'", world.uri);
    for (size_t i = 0; i < ZP_COUNT(replica_rows); i++) {
        print_message("  %s\n", replica_rows[i].name);
        make_replica();
        struct store *store = open_store(4000, uri);
        sql_run(replica_rows[i].change);
        assert_int_equal(page_count(store), replica_rows[i].orders);
        sql_run("TRUNCATE lagging.partitions");
        sql_run("INSERT INTO lagging.partitions SELECT * FROM partitions");
        assert_int_equal(page_count(store), 2); /* it is asked each time */
        store_destroy(store);
    }
    sql_run("DROP SCHEMA lagging CASCADE");
}

static void a_replica_that_is_away_is_passed_over(void **state)
{
    (void)state;
    NEEDS_WORLD();
    place_three();
    struct store *store = open_store(4000, "postgresql://127.0.0.1:1/x");
    assert_int_equal(page_count(store), 3);
    assert_int_equal(page_count(store), 3);
    store_destroy(store);
    const struct store_settings settings = { .uri = world.uri,
                                             .connect_timeout_ms = 2000,
                                             .lists_uri = "postgresql://[" };
    store = NULL;
    assert_int_equal(store_create(&settings, &store), ZP_INVALID);
    assert_null(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(a_pooled_session_is_left_as_it_was),
        world_test(a_pooled_read_that_takes_too_long_is_busy),
        world_test(a_replica_answers_when_it_is_as_far),
        world_test(a_replica_that_is_away_is_passed_over),
    };
    return cmocka_run_group_tests_name("store: pooled reads and a replica", tests, world_begin, world_end);
}
