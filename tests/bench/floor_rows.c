/* The floor under the database: libpq writes the rows that a stack really has once more, into empty tables of the same
 * kind in the schema `floor`, as the worker does: one transaction a batch, pipelined, binary, `unnest` of whole rows.
 * The rows are read before the clock starts, as arrays in the very form in which they are sent.
 *
 * usage: floor_rows URI COUNT BATCH CONNECTIONS */
#include "floor.h"

#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

#define CONNECTIONS_MAX 8
#define BATCHES_MAX 10000

/* Our whole write set. The fence is one row for each partition of the batch; locations are those of its orders. */
static const struct table { const char *read, *type, *write; } tables[] = {
    { "SELECT (array_agg(o ORDER BY o.placed_at, o.order_id))::public.orders[] FROM chosen JOIN public.orders o "
      "USING (order_id) WHERE chosen.batch = $1", "public.orders[]", "INSERT INTO orders SELECT * FROM unnest($1)" },
    { "SELECT (array_agg(e))::public.order_events[] FROM chosen JOIN public.order_events e USING (location_id, seq) "
      "WHERE chosen.batch = $1", "public.order_events[]", "INSERT INTO order_events SELECT * FROM unnest($1)" },
    { "SELECT (array_agg(c))::public.commands[] FROM chosen JOIN public.commands c ON c.command_id = chosen.order_id "
      "WHERE chosen.batch = $1", "public.commands[]", "INSERT INTO commands SELECT * FROM unnest($1)" },
    { "SELECT (array_agg(l))::public.locations[] FROM public.locations l WHERE l.location_id IN "
      "(SELECT location_id FROM chosen WHERE chosen.batch = $1)", "public.locations[]",
      "INSERT INTO locations SELECT * FROM unnest($1) ON CONFLICT (location_id) DO UPDATE SET seq = excluded.seq, "
      "last_number = excluded.last_number, open_count = excluded.open_count, open_hash = excluded.open_hash, "
      "hash = excluded.hash, updated_at = excluded.updated_at" },
    { "SELECT array_agg(DISTINCT l.partition) FROM public.locations l WHERE l.location_id IN "
      "(SELECT location_id FROM chosen WHERE chosen.batch = $1)", "integer[]",
      "UPDATE partitions SET next_offset = next_offset + 1 FROM (SELECT partition AS p FROM partitions WHERE "
      "partition = ANY ($1) ORDER BY partition FOR UPDATE) locked WHERE partition = locked.p" },
};
#define TABLES (sizeof tables / sizeof *tables)

struct rows { char *bytes; int len; };

static struct rows batches[BATCHES_MAX][TABLES];

static PGresult *must(PGconn *connection, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    FLOOR_CHECK(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s", PQerrorMessage(connection));
    return result;
}

static void run(PGconn *connection, const char *statement)
{
    PQclear(must(connection, PQexec(connection, statement)));
}

static PGconn *connect_to(const char *uri)
{
    PGconn *connection = PQconnectdb(uri);
    FLOOR_CHECK(PQstatus(connection) == CONNECTION_OK, "%s", PQerrorMessage(connection));
    run(connection, "SET search_path = floor; SET client_min_messages = warning");
    return connection;
}

static void make_tables(PGconn *connection)
{
    run(connection,
        "DROP SCHEMA IF EXISTS floor CASCADE; CREATE SCHEMA floor;"
        "CREATE TABLE orders (LIKE public.orders INCLUDING ALL) WITH (fillfactor = 70);"
        "CREATE TABLE order_events (LIKE public.order_events INCLUDING ALL);"
        "CREATE TABLE commands (LIKE public.commands INCLUDING ALL);"
        "CREATE TABLE locations (LIKE public.locations INCLUDING ALL) WITH (fillfactor = 30);"
        "CREATE TABLE partitions (LIKE public.partitions INCLUDING ALL) WITH (fillfactor = 10);"
        "INSERT INTO partitions SELECT * FROM public.partitions");
}

/* Deals the placements that were accepted into batches, in the order in which they came. */
static void choose(PGconn *connection, long count, long batch)
{
    char statement[512];
    snprintf(statement, sizeof statement,
             "CREATE TEMP TABLE chosen AS SELECT order_id, location_id, seq, "
             "(row_number() OVER (ORDER BY at, order_id) - 1) / %ld AS batch FROM (SELECT * FROM public.order_events "
             "WHERE order_id = command_id ORDER BY at DESC, order_id LIMIT %ld) e; "
             "CREATE INDEX ON chosen (batch); ANALYZE chosen", batch, count);
    run(connection, statement);
}

static long read_batches(PGconn *connection, long *ret_batch_count)
{
    PGresult *counted = must(connection, PQexec(connection, "SELECT count(*), max(batch) + 1 FROM pg_temp.chosen"));
    long count = atol(PQgetvalue(counted, 0, 0));
    *ret_batch_count = atol(PQgetvalue(counted, 0, 1));
    PQclear(counted);
    FLOOR_CHECK(count > 0 && *ret_batch_count <= BATCHES_MAX, "%ld orders are there", count);
    for (long i = 0; i < *ret_batch_count; i++) {
        char number[32];
        const char *value = number;
        snprintf(number, sizeof number, "%ld", i);
        for (size_t t = 0; t < TABLES; t++) {
            PGresult *read = must(connection, PQexecParams(connection, tables[t].read, 1, NULL, &value, NULL, NULL, 1));
            struct rows *rows = &batches[i][t];
            rows->len = PQgetlength(read, 0, 0);
            rows->bytes = malloc((size_t)rows->len);
            FLOOR_CHECK(rows->bytes != NULL && rows->len > 0, "table %zu, batch %ld", t, i);
            memcpy(rows->bytes, PQgetvalue(read, 0, 0), (size_t)rows->len);
            PQclear(read);
        }
    }
    return count;
}

static void prepare(PGconn *connection)
{
    for (size_t t = 0; t < TABLES; t++) {
        char name[16], statement[1024];
        snprintf(name, sizeof name, "w%zu", t);
        snprintf(statement, sizeof statement, "PREPARE %s (%s) AS %s", name, tables[t].type, tables[t].write);
        run(connection, statement);
    }
    FLOOR_CHECK(PQsetnonblocking(connection, 1) == 0 && PQenterPipelineMode(connection) == 1, "no pipeline");
}

/* One transaction: what stands between two syncs. */
static void send_batch(PGconn *connection, long i)
{
    for (size_t t = TABLES; t-- > 0;) { /* the fence first */
        char name[16];
        const char *value = batches[i][t].bytes;
        int format = 1;
        snprintf(name, sizeof name, "w%zu", t);
        FLOOR_CHECK(PQsendQueryPrepared(connection, name, 1, &value, &batches[i][t].len, &format, 1) == 1, "%s",
                    PQerrorMessage(connection));
    }
    FLOOR_CHECK(PQpipelineSync(connection) == 1, "%s", PQerrorMessage(connection));
}

/* True when the batch's sync has come. */
static bool take_results(PGconn *connection)
{
    FLOOR_CHECK(PQconsumeInput(connection) == 1, "%s", PQerrorMessage(connection));
    while (PQisBusy(connection) == 0) {
        PGresult *result = PQgetResult(connection);
        if (result == NULL) {
            continue; /* the end of one statement's results */
        }
        ExecStatusType status = PQresultStatus(result);
        FLOOR_CHECK(status == PGRES_COMMAND_OK || status == PGRES_PIPELINE_SYNC, "%s", PQresultErrorMessage(result));
        PQclear(result);
        if (status == PGRES_PIPELINE_SYNC) {
            return true;
        }
    }
    return false;
}

static void write_all(PGconn **connections, int connection_count, long batch_count)
{
    struct pollfd polled[CONNECTIONS_MAX];
    long sent = 0, done = 0;
    for (int c = 0; c < connection_count; c++) {
        polled[c] = (struct pollfd){ .fd = PQsocket(connections[c]), .events = POLLIN };
        if (sent < batch_count) {
            send_batch(connections[c], sent++);
        }
    }
    while (done < batch_count) {
        for (int c = 0; c < connection_count; c++) {
            polled[c].events = (short)(POLLIN | (PQflush(connections[c]) == 1 ? POLLOUT : 0));
        }
        FLOOR_CHECK(poll(polled, (nfds_t)connection_count, 30000) > 0, "the database is silent");
        for (int c = 0; c < connection_count; c++) {
            if ((polled[c].revents & POLLIN) != 0 && take_results(connections[c])) {
                done++;
                if (sent < batch_count) {
                    send_batch(connections[c], sent++);
                }
            }
        }
    }
}

int main(int argc, char **argv)
{
    PGconn *connections[CONNECTIONS_MAX];
    if (argc != 5 || atoi(argv[4]) < 1 || atoi(argv[4]) > CONNECTIONS_MAX) {
        fprintf(stderr, "usage: floor_rows URI COUNT BATCH CONNECTIONS\n");
        return 2;
    }
    long batch_count, count;
    PGconn *reader = connect_to(argv[1]);
    make_tables(reader);
    choose(reader, atol(argv[2]), atol(argv[3]));
    count = read_batches(reader, &batch_count);
    for (int c = 0; c < atoi(argv[4]); c++) {
        connections[c] = connect_to(argv[1]);
        prepare(connections[c]);
    }
    printf("ready\n"); /* who counts the server's CPU starts here: the rows have been read */
    fflush(stdout);
    FLOOR_CHECK(getchar() != EOF, "nobody says go");
    struct floor_clock began = floor_now();
    write_all(connections, atoi(argv[4]), batch_count);
    floor_report(began, count);
    return 0;
}
