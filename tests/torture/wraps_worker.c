/* wraps_worker: the doors of the rooms beneath the worker, whose fakes stand in for them. Each says what its header
 * says it may say. */
#include "wraps.h"

#include "fake_bus.h"
#include "fake_store.h"

/* ---- the database ---- */

/* Two points: the connection may be lost before the commit, or after it, when nobody knows whether it has worked. */
enum zp_err __real_store_batch_commit(struct store *store, const struct batch *batch);
enum zp_err __wrap_store_batch_commit(struct store *store, const struct batch *batch);
enum zp_err __wrap_store_batch_commit(struct store *store, const struct batch *batch)
{
    bool fails = TORTURE_FAILS("store_batch_commit, before it");
    bool lost = !fails && TORTURE_FAILS("store_batch_commit, after it");
    torture_pause();
    enum zp_err err = fails ? ZP_BUSY : __real_store_batch_commit(store, batch);
    torture_resume();
    return lost ? ZP_BUSY : err;
}

WRAP_FAKE(enum zp_err, store_create, (const struct store_settings *settings, struct store **ret_store),
          (settings, ret_store), ZP_NO_MEMORY)
WRAP_FAKE(enum zp_err, store_batch_load, (struct store *store, const struct store_wanted *wanted, struct arena *arena,
                                          struct store_found *ret_found),
          (store, wanted, arena, ret_found), ZP_BUSY)
WRAP_FAKE(enum zp_err, store_partition_take, (struct store *store, int32_t partition, const struct zp_id *was,
                                              const struct zp_id *owner, struct store_partition *ret_partition),
          (store, partition, was, owner, ret_partition), ZP_BUSY)
WRAP_FAKE(enum zp_err, store_partition_try, (struct store *store, int32_t partition, const struct zp_id *owner,
                                             int64_t offset),
          (store, partition, owner, offset), ZP_BUSY)
WRAP_FAKE(enum zp_err, store_partition_release, (struct store *store, const struct store_partition *partition),
          (store, partition), ZP_BUSY)
WRAP_FAKE(enum zp_err, store_outcomes_from, (struct store *store, int32_t partition, int64_t offset, size_t limit,
                                             struct arena *arena, struct journal_entry **ret_entries,
                                             size_t *ret_count),
          (store, partition, offset, limit, arena, ret_entries, ret_count), ZP_BUSY)
WRAP_FAKE(enum zp_err, store_heads, (struct store *store, const int32_t *partitions, size_t partition_count,
                                     struct arena *arena, struct store_head **ret_heads, size_t *ret_count),
          (store, partitions, partition_count, arena, ret_heads, ret_count), ZP_BUSY)

/* ---- the log ---- */

WRAP_FAKE(struct record *, bus_consume, (struct bus_consumer *consumer, int timeout_ms), (consumer, timeout_ms), NULL)
WRAP_FAKE(enum zp_err, bus_consumer_start, (struct bus_consumer *consumer, int32_t partition, int64_t offset),
          (consumer, partition, offset), ZP_BUSY)
WRAP_FAKE(enum zp_err, bus_offsets, (const char *brokers, const char *topic, const int32_t *partitions, size_t count,
                                     int timeout_ms, int64_t *ret_first, int64_t *ret_end, char why[BUS_WHY_SIZE]),
          (brokers, topic, partitions, count, timeout_ms, ret_first, ret_end, why), ZP_BUSY)
WRAP_FAKE(enum zp_err, bus_reader_create, (const char *brokers, const char *topic, const struct bus_range *ranges,
                                           size_t count, struct bus_reader **ret_reader, char why[BUS_WHY_SIZE]),
          (brokers, topic, ranges, count, ret_reader, why), ZP_BUSY)
WRAP_FAKE(enum zp_err, bus_reader_next, (struct bus_reader *reader, int timeout_ms, struct record **ret_record,
                                         bool *ret_done),
          (reader, timeout_ms, ret_record, ret_done), ZP_BUSY)
