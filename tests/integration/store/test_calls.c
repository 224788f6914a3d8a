/* The database's room against a real PostgreSQL with each call failing once: libpq's, and every allocation. What
 * failed is done again as its caller would do it; then it was done exactly once. */
#include "torture.h"

#include "support.h"

#include <stdlib.h>
#include <string.h>

#define DATABASE_TROUBLE (ERR(BUSY) | ERR(NO_MEMORY))
#define PARTITION 3

static const struct zp_id here = { { 0x10, 1 } };
static struct zp_id owner;
static struct draft_batch *draft;
static struct store *store; /* the one that is tried; connects in each try */
static struct arena arena;  /* what it reads into */
static bool is_filled;      /* and no try has changed it */

static void fill(void)
{
    owner = id_of(7);
    draft = draft_begin(PARTITION, &owner);
    for (uint32_t i = 1; i <= 2; i++) {
        const struct zp_id id = id_of(100 + i);
        draft_place(draft, make_order(&id, &here, i, 2));
    }
    draft_location(draft, make_location(&here, 2), true);
}

/* Faster than to truncate, thousands of times. */
static void empty(void)
{
    sql_run("DELETE FROM partitions; DELETE FROM locations; DELETE FROM menus; DELETE FROM orders_all; "
            "DELETE FROM order_events; DELETE FROM commands; DELETE FROM accounts");
    (void)world_forget(NULL);
    is_filled = false;
}

static void empty_and_drafted(void)
{
    empty();
    fill();
}

static void filled(void)
{
    empty_and_drafted();
    OK(draft_commit(draft));
}

/* For what only reads. */
static void filled_once(void)
{
    if (!is_filled) {
        filled();
        is_filled = true;
    }
}

static void closed(void)
{
    filled();
    sql_run("UPDATE orders SET status = (SELECT max(status) FROM orders), open = false");
}

static void close_store(void)
{
    store_destroy(store);
    store = NULL;
    arena_reset(&arena);
}

static void open_store(void)
{
    close_store();
    store = world_store(20000);
}

/* A connection costs more than all that is asked over it. So it is kept from try to try while nothing breaks it, and
 * knows its tables and statements when the try begins: the first row is about how it learns them. */
static void open_warm(void (*rows)(void), enum zp_err (*run)(void))
{
    store = store != NULL ? store : world_store(20000);
    rows();
    if (run() != ZP_OK) { /* the last try ended well, on a connection that was cut */
        rows();
        OK(run());
    }
    rows();
    arena_reset(&arena);
}

static void free_locations(struct location **locations, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        location_finish(locations[i]);
        free(locations[i]);
    }
}

/* ---- the connection --------------------------------------------------------------------------------------------- */

static void open_cold(void)
{
    filled_once();
    open_store();
}

static enum zp_err a_connection_is_made(void)
{
    const int32_t partition = PARTITION;
    struct store_head *heads;
    size_t count = 0;
    enum zp_err err = store_heads(store, &partition, 1, &arena, &heads, &count);
    return (err == ZP_OK) == (count == 1) ? err : ZP_INTERNAL;
}

/* ---- a worker's ------------------------------------------------------------------------------------------------ */

static enum zp_err load(void)
{
    const struct zp_id order_id = id_of(101);
    const struct store_wanted wanted = { .location_ids = &here, .location_count = 1, .command_ids = &order_id,
                                         .command_count = 1, .order_ids = &order_id, .order_count = 1 };
    struct store_found found = { .location_count = 0 };
    enum zp_err err = store_batch_load(store, &wanted, &arena, &found);
    free_locations(found.locations, found.location_count);
    return err;
}

/* Whoever does not know whether a batch was committed takes the partition over, and then does. */
static enum zp_err a_batch_is_committed(void)
{
    struct store_partition row;
    owner.bytes[1]++;
    enum zp_err err = store_partition_take(store, PARTITION, &ID_NONE, &owner, &row);
    if (err == ZP_OK && row.next_offset == 2) {
        return ZP_OK;
    }
    err = err == ZP_OK ? load() : err;
    draft->partition.owner = owner;
    return err == ZP_OK ? store_batch_commit(store, &draft->batch) : err;
}

static bool a_batch_is_whole(enum zp_err err)
{
    int64_t there = sql_int("SELECT (SELECT count(*) FROM orders_all) * 10000 + (SELECT count(*) FROM order_events) * "
                            "1000 + (SELECT count(*) FROM commands) * 100 + (SELECT count(*) FROM locations) * 10 + "
                            "coalesce((SELECT max(next_offset) FROM partitions), 0)");
    return there == 22212 || (err != ZP_OK && there == 0);
}

static enum zp_err a_partition_is_handed_on(void)
{
    struct store_partition row, *rows;
    size_t count = 0;
    enum zp_err err = store_partition_take(store, PARTITION, &ID_NONE, &owner, &row);
    err = err == ZP_OK ? store_partition_try(store, PARTITION, &owner, 2) : err;
    if (err == ZP_OK) {
        row.published_offset = 2;
        err = store_partition_release(store, &row);
    }
    err = err == ZP_OK ? store_partitions_list(store, &arena, &rows, &count) : err;
    if (err != ZP_OK) {
        return err;
    }
    return count == 1 && rows[0].published_offset == 2 && rows[0].takeovers == 0 && rows[0].next_offset == 2
               ? ZP_OK : ZP_INTERNAL;
}

/* Done before, and nobody heard of it: then the row is what was wished for. */
static enum zp_err a_log_is_accepted(void)
{
    struct store_partition *rows, fresh;
    size_t count;
    enum zp_err err = store_partitions_list(store, &arena, &rows, &count);
    if (err != ZP_OK || rows[0].next_offset == 9) {
        return err;
    }
    fresh = rows[0];
    fresh.owner = id_of(8);
    fresh.next_offset = 9;
    return store_partition_accept(store, &rows[0], &fresh);
}

static enum zp_err outcomes_are_read_and_purged(void)
{
    struct journal_entry *entries;
    struct store_head *heads;
    const int32_t partition = PARTITION;
    size_t count = 0, head_count = 0;
    int64_t deleted;
    enum zp_err err = store_outcomes_from(store, PARTITION, 0, 10, &arena, &entries, &count);
    err = err == ZP_OK ? store_heads(store, &partition, 1, &arena, &heads, &head_count) : err;
    if (err == ZP_OK && (count != 2 || entries[1].event.seq != 2 || head_count != 1 || heads[0].seq != 2)) {
        return ZP_INTERNAL;
    }
    return err == ZP_OK ? store_outcomes_purge(store, PARTITION, 1, 10, &deleted) : err;
}

/* ---- reads ------------------------------------------------------------------------------------------------------ */

static enum zp_err an_order_is_read(void)
{
    const struct zp_id id = id_of(101);
    struct order order = { .number = -7 };
    struct outcome outcome;
    int64_t head = -7;
    enum zp_err err = store_order_get_with_head(store, &id, &here, &arena, &order, &head);
    if ((err == ZP_OK) != (order.number == 1 && order.line_count == 2 && head == 2)) {
        return ZP_INTERNAL;
    }
    return err == ZP_OK ? store_outcome_get(store, &id, &arena, &outcome) : err;
}

static enum zp_err a_location_is_read(void)
{
    struct store_location_mark mark = { .location_id = ID_NONE };
    struct location *locations[1], *location = NULL;
    struct batch_event *events;
    size_t marks = 0, count = 0, event_count = 0;
    enum zp_err err = store_location_marks(store, &ID_NONE, 1, &mark, &marks);
    err = err == ZP_OK ? store_locations_get(store, &mark.location_id, 1, locations, &count) : err;
    free_locations(locations, count);
    err = err == ZP_OK ? store_location_get(store, &here, &location) : err;
    free_locations(&location, location != NULL);
    err = err == ZP_OK ? store_events_after(store, &here, 0, 10, 1 << 20, &arena, &events, &event_count) : err;
    return err != ZP_OK || (marks == 1 && count == 1 && location != NULL && event_count == 2) ? err : ZP_INTERNAL;
}

static enum zp_err a_cache_is_refilled_from_it(void)
{
    struct store_board board = { .order_count = 0 };
    struct store_refill refill = { .event_count = 0 };
    enum zp_err err = store_board_get(store, &here, &arena, &board);
    err = err == ZP_OK ? store_refill_get(store, &here, 10, 10, &arena, &refill) : err;
    return err != ZP_OK || (board.order_count == 2 && refill.ticket_count == 2 && refill.event_count == 2)
               ? err : ZP_INTERNAL;
}

/* A replica that fails is not missed: the primary answers. */
static enum zp_err a_page_is_read_through_a_pooler(void)
{
    const struct order_query query = { .location_id = here, .limit = 10 };
    const struct store_settings settings = { .uri = world.uri, .connect_timeout_ms = 5000, .is_pooled = true,
                                             .statement_timeout_ms = 20000, .lists_uri = world.uri };
    struct store *pooled = NULL;
    struct store_page page = { .order_count = 0 };
    enum zp_err err = store_create(&settings, &pooled);
    if (err == ZP_OK) {
        err = store_orders_page(pooled, &query, &arena, &page);
        store_destroy(pooled);
    }
    return (err == ZP_OK) == (page.order_count == 2) ? err : ZP_INTERNAL;
}

static enum zp_err audit(void)
{
    struct store_partition *partitions;
    struct location *locations[4];
    struct audit_order *orders;
    struct batch_event *events;
    struct outcome *outcomes;
    size_t partition_count, location_count, order_count, event_count, outcome_count;
    enum zp_err err = store_audit_partitions(store, &arena, &partitions, &partition_count);
    err = err == ZP_OK ? store_audit_orders(store, &here, NULL, 10, &arena, &orders, &order_count) : err;
    err = err == ZP_OK ? store_audit_events(store, &here, 0, 10, 1 << 20, &arena, &events, &event_count) : err;
    err = err == ZP_OK ? store_audit_outcomes(store, PARTITION, -1, 10, &arena, &outcomes, &outcome_count) : err;
    if (err == ZP_OK && (partition_count != 1 || order_count != 2 || event_count != 2 || outcome_count != 2)) {
        return ZP_INTERNAL;
    }
    err = err == ZP_OK ? store_audit_locations(store, PARTITION, &ID_NONE, 4, locations, &location_count) : err;
    if (err == ZP_OK) {
        free_locations(locations, location_count);
    }
    return err;
}

static enum zp_err an_audit_is_made(void)
{
    struct zp_id *strays;
    size_t count = 0;
    enum zp_err err = store_audit_begin(store);
    if (err == ZP_OK) {
        err = audit();
        store_audit_end(store);
    }
    err = err == ZP_OK ? store_audit_strays(store, &arena, &strays, &count) : err;
    return count == 0 ? err : ZP_INTERNAL;
}

/* ---- what commands do ------------------------------------------------------------------------------------------- */

/* A user who is added again because nobody knows is there already. */
static enum zp_err an_account_is_added(void)
{
    const struct account wanted = { .id = id_of(1), .email = "ada@example.org", .name = "Ada", .password_hash = "x",
                                    .role = ROLE_CUSTOMER };
    struct account account = { .email = NULL };
    enum zp_err err = store_account_add(store, &wanted);
    if (err == ZP_OK || err == ZP_CONFLICT) {
        err = store_account_by_email(store, "ADA@example.org", &arena, &account);
    }
    return err == ZP_OK ? store_account_by_id(store, &wanted.id, &arena, &account) : err;
}

static bool one_account(enum zp_err err)
{
    int64_t there = sql_int("SELECT count(*) FROM accounts WHERE name = 'Ada'");
    return there == 1 || (err != ZP_OK && there == 0);
}

static enum zp_err closed_orders_are_archived(void)
{
    struct archive_mark mark = { .placed_at = 0 };
    int64_t moved = 0, archivable = -7;
    bool done = false;
    enum zp_err err = store_orders_archive(store, &here, INT64_MAX / 2, 10, &mark, &moved, &done);
    err = err == ZP_OK ? store_orders_archivable(store, &here, INT64_MAX / 2, &archivable) : err;
    return err != ZP_OK || (archivable == 0 && done) ? err : ZP_INTERNAL;
}

static bool all_in_the_archive(enum zp_err err)
{
    int64_t there = sql_int("SELECT (SELECT count(*) FROM orders_archive) * 10 + (SELECT count(*) FROM orders_all)");
    return there == 22 || (err != ZP_OK && there == 2);
}

static void open_bare(void)
{
    sql_run("DROP SCHEMA IF EXISTS fresh CASCADE; CREATE SCHEMA fresh");
}

static FILE *nowhere; /* where the migrations' words go */

static enum zp_err a_database_is_migrated(void)
{
    const struct store_settings settings = { .uri = world.uri, .connect_timeout_ms = 5000, .lock_timeout_ms = 5000,
                                             .schema = "fresh" };
    struct store *fresh = NULL;
    int64_t version = -7;
    enum zp_err err = store_create(&settings, &fresh);
    if (err == ZP_OK) {
        err = store_migrate(fresh, MIGRATIONS_DIR, false, nowhere);
        err = err == ZP_OK ? store_schema_version(fresh, &version) : err;
        store_destroy(fresh);
    }
    return err != ZP_OK || version >= STORE_SCHEMA_VERSION ? err : ZP_INTERNAL;
}

static void close_bare(void)
{
    sql_run("DROP SCHEMA fresh CASCADE");
}

/* ---- a rebuild's ------------------------------------------------------------------------------------------------ */

static bool is_there(const char *schema)
{
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM pg_namespace WHERE nspname = '%s'", schema);
    return sql_int(sql) == 1;
}

static void open_empty(void)
{
    empty();
    open_store();
}

static enum zp_err a_shadow_is_begun(void)
{
    return store_shadow_begin(store);
}

static bool a_schema_is_there(enum zp_err err)
{
    return err != ZP_OK || is_there(STORE_SHADOW_SCHEMA);
}

/* Empty tables in both schemas. What was swapped is swapped back. */
static void open_shadow(void)
{
    empty();
    open_store();
    if (is_there(STORE_REPLACED_SCHEMA)) {
        sql_run("DROP SCHEMA IF EXISTS " STORE_SHADOW_SCHEMA " CASCADE; "
                "ALTER SCHEMA " STORE_REPLACED_SCHEMA " RENAME TO " STORE_SHADOW_SCHEMA);
    } else if (sql_int("SELECT (to_regclass('" STORE_SHADOW_SCHEMA ".orders') IS NOT NULL)::int") == 0) {
        const struct store_settings settings = { .uri = world.uri, .connect_timeout_ms = 5000,
                                                 .schema = STORE_SHADOW_SCHEMA };
        struct store *shadow = NULL;
        OK(store_shadow_begin(store));
        OK(store_create(&settings, &shadow));
        OK(store_migrate(shadow, MIGRATIONS_DIR, false, NULL));
        store_destroy(shadow);
    }
}

static enum zp_err a_shadow_is_compared(void)
{
    struct store_shadow_table tables[STORE_SHADOW_TABLES_MAX];
    size_t count = 0;
    enum zp_err err = store_shadow_compare(store, tables, &count);
    return (err == ZP_OK) == (count > 0) ? err : ZP_INTERNAL;
}

static enum zp_err a_shadow_is_swapped(void)
{
    return store_shadow_swap(store);
}

static bool one_set_is_live(enum zp_err err)
{
    bool is_swapped = is_there(STORE_REPLACED_SCHEMA);
    return is_swapped != is_there(STORE_SHADOW_SCHEMA) && (is_swapped || err != ZP_OK) &&
           sql_int("SELECT count(*) FROM orders_all") == 0;
}

/* ---- the driver ------------------------------------------------------------------------------------------------- */

/* What is in the tables when a try begins. */
#define WARM(name, rows) static void open_##name(void) { open_warm(rows, name); }
WARM(a_batch_is_committed, empty_and_drafted)
WARM(a_partition_is_handed_on, filled)
WARM(a_log_is_accepted, filled)
WARM(outcomes_are_read_and_purged, filled_once)
WARM(an_order_is_read, filled_once)
WARM(a_location_is_read, filled_once)
WARM(a_cache_is_refilled_from_it, filled_once)
WARM(an_audit_is_made, filled_once)
WARM(an_account_is_added, empty)
WARM(closed_orders_are_archived, closed)

#define ROW(name, open, holds, close) { #name, open, name, holds, close, DATABASE_TROUBLE, ZP_OK }
#define WARM_ROW(name, holds) ROW(name, open_##name, holds, NULL)

static const struct torture rows[] = {
    ROW(a_connection_is_made, open_cold, NULL, close_store),
    WARM_ROW(a_batch_is_committed, a_batch_is_whole),
    WARM_ROW(a_partition_is_handed_on, NULL),
    WARM_ROW(a_log_is_accepted, NULL),
    WARM_ROW(outcomes_are_read_and_purged, NULL),
    WARM_ROW(an_order_is_read, NULL),
    WARM_ROW(a_location_is_read, NULL),
    WARM_ROW(a_cache_is_refilled_from_it, NULL),
    WARM_ROW(an_audit_is_made, NULL),
    WARM_ROW(an_account_is_added, one_account),
    WARM_ROW(closed_orders_are_archived, all_in_the_archive),
    ROW(a_page_is_read_through_a_pooler, filled_once, NULL, NULL),
    { "a_database_is_migrated", open_bare, a_database_is_migrated, NULL, close_bare,
      DATABASE_TROUBLE | ERR(INVALID), ZP_OK },
    ROW(a_shadow_is_begun, open_empty, a_schema_is_there, close_store),
    ROW(a_shadow_is_compared, open_shadow, NULL, close_store),
    ROW(a_shadow_is_swapped, open_shadow, one_set_is_live, close_store),
};

int main(void)
{
    if (world_begin(NULL) != 0 || !world.is_there) {
        return 77; /* meson's word for a test that was skipped */
    }
    arena_init(&arena, 1 << 20);
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "ALTER DATABASE %s SET synchronous_commit = off", world.database);
    sql_run(sql);
    nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
    int failed = torture_main("store against PostgreSQL", rows, ZP_COUNT(rows));
    close_store();
    (void)fclose(nowhere);
    arena_finish(&arena);
    (void)world_end(NULL);
    return failed;
}
