/* plain: owns statements that are run once. Called by migrate and shadow. Invariant: a connection that was begun here
 * is out of pipeline mode and blocking, until it is disconnected. */
#include "plain.h"

void plain_result_clear(PGresult **result)
{
    PQclear(*result);
}

enum zp_err plain_run(struct store *store, const char *sql, int count, const char *const *params,
                      PGresult **ret_result)
{
    PGresult *result =
        count == 0 ? PQexec(store->conn, sql) : PQexecParams(store->conn, sql, count, NULL, params, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    enum zp_err err = ZP_OK;
    if (result == NULL || PQstatus(store->conn) != CONNECTION_OK) {
        err = connection_lost(store, "running a statement");
    } else if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
        err = connection_judge(store, result);
    }
    if (err == ZP_OK && ret_result != NULL) {
        *ret_result = result;
    } else {
        PQclear(result);
    }
    return err;
}

/* The session's settings are for orders, not for building indexes: back to the server's own. */
enum zp_err plain_begin(struct store *store)
{
    store_disconnect(store);
    enum zp_err err = store_connect(store);
    if (err != ZP_OK) {
        return err;
    }
    if (PQexitPipelineMode(store->conn) != 1 || PQsetnonblocking(store->conn, 0) != 0) {
        return connection_lost(store, "leaving pipeline mode");
    }
    return plain_run(store, "RESET ALL; SET lock_timeout = '5s'; SET statement_timeout = 0; "
                            "SET idle_in_transaction_session_timeout = 0; SET client_min_messages = warning", 0, NULL,
                     NULL);
}
