/* shadow: owns the second set of tables that a rebuild from the log fills, and the moment in which it takes the place
 * of the first.
 *
 * Called by the rebuild. Invariants: nothing of the live tables is touched but in the swap, which is one transaction;
 * what is not in the log (accounts, the history of migrations) stays where it is; and a shadow that lacks an outcome
 * that the live tables have takes nobody's place. */
#include "plain.h"
#include "sqlstate.h"
#include "trip.h"

#include <stdlib.h>
#include <string.h>

#define SHADOW STORE_SHADOW_SCHEMA
#define REPLACED STORE_REPLACED_SCHEMA

/* What the log makes, in the order in which it can be moved: the word for ALTER, the name, by what its rows are
 * matched, and what of a row is compared, the former included (NULL: nothing by itself). The time of writing is
 * nobody's to compare; JSON and lines compare as text. */
static const struct part {
    const char *kind, *name, *key, *columns;
    bool is_kept_short; /* old rows are purged from the live one */
} parts[] = {
    { "TYPE", "order_line", NULL, NULL, false },
    { "TABLE", "partitions", "topic, partition", "t.topic, t.partition, t.next_offset, t.last_command_id", false },
    { "TABLE", "locations", "location_id",
      "t.location_id, t.partition, t.seq, t.last_number, t.open_count, t.open_hash, t.hash", false },
    { "TABLE", "menus", "location_id", "t.location_id, t.menu_version, t.settings::text, t.menu::text", false },
    { "TABLE", "orders_all", "order_id", "t.order_id, t::text", false }, /* what lies where is no difference */
    { "TABLE", "orders", NULL, NULL, false },
    { "TABLE", "orders_archive", NULL, NULL, false },
    { "TABLE", "order_events", "location_id, seq",
      "t.location_id, t.seq, t.command_offset, t.at, t.partition, t.order_id, t.command_id, t.type, t.hash, t.value",
      false },
    { "TABLE", "commands", "command_id",
      "t.command_id, t.location_id, t.order_id, t.user_id, t.command_offset, t.seq, t.at, t.partition, t.type, t.err, "
      "t.fingerprint, t.reasons::text", true },
    { "VIEW", "order_lines", NULL, NULL, false },
};

/* Tables that stay; a test holds these two lists against the schema. */
static const char *const staying[] = { "accounts", "schema_migrations" };

bool store_shadow_knows(const char *table)
{
    for (size_t i = 0; i < ZP_COUNT(parts); i++) {
        if (strcmp(parts[i].name, table) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < ZP_COUNT(staying); i++) {
        if (strcmp(staying[i], table) == 0) {
            return true;
        }
    }
    return false;
}

enum zp_err store_shadow_begin(struct store *store)
{
    enum zp_err err = plain_begin(store);
    if (err == ZP_OK) {
        err = plain_run(store, "BEGIN; DROP SCHEMA IF EXISTS " SHADOW " CASCADE; CREATE SCHEMA " SHADOW "; COMMIT", 0,
                        NULL, NULL);
    }
    store_disconnect(store);
    return err;
}

/* ---- comparing ------------------------------------------------------------------------------------------------ */

static int64_t number_at(const PGresult *result, int column)
{
    return strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

/* Both counts in one reading of either table. A row that both have by its key and that is another one counts on both
 * sides. */
static enum zp_err compare_part(struct store *store, const struct part *part, const char *live,
                                struct store_shadow_table *table)
{
    plain_result *result = NULL;
    struct buffer sql;
    buffer_init(&sql, 8192);
    buffer_printf(&sql, "SELECT count(a.is_there), count(b.is_there) FROM (SELECT 1 AS is_there, %s FROM %s.%s t) a "
                        "FULL JOIN (SELECT 1 AS is_there, %s FROM " SHADOW ".%s t) b USING (%s) "
                        "WHERE a IS DISTINCT FROM b", part->columns, live, part->name, part->columns, part->name,
                  part->key);
    enum zp_err err = sql.err != ZP_OK ? sql.err : plain_run(store, sql.data, 0, NULL, &result);
    if (err == ZP_OK) {
        table->only_live = number_at(result, 0);
        table->only_shadow = number_at(result, 1);
    }
    buffer_finish(&sql);
    return err;
}

static enum zp_err read_live_schema(struct store *store, char ret_schema[64])
{
    plain_result *result = NULL;
    enum zp_err err = plain_run(store, "SELECT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n "
                                       "ON n.oid = c.relnamespace WHERE c.oid = to_regclass('partitions')", 0, NULL,
                                &result);
    if (err == ZP_OK && (PQntuples(result) != 1 || PQgetlength(result, 0, 0) >= 64)) {
        err = connection_trouble(store, ZP_CONFLICT, "the database has no tables of ours: run zapora migrate");
    }
    if (err == ZP_OK) {
        (void)snprintf(ret_schema, 64, "%s", PQgetvalue(result, 0, 0));
    }
    return err;
}

enum zp_err store_shadow_compare(struct store *store, struct store_shadow_table ret_tables[STORE_SHADOW_TABLES_MAX],
                                 size_t *ret_count)
{
    char live[64];
    size_t count = 0;
    enum zp_err err = plain_begin(store);
    if (err == ZP_OK) {
        err = read_live_schema(store, live);
    }
    if (err == ZP_OK) {
        err = plain_run(store, "ANALYZE", 0, NULL, NULL);
    }
    if (err == ZP_OK) {
        err = plain_run(store, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", 0, NULL, NULL);
    }
    for (size_t i = 0; err == ZP_OK && i < ZP_COUNT(parts); i++) {
        const struct part *part = &parts[i];
        if (part->columns == NULL) {
            continue;
        }
        struct store_shadow_table *table = &ret_tables[count++];
        *table = (struct store_shadow_table){ .name = part->name, .is_kept_short = part->is_kept_short };
        err = compare_part(store, part, live, table);
    }
    store_disconnect(store);
    if (err == ZP_OK) {
        *ret_count = count;
    }
    return err;
}

/* ---- swapping ------------------------------------------------------------------------------------------------- */

/* Under the lock no worker can commit, so what is missing now is missing. */
static enum zp_err check_covered(struct store *store, const char *live)
{
    plain_result *result = NULL;
    struct buffer sql;
    buffer_init(&sql, 4096);
    buffer_printf(&sql, "SELECT count(*) FROM %s.partitions l WHERE EXISTS (SELECT FROM %s.commands c "
                        "WHERE c.partition = l.partition AND c.command_offset >= coalesce((SELECT s.next_offset FROM "
                        SHADOW ".partitions s WHERE s.topic = l.topic AND s.partition = l.partition), 0))", live, live);
    enum zp_err err = sql.err != ZP_OK ? sql.err : plain_run(store, sql.data, 0, NULL, &result);
    int64_t behind = err == ZP_OK ? number_at(result, 0) : 0;
    buffer_finish(&sql);
    if (err == ZP_OK && behind > 0) {
        err = connection_trouble(store, ZP_CATCHING_UP,
                                 "%lld partitions have outcomes that the log does not have, or not yet",
                                 (long long)behind);
    }
    return err;
}

static void put_move(struct buffer *sql, const struct part *part, const char *from, const char *to)
{
    buffer_printf(sql, "ALTER %s %s.%s SET SCHEMA %s; ", part->kind, from, part->name, to);
}

static enum zp_err move_all(struct store *store, const char *live)
{
    struct buffer sql;
    buffer_init(&sql, 8192);
    buffer_puts(&sql, "CREATE SCHEMA " REPLACED "; ");
    for (size_t i = 0; i < ZP_COUNT(parts); i++) {
        put_move(&sql, &parts[i], live, REPLACED);
    }
    for (size_t i = 0; i < ZP_COUNT(parts); i++) {
        put_move(&sql, &parts[i], SHADOW, live);
    }
    buffer_puts(&sql, "DROP SCHEMA " SHADOW " CASCADE");
    enum zp_err err = sql.err != ZP_OK ? sql.err : plain_run(store, sql.data, 0, NULL, NULL);
    buffer_finish(&sql);
    return err;
}

/* An autovacuum gives its table up to whoever has waited for it for a deadlock_timeout; who waits no longer meets it
 * again the next time. Only vacuums, ANALYZE and changes of the schema are kept out by this lock. */
#define SEND_VACUUMS_AWAY \
    "SELECT set_config('lock_timeout', (setting::int + 2000)::text, true) FROM pg_settings " \
    "WHERE name = 'deadlock_timeout'; "
#define VACUUMS_LOCK "SHARE UPDATE EXCLUSIVE"

/* Workers and readers stand in line behind whoever waits for this one. */
#define STOP_EVERYBODY "SET LOCAL lock_timeout = '1s'; "
#define EVERYBODYS_LOCK "ACCESS EXCLUSIVE"

static void put_locks(struct buffer *sql, const char *schema, const char *mode)
{
    const char *between = "LOCK TABLE ";
    for (size_t i = 0; i < ZP_COUNT(parts); i++) {
        if (strcmp(parts[i].kind, "TABLE") == 0) {
            buffer_printf(sql, "%s%s.%s", between, schema, parts[i].name);
            between = ", ";
        }
    }
    buffer_printf(sql, " IN %s MODE; ", mode);
}

static enum zp_err lock_all(struct store *store, const char *live)
{
    struct buffer sql;
    buffer_init(&sql, 8192);
    buffer_puts(&sql, "BEGIN; " SEND_VACUUMS_AWAY);
    put_locks(&sql, SHADOW, VACUUMS_LOCK);
    put_locks(&sql, live, VACUUMS_LOCK);
    buffer_puts(&sql, STOP_EVERYBODY);
    put_locks(&sql, live, EVERYBODYS_LOCK);
    enum zp_err err = sql.err != ZP_OK ? sql.err : plain_run(store, sql.data, 0, NULL, NULL);
    buffer_finish(&sql);
    return err;
}

/* The oldest transaction that has a lock on a table of the two schemas, if it is older than our wait was: younger ones
 * came since. What they do is hidden from a role that is not theirs. */
static const char find_holder[] =
    "SELECT concat(l.relation::regclass, ' is locked by ', coalesce('process ' || l.pid, 'a prepared transaction'), "
    "' (' || coalesce(nullif(a.application_name, ''), a.backend_type) || ')', "
    "' for ' || extract(epoch FROM now() - a.xact_start)::int || ' s', "
    "': ' || left(regexp_replace(a.query, '[[:cntrl:][:space:]]+', ' ', 'g'), 100)) "
    "FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.granted AND l.pid IS DISTINCT FROM pg_backend_pid() "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND l.relation IN (SELECT oid FROM pg_class WHERE relkind = 'r' "
    "AND relnamespace IN (to_regnamespace($1), to_regnamespace($2))) "
    "AND coalesce(a.xact_start < now() - interval '1s', true) ORDER BY a.xact_start LIMIT 1";

/* Adds to the trouble of a wait in vain who was in the way. */
static void tell_holder(struct store *store, const char *live)
{
    const char *const schemas[] = { live, SHADOW };
    const struct store_trouble trouble = store->trouble;
    plain_result *found = NULL;
    if (strcmp(trouble.sqlstate, SQLSTATE_LOCK_TIMEOUT) != 0) {
        return;
    }
    enum zp_err err = plain_run(store, "ROLLBACK", 0, NULL, NULL);
    if (err == ZP_OK) {
        err = plain_run(store, find_holder, ZP_COUNT(schemas), schemas, &found);
    }
    store->trouble = trouble;
    if (err == ZP_OK && PQntuples(found) == 1) {
        (void)connection_trouble(store, ZP_BUSY, "%s: %s", trouble.why, PQgetvalue(found, 0, 0));
    }
}

static enum zp_err swap(struct store *store)
{
    char live[64] = "";
    enum zp_err err = read_live_schema(store, live);
    if (err == ZP_OK) {
        err = lock_all(store, live);
    }
    if (err == ZP_OK) {
        err = check_covered(store, live);
    }
    if (err == ZP_OK) {
        err = move_all(store, live);
    }
    if (err == ZP_BUSY) {
        tell_holder(store, live);
    }
    return err == ZP_OK ? plain_run(store, "COMMIT", 0, NULL, NULL) : err;
}

/* Whether the swap was done, though the word of its COMMIT was lost: nothing else takes the shadow away. */
static enum zp_err look_for_swap(struct store *store, bool *ret_done)
{
    plain_result *there = NULL;
    enum zp_err err = plain_run(store, "SELECT to_regnamespace('" REPLACED "') IS NOT NULL, "
                                       "to_regnamespace('" SHADOW "') IS NOT NULL", 0, NULL, &there);
    if (err != ZP_OK) {
        return err;
    }
    bool is_replaced = PQgetvalue(there, 0, 0)[0] == 't', is_waiting = PQgetvalue(there, 0, 1)[0] == 't';
    if (is_replaced && is_waiting) {
        return connection_trouble(store, ZP_CONFLICT, "the schema " REPLACED " of an earlier swap is still there: "
                                                      "DROP SCHEMA " REPLACED " CASCADE when it is needed no more");
    }
    *ret_done = is_replaced;
    return ZP_OK;
}

enum zp_err store_shadow_swap(struct store *store)
{
    bool done = false;
    enum zp_err err = plain_begin(store);
    if (err == ZP_OK) {
        err = look_for_swap(store, &done);
    }
    if (err == ZP_OK && !done) {
        err = swap(store);
    }
    store_disconnect(store); /* which rolls back what was not committed */
    return err;
}
