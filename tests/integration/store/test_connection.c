/* Connections that fail, and a schema that moves on under one that lives. */
#include "support.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct zp_id location_id = { { 0x10, 1 } };

static void a_connection_that_was_ended_is_made_anew(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1);
    struct store *store = world_store(5000);
    struct store_partition row;
    OK(store_partition_take(store, 3, &ID_NONE, &owner, &row));
    sql_run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'store tests' "
            "AND datname = current_database()");
    sql_wait(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'store tests' AND datname = current_database()",
        0);
    assert_int_equal(store_partition_take(store, 3, &ID_NONE, &owner, &row), ZP_BUSY);
    assert_true(store_trouble(store)->why[0] != '\0');
    OK(store_partition_take(store, 3, &ID_NONE, &owner, &row));
    assert_int_equal(row.takeovers, 2); /* the one that was busy did nothing */
    store_destroy(store);
    store_disconnect(world.store); /* ended as well */
}

static const struct uri_row { const char *name, *uri; enum zp_err create, connect; } uri_rows[] = {
    { "nothing at all",          NULL,                                             ZP_INVALID, ZP_OK },
    { "no conninfo",             "postgresql://[",                                 ZP_INVALID, ZP_OK },
    { "an unknown setting",      "postgresql://127.0.0.1/x?colour=red",            ZP_INVALID, ZP_OK },
    { "nobody listens",          "postgresql://127.0.0.1:1/x",                     ZP_OK,      ZP_BUSY },
    { "no such host",            "postgresql://host.invalid/x",                    ZP_OK,      ZP_BUSY },
    { "no such socket",          "postgresql://%2Fno%2Fsuch%2Fplace/x",            ZP_OK,      ZP_BUSY },
};

static void a_server_that_is_not_there_is_busy(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(uri_rows); i++) {
        print_message("  %s\n", uri_rows[i].name);
        const struct store_settings settings = { .uri = uri_rows[i].uri,
                                                 .application = "x",
                                                 .connect_timeout_ms = 2000 };
        struct store *store = NULL;
        assert_int_equal(store_create(&settings, &store), uri_rows[i].create);
        if (store != NULL) {
            assert_int_equal(store_connect(store), uri_rows[i].connect);
            assert_string_equal(store_trouble(store)->sqlstate, "");
            assert_true(store_trouble(store)->why[0] != '\0');
            assert_int_equal(store_connect(store), uri_rows[i].connect);
        }
        store_destroy(store);
    }
}

/* Takes connections and never says a word. */
static void a_server_that_is_silent_is_busy_in_time(void **state)
{
    (void)state;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    char uri[128];
    (void)snprintf(uri, sizeof(uri), "postgresql://127.0.0.1:%d/x?sslmode=disable", ntohs(address.sin_port));
    const struct store_settings settings = { .uri = uri, .application = "x", .connect_timeout_ms = 2000 };
    struct store *store;
    OK(store_create(&settings, &store));
    assert_int_equal(store_connect(store), ZP_BUSY);
    store_destroy(store);
    (void)close(listener);
}

/* A commit that waits for a lock for ever ends by the server's limits, and its connection serves on. */
static void a_statement_that_takes_too_long_is_busy(void **state)
{
    (void)state;
    NEEDS_WORLD();
    static const struct { int64_t statement_ms, lock_ms; const char *sqlstate; } rows[] = {
        { 300, 0, "57014" }, { 0, 300, "55P03" },
    };
    const struct zp_id owner = id_of(1);
    struct draft_batch *draft = draft_begin(3, &owner);
    draft->partition.next_offset = 1;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        PGconn *holder = world_sql();
        PQclear(PQexec(holder, "BEGIN"));
        PQclear(PQexec(holder, "SELECT FROM partitions FOR UPDATE"));
        const struct store_settings settings = { .uri = world.uri,
                                                 .application = "limited",
                                                 .connect_timeout_ms = 5000,
                                                 .statement_timeout_ms = rows[i].statement_ms,
                                                 .lock_timeout_ms = rows[i].lock_ms };
        struct store *store;
        OK(store_create(&settings, &store));
        assert_int_equal(store_batch_commit(store, &draft->batch), ZP_BUSY);
        assert_string_equal(store_trouble(store)->sqlstate, rows[i].sqlstate);
        PQfinish(holder);
        int64_t backend = sql_int("SELECT pid FROM pg_stat_activity WHERE application_name = 'limited'");
        OK(store_batch_commit(store, &draft->batch));
        assert_string_equal(store_trouble(store)->sqlstate, "");
        assert_int_equal(sql_int("SELECT pid FROM pg_stat_activity WHERE application_name = 'limited'"), backend);
        store_destroy(store);
        draft->partition.from_offset = draft->partition.next_offset++;
    }
}

/* An error within a snapshot must not leave its transaction open. */
static void a_snapshot_that_fails_leaves_no_transaction(void **state)
{
    (void)state;
    NEEDS_WORLD();
    struct store *store = world_store(300);
    struct store_board board;
    assert_int_equal(store_board_get(store, &location_id, &world.arena, &board), ZP_NOT_FOUND);
    PGconn *holder = world_sql();
    PQclear(PQexec(holder, "BEGIN"));
    PQclear(PQexec(holder, "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE"));
    assert_int_equal(store_board_get(store, &location_id, &world.arena, &board), ZP_BUSY);
    assert_string_equal(store_trouble(store)->sqlstate, "57014");
    PQfinish(holder);
    sql_wait(
        "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = "
        "current_database()",
        0);
    assert_int_equal(store_board_get(store, &location_id, &world.arena, &board), ZP_NOT_FOUND);
    store_destroy(store);
}

/* ---- migrations while we run
 * ---------------------------------------------------------------------------------------------- */

static const struct change_row { const char *name, *change, *undo;
} change_rows[] = {
    { "a column with a default", "ALTER TABLE orders_all ADD colour text NOT NULL DEFAULT 'red'",
      "ALTER TABLE orders_all DROP colour" },
    { "a column that is nullable", "ALTER TABLE commands ADD colour text", "ALTER TABLE commands DROP colour" },
    { "an attribute of a line", "ALTER TYPE order_line ADD ATTRIBUTE colour text",
      "ALTER TYPE order_line DROP ATTRIBUTE colour" },
    { "an index", "CREATE INDEX colour ON orders (number)", "DROP INDEX colour" },
};

/* Busy at most once, then everything works as before, and what a step does not know of it leaves alone. */
static void a_schema_that_grows_does_not_stop_us(void **state)
{
    (void)state;
    NEEDS_WORLD();
    for (size_t i = 0; i < 2 * ZP_COUNT(change_rows); i++) {
        const struct change_row *row = &change_rows[i / 2];
        print_message("  %s%s\n", row->name, i % 2 == 0 ? "" : ", gone again");
        (void)world_clean(NULL);
        const struct zp_id owner = id_of(1), id = id_of(100), command = id_of(200);
        struct draft_batch *draft = draft_begin(3, &owner);
        struct order *order = make_order(&id, &location_id, 1, 3), read = { .version = 0 };
        draft_place(draft, order);
        draft_flush(draft);
        OK(store_order_get(world.store, &id, &world.arena, &read));

        sql_run(i % 2 == 0 ? row->change : row->undo);
        enum zp_err err = store_order_get(world.store, &id, &world.arena, &read);
        assert_true(err == ZP_OK || err == ZP_BUSY);
        OK(store_order_get(world.store, &id, &world.arena, &read));
        assert_orders_equal(order, &read);
        order->version = order->seq = 2;
        draft_step(draft, order, &command, EV_ORDER_STARTED);
        err = draft_commit(draft);
        if (err == ZP_BUSY) {
            err = draft_commit(draft);
        }
        OK(err);
        OK(store_order_get(world.store, &id, &world.arena, &read));
        assert_orders_equal(order, &read);
    }
}

static void a_commit_is_the_first_to_meet_a_grown_table(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1), id = id_of(100);
    struct draft_batch *draft = draft_begin(3, &owner);
    draft_place(draft, make_order(&id, &location_id, 1, 1));
    sql_run("ALTER TABLE orders_all ADD colour text NOT NULL DEFAULT 'red'");
    assert_int_equal(draft_commit(draft), ZP_BUSY);
    OK(draft_commit(draft));
    assert_int_equal(sql_int("SELECT count(*) FROM orders WHERE colour = 'red'"), 1);
    sql_run("ALTER TABLE orders_all DROP colour");
    store_disconnect(world.store);
}

static void a_schema_that_lacks_something_is_busy_until_it_is_there(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id id = id_of(100);
    struct order read;
    struct store *store = world_store(5000);
    sql_run("ALTER TABLE orders_all RENAME note TO remark");
    assert_int_equal(store_order_get(store, &id, &world.arena, &read), ZP_BUSY);
    assert_non_null(strstr(store_trouble(store)->why, "orders.note"));
    sql_run("ALTER TABLE orders_all RENAME remark TO note");
    assert_int_equal(store_order_get(store, &id, &world.arena, &read), ZP_NOT_FOUND);
    store_destroy(store);
}

/* ---- plans --------------------------------------------------------------------------------------------------- */

/* No statement of the way of an order may need to read a table from end to end. On tables of a few rows a planner likes
 * to do so all the same, so it is told not to: what it then still reads whole has no index to go by. */
/* Counts are handed in late: by an idle backend at most once a second, by one that ends on its way out. Those of the
 * tests before must be in before they are forgotten, or they come back. */
static void forget_counts(void)
{
    store_disconnect(world.store);
    sql_wait("SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
             " AND backend_type = 'client backend'", 0);
    sql_run("SELECT pg_stat_force_next_flush()");
    sql_run("SELECT pg_stat_reset()");
}

static void no_plan_reads_a_whole_table(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1), order_id = id_of(100), command = id_of(200);
    sql_run("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_seqscan = off', current_database()); END $$");
    forget_counts();
    struct draft_batch *draft = draft_begin(3, &owner);
    struct order *order = make_order(&order_id, &location_id, 1, 1);
    draft_place(draft, order);
    draft_location(draft, make_location(&location_id, 1), true);
    draft_flush(draft);
    order->version = order->seq = 2;
    draft_step(draft, order, &command, EV_ORDER_STARTED);
    draft_flush(draft);
    const struct store_wanted wanted = { .location_ids = &location_id, .location_count = 1, .command_ids = &command,
                                         .command_count = 1, .order_ids = &order_id, .order_count = 1 };
    struct store_found found;
    OK(store_batch_load(world.store, &wanted, &world.arena, &found));
    location_finish(found.locations[0]);
    free(found.locations[0]);
    struct store_refill refill;
    OK(store_refill_get(world.store, &location_id, 100, 100, &world.arena, &refill));
    struct order_query queries[] = { { .owner = id_of(900), .limit = 10 }, { .location_id = location_id, .limit = 10 },
                                     { .location_id = location_id, .status = ORDER_PLACED, .limit = 10 } };
    struct store_page page;
    struct batch_event *events;
    struct journal_entry *entries;
    size_t count;
    for (size_t i = 0; i < ZP_COUNT(queries); i++) {
        OK(store_orders_page(world.store, &queries[i], &world.arena, &page));
    }
    OK(store_events_after(world.store, &location_id, 0, 100, 100000, &world.arena, &events, &count));
    OK(store_outcomes_from(world.store, 3, 0, 100, &world.arena, &entries, &count));
    int64_t deleted;
    OK(store_outcomes_purge(world.store, 3, 0, 100, &deleted));
    store_disconnect(world.store); /* a backend hands its counts in when it ends */
    sql_wait("SELECT (sum(idx_scan) > 20)::int FROM pg_stat_user_tables", 1);
    assert_int_equal(sql_int("SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE relname <> 'schema_migrations'"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(a_connection_that_was_ended_is_made_anew),
        world_test(a_server_that_is_not_there_is_busy),
        world_test(a_server_that_is_silent_is_busy_in_time),
        world_test(a_statement_that_takes_too_long_is_busy),
        world_test(a_snapshot_that_fails_leaves_no_transaction),
        world_test(a_schema_that_grows_does_not_stop_us),
        world_test(a_commit_is_the_first_to_meet_a_grown_table),
        world_test(a_schema_that_lacks_something_is_busy_until_it_is_there),
        world_test(no_plan_reads_a_whole_table),
    };
    return cmocka_run_group_tests_name("store: connection", tests, world_begin, world_end);
}
