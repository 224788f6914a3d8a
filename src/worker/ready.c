/* Owns what a worker's /readyz says. Called by the listener's thread, while the main thread goes on.
 * Invariant: a worker that does not know yet what is its own is not ready, nor one that still takes it over; one that
 * has nothing, since there are more workers than partitions, is. */
#include "worker_state.h"

bool ready_database(void *arg, char *why, size_t why_size)
{
    const struct worker *worker = arg;
    snprintf(why, why_size, "the last transaction %s", worker->database_ok ? "was committed" : "failed");
    return worker->database_ok;
}

bool ready_consumer(void *arg, char *why, size_t why_size)
{
    const struct worker *worker = arg;
    snprintf(why, why_size, "the consumer %s", worker->consumer_ok ? "reports no trouble" : "reports trouble");
    return worker->consumer_ok;
}

bool ready_partitions(void *arg, char *why, size_t why_size)
{
    const struct worker *worker = arg;
    int owned = 0, taking = 0, stopped = 0;
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        enum partition_state state = worker->partitions[p].state; /* a torn read is a count off by one */
        owned += state == PARTITION_OWNED;
        taking += state == PARTITION_TAKING;
        stopped += state == PARTITION_STOPPED;
    }
    if (!worker->is_assigned) {
        snprintf(why, why_size, "the group has not said yet which are ours");
        return false;
    }
    snprintf(why, why_size, "%d owned, %d being taken over, %d stopped", owned, taking, stopped);
    return taking == 0 && stopped == 0;
}
