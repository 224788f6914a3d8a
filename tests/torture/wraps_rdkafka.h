/* wraps_rdkafka: what the tests themselves may do to the newest client. */
#ifndef TEST_TORTURE_WRAPS_RDKAFKA_H
#define TEST_TORTURE_WRAPS_RDKAFKA_H

#include <stdbool.h>
#include <stdint.h>

/* A consumer subscribes to nothing: who joins a group waits for three seconds, and the tests try hundreds of times.
 * They say themselves what a group would say. */
extern bool torture_is_alone;

/* On the thread that consumes, as the library would: a partition is the newest consumer's, or is so no more. */
void torture_assign(const char *topic, int32_t partition);
void torture_revoke(const char *topic, int32_t partition);

/* What the library thinks of that. */
bool torture_holds_partitions(void);

#endif
