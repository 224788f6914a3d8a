/* database: the simulated database: the tests' fake store behind connections that fail, locks that are held, and
 * commits of which nobody hears. */
#ifndef SIM_DATABASE_H
#define SIM_DATABASE_H

#include "fake_store.h"
#include "process.h"

void database_open(void);
void database_close(void);
void database_process_gone(struct process *process);
void database_down_until(int64_t until_us);
/* Takes a backup, unless one is kept already; goes back to it. */
void database_backup(void);
bool database_has_backup(void);
void database_restore(void);
/* A replica that is as the database is now, and from now on lags; and takes over, with the workers connected anew.
 * False: it does not, for somebody has taken a partition meanwhile, and with the old owner in the row a zombie of
 * before could write again. That is why a restored database is opened once the old workers are stopped. */
void database_replica_lags(void);
bool database_replica_takes_over(void);

#endif
