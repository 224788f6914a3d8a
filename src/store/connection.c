/* connection: owns the life of a connection: settings, making, losing, trouble.
 *
 * Invariant: a connection is in pipeline mode and non-blocking, or it is NULL; what it has learnt goes with it. */
#include "connection.h"
#include "replica.h"
#include "sqlstate.h"
#include "trip.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A peer that vanished without a word is noticed within this. */
#define TCP_USER_TIMEOUT_MS "10000"

static void clear_trouble(struct store *store)
{
    store->trouble.sqlstate[0] = '\0';
    store->trouble.why[0] = '\0';
}

enum zp_err connection_trouble(struct store *store, enum zp_err err, const char *fmt, ...)
{
    clear_trouble(store);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(store->trouble.why, sizeof(store->trouble.why), fmt, args);
    va_end(args);
    return err;
}

/* libpq ends its messages with a newline, and says several lines at times. */
static void flatten(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n') {
        text[--len] = '\0';
    }
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\n' || *c == '\t' ? ' ' : *c;
    }
}

enum zp_err connection_judge(struct store *store, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const struct sqlstate_class *class = sqlstate_find(sqlstate);
    /* The detail of an error holds values of rows; they don't belong into logs. */
    (void)connection_trouble(store, class->err, "%s%s%s", message != NULL ? message : PQresultErrorMessage(result),
                             constraint != NULL ? ": " : "", constraint != NULL ? constraint : "");
    flatten(store->trouble.why);
    if (sqlstate != NULL) {
        (void)snprintf(store->trouble.sqlstate, sizeof(store->trouble.sqlstate), "%s", sqlstate);
    }
    return class->err;
}

enum zp_err connection_lost(struct store *store, const char *doing)
{
    const char *message = store->conn != NULL ? PQerrorMessage(store->conn) : "";
    (void)connection_trouble(store, ZP_BUSY, "%s: %s", doing, message[0] != '\0' ? message : "the connection is gone");
    flatten(store->trouble.why);
    store_disconnect(store);
    return ZP_BUSY;
}

/* libpq has words for what is wrong with a URI, and none when it is out of memory. */
static enum zp_err check_conninfo(const char *uri)
{
    char *words = NULL;
    PQconninfoOption *options = PQconninfoParse(uri, &words);
    enum zp_err err = options != NULL ? ZP_OK : words != NULL ? ZP_INVALID : ZP_NO_MEMORY;
    PQconninfoFree(options);
    PQfreemem(words);
    return err;
}

enum zp_err store_create(const struct store_settings *settings, struct store **ret_store)
{
    ZP_ASSERT(settings->connect_timeout_ms > 0 && !(settings->is_pooled && settings->schema != NULL));
    enum zp_err err = settings->uri == NULL ? ZP_INVALID : check_conninfo(settings->uri);
    if (err != ZP_OK) {
        return err;
    }
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return ZP_NO_MEMORY;
    }
    store->settings = *settings;
    store->settings.lists_uri = NULL; /* the replica's own */
    store->settings.uri = strdup(settings->uri);
    store->settings.application = strdup(settings->application != NULL ? settings->application : "zapora");
    store->settings.schema = settings->schema != NULL ? strdup(settings->schema) : NULL;
    if (store->settings.uri == NULL || store->settings.application == NULL ||
        (settings->schema != NULL && store->settings.schema == NULL)) {
        store_destroy(store);
        return ZP_NO_MEMORY;
    }
    err = settings->lists_uri != NULL ? replica_create(settings, &store->replica) : ZP_OK;
    if (err != ZP_OK) {
        store_destroy(store);
        return err;
    }
    *ret_store = store;
    return ZP_OK;
}

void store_destroy(struct store *store)
{
    if (store == NULL) {
        return;
    }
    store_disconnect(store);
    replica_destroy(store->replica);
    free((char *)store->settings.uri);
    free((char *)store->settings.application);
    free((char *)store->settings.schema);
    free(store);
}

void store_disconnect(struct store *store)
{
    PQfinish(store->conn);
    store->conn = NULL;
    store->knows_types = false;
    memset(store->prepared, 0, sizeof(store->prepared));
}

const struct store_trouble *store_trouble(const struct store *store)
{
    return &store->trouble;
}

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg, (void)result; /* this room writes nothing to stderr */
}

/* Blocks, for that is how libpq tries several hosts with a timeout for each: without it, a cluster whose first host is
 * off the net would never be reached. What the URI says wins over ours, but for the schema. */
static PGconn *open_connection(const struct store_settings *settings)
{
    char seconds[24], schema[96];
    (void)snprintf(seconds, sizeof(seconds), "%lld", (long long)(settings->connect_timeout_ms + 999) / 1000);
    (void)snprintf(schema, sizeof(schema), "-c search_path=%s", settings->schema != NULL ? settings->schema : "");
    const char *const keys[] = { "connect_timeout", "tcp_user_timeout", "keepalives", "keepalives_idle",
                                 "keepalives_interval", "keepalives_count", "client_encoding", "application_name",
                                 "dbname", settings->schema != NULL ? "options" : NULL, NULL };
    const char *const values[] = { seconds, TCP_USER_TIMEOUT_MS, "1", "5", "2", "3", "UTF8", settings->application,
                                   settings->uri, schema, NULL };
    return PQconnectdbParams(keys, values, 1);
}

void connection_limits(const struct store *store, struct params *params)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%lld", (long long)store->settings.statement_timeout_ms);
    params_text(params, text);
    (void)snprintf(text, sizeof(text), "%lld", (long long)store->settings.lock_timeout_ms);
    params_text(params, text);
}

static enum zp_err setup_session(struct store *store)
{
    trip_scope trip;
    trip_start(&trip, store);
    params_scope params;
    params_init(&params);
    connection_limits(store, &params);
    trip_add(&trip, STATEMENT_SESSION, &params);
    return trip_run(&trip);
}

enum zp_err store_connect(struct store *store)
{
    if (store->conn != NULL && PQstatus(store->conn) == CONNECTION_OK) {
        return ZP_OK;
    }
    store_disconnect(store);
    store->conn = open_connection(&store->settings);
    if (store->conn == NULL || PQstatus(store->conn) != CONNECTION_OK) {
        return connection_lost(store, "connecting");
    }
    PQsetNoticeReceiver(store->conn, ignore_notice, NULL);
    if (PQsetnonblocking(store->conn, 1) != 0 || PQenterPipelineMode(store->conn) != 1) {
        return connection_lost(store, "entering pipeline mode");
    }
    enum zp_err err = store->settings.is_pooled ? ZP_OK : setup_session(store);
    if (err != ZP_OK) {
        store_disconnect(store);
    }
    return err;
}
