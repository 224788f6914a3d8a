/* An archived order is an order: whatever lies where, readers see the same, and nobody waits for the move. */
#include "support.h"

#include <string.h>

#define ORDERS 20

static struct zp_id here, owner;
static int64_t first_at; /* when the first order was placed; each next one a millisecond later */

/* Every third order is open; each was closed when it was placed. */
static void fill(void)
{
    here = id_of(100);
    owner = id_of(7);
    struct draft_batch *draft = draft_begin(3, &owner);
    for (uint32_t i = 0; i < ORDERS; i++) {
        struct zp_id id = id_of(1000 + i);
        struct order *order = make_order(&id, &here, (int64_t)i + 1, 2);
        order->status = i % 3 == 0 ? ORDER_ACCEPTED : ORDER_COMPLETED;
        first_at = i == 0 ? order->placed_at : first_at;
        draft_place(draft, order);
    }
    draft_location(draft, make_location(&here, ORDERS), true);
    OK(draft_commit(draft));
}

static int64_t archive(int64_t before_us, int64_t limit)
{
    struct archive_mark mark = { .placed_at = 0 };
    int64_t all = 0;
    for (bool done = false; !done;) {
        int64_t moved = 0;
        OK(store_orders_archive(world.store, &here, before_us, limit, &mark, &moved, &done));
        assert_in_range(moved, 0, limit);
        all += moved;
    }
    return all;
}

static int64_t archived(void)
{
    return sql_int("SELECT count(*) FROM orders_archive");
}

static void what_was_closed_before_moves_and_nothing_else(void **state)
{
    (void)state;
    NEEDS_WORLD();
    for (int64_t limit = 1; limit < 8; limit++) {
        int64_t count = 0;
        world_clean(NULL);
        fill();
        sql_run("UPDATE orders SET updated_at = updated_at + interval '1 day' WHERE number = 2"); /* closed later */
        OK(store_orders_archivable(world.store, &here, first_at + 10 * 1000, &count));
        assert_int_equal(count, 5); /* of the first ten four are open, one was closed later */
        assert_int_equal(archived(), 0);
        assert_int_equal(archive(first_at + 10 * 1000, limit), 5);
        assert_int_equal(archived(), 5);
        assert_int_equal(sql_int("SELECT count(*) FROM orders"), ORDERS - 5);
        assert_int_equal(sql_int("SELECT count(*) FROM orders_all"), ORDERS);
        assert_int_equal(sql_int("SELECT count(*) FROM orders_archive WHERE open OR number > 10 OR number = 2"), 0);
        assert_int_equal(archive(first_at + 10 * 1000, limit), 0);
        const struct zp_id elsewhere = here;
        here = id_of(101);
        assert_int_equal(archive(INT64_MAX, limit), 0);
        here = elsewhere;
    }
}

/* Reads all that a reader can ask for into the arena. */
struct seen {
    struct store_page page, owners, open;
    struct audit_order *audit; size_t audit_count;
    struct store_board board;
    struct order one;
};

static struct seen look(void)
{
    struct seen seen = { .audit_count = 0 };
    const struct zp_id guest = id_of(900), one = id_of(1001);
    struct order_query query = { .location_id = here, .limit = 100 };
    OK(store_orders_page(world.store, &query, &world.arena, &seen.page));
    query.status = ORDER_ACCEPTED;
    OK(store_orders_page(world.store, &query, &world.arena, &seen.open));
    query = (struct order_query){ .owner = guest, .limit = 100, .status = ORDER_COMPLETED };
    OK(store_orders_page(world.store, &query, &world.arena, &seen.owners));
    OK(store_board_get(world.store, &here, &world.arena, &seen.board));
    OK(store_order_get(world.store, &one, &world.arena, &seen.one));
    OK(store_audit_begin(world.store));
    OK(store_audit_orders(world.store, &here, NULL, 100, &world.arena, &seen.audit, &seen.audit_count));
    store_audit_end(world.store);
    return seen;
}

static void assert_same_orders(const struct order *a, size_t a_count, const struct order *b, size_t b_count)
{
    assert_int_equal(a_count, b_count);
    for (size_t i = 0; i < a_count; i++) {
        assert_orders_equal(&a[i], &b[i]);
    }
}

static void readers_see_the_same_before_and_after(void **state)
{
    (void)state;
    NEEDS_WORLD();
    fill();
    struct seen before = look();
    assert_int_equal(before.page.order_count, ORDERS);
    assert_int_equal(archive(first_at + 11 * 1000, 4), 7);
    struct seen after = look();
    assert_same_orders(before.page.orders, before.page.order_count, after.page.orders, after.page.order_count);
    assert_same_orders(before.owners.orders, before.owners.order_count, after.owners.orders, after.owners.order_count);
    assert_same_orders(before.open.orders, before.open.order_count, after.open.orders, after.open.order_count);
    assert_same_orders(before.board.orders, before.board.order_count, after.board.orders, after.board.order_count);
    assert_orders_equal(&before.one, &after.one);
    assert_int_equal(before.audit_count, after.audit_count);
    for (size_t i = 0; i < before.audit_count; i++) {
        assert_orders_equal(&before.audit[i].order, &after.audit[i].order);
        assert_int_equal(before.audit[i].open, after.audit[i].open);
    }
    assert_int_equal(sql_int("SELECT count(*) FROM order_lines"), 2 * ORDERS);
}

static void a_placement_finds_its_archived_twin(void **state)
{
    (void)state;
    NEEDS_WORLD();
    fill();
    assert_int_equal(archive(INT64_MAX, 100), 13);
    const struct zp_id ids[] = { id_of(1001), id_of(1000), id_of(5) };
    const struct store_wanted wanted = { .order_ids = ids, .order_count = ZP_COUNT(ids) };
    struct store_found found;
    OK(store_batch_load(world.store, &wanted, &world.arena, &found));
    assert_int_equal(found.order_count, 2);
}

/* ---- nobody waits --------------------------------------------------------------------------------------------- */

/* A batch of a worker, at the place that the move is about. */
static void work(int64_t number)
{
    struct draft_batch *draft = draft_begin(3, &owner);
    const struct zp_id fresh = id_of(2000 + (uint32_t)number), command = id_of(3000 + (uint32_t)number);
    const struct zp_id open = id_of(1000);
    struct order *step = make_order(&open, &here, 1, 2);
    step->version = 1 + number;
    draft_place(draft, make_order(&fresh, &here, ORDERS + number, 2));
    draft_step(draft, step, &command, EV_ORDER_STARTED);
    for (size_t i = 0; i < draft->batch.event_count; i++) {
        draft->events[i].seq = ORDERS + 2 * number + (int64_t)i;
    }
    draft_location(draft, make_location(&here, ORDERS + 2 * number + 1), false);
    OK(draft_commit(draft));
}

static void a_worker_goes_on_while_a_move_is_under_way(void **state)
{
    (void)state;
    NEEDS_WORLD();
    fill();
    PGconn *mover = world_sql();
    PGresult *result = PQexec(mover, "BEGIN; WITH gone AS (DELETE FROM orders WHERE NOT open RETURNING *) "
                                     "INSERT INTO orders_archive SELECT * FROM gone");
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    for (int64_t number = 1; number < 4; number++) {
        work(number); /* its lock timeout is 5 s, and nobody lets go */
    }
    assert_int_equal(look().page.order_count, ORDERS + 3); /* and readers see the rows where they were */
    PQclear(PQexec(mover, "COMMIT"));
    assert_int_equal(look().page.order_count, ORDERS + 3);
    assert_int_equal(archived(), 13);
    PQfinish(mover);
}

static void a_move_passes_by_rows_that_somebody_holds(void **state)
{
    (void)state;
    NEEDS_WORLD();
    fill();
    PGconn *holder = world_sql();
    PGresult *result = PQexec(holder, "BEGIN; SELECT FROM orders WHERE number IN (2, 5) FOR UPDATE");
    assert_int_equal(PQntuples(result), 2);
    PQclear(result);
    assert_int_equal(archive(INT64_MAX, 3), 11);
    PQclear(PQexec(holder, "COMMIT"));
    assert_int_equal(archive(INT64_MAX, 3), 2);
    PQfinish(holder);
}

static void an_open_order_is_not_let_in(void **state)
{
    (void)state;
    NEEDS_WORLD();
    fill();
    PGresult *result = PQexec(world.sql, "INSERT INTO orders_archive SELECT * FROM orders WHERE open");
    assert_string_equal(PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME), "orders_archive_closed");
    PQclear(result);
}

/* ---- beside a rebuild ----------------------------------------------------------------------------------------- */

static void a_rebuilt_database_has_no_archive_and_the_same_orders(void **state)
{
    (void)state;
    NEEDS_WORLD();
    fill();
    assert_int_equal(archive(INT64_MAX, 100), 13);
    const struct store_settings settings = { .uri = world.uri, .connect_timeout_ms = 5000,
                                             .schema = STORE_SHADOW_SCHEMA };
    struct store *shadow = NULL;
    FILE *words = fopen("/dev/null", "w");
    OK(store_shadow_begin(world.store));
    OK(store_create(&settings, &shadow));
    OK(store_migrate(shadow, MIGRATIONS_DIR, false, words));
    fclose(words);
    sql_run("INSERT INTO zapora_rebuild.partitions SELECT * FROM partitions; "
            "INSERT INTO zapora_rebuild.locations SELECT * FROM locations");
    sql_run("INSERT INTO zapora_rebuild.orders SELECT order_id, location_id, owner, number, version, seq, subtotal, "
            "discount, tax, fee, tip, total, placed_at, promised_at, updated_at, open, status, type, currency, "
            "customer_name, customer_phone, customer_address, note, reasons, fingerprint, "
            "lines::text::zapora_rebuild.order_line[] FROM orders_all");
    struct store_shadow_table tables[STORE_SHADOW_TABLES_MAX];
    size_t count = 0;
    OK(store_shadow_compare(world.store, tables, &count));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tables[i].name, "orders_all") == 0) {
            assert_int_equal(tables[i].only_live, 0);
            assert_int_equal(tables[i].only_shadow, 0);
        }
    }
    OK(store_shadow_swap(world.store));
    assert_int_equal(archived(), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM " STORE_REPLACED_SCHEMA ".orders_archive"), 13);
    assert_int_equal(look().page.order_count, ORDERS);
    assert_int_equal(archive(INT64_MAX, 100), 13);
    store_destroy(shadow);
    sql_run("DROP SCHEMA " STORE_REPLACED_SCHEMA " CASCADE");
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        world_test(what_was_closed_before_moves_and_nothing_else),
        world_test(readers_see_the_same_before_and_after),
        world_test(a_placement_finds_its_archived_twin),
        world_test(a_worker_goes_on_while_a_move_is_under_way),
        world_test(a_move_passes_by_rows_that_somebody_holds),
        world_test(an_open_order_is_not_let_in),
        world_test(a_rebuilt_database_has_no_archive_and_the_same_orders),
    };
    return cmocka_run_group_tests_name("store: archive", tests, world_begin, world_end);
}
