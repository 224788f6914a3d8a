/* The arena: aligned and zeroed memory up to its ceiling, and nothing beyond it. */
#include "support.h"

#include <stdalign.h>

/* A request the system can't meet gives NULL here as it does in production, and no report. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static bool all_zero(const unsigned char *bytes, size_t len)
{
    size_t i = 0;
    while (i < len && bytes[i] == 0) {
        i++;
    }
    return i == len;
}

static void memory_is_aligned_zeroed_and_apart(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    static const size_t sizes[] = { 1, 7, 16, 100, 4000, 4096, 5000, 70000, 3 };
    unsigned char *taken[ZP_COUNT(sizes)];
    for (size_t i = 0; i < ZP_COUNT(sizes); i++) {
        taken[i] = arena_alloc(&arena, sizes[i]);
        assert_non_null(taken[i]);
        assert_int_equal((uintptr_t)taken[i] % alignof(max_align_t), 0);
        assert_true(all_zero(taken[i], sizes[i]));
        memset(taken[i], (int)(i + 1), sizes[i]);
    }
    for (size_t i = 0; i < ZP_COUNT(sizes); i++) {
        assert_int_equal(taken[i][0], i + 1);
        assert_int_equal(taken[i][sizes[i] - 1], i + 1);
    }
    arena_finish(&arena);
}

static void the_ceiling_holds(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t max_bytes, first, second;
        bool first_fits, second_fits;
    } rows[] = {
        { "exactly the ceiling", 1024, 1024, 0, true, false },
        { "a ceiling that is not aligned", 100, 100, 1, true, false },
        { "one byte too much", 1024, 1025, 1024, false, true },
        { "two that fit", 1024, 512, 512, true, true },
        { "the second one too much", 1024, 512, 513, true, false },
        { "a ceiling of nothing", 0, 1, 0, false, false },
        { "more than there is", SIZE_MAX, SIZE_MAX, SIZE_MAX - 15, false, false },
        { "more than memory", SIZE_MAX, SIZE_MAX / 2, 1, false, true },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct arena arena;
        arena_init(&arena, rows[i].max_bytes);
        bool first = arena_alloc(&arena, rows[i].first) != NULL;
        bool second = arena_alloc(&arena, rows[i].second) != NULL;
        if (first != rows[i].first_fits || second != rows[i].second_fits) {
            fail_msg("%s", rows[i].name);
        }
        arena_finish(&arena);
    }
}

static void small_requests_add_up(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    size_t count = 0;
    while (arena_alloc(&arena, 1) != NULL) {
        count++;
    }
    assert_int_equal(count, 64 * 1024 / alignof(max_align_t));
    assert_int_equal(arena.used_bytes, 64 * 1024);
    arena_finish(&arena);
}

static void a_refusal_changes_nothing(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 100);
    assert_non_null(arena_alloc(&arena, 10));
    size_t used = arena.used_bytes;
    assert_null(arena_alloc(&arena, 1000));
    assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
    assert_null(arena_strndup(&arena, "x", SIZE_MAX));
    assert_int_equal(arena.used_bytes, used);
    assert_non_null(arena_alloc(&arena, 10));
    arena_finish(&arena);
}

static void arrays_are_checked_for_overflow(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1024);
    assert_non_null(arena_array(&arena, 0, 8));
    assert_non_null(arena_array(&arena, 8, 0));
    assert_non_null(arena_array(&arena, 10, 10));
    assert_null(arena_array(&arena, SIZE_MAX, 2));
    assert_null(arena_array(&arena, ((size_t)1 << 32) + 1, (size_t)1 << 32)); /* wraps to a small number */
    arena_finish(&arena);
}

static void texts_are_copied(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 4096);
    char source[] = "margherita";
    char *whole = arena_strdup(&arena, source);
    char *part = arena_strndup(&arena, source, 4);
    char *empty = arena_strndup(&arena, NULL, 0);
    char *bytes = arena_strndup(&arena, "a\0b", 3);
    source[0] = '?';
    assert_string_equal(whole, "margherita");
    assert_string_equal(part, "marg");
    assert_string_equal(empty, "");
    assert_memory_equal(bytes, "a\0b", 4);
    assert_null(arena_strdup(&arena, NULL));
    assert_string_equal(arena_printf(&arena, "%s-%d", "table", 7), "table-7");
    assert_null(arena_printf(&arena, "%5000d", 1));
    arena_finish(&arena);
}

static void a_reset_gives_zeroed_memory_again(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (int round = 0; round < 20; round++) {
        size_t size = round % 2 == 0 ? 3000 : 200000;
        for (int i = 0; i < 4; i++) {
            unsigned char *memory = arena_alloc(&arena, size);
            assert_non_null(memory);
            assert_true(all_zero(memory, size));
            memset(memory, 0xff, size);
        }
        arena_reset(&arena);
        assert_int_equal(arena.used_bytes, 0);
    }
    arena_finish(&arena);
}

static void a_reset_keeps_one_small_block(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    void *first = arena_alloc(&arena, 100);
    arena_reset(&arena);
    assert_ptr_equal(arena_alloc(&arena, 100), first);
    arena_reset(&arena);
    arena_finish(&arena);
    assert_non_null(arena_alloc(&arena, 500000)); /* a block of its own, not kept for ever */
    arena_reset(&arena);
    assert_null(arena.blocks);
    arena_finish(&arena);
    arena_finish(&arena); /* twice is fine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_zeroed_and_apart),
        cmocka_unit_test(the_ceiling_holds),
        cmocka_unit_test(small_requests_add_up),
        cmocka_unit_test(a_refusal_changes_nothing),
        cmocka_unit_test(arrays_are_checked_for_overflow),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(a_reset_gives_zeroed_memory_again),
        cmocka_unit_test(a_reset_keeps_one_small_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
