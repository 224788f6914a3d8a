/* checks: what must hold when everything has come to rest. */
#ifndef SIM_CHECKS_H
#define SIM_CHECKS_H

#include <stddef.h>
#include <stdint.h>

/* NULL when everything has been done that there is to do; else what is still under way. */
const char *checks_unrest(const int32_t *partitions, size_t count);
/* Compares the mailbox, the log, the database, the cache, the dead letters, the clients and the screens. */
void checks_run(const int32_t *partitions, size_t count);

#endif
