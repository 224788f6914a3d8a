/* What verify reads and what a rebuild swaps: one snapshot to its end, and tables that change place all at once. */
#include "support.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

static struct zp_id here, owner;

/* A location with so many orders at offsets from 0. */
static void fill(size_t orders)
{
    here = id_of(100);
    owner = id_of(7);
    struct draft_batch *draft = draft_begin(3, &owner);
    struct location *location = make_location(&here, (int64_t)orders);
    for (size_t i = 0; i < orders; i++) {
        struct zp_id id = id_of(1000 + (uint32_t)i);
        draft_place(draft, make_order(&id, &here, (int64_t)i + 1, 2));
    }
    draft_location(draft, location, true);
    OK(draft_commit(draft));
    sql_run("UPDATE locations SET partition = 3");
}

static size_t count_orders(int64_t limit)
{
    struct audit_order *rows = NULL, last = { .open = false };
    size_t count = (size_t)limit, all = 0;
    while (count == (size_t)limit) {
        OK(store_audit_orders(world.store, &here, all == 0 ? NULL : &last, limit, &world.arena, &rows, &count));
        all += count;
        last = count > 0 ? rows[count - 1] : last;
    }
    return all;
}

/* ---- audits --------------------------------------------------------------------------------------------------- */

static void an_audit_sees_one_moment(void **state)
{
    (void)state;
    NEEDS_WORLD();
    fill(5);
    struct location *locations[4];
    size_t count = 0;
    OK(store_audit_begin(world.store));
    assert_int_equal(count_orders(2), 5);
    sql_run("DELETE FROM orders");
    sql_run("UPDATE locations SET seq = 99");
    assert_int_equal(count_orders(100), 5);
    OK(store_audit_locations(world.store, 3, &ID_NONE, 4, locations, &count));
    assert_int_equal(count, 1);
    assert_int_equal(locations[0]->seq, 5);
    location_finish(locations[0]);
    free(locations[0]);
    OK(store_audit_locations(world.store, 4, &ID_NONE, 4, locations, &count));
    assert_int_equal(count, 0);
    struct batch_event *events = NULL;
    OK(store_audit_events(world.store, &here, 2, 2, 1 << 20, &world.arena, &events, &count));
    assert_int_equal(count, 2);
    assert_int_equal(events[0].seq, 3);
    struct store_partition *partitions = NULL;
    OK(store_audit_partitions(world.store, &world.arena, &partitions, &count));
    assert_int_equal(count, 1);
    store_audit_end(world.store);
    OK(store_audit_begin(world.store));
    assert_int_equal(count_orders(100), 0);
    store_audit_end(world.store);
}

/* A page must go on behind the row that was read, whatever its column says of the order. */
static void pages_of_an_audit_end_although_a_column_lies(void **state)
{
    (void)state;
    NEEDS_WORLD();
    fill(9);
    sql_run("UPDATE orders SET open = NOT open WHERE number % 2 = 0");
    OK(store_audit_begin(world.store));
    for (int64_t limit = 1; limit < 5; limit++) {
        assert_int_equal(count_orders(limit), 9);
    }
    store_audit_end(world.store);
}

static void an_audit_without_its_snapshot_reads_nothing(void **state)
{
    (void)state;
    NEEDS_WORLD();
    fill(1);
    struct audit_order *rows = NULL;
    size_t count = 0;
    assert_int_equal(store_audit_orders(world.store, &here, NULL, 9, &world.arena, &rows, &count), ZP_BUSY);
    OK(store_audit_begin(world.store));
    sql_run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()");
    assert_int_equal(store_audit_orders(world.store, &here, NULL, 9, &world.arena, &rows, &count), ZP_BUSY);
    assert_int_equal(store_audit_orders(world.store, &here, NULL, 9, &world.arena, &rows, &count), ZP_BUSY);
    store_audit_end(world.store);
    OK(store_audit_begin(world.store));
    OK(store_audit_orders(world.store, &here, NULL, 9, &world.arena, &rows, &count));
    store_audit_end(world.store);
}

static void locations_without_a_row_are_strays(void **state)
{
    (void)state;
    NEEDS_WORLD();
    fill(3);
    struct zp_id *ids = NULL;
    size_t count = 1;
    OK(store_audit_strays(world.store, &world.arena, &ids, &count));
    assert_int_equal(count, 0);
    sql_run("DELETE FROM locations");
    OK(store_audit_strays(world.store, &world.arena, &ids, &count));
    assert_int_equal(count, 1);
    assert_memory_equal(&ids[0], &here, sizeof here);
}

static void an_order_comes_with_its_locations_head(void **state)
{
    (void)state;
    NEEDS_WORLD();
    fill(3);
    struct order order;
    int64_t head = 0;
    const struct zp_id first = id_of(1000), nobody = id_of(5);
    OK(store_order_get_with_head(world.store, &first, &here, &world.arena, &order, &head));
    assert_int_equal(head, 3);
    assert_int_equal(store_order_get_with_head(world.store, &nobody, &here, &world.arena, &order, &head), ZP_NOT_FOUND);
    OK(store_order_get_with_head(world.store, &first, &nobody, &world.arena, &order, &head));
    assert_int_equal(head, 0);
}

/* ---- shadows -------------------------------------------------------------------------------------------------- */

static void every_table_is_moved_or_knowingly_left(void **state)
{
    (void)state;
    NEEDS_WORLD();
    PGresult *result = PQexec(world.sql, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
                                         "AND relkind IN ('r', 'v', 'p', 'm', 'c', 'S')");
    assert_true(PQntuples(result) > 5);
    for (int row = 0; row < PQntuples(result); row++) {
        if (!store_shadow_knows(PQgetvalue(result, row, 0))) {
            fail_msg("%s stands in no list of src/store/shadow.c", PQgetvalue(result, row, 0));
        }
    }
    PQclear(result);
    assert_false(store_shadow_knows("tables_that_nobody_made"));
}

static struct store *make_shadow(void)
{
    const struct store_settings settings = { .uri = world.uri, .connect_timeout_ms = 5000,
                                             .schema = STORE_SHADOW_SCHEMA };
    struct store *shadow = NULL;
    FILE *words = fopen("/dev/null", "w");
    sql_run("DROP SCHEMA IF EXISTS " STORE_REPLACED_SCHEMA " CASCADE");
    OK(store_shadow_begin(world.store));
    OK(store_create(&settings, &shadow));
    OK(store_migrate(shadow, MIGRATIONS_DIR, false, words));
    fclose(words);
    return shadow;
}

static int64_t only_live(const char *name)
{
    struct store_shadow_table tables[STORE_SHADOW_TABLES_MAX];
    size_t count = 0;
    OK(store_shadow_compare(world.store, tables, &count));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tables[i].name, name) == 0) {
            return tables[i].only_live;
        }
    }
    fail_msg("%s is not compared", name);
    return -1;
}

static void a_shadow_writes_beside_the_live_tables(void **state)
{
    (void)state;
    NEEDS_WORLD();
    fill(4);
    struct store *shadow = make_shadow();
    struct store_partition row;
    const struct zp_id other = id_of(8);
    OK(store_partition_take(shadow, 3, &ID_NONE, &other, &row));
    assert_int_equal(row.next_offset, 0);
    assert_int_equal(sql_int("SELECT count(*) FROM zapora_rebuild.partitions"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM partitions WHERE owner = (SELECT owner FROM "
                             "zapora_rebuild.partitions)"), 0);
    assert_int_equal(only_live("orders_all"), 4);
    assert_int_equal(only_live("commands"), 4);
    store_destroy(shadow);
}

static void a_shadow_that_lacks_an_outcome_is_not_swapped_in(void **state)
{
    (void)state;
    NEEDS_WORLD();
    fill(4);
    struct store *shadow = make_shadow();
    assert_int_equal(store_shadow_swap(world.store), ZP_CATCHING_UP);
    assert_int_equal(sql_int("SELECT count(*) FROM orders"), 4);
    sql_run("INSERT INTO zapora_rebuild.partitions SELECT * FROM partitions");
    sql_run("UPDATE zapora_rebuild.partitions SET next_offset = next_offset - 1");
    assert_int_equal(store_shadow_swap(world.store), ZP_CATCHING_UP);
    assert_int_equal(sql_int("SELECT count(*) FROM pg_namespace WHERE nspname = '" STORE_REPLACED_SCHEMA "'"), 0);
    store_destroy(shadow);
}

static void a_swap_moves_everything_and_fences_who_wrote_before(void **state)
{
    (void)state;
    NEEDS_WORLD();
    fill(4);
    struct store *worker = world_store(5000), *shadow = make_shadow();
    struct draft_batch *draft = draft_begin(3, &owner); /* a worker's batch on its way */
    struct zp_id id = id_of(5000), fresh = id_of(9);
    draft_place(draft, make_order(&id, &here, 5, 1));
    sql_run("INSERT INTO accounts (user_id, email, role) VALUES (gen_random_uuid(), 'a@b', 'kitchen')");
    sql_run("INSERT INTO zapora_rebuild.partitions SELECT * FROM partitions");
    sql_run("UPDATE zapora_rebuild.partitions SET owner = gen_random_uuid()");
    OK(store_shadow_swap(world.store));
    assert_int_equal(sql_int("SELECT count(*) FROM orders"), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM " STORE_REPLACED_SCHEMA ".orders"), 4);
    assert_int_equal(sql_int("SELECT count(*) FROM " STORE_REPLACED_SCHEMA ".order_lines"), 8);
    assert_int_equal(sql_int("SELECT count(*) FROM accounts"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM pg_namespace WHERE nspname = '" STORE_SHADOW_SCHEMA "'"), 0);
    assert_int_equal(draft_commit(draft), ZP_FENCED);
    struct store_partition row;
    OK(store_partition_take(worker, 3, &ID_NONE, &fresh, &row));
    OK(store_shadow_swap(world.store)); /* asked again, for its word may have been lost: it was done */
    assert_int_equal(sql_int("SELECT count(*) FROM " STORE_REPLACED_SCHEMA ".orders"), 4);
    OK(store_shadow_begin(world.store));
    assert_int_equal(store_shadow_swap(world.store), ZP_CONFLICT); /* the tables before are still there */
    store_destroy(worker);
    store_destroy(shadow);
    sql_run("DROP SCHEMA " STORE_REPLACED_SCHEMA " CASCADE");
    sql_run("DROP SCHEMA " STORE_SHADOW_SCHEMA " CASCADE");
}

/* A shadow that has everything that the live tables have. */
static struct store *make_covering_shadow(void)
{
    struct store *shadow = make_shadow();
    sql_run("INSERT INTO zapora_rebuild.partitions SELECT * FROM partitions");
    return shadow;
}

static void drop_schemas(struct store *shadow)
{
    store_destroy(shadow);
    sql_run("DROP SCHEMA IF EXISTS " STORE_SHADOW_SCHEMA ", " STORE_REPLACED_SCHEMA " CASCADE");
}

#define AUTOVACUUM_US INT64_C(60000000) /* its workers have other tables and databases to look after */

/* Until a real one is at work on the table: each page of it rests for 100 ms, so it will be there for long. */
static void begin_autovacuum(const char *table)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO %1$s SELECT gen_random_uuid(), 1, now(), NULL, to_json(repeat('x', 1600)) "
             "FROM generate_series(1, 1000) i; "
             "ALTER TABLE %1$s SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0, "
             "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1); DELETE FROM %1$s", table);
    sql_run(sql);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE granted AND "
             "backend_type = 'autovacuum worker' AND relation = '%s'::regclass", table);
    int64_t until_us = clock_mono_us() + AUTOVACUUM_US;
    while (sql_int(sql) == 0) {
        if (clock_mono_us() > until_us) {
            fail_msg("no autovacuum came to %s", table);
        }
        (void)poll(NULL, 0, 10);
    }
}

/* A worker that takes longer than the nap to start is given up by the server, so it is not the shortest. */
static int let_autovacuum_come(void **state)
{
    if (world.is_there) {
        sql_run("ALTER SYSTEM SET autovacuum_naptime = 3");
        sql_run("SELECT pg_reload_conf()");
    }
    return world_clean(state);
}

static int let_autovacuum_go(void **state)
{
    if (world.is_there) {
        sql_run("ALTER SYSTEM RESET autovacuum_naptime");
        sql_run("SELECT pg_reload_conf()");
    }
    return world_forget(state);
}

/* A regression: it waited for a second, and PostgreSQL calls an autovacuum off after that second. */
static void a_swap_sends_an_autovacuum_away(void **state)
{
    (void)state;
    NEEDS_WORLD();
    static const char *const tables[] = { "public.menus", STORE_SHADOW_SCHEMA ".menus" };
    for (size_t i = 0; i < ZP_COUNT(tables); i++) {
        fill(1);
        struct store *shadow = make_covering_shadow();
        begin_autovacuum(tables[i]);
        OK(store_shadow_swap(world.store));
        drop_schemas(shadow);
        world_clean(state);
    }
}

static void a_swap_says_who_is_in_its_way(void **state)
{
    (void)state;
    NEEDS_WORLD();
    fill(1);
    struct store *shadow = make_covering_shadow();
    PGconn *backup = world_sql();
    PQclear(PQexec(backup, "SET application_name = 'a backup'; BEGIN"));
    PQclear(PQexec(backup, "SELECT\n  count(*) FROM orders"));
    char expected[128];
    snprintf(expected, sizeof expected, "orders is locked by process %d (a backup) for ", PQbackendPID(backup));
    enum zp_err err = store_shadow_swap(world.store);
    PQfinish(backup);
    assert_int_equal(err, ZP_BUSY);
    const char *why = store_trouble(world.store)->why;
    if (strstr(why, expected) == NULL || strstr(why, " s: SELECT count(*) FROM orders") == NULL) {
        fail_msg("%s does not say %s", why, expected);
    }
    assert_int_equal(sql_int("SELECT count(*) FROM orders"), 1);
    OK(store_shadow_swap(world.store));
    drop_schemas(shadow);
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        world_test(an_audit_sees_one_moment),
        world_test(pages_of_an_audit_end_although_a_column_lies),
        world_test(an_audit_without_its_snapshot_reads_nothing),
        world_test(locations_without_a_row_are_strays),
        world_test(an_order_comes_with_its_locations_head),
        world_test(every_table_is_moved_or_knowingly_left),
        world_test(a_shadow_writes_beside_the_live_tables),
        world_test(a_shadow_that_lacks_an_outcome_is_not_swapped_in),
        world_test(a_swap_moves_everything_and_fences_who_wrote_before),
        world_test(a_swap_says_who_is_in_its_way),
        cmocka_unit_test_setup_teardown(a_swap_sends_an_autovacuum_away, let_autovacuum_come, let_autovacuum_go),
    };
    return cmocka_run_group_tests(tests, world_begin, world_end);
}
