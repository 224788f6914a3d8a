/* sqlstate: what an SQLSTATE means for the caller: the one table that classifies PostgreSQL's errors. */
#ifndef STORE_SQLSTATE_H
#define STORE_SQLSTATE_H

#include "zapora/base.h"

#define SQLSTATE_LOCK_TIMEOUT "55P03"

struct sqlstate_class {
    const char *prefix;   /* of the SQLSTATE: two characters of a class, or all five */
    enum zp_err err;
    bool reconnects;      /* what this connection has prepared and learnt may be out of date */
    const char *why;
};

/* The row that fits; never NULL: what is in no row is the record's own fault. An empty state is a lost connection. */
const struct sqlstate_class *sqlstate_find(const char *sqlstate);

#endif
