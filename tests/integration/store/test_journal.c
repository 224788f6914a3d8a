/* The journal and the outcomes: read back within limits, purged by rules. */
#include "support.h"

#include <string.h>

static const struct zp_id location_id = { { 0x10, 1 } };

/* Events 1 … count with values of `bytes` each. */
static struct draft_batch *write_events(uint32_t count, size_t bytes)
{
    const struct zp_id owner = id_of(1);
    struct draft_batch *draft = draft_begin(3, &owner);
    char *value = arena_alloc(&world.arena, bytes + 1);
    for (uint32_t i = 0; i < count; i++) {
        const struct zp_id id = id_of(1000 + i);
        draft_place(draft, make_order(&id, &location_id, 1 + (int64_t)i, 0));
        draft->events[i].value = value;
        draft->events[i].value_len = bytes;
    }
    draft_flush(draft);
    return draft;
}

static const struct limit_row {
    const char *name;
    int64_t after, limit;
    size_t bytes_max;
    int64_t first, count;
} limit_rows[] = {
    { "all of them", 0, 1000, 1000000, 1, 20 },
    { "after a cursor", 15, 1000, 1000000, 16, 5 },
    { "after the head", 20, 1000, 1000000, 0, 0 },
    { "beyond the head", 99, 1000, 1000000, 0, 0 },
    { "at most so many", 3, 4, 1000000, 4, 4 },
    { "at most so many bytes", 3, 100, 350, 4, 3 },
    { "bytes that end between two events", 3, 100, 399, 4, 3 },
    { "the first one, however large it is", 3, 100, 1, 4, 1 },
    { "none", 3, 0, 1000000, 0, 0 },
};

static void events_after_a_cursor_keep_to_their_limits(void **state)
{
    (void)state;
    NEEDS_WORLD();
    (void)write_events(20, 100);
    for (size_t i = 0; i < ZP_COUNT(limit_rows); i++) {
        const struct limit_row *row = &limit_rows[i];
        print_message("  %s\n", row->name);
        struct batch_event *events;
        size_t count;
        OK(store_events_after(world.store, &location_id, row->after, row->limit, row->bytes_max, &world.arena, &events,
                              &count));
        assert_int_equal(count, row->count);
        for (size_t n = 0; n < count; n++) {
            assert_int_equal(events[n].seq, row->first + (int64_t)n);
            assert_int_equal(events[n].value_len, 100);
        }
    }
}

/* Large values lie elsewhere on disk, compressed; what comes back are the bytes that went in. */
static void values_of_any_size_come_back_as_they_were(void **state)
{
    (void)state;
    NEEDS_WORLD();
    static const size_t sizes[] = { 0, 1, 127, 2000, 9000, MESSAGE_VALUE_BYTES_MAX };
    const struct zp_id owner = id_of(1);
    struct draft_batch *draft = draft_begin(3, &owner);
    for (uint32_t i = 0; i < ZP_COUNT(sizes); i++) {
        const struct zp_id id = id_of(1000 + i);
        draft_place(draft, make_order(&id, &location_id, 1 + (int64_t)i, 0));
        uint8_t *value = arena_alloc(&world.arena, sizes[i] + 1);
        crypto_random(value, sizes[i] / 2);
        draft->events[i].value = value;
        draft->events[i].value_len = sizes[i];
    }
    OK(draft_commit(draft));
    struct batch_event *events;
    size_t count;
    OK(store_events_after(world.store, &location_id, 0, 100, SIZE_MAX, &world.arena, &events, &count));
    assert_int_equal(count, ZP_COUNT(sizes));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(events[i].value_len, sizes[i]);
        assert_memory_equal(events[i].value, draft->events[i].value, sizes[i]);
        assert_memory_equal(events[i].hash, draft->events[i].hash, HASH_SIZE);
        assert_memory_equal(&events[i].order_id, &draft->events[i].order_id, sizeof(struct zp_id));
        assert_memory_equal(&events[i].command_id, &draft->events[i].command_id, sizeof(struct zp_id));
        assert_int_equal(events[i].type, EV_ORDER_PLACED);
        assert_int_equal(events[i].command_offset, i);
        assert_int_equal(events[i].at, draft->events[i].at);
    }
}

static void outcomes_come_with_their_events_in_offset_order(void **state)
{
    (void)state;
    NEEDS_WORLD();
    struct draft_batch *draft = write_events(5, 10);
    const struct zp_id refused = id_of(500), after = id_of(501);
    struct outcome *outcome = draft_outcome(draft, &refused, &location_id);
    outcome->err = ZP_CONFLICT;
    struct reason reason = { .code = "state_conflict", .detail = "no" };
    outcome->reasons = &reason;
    outcome->reason_count = 1;
    draft_place(draft, make_order(&after, &location_id, 6, 0));
    draft_flush(draft);
    struct journal_entry *entries;
    size_t count;
    OK(store_outcomes_from(world.store, 3, 3, 100, &world.arena, &entries, &count));
    assert_int_equal(count, 4);
    static const int64_t seqs[] = { 4, 5, 0, 6 };
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(entries[i].outcome.offset, 3 + (int64_t)i);
        assert_int_equal(entries[i].outcome.seq, seqs[i]);
        assert_int_equal(entries[i].event.seq, seqs[i]);
        assert_int_equal(entries[i].outcome.err, i == 2 ? ZP_CONFLICT : ZP_OK);
    }
    assert_string_equal(entries[2].outcome.reasons[0].code, "state_conflict");
    OK(store_outcomes_from(world.store, 3, 0, 2, &world.arena, &entries, &count));
    assert_int_equal(count, 2);
    OK(store_outcomes_from(world.store, 4, 0, 100, &world.arena, &entries, &count));
    assert_int_equal(count, 0);

    struct outcome read;
    OK(store_outcome_get(world.store, &refused, &world.arena, &read));
    assert_int_equal(read.err, ZP_CONFLICT);
    assert_int_equal(read.offset, 5);
    const struct zp_id unknown = id_of(999);
    assert_int_equal(store_outcome_get(world.store, &unknown, &world.arena, &read), ZP_NOT_FOUND);
}

/* ---- purging
 * ------------------------------------------------------------------------------------------------------------- */

#define DAY_US (INT64_C(86400) * 1000000)

/* Offsets 0 … 9 of partition 3, all published but the last two. */
static const struct purge_row { const char *name, *sql; int64_t limit, deleted;
} purge_rows[] = {
    { "old by both clocks and published", "", 100, 8 },
    { "a few at a time", "", 3, 3 },
    { "a parked one stays for ever", "UPDATE commands SET err = 'PARKED' WHERE command_offset IN (0, 4)", 100, 6 },
    { "young by log time", "UPDATE commands SET at = now() WHERE command_offset >= 5", 100, 5 },
    { "young by wall time: written late", "UPDATE commands SET written_at = now() WHERE command_offset >= 5", 100, 5 },
    { "nothing published", "UPDATE partitions SET published_offset = 0", 100, 0 },
    { "another partition's", "UPDATE commands SET partition = 4", 100, 0 },
    { "a partition without a row", "DELETE FROM partitions", 100, 0 },
};

static void only_old_published_outcomes_are_purged(void **state)
{
    (void)state;
    NEEDS_WORLD();
    for (size_t i = 0; i < ZP_COUNT(purge_rows); i++) {
        const struct purge_row *row = &purge_rows[i];
        print_message("  %s\n", row->name);
        (void)world_clean(NULL);
        struct draft_batch *draft = write_events(10, 10);
        draft->partition.published_offset = 8;
        draft_flush(draft);
        sql_run("UPDATE commands SET at = now() - interval '3 days', written_at = now() - interval '3 days'");
        sql_run(row->sql);
        int64_t deleted = -1, before_us = clock_wall_us() - 2 * DAY_US;
        OK(store_outcomes_purge(world.store, 3, before_us, row->limit, &deleted));
        assert_int_equal(deleted, row->deleted);
        assert_int_equal(sql_int("SELECT count(*) FROM commands"), 10 - row->deleted);
        assert_int_equal(sql_int("SELECT count(*) FROM order_events"), 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(events_after_a_cursor_keep_to_their_limits),
        world_test(values_of_any_size_come_back_as_they_were),
        world_test(outcomes_come_with_their_events_in_offset_order),
        world_test(only_old_published_outcomes_are_purged),
    };
    return cmocka_run_group_tests_name("store: journal", tests, world_begin, world_end);
}
