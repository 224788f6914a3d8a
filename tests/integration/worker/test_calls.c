/* A database made anew from the log, as a whole, against a real PostgreSQL and a Kafka of librdkafka's own, with each
 * call of the worker's room failing once: its allocations, its threads, and every door of the rooms beneath it, whose
 * own calls fail in their own tests. A rebuild that fails says why and has left the live tables alone; the next one
 * works; and whichever set of tables is live has every row that the worker wrote. */
#include "torture.h"

#include "../../unit/bus/support.h"

#include "../store/support.h"
#include "commands.h"
#include "commit.h"
#include "judge.h"
#include "publish.h"
#include "zapora/worker.h"

#define TROUBLE (ERR(BUSY) | ERR(NO_MEMORY))
#define PARTITION 5
#define T0_US INT64_C(1767225600000000) /* 2026-01-01 */

/* ---- what the live tables and the log have ---------------------------------------------------------------------- */

static int acked;

static void note_ack(void *opaque, const struct bus_delivery *delivery)
{
    (void)opaque;
    acked += delivery->ack == BUS_ACKED;
}

static size_t gather(struct turn *turn, struct arena *arena)
{
    const struct zp_id here = location_in(PARTITION, 0), first = id_number(10), second = id_number(11);
    const struct zp_id ids[] = { id_number(1), id_number(2), id_number(12), id_number(13) };
    const struct command commands[] = {
        open_restaurant(&here, &ids[0]), give_menu(&here, &ids[1]), place(&here, &first), place(&here, &second),
        step(CMD_ORDER_START, &here, &first, &ids[2]),
        step(CMD_ORDER_COMPLETE, &here, &second, &ids[3]), /* refused: nobody has cooked it */
    };
    for (size_t i = 0; i < ZP_COUNT(commands); i++) {
        struct record record;
        OK(message_command_write(&commands[i], NULL, arena, &record));
        record.partition = PARTITION;
        record.offset = (int64_t)i;
        record.timestamp_us = T0_US + (int64_t)i * 1000000;
        OK(turn_add_record(turn, &record, NULL));
    }
    return ZP_COUNT(commands);
}

static void commit(struct turn *turn)
{
    static struct partition partitions[BUS_PARTITIONS_MAX];
    static struct marks marks[BUS_PARTITIONS_MAX];
    struct actors actors;
    struct store_partition row;
    const struct zp_id owner = id_of(7);
    OK(store_partition_take(world.store, PARTITION, &ID_NONE, &owner, &row));
    partitions[PARTITION].owner = owner;
    actors_init(&actors, 4);
    OK(judge_load(turn, &actors, world.store));
    OK(judge_commands(turn, &actors));
    commit_slice(turn, partitions, marks);
    OK(commit_turn(turn, &actors, world.store));
    actors_finish(&actors);
}

static void publish(struct turn *turn, struct arena *scratch)
{
    struct bus_producer_settings settings = producer_settings();
    settings.on_delivery = note_ack;
    struct bus_producer *producer = producer_ready(&settings, TOPIC_EVENTS);
    for (size_t i = 0; i < turn->count; i++) {
        OK(publish_outcome(producer, turn, &turn->entries[i], scratch));
    }
    bus_producer_destroy(producer, PATIENCE_MS);
    assert_int_equal(acked, turn->count);
}

static size_t fact_count;

/* As a worker does it. */
static void fill(void)
{
    struct arena arena;
    struct turn *turn = turn_create(16);
    assert_non_null(turn);
    arena_init(&arena, 1 << 20);
    assert_int_equal(rd_kafka_mock_topic_create(mock.cluster, TOPIC_EVENTS, BUS_PARTITIONS_MAX, 1),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    fact_count = gather(turn, &arena);
    commit(turn);
    publish(turn, &arena);
    turn_destroy(turn);
    arena_finish(&arena);
}

/* Of everything that a rebuild brings back. */
static int64_t rows_digest(void)
{
    return sql_int(
        "SELECT ('x' || left(md5(concat("
        "(SELECT string_agg(t::text, ',' ORDER BY order_id) FROM orders t), "
        "(SELECT string_agg(concat_ws('/', seq, command_offset, hash, value), ',' ORDER BY seq) FROM order_events), "
        "(SELECT string_agg(concat_ws('/', command_id, err, seq, reasons), ',' ORDER BY command_id) FROM commands), "
        "(SELECT string_agg(concat_ws('/', location_id, seq, open_hash, hash), ',') FROM locations), "
        "(SELECT string_agg(menu::text, ',') FROM menus), "
        "(SELECT string_agg(concat_ws('/', partition, next_offset, last_command_id), ',') FROM partitions)"
        ")), 15))::bit(60)::bigint");
}

/* ---- the rebuild ------------------------------------------------------------------------------------------------ */

static const char unsaid[] = "not a word";
static char why[WORKER_WHY_SIZE];
static struct worker_rebuilt rebuilt;
static int64_t live_rows;

static void drop_replaced(void)
{
    sql_run("DROP SCHEMA IF EXISTS " STORE_REPLACED_SCHEMA " CASCADE");
}

static enum zp_err a_database_is_rebuilt(void)
{
    const struct worker_rebuild wanted = { .kafka = mock.brokers, .postgres = world.uri,
                                           .migrations_dir = MIGRATIONS_DIR, .swaps = true };
    rebuilt = (struct worker_rebuilt){ .records = 0 };
    (void)snprintf(why, sizeof(why), "%s", unsaid);
    torture_follow(true);
    enum zp_err err = worker_rebuild_database(&wanted, &rebuilt, why);
    torture_follow(false);
    return err;
}

static bool is_there(const char *schema)
{
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM pg_namespace WHERE nspname = '%s'", schema);
    return sql_int(sql) == 1;
}

static bool nothing_differs(void)
{
    for (size_t i = 0; i < rebuilt.table_count; i++) {
        if (rebuilt.tables[i].only_live != 0 || rebuilt.tables[i].only_shadow != 0) {
            return false;
        }
    }
    return rebuilt.table_count > 0 && rebuilt.records == (int64_t)fact_count;
}

static bool all_or_nothing(enum zp_err err)
{
    bool is_swapped = is_there(STORE_REPLACED_SCHEMA);
    if (rows_digest() != live_rows || is_swapped != (err == ZP_OK)) {
        return false;
    }
    return err == ZP_OK ? nothing_differs() && !is_there(STORE_SHADOW_SCHEMA)
                        : why[0] != '\0' && strcmp(why, unsaid) != 0;
}

static const struct torture rows[] = {
    { "a database is rebuilt", drop_replaced, a_database_is_rebuilt, all_or_nothing, NULL, TROUBLE, ZP_OK },
};

int main(void)
{
    if (world_begin(NULL) != 0 || !world.is_there) {
        return 77; /* meson's word for a test that was skipped */
    }
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "ALTER DATABASE %s SET synchronous_commit = off", world.database);
    sql_run(sql);
    (void)mock_setup(NULL);
    log_setup(LOG_ERROR, "test"); /* what fails is tried again, with a warning */
    fill();
    live_rows = rows_digest();
    int failed = torture_main("a rebuild", rows, ZP_COUNT(rows));
    (void)mock_teardown(NULL);
    (void)world_end(NULL);
    return failed;
}
