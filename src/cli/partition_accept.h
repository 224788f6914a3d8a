/* partition_accept: an operator's word that the logs, as they are now, are ours. */
#ifndef ZAPORA_CLI_PARTITION_ACCEPT_H
#define ZAPORA_CLI_PARTITION_ACCEPT_H

#include "partition_view.h"

/* Accepts the logs of a partition that stopped, or says what that would do (dry_run). 0, or 1 with a sentence on
 * stderr: doing it again is safe. */
int partition_accept(const char *kafka, struct store *store, struct bus_producer *producer,
                     const struct partition_view *view, bool dry_run, bool json);

#endif
