/* test_idmap.c: the map of a turn, up to the number of ids that it was made for. */
#include "world.h"

#include "idmap.h"

static struct arena arena;

static int open_arena(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_finish(&arena);
    return 0;
}

static void an_empty_map_finds_nothing(void **state)
{
    (void)state;
    struct idmap map;
    assert_int_equal(idmap_init(&map, 0, &arena), ZP_OK);
    assert_null(idmap_get(&map, &ID_NONE));
    struct zp_id id = id_number(1);
    assert_null(idmap_get(&map, &id));
}

static void it_holds_as_many_as_it_was_made_for(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 7, 8, 9, 16, 31, 500, 1024 };
    static int values[1024];
    for (size_t s = 0; s < ZP_COUNT(sizes); s++) {
        struct idmap map;
        assert_int_equal(idmap_init(&map, sizes[s], &arena), ZP_OK);
        for (unsigned i = 0; i < sizes[s]; i++) {
            struct zp_id id = id_number(i);
            idmap_put(&map, &id, &values[i]);
        }
        for (unsigned i = 0; i < sizes[s]; i++) {
            struct zp_id id = id_number(i);
            assert_ptr_equal(idmap_get(&map, &id), &values[i]);
        }
        struct zp_id other = id_number(99999);
        assert_null(idmap_get(&map, &other));
        arena_reset(&arena);
    }
}

static void a_second_value_takes_the_place_of_the_first(void **state)
{
    (void)state;
    struct idmap map;
    int first, second;
    struct zp_id id = id_number(1);
    assert_int_equal(idmap_init(&map, 1, &arena), ZP_OK);
    for (int i = 0; i < 100; i++) { /* replacing needs no room */
        idmap_put(&map, &id, &first);
        idmap_put(&map, &id, &second);
    }
    assert_ptr_equal(idmap_get(&map, &id), &second);
    assert_int_equal(map.count, 1);
}

static void ids_that_fall_together_are_told_apart(void **state)
{
    (void)state;
    struct idmap map;
    int values[8];
    assert_int_equal(idmap_init(&map, ZP_COUNT(values), &arena), ZP_OK);
    for (size_t i = 0; i < ZP_COUNT(values); i++) { /* equal but for bytes that are no part of the hash */
        struct zp_id id = { { (uint8_t)i } };
        idmap_put(&map, &id, &values[i]);
    }
    for (size_t i = 0; i < ZP_COUNT(values); i++) {
        struct zp_id id = { { (uint8_t)i } };
        assert_ptr_equal(idmap_get(&map, &id), &values[i]);
    }
}

static void without_memory_there_is_no_map(void **state)
{
    (void)state;
    struct idmap map;
    assert_int_equal(idmap_init(&map, 1 << 20, &arena), ZP_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_map_finds_nothing, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(it_holds_as_many_as_it_was_made_for, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(a_second_value_takes_the_place_of_the_first, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(ids_that_fall_together_are_told_apart, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(without_memory_there_is_no_map, open_arena, close_arena),
    };
    return cmocka_run_group_tests_name("worker idmap", tests, NULL, NULL);
}
