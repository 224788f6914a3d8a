/* sqlstate: owns what PostgreSQL's errors mean to us.
 *
 * Called wherever a result says error. Invariant: whatever passes by itself, or could be an operator's or a
 * deployment's doing, is ZP_BUSY, for an acknowledged order is never parked because of it; only what is left is the
 * record's own. */
#include "sqlstate.h"

#include <string.h>

/* The longest fitting prefix wins, so whole states stand before their class. */
static const struct sqlstate_class classes[] = {
    { "ZF001", ZP_FENCED,   false, "another worker owns the partition" },
    { "08",    ZP_BUSY,     true,  "connection exception" },
    { "0A",    ZP_BUSY,     true,  "a cached plan that a migration overtook" },
    { "25",    ZP_BUSY,     true,  "invalid transaction state, as on a server that became read-only" },
    { "26",    ZP_BUSY,     true,  "the prepared statement is gone" },
    { "28",    ZP_BUSY,     true,  "invalid authorization" },
    { "3D",    ZP_BUSY,     true,  "no such database" },
    { "40",    ZP_BUSY,     false, "rolled back: serialization, deadlock" },
    { "42",    ZP_BUSY,     true,  "schema or rights: a migration is missing, or overtook this connection" },
    { "53",    ZP_BUSY,     false, "insufficient resources, a full disk" },
    { "55",    ZP_BUSY,     false, "object not in prerequisite state, lock timeout" },
    { "57",    ZP_BUSY,     false, "operator intervention, cancel, shutdown, start-up" },
    { "58",    ZP_BUSY,     false, "system error outside of the database" },
    { "XX",    ZP_BUSY,     true,  "internal error, corruption" },
    { "",      ZP_INTERNAL, false, "the record's own" },
};

static const struct sqlstate_class lost = { "", ZP_BUSY, true, "the connection failed" };

const struct sqlstate_class *sqlstate_find(const char *sqlstate)
{
    if (sqlstate == NULL || sqlstate[0] == '\0') {
        return &lost;
    }
    const struct sqlstate_class *row = classes;
    while (strncmp(sqlstate, row->prefix, strlen(row->prefix)) != 0) {
        row++; /* ends at the last row, whose prefix fits all */
    }
    return row;
}
