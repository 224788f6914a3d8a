/* support: see its header. Invariant: a database is dropped by whoever created it, and holds no other test's rows. */
#include "support.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define T0_US INT64_C(1767225600000000) /* 2026-01-01 */

struct world world;

static const char *server_uri(void)
{
    const char *uri = getenv("ZAPORA_TEST_POSTGRES");
    if (uri == NULL || uri[0] == '\0') {
        (void)fprintf(stderr,
                      "\n*** SKIPPED: ZAPORA_TEST_POSTGRES is not set; nothing of PostgreSQL is tested here ***\n\n");
        return NULL;
    }
    return uri;
}

static void exec_on(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
        (void)fprintf(stderr, "%s\n%s", sql, PQerrorMessage(conn));
        abort();
    }
    PQclear(result);
}

static PGconn *connect_to(const char *conninfo)
{
    PGconn *conn = PQconnectdb(conninfo);
    if (PQstatus(conn) != CONNECTION_OK) {
        (void)fprintf(stderr, "%s", PQerrorMessage(conn));
        abort();
    }
    exec_on(conn, "SET client_min_messages = warning");
    return conn;
}

static void server_exec(const char *before, const char *database, const char *after)
{
    PGconn *conn = connect_to(server_uri());
    char sql[256];
    (void)snprintf(sql, sizeof(sql), "%s %s %s", before, database, after);
    exec_on(conn, sql);
    PQfinish(conn);
}

/* The server's conninfo with another database: keyword = 'value' pairs. */
static void database_uri(const char *server, const char *database, char *uri, size_t size)
{
    char *words = NULL;
    PQconninfoOption *options = PQconninfoParse(server, &words);
    assert_non_null(options);
    size_t len = (size_t)snprintf(uri, size, "dbname=%s", database);
    for (PQconninfoOption *option = options; option->keyword != NULL; option++) {
        if (option->val != NULL && strcmp(option->keyword, "dbname") != 0) {
            len += (size_t)snprintf(uri + len, size - len, " %s='%s'", option->keyword, option->val);
        }
    }
    assert_true(len < size);
    PQconninfoFree(options);
}

struct store *world_store(int64_t statement_timeout_ms)
{
    const struct store_settings settings = { .uri = world.uri, .application = "store tests", .connect_timeout_ms = 5000,
                                             .statement_timeout_ms = statement_timeout_ms, .lock_timeout_ms = 5000 };
    struct store *store = NULL;
    OK(store_create(&settings, &store));
    return store;
}

PGconn *world_sql(void)
{
    return connect_to(world.uri);
}

int world_begin_bare(void **state)
{
    (void)state;
    const char *server = server_uri();
    if (server == NULL) {
        return 0;
    }
    crypto_start();
    uint64_t random;
    crypto_random(&random, sizeof(random));
    (void)snprintf(world.database, sizeof(world.database), "zapora_test_%d_%llx", (int)getpid(),
                   (unsigned long long)random);
    server_exec("CREATE DATABASE", world.database, "");
    database_uri(server, world.database, world.uri, sizeof(world.uri));
    world.is_there = true;
    world.sql = world_sql();
    world.store = world_store(20000);
    arena_init(&world.arena, (size_t)256 * 1024 * 1024);
    return 0;
}

int world_begin(void **state)
{
    int failed = world_begin_bare(state);
    if (failed == 0 && world.is_there) {
        OK(store_migrate(world.store, MIGRATIONS_DIR, false, stderr));
    }
    return failed;
}

int world_end(void **state)
{
    (void)state;
    if (world.is_there) {
        store_destroy(world.store);
        PQfinish(world.sql);
        arena_finish(&world.arena);
        server_exec("DROP DATABASE", world.database, "WITH (FORCE)");
    }
    return 0;
}

int world_clean(void **state)
{
    (void)state;
    if (world.is_there) {
        sql_run("TRUNCATE partitions, locations, menus, orders_all, order_events, commands, accounts");
    }
    return 0;
}

int world_forget(void **state)
{
    (void)state;
    if (world.is_there) {
        while (world.location_count > 0) {
            location_finish(world.locations[--world.location_count]);
        }
        arena_reset(&world.arena);
    }
    return 0;
}

void sql_run(const char *sql)
{
    exec_on(world.sql, sql);
}

int64_t sql_int(const char *sql)
{
    PGresult *result = PQexec(world.sql, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
        fail_msg("%s: %s", sql, PQerrorMessage(world.sql));
    }
    int64_t value = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return value;
}

void sql_wait(const char *sql, int64_t expected)
{
    int64_t until_us = clock_mono_us() + 10 * 1000000;
    while (sql_int(sql) != expected) {
        if (clock_mono_us() > until_us) {
            fail_msg("never became %lld: %s", (long long)expected, sql);
        }
        (void)poll(NULL, 0, 10);
    }
}

struct zp_id id_of(uint32_t number)
{
    struct zp_id id = { .bytes = { 0x5a } };
    for (int i = 0; i < 4; i++) {
        id.bytes[15 - i] = (uint8_t)(number >> (8 * i));
    }
    return id;
}

static struct order_line make_line(size_t i)
{
    struct order_line line = { .line = (int64_t)i + 1,
                               .item_id = "margherita",
                               .name = "Pizza „Margherita“",
                               .quantity = 2,
                               .unit_price = 1250,
                               .total = 2800,
                               .tax_rate_bp = 1900,
                               .station = "oven",
                               .status = LINE_NEW };
    if (i % 2 == 0) {
        line.options = arena_array(&world.arena, 2, sizeof(*line.options));
        line.options[0] = (struct order_option){ .option_id = "large", .name = "Large", .price = 150, .quantity = 1 };
        line.options[1] =
            (struct order_option){ .option_id = "olives", .name = "\"Olives\"", .price = 0, .quantity = 2 };
        line.option_count = 2;
        line.note = "no salt\n";
    } else {
        line.station = NULL;
    }
    return line;
}

struct order *make_order(const struct zp_id *id, const struct zp_id *location_id, int64_t number, size_t lines)
{
    struct order *order = arena_alloc(&world.arena, sizeof(*order));
    *order = (struct order){
        .id = *id,
        .location_id = *location_id,
        .owner = id_of(900),
        .number = number,
        .status = ORDER_ACCEPTED,
        .version = 1,
        .seq = number,
        .type = ORDER_TYPE_DELIVERY,
        .currency = "EUR",
        .subtotal = 2800,
        .discount = 1,
        .tax = 2,
        .fee = 3,
        .tip = 4,
        .total = 2806,
        .line_count = lines,
        .customer = { .name = "Ada", .phone = "+49 30 123", .address = NULL },
        .note = "ring twice — bitte",
        .placed_at = T0_US + number * 1000,
        .promised_at = T0_US + number * 1000 + 900000000,
        .updated_at = T0_US + number * 1000,
    };
    memset(order->fingerprint, (int)(number & 0xff), sizeof(order->fingerprint));
    order->lines = arena_array(&world.arena, lines, sizeof(*order->lines));
    for (size_t i = 0; i < lines; i++) {
        order->lines[i] = make_line(i);
    }
    return order;
}

struct location *make_location(const struct zp_id *id, int64_t seq)
{
    struct location *location = arena_alloc(&world.arena, sizeof(*location));
    assert_true(world.location_count < ZP_COUNT(world.locations));
    world.locations[world.location_count++] = location;
    location_init(location, id);
    location->seq = seq;
    memset(location->hash, 0xab, sizeof(location->hash));
    location->last_number = seq * 2;
    location->open_count = 3;
    location->open_hash = UINT64_C(0xfedcba9876543210);
    location->settings = (struct location_settings){ .name = "Trattoria", .currency = "EUR", .prices_include_tax = true,
                                                     .auto_accept = true, .prep_minutes = 15, .delivery_fee = 250 };
    struct menu_item *item = arena_array(&location->arena, 1, sizeof(*item));
    *item = (struct menu_item){ .id = "margherita", .name = "Margherita", .description = "tomato", .price = 1250,
                                .tax_rate_bp = 1900, .available = true, .station = "oven" };
    location->menu = (struct menu){ .version = 7, .items = item, .item_count = 1 };
    return location;
}

static void assert_texts_equal(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL) {
        assert_string_equal(a, b);
    }
}

static void assert_reasons_equal(const struct reason *a, const struct reason *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_texts_equal(a[i].code, b[i].code);
        assert_texts_equal(a[i].pointer, b[i].pointer);
        assert_texts_equal(a[i].detail, b[i].detail);
    }
}

static void assert_lines_equal(const struct order_line *a, const struct order_line *b)
{
    assert_int_equal(a->line, b->line);
    assert_texts_equal(a->item_id, b->item_id);
    assert_texts_equal(a->name, b->name);
    assert_int_equal(a->quantity, b->quantity);
    assert_int_equal(a->unit_price, b->unit_price);
    assert_int_equal(a->option_count, b->option_count);
    for (size_t i = 0; i < a->option_count; i++) {
        assert_texts_equal(a->options[i].option_id, b->options[i].option_id);
        assert_texts_equal(a->options[i].name, b->options[i].name);
        assert_int_equal(a->options[i].price, b->options[i].price);
        assert_int_equal(a->options[i].quantity, b->options[i].quantity);
    }
    assert_int_equal(a->total, b->total);
    assert_int_equal(a->tax_rate_bp, b->tax_rate_bp);
    assert_texts_equal(a->station, b->station);
    assert_int_equal(a->status, b->status);
    assert_texts_equal(a->note, b->note);
}

void assert_orders_equal(const struct order *a, const struct order *b)
{
    assert_memory_equal(&a->id, &b->id, sizeof(a->id));
    assert_memory_equal(&a->location_id, &b->location_id, sizeof(a->id));
    assert_memory_equal(&a->owner, &b->owner, sizeof(a->id));
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->type, b->type);
    assert_texts_equal(a->currency, b->currency);
    assert_int_equal(a->subtotal, b->subtotal);
    assert_int_equal(a->discount, b->discount);
    assert_int_equal(a->tax, b->tax);
    assert_int_equal(a->fee, b->fee);
    assert_int_equal(a->tip, b->tip);
    assert_int_equal(a->total, b->total);
    assert_int_equal(a->line_count, b->line_count);
    for (size_t i = 0; i < a->line_count; i++) {
        assert_lines_equal(&a->lines[i], &b->lines[i]);
    }
    assert_texts_equal(a->customer.name, b->customer.name);
    assert_texts_equal(a->customer.phone, b->customer.phone);
    assert_texts_equal(a->customer.address, b->customer.address);
    assert_texts_equal(a->note, b->note);
    assert_int_equal(a->placed_at, b->placed_at);
    assert_int_equal(a->promised_at, b->promised_at);
    assert_int_equal(a->updated_at, b->updated_at);
    assert_int_equal(a->reason_count, b->reason_count);
    assert_reasons_equal(a->reasons, b->reasons, a->reason_count);
    assert_memory_equal(a->fingerprint, b->fingerprint, sizeof(a->fingerprint));
}

static void draft_reset(struct draft_batch *draft)
{
    draft->batch = (struct batch){
        .partitions = &draft->partition, .partition_count = 1,
        .new_orders = draft->new_orders, .changed_orders = draft->changed_orders, .events = draft->events,
        .outcomes = draft->outcomes, .locations = draft->locations, .location_partitions = draft->location_partitions,
        .edited_locations = draft->edited,
    };
}

struct draft_batch *draft_begin(int32_t partition, const struct zp_id *owner)
{
    struct draft_batch *draft = arena_alloc(&world.arena, sizeof(*draft));
    struct store_partition row;
    OK(store_partition_take(world.store, partition, &ID_NONE, owner, &row));
    draft->partition = (struct batch_partition){
        .partition = partition, .owner = *owner, .from_offset = row.next_offset, .next_offset = row.next_offset
    };
    draft_reset(draft);
    return draft;
}

struct outcome *draft_outcome(struct draft_batch *draft, const struct zp_id *command_id,
                              const struct zp_id *location_id)
{
    assert_true(draft->batch.outcome_count < DRAFT_MAX);
    struct outcome *outcome = &draft->outcomes[draft->batch.outcome_count++];
    *outcome = (struct outcome){ .command_id = *command_id,
                                 .location_id = *location_id,
                                 .order_id = *command_id,
                                 .user_id = id_of(900),
                                 .type = CMD_ORDER_PLACE,
                                 .partition = draft->partition.partition,
                                 .offset = draft->partition.next_offset++,
                                 .at = T0_US };
    draft->partition.last_command_id = *command_id;
    return outcome;
}

static void draft_event(struct draft_batch *draft, const struct order *order, const struct zp_id *command_id,
                        enum event_type type)
{
    struct batch_event *event = &draft->events[draft->batch.event_count++];
    *event = (struct batch_event){ .location_id = order->location_id,
                                   .order_id = order->id,
                                   .command_id = *command_id,
                                   .seq = order->seq,
                                   .type = type,
                                   .at = order->updated_at,
                                   .value = "\x81value",
                                   .value_len = 6 };
    memset(event->hash, (int)(order->seq & 0xff), sizeof(event->hash));
    struct outcome *outcome = draft_outcome(draft, command_id, &order->location_id);
    outcome->order_id = order->id;
    outcome->seq = order->seq;
}

void draft_place(struct draft_batch *draft, struct order *order)
{
    draft_event(draft, order, &order->id, EV_ORDER_PLACED);
    draft->new_orders[draft->batch.new_order_count++] = order;
}

void draft_step(struct draft_batch *draft, struct order *order, const struct zp_id *command_id, enum event_type type)
{
    draft_event(draft, order, command_id, type);
    draft->changed_orders[draft->batch.changed_order_count++] = order;
}

void draft_location(struct draft_batch *draft, struct location *location, bool edited)
{
    draft->location_partitions[draft->batch.location_count] = draft->partition.partition;
    draft->locations[draft->batch.location_count++] = location;
    if (edited) {
        draft->edited[draft->batch.edited_location_count++] = location;
    }
}

enum zp_err draft_commit(struct draft_batch *draft)
{
    return store_batch_commit(world.store, &draft->batch);
}

void draft_flush(struct draft_batch *draft)
{
    enum zp_err err = draft_commit(draft);
    if (err != ZP_OK) {
        fail_msg("commit: %s: %s", zp_err_name(err), store_trouble(world.store)->why);
    }
    draft->partition.from_offset = draft->partition.next_offset;
    draft_reset(draft);
}
