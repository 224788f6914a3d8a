/* connection: struct store itself: one connection to PostgreSQL, and what it knows about the other side.
 *
 * Called by trip and migrate; the rest of the room sees only struct store. */
#ifndef STORE_CONNECTION_H
#define STORE_CONNECTION_H

#include "statements.h"

struct store {
    struct store_settings settings; /* its strings are owned */
    PGconn *conn;                   /* owned; NULL: not connected */
    struct store_trouble trouble;   /* of the last call */
    struct row_types types;         /* as this connection learnt them */
    bool knows_types;
    bool prepared[STATEMENT_COUNT]; /* on this connection; never on a pooled one */
    struct replica *replica;        /* owned; NULL: none */
};

/* The parameters of the statements that bound a session, or a transaction. */
void connection_limits(const struct store *store, struct params *params);
/* Notes what went wrong and gives err back. */
enum zp_err connection_trouble(struct store *store, enum zp_err err, const char *fmt, ...) ZP_PRINTF(3, 4);
/* The same for a result that says error: gives what its SQLSTATE means. Drops the connection when it must be made
 * anew. */
enum zp_err connection_judge(struct store *store, const PGresult *result);
/* The same for a connection that failed: drops it, gives ZP_BUSY. */
enum zp_err connection_lost(struct store *store, const char *doing);

#endif
