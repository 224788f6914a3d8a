/* wraps_pq: libpq. A call of it fails by itself, for want of memory, or because the connection is cut: then before
 * anything was sent, or after all of it was, when nobody knows what the server made of it. */
#include "wraps.h"

#include <libpq-fe.h>
#include <sys/socket.h>

/* Whatever is asked of the connection from now on fails as libpq lets it fail. */
static void cut(const PGconn *conn)
{
    (void)shutdown(PQsocket(conn), SHUT_RDWR);
}

WRAP(PQconninfoOption *, PQconninfoParse, (const char *text, char **ret_words), (text, ret_words), NULL)
WRAP(int, PQsetnonblocking, (PGconn *conn, int on), (conn, on), -1)
WRAP(int, PQenterPipelineMode, (PGconn *conn), (conn), 0)
WRAP(int, PQexitPipelineMode, (PGconn *conn), (conn), 0)
WRAP(int, PQsendPrepare, (PGconn *conn, const char *name, const char *sql, int count, const Oid *types),
     (conn, name, sql, count, types), 0)
WRAP(int, PQsendQueryParams, (PGconn *conn, const char *sql, int count, const Oid *types, const char *const *values,
                              const int *lengths, const int *formats, int format),
     (conn, sql, count, types, values, lengths, formats, format), 0)
WRAP(int, PQsendQueryPrepared, (PGconn *conn, const char *name, int count, const char *const *values,
                                const int *lengths, const int *formats, int format),
     (conn, name, count, values, lengths, formats, format), 0)
WRAP(int, PQpipelineSync, (PGconn *conn), (conn), 0)

static const PGconn *silent; /* gives no results any more */

PGconn *__real_PQconnectdbParams(const char *const *keys, const char *const *values, int expand);
FITS(PQconnectdbParams)
PGconn *__wrap_PQconnectdbParams(const char *const *keys, const char *const *values, int expand);
PGconn *__wrap_PQconnectdbParams(const char *const *keys, const char *const *values, int expand)
{
    static const char *const nowhere_keys[] = { "host", NULL }, *const nowhere[] = { "/nowhere", NULL };
    if (TORTURE_FAILS("PQconnectdbParams, no memory")) {
        return NULL;
    }
    bool refused = TORTURE_FAILS("PQconnectdbParams, refused");
    PGconn *conn = refused ? __real_PQconnectdbParams(nowhere_keys, nowhere, 0)
                           : __real_PQconnectdbParams(keys, values, expand);
    silent = silent == conn ? NULL : silent; /* another one at the same place */
    return conn;
}

int __real_PQflush(PGconn *conn);
FITS(PQflush)
int __wrap_PQflush(PGconn *conn);
int __wrap_PQflush(PGconn *conn)
{
    if (TORTURE_FAILS("PQflush")) {
        return -1;
    }
    if (TORTURE_FAILS("PQflush, cut before it")) {
        cut(conn);
    }
    int pending = __real_PQflush(conn);
    if (TORTURE_FAILS("PQflush, cut after it")) {
        cut(conn);
    }
    return pending;
}

int __real_PQconsumeInput(PGconn *conn);
FITS(PQconsumeInput)
int __wrap_PQconsumeInput(PGconn *conn);
int __wrap_PQconsumeInput(PGconn *conn)
{
    if (TORTURE_FAILS("PQconsumeInput")) {
        return 0;
    }
    if (TORTURE_FAILS("PQconsumeInput, cut before it")) {
        cut(conn);
    }
    return __real_PQconsumeInput(conn);
}

/* A NULL too many, or nothing else any more; a result that there was no memory for. */
PGresult *__real_PQgetResult(PGconn *conn);
FITS(PQgetResult)
PGresult *__wrap_PQgetResult(PGconn *conn);
PGresult *__wrap_PQgetResult(PGconn *conn)
{
    if (TORTURE_FAILS("PQgetResult, NULL once")) {
        return NULL;
    }
    if (TORTURE_FAILS("PQgetResult, NULL for ever")) {
        silent = conn;
    }
    if (silent == conn) {
        return NULL;
    }
    bool lost = TORTURE_FAILS("PQgetResult, no memory");
    PGresult *result = __real_PQgetResult(conn);
    if (lost && result != NULL) {
        PQclear(result);
        result = PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR);
    }
    return result;
}

/* What a blocking statement gives when its connection went before the server had it, or with its answer. */
#define WRAP_STATEMENT(name, params, args) \
    PGresult *__real_##name params; \
    FITS(name) \
    PGresult *__wrap_##name params; \
    PGresult *__wrap_##name params \
    { \
        if (TORTURE_FAILS(#name ", no memory")) { \
            return NULL; \
        } \
        if (TORTURE_FAILS(#name ", cut before it")) { \
            cut(conn); \
        } \
        bool lost = TORTURE_FAILS(#name ", cut after it"); \
        PGresult *result = __real_##name args; \
        if (!lost) { \
            return result; \
        } \
        PQclear(result); \
        cut(conn); \
        return __real_PQexec(conn, ""); \
    }

PGresult *__real_PQexec(PGconn *conn, const char *sql);
WRAP_STATEMENT(PQexecParams, (PGconn *conn, const char *sql, int count, const Oid *types, const char *const *values,
                              const int *lengths, const int *formats, int format),
               (conn, sql, count, types, values, lengths, formats, format))
WRAP_STATEMENT(PQexec, (PGconn *conn, const char *sql), (conn, sql))
