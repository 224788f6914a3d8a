/* statements: owns the SQL of this room.
 *
 * Called by trip through STATEMENTS. Invariants: each statement finds its rows by a key or an index, whatever the
 * size of the tables (connections run with plans that forbid anything else); a column list names the columns of its
 * shape. */
#include "statements.h"

#define TOPIC "'" TOPIC_COMMANDS "'"

#define ORDER_COLUMNS \
    "order_id, location_id, owner, number, version, seq, subtotal, discount, tax, fee, tip, total, placed_at, " \
    "promised_at, updated_at, open, status, type, currency, customer_name, customer_phone, customer_address, note, " \
    "reasons, fingerprint, lines"
#define EVENT_COLUMNS \
    "location_id, seq, command_offset, at, partition, order_id, command_id, type, hash, value"
#define EVENTS_PAGE \
    "(SELECT seq, value FROM order_events WHERE location_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) page"
#define OUTCOME_COLUMNS \
    "command_id, location_id, order_id, user_id, command_offset, seq, at, partition, type, err, fingerprint, reasons"
#define LOCATION_COLUMNS \
    "location_id, partition, seq, last_number, open_count, open_hash, hash"
#define MENU_COLUMNS \
    "location_id, menu_version, settings, menu"
#define ACCOUNT_COLUMNS \
    "user_id, email, name, role, password_hash, locations, disabled"

/* A page of orders, newest first. $1 the key, $2 $3 where the page before ended, $4 status or NULL, $5 updated since,
 * $6 location or NULL, $7 limit, $8 how many rows are looked at. The last of these comes along whether it fits or not:
 * the next page goes on behind it. */
#define PAGE_ORDER "ORDER BY placed_at DESC, order_id DESC LIMIT "
#define PAGE_ROWS(table, key) \
    "SELECT o, o.placed_at, o.order_id, ($4 IS NULL OR o.status = $4) AND o.updated_at >= $5 " \
    "AND ($6 IS NULL OR o.location_id = $6) AS fits FROM " table " o " \
    "WHERE " key " AND (o.placed_at, o.order_id) < ($2, $3) " PAGE_ORDER "$8"
#define PAGE(rows) \
    "SELECT o, fits::integer, (n = $8)::integer FROM (SELECT *, row_number() OVER (ORDER BY placed_at DESC, " \
    "order_id DESC) AS n FROM (" rows ") looked) numbered WHERE fits OR n = $8 " PAGE_ORDER "$7"
#define PAGE_PARAMS { OID_UUID, OID_TIMESTAMPTZ, OID_UUID, OID_TEXT, OID_TIMESTAMPTZ, OID_UUID, OID_INT8, OID_INT8 }

/* $1 statement timeout, $2 lock timeout. */
#define SESSION_LIMITS(locally) \
    "SELECT set_config('statement_timeout', $1, " locally "), set_config('lock_timeout', $2, " locally "), " \
    "set_config('idle_in_transaction_session_timeout', '10000', " locally "), " \
    "set_config('plan_cache_mode', 'force_generic_plan', " locally "), " \
    "set_config('enable_seqscan', 'off', " locally "), set_config('enable_hashjoin', 'off', " locally "), " \
    "set_config('enable_mergejoin', 'off', " locally "), set_config('jit', 'off', " locally ")"

/* Numbers, owners, offsets from and to, last commands, published and events offsets. */
#define FENCE_PARAMS \
    { OID_INT4_ARRAY, OID_UUID_ARRAY, OID_INT8_ARRAY, OID_INT8_ARRAY, OID_UUID_ARRAY, OID_INT8_ARRAY, OID_INT8_ARRAY }

/* clang-format off */
const struct statement STATEMENTS[STATEMENT_COUNT] = {
    [STATEMENT_ACCOUNT_ADD] = { "account_add", { PARAM_ROWS },
        "INSERT INTO accounts (" ACCOUNT_COLUMNS ") SELECT " ACCOUNT_COLUMNS " FROM unnest($1::accounts[]) "
        "ON CONFLICT (lower(email)) DO NOTHING" },

    [STATEMENT_ACCOUNT_BY_EMAIL] = { "account_by_email", { OID_TEXT },
        "SELECT a FROM accounts a WHERE lower(a.email) = lower($1)" },

    [STATEMENT_ACCOUNT_BY_ID] = { "account_by_id", { OID_UUID },
        "SELECT a FROM accounts a WHERE a.user_id = $1" },

    /* As the move below would find them. */
    [STATEMENT_ARCHIVE_COUNT] = { "archive_count", { OID_UUID, OID_TIMESTAMPTZ },
        "SELECT count(*) FROM orders o WHERE o.location_id = $1 AND NOT o.open AND o.placed_at < $2 "
        "AND o.updated_at < $2" },

    /* Of the next $5 closed orders behind ($2, $3) those that were closed before $4; a closed order's row does not
     * change any more, so updated_at is when it was closed. Answers how many were moved, how many looked at, and the
     * last of these; nothing when there were none. No worker ever waits for these rows: it locks open orders only. */
    [STATEMENT_ARCHIVE_MOVE] = { "archive_move",
        { OID_UUID, OID_TIMESTAMPTZ, OID_UUID, OID_TIMESTAMPTZ, OID_INT8 },
        "WITH old AS MATERIALIZED (SELECT o.order_id, o.placed_at, o.updated_at FROM orders o "
        "WHERE o.location_id = $1 AND NOT o.open AND (o.placed_at, o.order_id) > ($2, $3) AND o.placed_at < $4 "
        "ORDER BY o.placed_at, o.order_id LIMIT $5 FOR UPDATE SKIP LOCKED), "
        "gone AS (DELETE FROM orders o USING old WHERE o.order_id = old.order_id AND old.updated_at < $4 "
        "RETURNING o.*), "
        "kept AS (INSERT INTO orders_archive SELECT * FROM gone RETURNING 1) "
        "SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM old), old.placed_at, old.order_id FROM old "
        "ORDER BY old.placed_at DESC, old.order_id DESC LIMIT 1" },

    [STATEMENT_AUDIT_LOCATIONS] = { "audit_locations", { OID_INT4, OID_UUID, OID_INT8 },
        "SELECT l, m FROM locations l LEFT JOIN menus m ON m.location_id = l.location_id "
        "WHERE l.partition = $1 AND l.location_id > $2 ORDER BY l.location_id LIMIT $3" },

    /* In the order of the index, behind the last one read: $2 whether that one was open. */
    [STATEMENT_AUDIT_ORDERS] = { "audit_orders", { OID_UUID, OID_INT8, OID_TIMESTAMPTZ, OID_UUID, OID_INT8 },
        "SELECT o, o.open::integer FROM orders_all o WHERE o.location_id = $1 "
        "AND (o.open, o.placed_at, o.order_id) > ($2::integer::boolean, $3, $4) "
        "ORDER BY o.open, o.placed_at, o.order_id LIMIT $5" },

    [STATEMENT_AUDIT_OUTCOMES] = { "audit_outcomes", { OID_INT4, OID_INT8, OID_INT8 },
        "SELECT c FROM commands c WHERE c.partition = $1 AND c.command_offset > $2 "
        "ORDER BY c.command_offset LIMIT $3" },

    /* Locations that have orders, events or a menu, and no row. Hops from one location to the next by the index. */
    [STATEMENT_AUDIT_STRAYS] = { "audit_strays", { 0 },
        "WITH RECURSIVE o (id) AS (SELECT (SELECT location_id FROM orders_all ORDER BY location_id LIMIT 1) UNION ALL "
        "SELECT (SELECT location_id FROM orders_all WHERE location_id > o.id ORDER BY location_id LIMIT 1) "
        "FROM o WHERE o.id IS NOT NULL), "
        "e (id) AS (SELECT (SELECT location_id FROM order_events ORDER BY location_id LIMIT 1) UNION ALL "
        "SELECT (SELECT location_id FROM order_events WHERE location_id > e.id ORDER BY location_id LIMIT 1) "
        "FROM e WHERE e.id IS NOT NULL) "
        "SELECT id FROM (SELECT id FROM o UNION SELECT id FROM e UNION SELECT location_id FROM menus) found "
        "WHERE id IS NOT NULL AND NOT EXISTS (SELECT FROM locations l WHERE l.location_id = id) LIMIT 1000" },

    /* Ends whom the backend $1 waits for, at the far end of the queue: who waits in turn is alive and well. All of them
     * are found before the first is ended, for that lets others get on, who then wait for nobody. */
    [STATEMENT_BLOCKERS_END] = { "blockers_end", { OID_INT4 },
        "WITH RECURSIVE queue (pid) AS ("
        "SELECT unnest(pg_blocking_pids($1)) UNION SELECT unnest(pg_blocking_pids(queue.pid)) FROM queue), "
        "ends AS MATERIALIZED (SELECT array_agg(a.pid) AS pids FROM queue JOIN pg_stat_activity a USING (pid) "
        "WHERE a.usename = current_user AND a.pid <> $1 AND cardinality(pg_blocking_pids(a.pid)) = 0) "
        "SELECT count(pg_terminate_backend(pid)) FROM ends, unnest(pids) pid" },

    [STATEMENT_COMMIT] = { "commit", { 0 },
        "COMMIT" },

    /* $3 rows and $4 bytes at most, but always the first row, so that a reader gets on. Mostly all of them fit, and no
     * running sum is needed. */
    [STATEMENT_EVENTS_AFTER] = { "events_after", { OID_UUID, OID_INT8, OID_INT8, OID_INT8 },
        "SELECT e FROM order_events e WHERE e.location_id = $1 AND e.seq > $2 AND e.seq <= "
        "(SELECT CASE WHEN sum(octet_length(value)) <= $4 THEN max(seq) ELSE "
        "(SELECT greatest(min(seq), max(seq) FILTER (WHERE bytes <= $4)) FROM "
        "(SELECT seq, sum(octet_length(value)) OVER (ORDER BY seq) AS bytes FROM " EVENTS_PAGE ") sized) END "
        "FROM " EVENTS_PAGE ") ORDER BY e.seq" },

    [STATEMENT_EVENTS_INSERT] = { "events_insert", { PARAM_ROWS },
        "INSERT INTO order_events (" EVENT_COLUMNS ") SELECT " EVENT_COLUMNS " FROM unnest($1::order_events[])" },

    [STATEMENT_EVENTS_NEWEST] = { "events_newest", { OID_UUID, OID_INT8 },
        "SELECT e FROM order_events e WHERE e.location_id = $1 "
        "AND e.seq > (SELECT l.seq FROM locations l WHERE l.location_id = $1) - $2 ORDER BY e.seq" },

    [STATEMENT_FENCE] = { "fence", FENCE_PARAMS,
        "SELECT zapora_fence(" TOPIC ", $1, $2, $3, $4, $5, $6, $7)" },

    [STATEMENT_HEAD_GET] = { "head_get", { OID_UUID },
        "SELECT l FROM locations l WHERE l.location_id = $1" },

    [STATEMENT_HEADS_LIST] = { "heads_list", { OID_INT4_ARRAY },
        "SELECT l FROM locations l WHERE l.partition = ANY ($1) ORDER BY l.location_id" },

    /* Whoever writes a row gives it another xmin; updated_at tells apart what two databases wrote. */
    [STATEMENT_LOCATION_MARKS] = { "location_marks", { OID_UUID, OID_INT8 },
        "SELECT l.location_id, hashtextextended(concat(m.xmin, ' ', m.updated_at), 0) "
        "FROM locations l LEFT JOIN menus m ON m.location_id = l.location_id "
        "WHERE l.location_id > $1 ORDER BY l.location_id LIMIT $2" },

    [STATEMENT_LOCATIONS_GET] = { "locations_get", { OID_UUID_ARRAY },
        "SELECT l, m FROM locations l LEFT JOIN menus m ON m.location_id = l.location_id "
        "WHERE l.location_id = ANY ($1)" },

    [STATEMENT_LOCATIONS_UPSERT] = { "locations_upsert", { PARAM_ROWS },
        "INSERT INTO locations (" LOCATION_COLUMNS ", updated_at) "
        "SELECT " LOCATION_COLUMNS ", now() FROM unnest($1::locations[]) "
        "ON CONFLICT (location_id) DO UPDATE SET seq = excluded.seq, last_number = excluded.last_number, "
        "open_count = excluded.open_count, open_hash = excluded.open_hash, hash = excluded.hash, "
        "updated_at = excluded.updated_at" },

    [STATEMENT_MENUS_UPSERT] = { "menus_upsert", { PARAM_ROWS },
        "INSERT INTO menus (" MENU_COLUMNS ", updated_at) SELECT " MENU_COLUMNS ", now() FROM unnest($1::menus[]) "
        "ON CONFLICT (location_id) DO UPDATE SET menu_version = excluded.menu_version, "
        "settings = excluded.settings, menu = excluded.menu, updated_at = excluded.updated_at" },

    [STATEMENT_ORDERS_GET] = { "orders_get", { OID_UUID_ARRAY },
        "SELECT o FROM orders_all o WHERE o.order_id = ANY ($1)" },

    [STATEMENT_ORDERS_INSERT] = { "orders_insert", { PARAM_ROWS },
        "INSERT INTO orders (" ORDER_COLUMNS ") SELECT " ORDER_COLUMNS " FROM unnest($1::orders[])" },

    [STATEMENT_ORDERS_OPEN] = { "orders_open", { OID_UUID, OID_INT8 },
        "SELECT o FROM orders o WHERE o.location_id = $1 AND o.open ORDER BY o.number, o.order_id LIMIT $2" },

    [STATEMENT_TICKETS_OPEN] = { "tickets_open", { OID_UUID, OID_INT8 },
        "SELECT o.order_id, o.number FROM orders o WHERE o.location_id = $1 AND o.open "
        "ORDER BY o.number, o.order_id LIMIT $2" },

    [STATEMENT_ORDERS_PAGE_CLOSED] = { "orders_page_closed", PAGE_PARAMS,
        PAGE(PAGE_ROWS("orders_all", "o.location_id = $1 AND NOT o.open")) },

    /* The index of a location's orders has the open ones apart: a page of both is the best of two pages. */
    [STATEMENT_ORDERS_PAGE_LOCATION] = { "orders_page_location", PAGE_PARAMS,
        PAGE("(" PAGE_ROWS("orders", "o.location_id = $1 AND o.open") ") UNION ALL "
             "(" PAGE_ROWS("orders_all", "o.location_id = $1 AND NOT o.open") ") " PAGE_ORDER "$8") },

    [STATEMENT_ORDERS_PAGE_OPEN] = { "orders_page_open", PAGE_PARAMS,
        PAGE(PAGE_ROWS("orders", "o.location_id = $1 AND o.open")) },

    [STATEMENT_ORDERS_PAGE_OWNER] = { "orders_page_owner", PAGE_PARAMS,
        PAGE(PAGE_ROWS("orders_all", "o.owner = $1")) },

    /* What is archived is closed, and nothing changes a closed order. */
    [STATEMENT_ORDERS_UPDATE] = { "orders_update", { PARAM_ROWS },
        "WITH stepped AS (UPDATE orders o SET number = r.number, version = r.version, seq = r.seq, "
        "subtotal = r.subtotal, discount = r.discount, tax = r.tax, fee = r.fee, tip = r.tip, total = r.total, "
        "promised_at = r.promised_at, updated_at = r.updated_at, open = r.open, status = r.status, "
        "reasons = r.reasons, lines = r.lines "
        "FROM unnest($1::orders[]) r WHERE o.order_id = r.order_id AND o.version < r.version RETURNING 1) "
        "SELECT zapora_expect('orders stepped', count(*), cardinality($1::orders[])) FROM stepped" },

    [STATEMENT_OUTCOMES_FROM] = { "outcomes_from", { OID_INT4, OID_INT8, OID_INT8 },
        "SELECT c, e FROM commands c LEFT JOIN order_events e ON e.location_id = c.location_id AND e.seq = c.seq "
        "WHERE c.partition = $1 AND c.command_offset >= $2 ORDER BY c.command_offset LIMIT $3" },

    [STATEMENT_OUTCOMES_GET] = { "outcomes_get", { OID_UUID_ARRAY },
        "SELECT c FROM commands c WHERE c.command_id = ANY ($1)" },

    [STATEMENT_OUTCOMES_INSERT] = { "outcomes_insert", { PARAM_ROWS },
        "INSERT INTO commands (" OUTCOME_COLUMNS ") SELECT " OUTCOME_COLUMNS " FROM unnest($1::commands[])" },

    /* Looks at the $3 oldest that may go at all, not further, and only when the first of them is old: log time goes up
     * with the offset. */
    [STATEMENT_OUTCOMES_PURGE] = { "outcomes_purge", { OID_INT4, OID_TIMESTAMPTZ, OID_INT8 },
        "DELETE FROM commands WHERE command_id = ANY (ARRAY(SELECT oldest.command_id FROM "
        "(SELECT c.command_id, c.at, c.written_at FROM commands c WHERE c.partition = $1 AND c.command_offset < "
        "(SELECT p.published_offset FROM partitions p WHERE p.topic = " TOPIC " AND p.partition = $1) "
        "AND c.err <> 'PARKED' ORDER BY c.command_offset LIMIT $3) oldest "
        "WHERE oldest.at < $2 AND oldest.written_at < $2 AND (SELECT first.at FROM commands first "
        "WHERE first.partition = $1 AND first.err <> 'PARKED' ORDER BY first.command_offset LIMIT 1) < $2))" },

    /* For facts of the log: the last one of a command counts, also when the database still has an earlier one. */
    [STATEMENT_OUTCOMES_REPLACE] = { "outcomes_replace", { PARAM_ROWS },
        "INSERT INTO commands (" OUTCOME_COLUMNS ") SELECT " OUTCOME_COLUMNS " FROM unnest($1::commands[]) "
        "ON CONFLICT (command_id) DO UPDATE SET location_id = excluded.location_id, order_id = excluded.order_id, "
        "user_id = excluded.user_id, command_offset = excluded.command_offset, seq = excluded.seq, at = excluded.at, "
        "written_at = excluded.written_at, partition = excluded.partition, type = excluded.type, err = excluded.err, "
        "fingerprint = excluded.fingerprint, reasons = excluded.reasons" },

    [STATEMENT_PARTITION_ACCEPT] = { "partition_accept",
        { OID_INT4, OID_UUID, OID_INT8, OID_UUID, OID_INT8, OID_UUID, OID_INT8 },
        "UPDATE partitions p SET owner = $4, next_offset = $5, last_command_id = $6, events_offset = $7, "
        "takeovers = 0, trying_offset = NULL "
        "WHERE p.topic = " TOPIC " AND p.partition = $1 AND p.owner = $2 AND p.next_offset = $3" },

    /* What was published was applied. A row that is behind it went back with its database: what it lacks must be folded
     * in, and its events_offset says from where. */
    [STATEMENT_PARTITION_RELEASE] = { "partition_release", { OID_INT4, OID_UUID, OID_INT8, OID_INT8 },
        "UPDATE partitions p SET takeovers = 0, trying_offset = NULL, "
        "published_offset = greatest(p.published_offset, $3), events_offset = greatest(p.events_offset, $4) "
        "WHERE p.topic = " TOPIC " AND p.partition = $1 AND p.owner = $2 AND p.next_offset >= $3" },

    /* A takeover from $3, the taker's own last owner, does not count; nor does one from an owner that had not named the
     * record again that its predecessor named: it touched nothing that could have killed it. So a named offset t is
     * kept as -2 - t until it is named again. */
    [STATEMENT_PARTITION_TAKE] = { "partition_take", { OID_INT4, OID_UUID, OID_UUID },
        "INSERT INTO partitions AS p "
        "(topic, partition, owner, next_offset, published_offset, events_offset, takeovers) "
        "VALUES (" TOPIC ", $1, $2, 0, 0, 0, 1) ON CONFLICT (topic, partition) DO UPDATE "
        "SET owner = excluded.owner, takeovers = p.takeovers + (p.owner IS DISTINCT FROM $3 "
        "AND coalesce(p.trying_offset, 0) >= 0)::integer, "
        "trying_offset = CASE WHEN p.trying_offset >= 0 THEN -2 - p.trying_offset ELSE p.trying_offset END "
        "RETURNING p" },

    [STATEMENT_PARTITION_TRY] = { "partition_try", { OID_INT4, OID_UUID, OID_INT8 },
        "UPDATE partitions p SET trying_offset = $3, takeovers = CASE WHEN $3 IS NOT NULL "
        "AND $3 IS DISTINCT FROM CASE WHEN p.trying_offset < 0 THEN -2 - p.trying_offset ELSE p.trying_offset END "
        "THEN 3 ELSE p.takeovers END "
        "WHERE p.topic = " TOPIC " AND p.partition = $1 AND p.owner = $2" },

    [STATEMENT_PARTITIONS_LIST] = { "partitions_list", { 0 },
        "SELECT p FROM partitions p WHERE p.topic = " TOPIC " ORDER BY p.partition" },

    /* The columns of each table in $1, by the table's place in $1. */
    [STATEMENT_ROW_TYPES] = { "row_types", { OID_TEXT_ARRAY },
        "SELECT u.place, t.oid, t.typarray, a.attname::text, a.atttypid "
        "FROM unnest($1) WITH ORDINALITY u (name, place) JOIN pg_type t ON t.oid = to_regtype(u.name) "
        "JOIN pg_attribute a ON a.attrelid = t.typrelid WHERE a.attnum > 0 AND NOT a.attisdropped "
        "ORDER BY u.place, a.attnum" },

    [STATEMENT_SCHEMA_VERSION] = { "schema_version", { 0 },
        "SELECT coalesce(max(version), 0)::bigint FROM schema_migrations" },

    /* A plan is made once and must be right for empty tables and for full ones, so it may use nothing but keys; and no
     * transaction of ours has a reason to lie idle. */
    [STATEMENT_SESSION] = { "session", { OID_TEXT, OID_TEXT }, SESSION_LIMITS("false") },

    /* The same up to the end of the transaction, where the session is not ours. */
    [STATEMENT_SESSION_ONCE] = { "session_once", { OID_TEXT, OID_TEXT }, SESSION_LIMITS("true") },

    /* Everything up to COMMIT sees the database as it is at one moment. */
    [STATEMENT_SNAPSHOT] = { "snapshot", { 0 },
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" },

    /* The server gives up before the client does, so that no take happens behind the back of who sent it. */
    [STATEMENT_TAKE_LIMITS] = { "take_limits", { 0 },
        "SELECT set_config('lock_timeout', '3500', true), set_config('statement_timeout', '0', true)" },
};
/* clang-format on */

size_t statement_param_count(const struct statement *statement)
{
    size_t count = 0;
    while (count < PARAMS_MAX && statement->params[count] != 0) {
        count++;
    }
    return count;
}
