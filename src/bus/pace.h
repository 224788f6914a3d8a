/* pace: keeps a fetcher from asking its broker more often than is worth it. For the consumer. */
#ifndef ZAPORA_BUS_PACE_H
#define ZAPORA_BUS_PACE_H

#include "client.h"

/* Has the client's fetchers, one for each broker, begin at most one fetch in each spell of interval_us while the
 * consumer is at work, and in a third of it while it is hungry; a fetch after a longer silence waits for nothing. Part
 * of the configuration of a client that is made after it. */
enum zp_err bus_pace_fetches(rd_kafka_conf_t *conf, int64_t interval_us) ZP_MUST_CHECK;
/* Whether the process's consumer waits for a record: a fetcher then rests for less. By any thread. */
void bus_pace_hungry(bool is_hungry);

#endif
