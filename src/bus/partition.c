/* partition: owns the one answer to "which partition does this key live in". Called by intake, worker and replay.
 *
 * Invariant: the same answer as Java's clients and our own producer give (murmur2), for ever: a location must not
 * move. */
#include "zapora/bus.h"

#include <librdkafka/rdkafka.h>

#define PARTITIONS_A_LANE 32

static int32_t partitions = BUS_PARTITIONS_MAX;

int32_t bus_partitions(void)
{
    return partitions;
}

void bus_partitions_set(int64_t count)
{
    ZP_ASSERT(count > 0 && count <= BUS_PARTITIONS_MAX);
    partitions = (int32_t)count;
}

size_t bus_lanes(void)
{
    return partitions < PARTITIONS_A_LANE ? 1 : (size_t)(partitions / PARTITIONS_A_LANE);
}

int32_t bus_partition_of(const void *key, size_t key_len, int32_t partition_count)
{
    ZP_ASSERT(partition_count > 0);
    if (key == NULL) {
        return -1;
    }
    /* With a key the library looks at neither topic nor opaques (it does without one, to draw a random partition). */
    return rd_kafka_msg_partitioner_murmur2_random(NULL, key, key_len, partition_count, NULL, NULL);
}

int32_t bus_partition_of_location(const struct zp_id *location_id)
{
    char text[ID_TEXT_SIZE];
    return bus_partition_of(id_format(location_id, text), ID_TEXT_SIZE - 1, bus_partitions());
}
