/* plain: statements that are run once, one after the other, on a connection outside of pipeline mode: migrations, and
 * the making and swapping of shadows. Blocks, and takes as long as it takes: for commands only, never for a role. */
#ifndef STORE_PLAIN_H
#define STORE_PLAIN_H

#include "connection.h"

#define plain_result __attribute__((cleanup(plain_result_clear))) PGresult
void plain_result_clear(PGresult **result);

/* Connects anew, with the server's own settings in place of those for orders. Disconnect when done. */
enum zp_err plain_begin(struct store *store) ZP_MUST_CHECK;
/* Runs SQL, with text parameters if any; the result is for the caller to clear, on success only. ret_result may be
 * NULL. */
enum zp_err plain_run(struct store *store, const char *sql, int count, const char *const *params,
                      PGresult **ret_result) ZP_MUST_CHECK;

#endif
