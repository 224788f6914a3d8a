/* What a cursor is told from the journal, over a journal in memory that may grow between any two reads. */
#include "journal_look.h"

#include "zapora/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const struct zp_id location_id = { { 0x10, 1 } };

static struct {
    int64_t seq;          /* of the newest event */
    int64_t kept_from;    /* older ones are gone */
    int64_t unreadable;   /* the bytes of this one are no event */
    int reads, grows_before, fails_before; /* the read before which it grows by one, and the one that fails */
    struct buffer value;
} journal;

static void hash_of(int64_t seq, uint8_t ret_hash[HASH_SIZE])
{
    memset(ret_hash, (int)seq, HASH_SIZE);
}

static bool read_fails(void)
{
    journal.reads++;
    journal.seq += journal.reads == journal.grows_before;
    return journal.reads == journal.fails_before;
}

enum zp_err store_events_after(struct store *store, const struct zp_id *id, int64_t after_seq, int64_t limit,
                               size_t bytes_max, struct arena *arena, struct batch_event **ret_events,
                               size_t *ret_count)
{
    static uint8_t nothing[1] = { 0xc1 };
    (void)store;
    (void)bytes_max;
    assert_true(id_equal(id, &location_id));
    if (read_fails()) {
        return ZP_BUSY;
    }
    int64_t first = after_seq + 1 < journal.kept_from ? journal.kept_from : after_seq + 1;
    int64_t last = journal.seq < first + limit - 1 ? journal.seq : first + limit - 1;
    size_t count = last < first ? 0 : (size_t)(last - first + 1);
    struct batch_event *events = arena_alloc(arena, (count + 1) * sizeof(*events));
    for (size_t i = 0; i < count; i++) {
        int64_t seq = first + (int64_t)i;
        bool readable = seq != journal.unreadable;
        events[i] = (struct batch_event){ .seq = seq, .type = EV_ORDER_PLACED };
        events[i].value = readable ? (uint8_t *)journal.value.data : nothing;
        events[i].value_len = readable ? journal.value.len : sizeof(nothing);
        hash_of(seq, events[i].hash);
    }
    *ret_events = events;
    *ret_count = count;
    return ZP_OK;
}

enum zp_err store_location_get(struct store *store, const struct zp_id *id, struct location **ret_location)
{
    (void)store;
    if (read_fails()) {
        return ZP_BUSY;
    }
    struct location *location = calloc(1, sizeof(*location));
    location_init(location, id);
    location->seq = journal.seq;
    hash_of(journal.seq, location->hash);
    *ret_location = location;
    return ZP_OK;
}

static struct live_cursor cursor_at(int64_t seq, bool other)
{
    struct live_cursor cursor = { .seq = seq, .hash_known = true };
    hash_of(other ? 99 : seq, cursor.hash);
    return cursor;
}

static void journal_begin(int64_t seq)
{
    const struct event event = { .type = EV_LOCATION_SET, .seq = 1, .at = 1, .location_id = location_id,
                                 .command_id = { { 0x20, 1 } }, .by = "manager",
                                 .settings = { .name = "Trattoria", .currency = "EUR" } };
    journal.seq = seq;
    journal.kept_from = 1;
    journal.unreadable = 0;
    journal.reads = journal.grows_before = journal.fails_before = 0;
    buffer_init(&journal.value, 4096);
    message_event_encode(&event, &journal.value);
}

struct looked {
    enum zp_err err;
    struct journal_found found;
    size_t events;
};

static size_t events_in(const struct buffer *text)
{
    size_t count = 0;
    buffer_putc((struct buffer *)text, '\0');
    for (const char *at = text->data; (at = strstr(at, "id: ")) != NULL; at++) {
        count++;
    }
    return count;
}

static struct looked look(const struct live_cursor *after)
{
    struct looked looked = { .found = { .first = -1 } };
    struct arena arena;
    struct buffer out;
    arena_init(&arena, 1 << 20);
    buffer_init(&out, 1 << 20);
    looked.err = journal_look(NULL, &location_id, after, 1000000, &arena, &out, &looked.found);
    looked.events = events_in(&out);
    arena_finish(&arena);
    buffer_finish(&out);
    return looked;
}

static const struct row {
    const char *name;
    int64_t seq, kept_from, unreadable;
    int64_t after;
    bool other, caught_up;
    enum journal_verdict want;
    size_t events;
} rows[] = {
    { "from the first event",               9, 1, 0,  0, false, true,  JOURNAL_GOES_ON,  9 },
    { "from the middle",                    9, 1, 0,  4, false, true,  JOURNAL_GOES_ON,  5 },
    { "up to one that is no event",         9, 1, 7,  4, false, true,  JOURNAL_GOES_ON,  2 },
    { "at the head",                        9, 1, 0,  9, false, true,  JOURNAL_ENDS,     0 },
    { "at the head of nothing",             0, 1, 0,  0, false, true,  JOURNAL_ENDS,     0 },
    { "of a history that was replaced",     9, 1, 0,  4, true,  true,  JOURNAL_OTHER,    5 },
    { "of another one with the same head",  9, 1, 0,  9, true,  true,  JOURNAL_OTHER,    0 },
    { "of another one, while it catches up", 9, 1, 0, 9, true,  false, JOURNAL_OTHER,    0 },
    { "beyond the head",                    9, 1, 0, 12, false, true,  JOURNAL_BEYOND,   0 },
    { "beyond a head that may come",        9, 1, 0, 12, false, false, JOURNAL_LAGS,     0 },
    { "before what is kept",                9, 7, 0,  4, false, true,  JOURNAL_NOT_KEPT, 3 },
    { "the next one is no event",           9, 1, 5,  4, false, true,  JOURNAL_NOT_KEPT, 0 },
};

static void a_cursor_is_told_what_the_journal_has(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        const struct live_cursor after = cursor_at(row->after, row->other);
        print_message("  %s\n", row->name);
        journal_begin(row->seq);
        journal.kept_from = row->kept_from;
        journal.unreadable = row->unreadable;
        const struct looked looked = look(&after);
        assert_int_equal(looked.err, ZP_OK);
        assert_int_equal(looked.events, row->events);
        assert_int_equal(looked.found.head.seq, row->seq);
        assert_int_equal(journal_judge(&after, &looked.found, row->caught_up), row->want);
        buffer_finish(&journal.value);
    }
}

/* A client brings a seq alone, and is believed. */
static void a_cursor_without_a_hash_is_of_any_history(void **state)
{
    (void)state;
    journal_begin(9);
    const struct live_cursor after = { .seq = 4 };
    const struct looked looked = look(&after);
    assert_int_equal(looked.err, ZP_OK);
    assert_int_equal(journal_judge(&after, &looked.found, true), JOURNAL_GOES_ON);
    const struct live_cursor last = cursor_at(9, false);
    assert_true(live_cursor_has(&looked.found.last, last.hash));
    buffer_finish(&journal.value);
}

/* A regression, and the reason of a test that failed now and then: the head was read last, so that an order committed
 * between the two reads made a screen that had seen everything look like one whose next event is gone. It was reset,
 * and never saw that order. */
static void an_order_committed_amid_the_look_is_no_reset(void **state)
{
    (void)state;
    for (int64_t cursor = 0; cursor <= 5; cursor++) {
        for (int read = 1; read <= 3; read++) {
            const struct live_cursor after = cursor_at(cursor, false);
            journal_begin(5);
            journal.grows_before = read;
            const struct looked looked = look(&after);
            const enum journal_verdict verdict = journal_judge(&after, &looked.found, true);
            assert_int_equal(looked.err, ZP_OK);
            if (verdict != JOURNAL_GOES_ON && (cursor < 5 || verdict != JOURNAL_ENDS)) {
                fail_msg("cursor %lld, an order before read %d: verdict %d", (long long)cursor, read, verdict);
            }
            buffer_finish(&journal.value);
        }
    }
}

static void a_failed_read_finds_nothing(void **state)
{
    (void)state;
    const struct live_cursor after = cursor_at(4, false);
    for (int read = 1; read <= 3; read++) {
        journal_begin(9);
        journal.fails_before = read;
        const struct looked looked = look(&after);
        assert_int_equal(looked.err, ZP_BUSY);
        assert_int_equal(looked.found.first, -1); /* untouched */
        assert_int_equal(looked.events, 0);
        assert_int_equal(journal.reads, read);
        buffer_finish(&journal.value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_is_told_what_the_journal_has),
        cmocka_unit_test(a_cursor_without_a_hash_is_of_any_history),
        cmocka_unit_test(an_order_committed_amid_the_look_is_no_reset),
        cmocka_unit_test(a_failed_read_finds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
