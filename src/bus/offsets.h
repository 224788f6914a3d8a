/* offsets: asks the brokers where partitions begin and end. For watch and reader. */
#ifndef ZAPORA_BUS_OFFSETS_H
#define ZAPORA_BUS_OFFSETS_H

#include "zapora/bus.h"

#include <librdkafka/rdkafka.h>

#define BUS_OFFSETS_FIRST (-2) /* of the log as it is now */
#define BUS_OFFSETS_END (-1)   /* next to be written */

/* For each partition the offset of the first record whose log time is at or after `at` (milliseconds, or one of the
 * names above); BUS_OFFSETS_END where there is none. One request to each leader. ZP_OK, ZP_NOT_FOUND, ZP_BUSY with
 * why. */
enum zp_err bus_offsets_ask(rd_kafka_t *rk, const char *topic, const int32_t *partitions, size_t count, int64_t at,
                            int timeout_ms, int64_t *ret_offsets, char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;

#endif
