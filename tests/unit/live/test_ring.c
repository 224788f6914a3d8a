/* The ring: recent events without a gap, under its ceilings. */
#include "support.h"

#include "ring.h"

/* The history's event with that seq as it would be heard. */
static struct live_shared *heard(const struct history *history, int64_t seq)
{
    const struct note_frame frame = { .kind = NOTE_EVENT, .note = history->notes[seq - 1] };
    struct buffer bytes;
    buffer_init(&bytes, NOTE_BYTES_MAX);
    live_note_encode(&frame, &bytes);
    struct live_shared *shared = live_shared_read(bytes.data, bytes.len);
    assert_non_null(shared);
    buffer_finish(&bytes);
    return shared;
}

static void append_sharing(struct ring *ring, const struct history *history, int64_t first, int64_t last, size_t share)
{
    for (int64_t seq = first; seq <= last; seq++) {
        struct live_shared *shared = heard(history, seq);
        live_ring_append(ring, shared, share);
        live_shared_release(shared);
    }
}

static void append(struct ring *ring, const struct history *history, int64_t first, int64_t last)
{
    append_sharing(ring, history, first, last, SIZE_MAX);
}

static bool covers(const struct ring *ring, int64_t seq)
{
    return live_ring_covers(ring, &(struct live_cursor){ .seq = seq });
}

/* The ring holds exactly first … last. */
static void assert_keeps(const struct ring *ring, int64_t first, int64_t last)
{
    struct live_note notes[64];
    assert_false(covers(ring, first - 2));
    for (int64_t after = first - 1; after <= last; after++) {
        assert_true(covers(ring, after));
        size_t count = live_ring_after(ring, &(struct live_cursor){ .seq = after }, notes, ZP_COUNT(notes));
        assert_int_equal(count, last - after);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(notes[i].seq, after + 1 + (int64_t)i);
        }
        if (count > 1) {
            assert_int_equal(live_ring_after(ring, &(struct live_cursor){ .seq = after }, notes, 1), 1);
            assert_int_equal(notes[0].seq, after + 1);
        }
    }
    assert_false(covers(ring, last + 1));
}

static void it_keeps_the_newest(void **state)
{
    (void)state;
    struct history *history = history_create(0);
    history_grow(history, 40);
    static const struct {
        const char *name;
        size_t events_max;
        int64_t base, last, first_kept;
    } rows[] = {
        { "nothing yet", 8, 0, 0, 1 },
        { "fewer than fit", 8, 0, 5, 1 },
        { "as many as fit", 8, 0, 8, 1 },
        { "one more", 8, 0, 9, 2 },
        { "many more", 8, 0, 40, 33 },
        { "from a head in the middle", 8, 20, 23, 21 },
        { "room for one", 1, 3, 12, 12 },
        { "room for none", 0, 3, 12, 13 },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct ring ring;
        print_message("%s\n", rows[i].name);
        assert_int_equal(live_ring_init(&ring, rows[i].events_max, 1 << 20), ZP_OK);
        assert_false(covers(&ring, 0));
        live_ring_rebase(&ring,
                         rows[i].base == 0 ? &(struct live_head){ .seq = 0 } : &history->notes[rows[i].base - 1].head);
        append(&ring, history, rows[i].base + 1, rows[i].last);
        assert_keeps(&ring, rows[i].first_kept, rows[i].last);
        live_ring_finish(&ring);
    }
    history_destroy(history);
}

static void bytes_have_a_ceiling(void **state)
{
    (void)state;
    struct history *history = history_create(0);
    history_grow(history, 12);
    struct live_shared *one = heard(history, 1);
    const size_t bytes = one->bytes + 2; /* later ones have a digit more */
    live_shared_release(one);
    struct ring ring;
    assert_int_equal(live_ring_init(&ring, 100, 3 * bytes), ZP_OK);
    live_ring_rebase(&ring, &(struct live_head){ .seq = 0 });
    append(&ring, history, 1, 12);
    assert_keeps(&ring, 10, 12);
    assert_true(ring.bytes <= 3 * bytes);
    live_ring_finish(&ring);

    /* What can't be kept at all empties the ring, and it goes on after it. */
    assert_int_equal(live_ring_init(&ring, 100, bytes - 10), ZP_OK);
    live_ring_rebase(&ring, &(struct live_head){ .seq = 0 });
    append(&ring, history, 1, 3);
    assert_int_equal(ring.count, 0);
    assert_int_equal(ring.head.seq, 3);
    assert_keeps(&ring, 4, 3);
    live_ring_finish(&ring);
    history_destroy(history);
}

/* Many rings share what there is; each keeps its newest event at least. */
static void a_share_may_shrink_and_grow(void **state)
{
    (void)state;
    struct history *history = history_create(0);
    history_grow(history, 30);
    struct live_shared *one = heard(history, 30);
    const size_t bytes = one->bytes;
    live_shared_release(one);
    struct ring ring;
    assert_int_equal(live_ring_init(&ring, 100, 20 * bytes), ZP_OK);
    live_ring_rebase(&ring, &(struct live_head){ .seq = 0 });
    append_sharing(&ring, history, 1, 8, 20 * bytes);
    assert_keeps(&ring, 1, 8);
    append_sharing(&ring, history, 9, 9, 3 * bytes);
    assert_keeps(&ring, 7, 9);
    append_sharing(&ring, history, 10, 10, 1);
    assert_keeps(&ring, 10, 10);
    append_sharing(&ring, history, 11, 11, 0);
    assert_keeps(&ring, 11, 11);
    append_sharing(&ring, history, 12, 16, SIZE_MAX);
    assert_keeps(&ring, 11, 16);
    live_ring_finish(&ring);
    history_destroy(history);
}

/* A cursor that knows its history is covered only where the ring shows the same one. */
static void another_history_is_not_covered(void **state)
{
    (void)state;
    struct history *ours = history_create(0), *other = history_create(1);
    history_grow(ours, 9);
    history_grow(other, 9);
    static const struct {
        const char *name;
        int64_t based, before, last; /* `before`: based just before an event, whose predecessor's hash is not known */
        int64_t after;
        bool want;
    } rows[] = {
        { "at the head", 2, 0, 7, 7, true },
        { "among the kept", 2, 0, 7, 5, true },
        { "just before the kept", 2, 0, 7, 3, true },
        { "the base itself", 5, 0, 7, 5, true },
        { "nothing is kept", 7, 0, 7, 7, true },
        { "too old", 2, 0, 7, 2, false },
        { "beyond the head", 2, 0, 7, 8, false },
        { "before an unknown base", 0, 6, 7, 5, false },
        { "after an unknown base", 0, 6, 7, 6, true },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct ring ring;
        print_message("%s\n", rows[i].name);
        assert_int_equal(live_ring_init(&ring, 4, 1 << 20), ZP_OK);
        int64_t first = rows[i].before;
        if (first > 0) {
            live_ring_rebase_before(&ring, &ours->notes[first - 1]);
        } else {
            live_ring_rebase(&ring, &ours->notes[rows[i].based - 1].head);
            first = rows[i].based + 1;
        }
        append(&ring, ours, first, rows[i].last);
        const struct live_cursor same = live_cursor_at(&ours->notes[rows[i].after - 1].head);
        const struct live_cursor wrong = live_cursor_at(&other->notes[rows[i].after - 1].head);
        assert_int_equal(live_ring_covers(&ring, &same), rows[i].want);
        assert_false(live_ring_covers(&ring, &wrong));
        live_ring_finish(&ring);
    }
    history_destroy(ours);
    history_destroy(other);
}

static void a_new_base_forgets(void **state)
{
    (void)state;
    struct history *history = history_create(0);
    history_grow(history, 10);
    struct ring ring;
    assert_int_equal(live_ring_init(&ring, 8, 1 << 20), ZP_OK);
    live_ring_rebase_before(&ring, &history->notes[2]);
    assert_false(ring.hash_known);
    append(&ring, history, 3, 6);
    assert_true(ring.hash_known);
    assert_keeps(&ring, 3, 6);
    live_ring_rebase(&ring, &history->notes[1].head);
    assert_keeps(&ring, 3, 2);
    append(&ring, history, 3, 4);
    assert_keeps(&ring, 3, 4);
    live_ring_finish(&ring);
    history_destroy(history);
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_the_newest),
        cmocka_unit_test(bytes_have_a_ceiling),
        cmocka_unit_test(a_share_may_shrink_and_grow),
        cmocka_unit_test(another_history_is_not_covered),
        cmocka_unit_test(a_new_base_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
