/* wraps_line: the doors that the announcer's line goes through: the producer, Redis, the snapshots for refills. */
#include "wraps.h"

#include "fake_bus.h"
#include "fake_live.h"
#include "fake_store.h"

WRAP_FAKE(enum zp_err, bus_producer_create, (const struct bus_producer_settings *settings,
                                             struct bus_producer **ret_producer, char why[BUS_WHY_SIZE]),
          (settings, ret_producer, why), ZP_BUSY)
WRAP_FAKE(enum zp_err, bus_produce, (struct bus_producer *producer, const char *topic, const struct record *record,
                                     void *opaque),
          (producer, topic, record, opaque), ZP_BUSY)
WRAP_FAKE_VOID(bus_producer_poll, (struct bus_producer *producer, int timeout_ms), (producer, timeout_ms))
WRAP_FAKE_VOID(bus_producer_destroy, (struct bus_producer *producer, int flush_ms), (producer, flush_ms))
WRAP_FAKE(enum zp_err, live_push_items, (struct live_push *push, struct live_item *items, size_t item_count,
                                         const struct live_note *refusals, size_t refusal_count,
                                         const struct outcome *outcomes, size_t outcome_count),
          (push, items, item_count, refusals, refusal_count, outcomes, outcome_count), ZP_BUSY)
WRAP_FAKE(enum zp_err, live_push_heads, (struct live_push *push, const struct zp_id *locations, size_t count,
                                         struct live_head *ret_heads, bool *ret_known),
          (push, locations, count, ret_heads, ret_known), ZP_BUSY)
WRAP_FAKE(enum zp_err, live_push_refill, (struct live_push *push, const struct live_refill *refill, bool seen_known,
                                          const struct live_head *seen, bool *ret_replaced),
          (push, refill, seen_known, seen, ret_replaced), ZP_BUSY)
WRAP_FAKE(enum zp_err, store_refill_get, (struct store *store, const struct zp_id *location_id, int64_t open_max,
                                          int64_t event_limit, struct arena *arena, struct store_refill *ret_refill),
          (store, location_id, open_max, event_limit, arena, ret_refill), ZP_BUSY)
