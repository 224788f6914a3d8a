/* test_actors.c: which actors stay in memory, and which go. */
#include "world.h"

#include <stdlib.h>

static struct actors actors;

static int open_actors(void **state)
{
    (void)state;
    actors_init(&actors, 3);
    return 0;
}

static int close_actors(void **state)
{
    (void)state;
    actors_finish(&actors);
    return 0;
}

/* A slot with a location in it, so that a leak shows. */
static struct actor_slot *claim(unsigned number, int32_t partition)
{
    struct zp_id id = id_number(number);
    struct actor_slot *slot = actors_claim(&actors, &id, partition);
    assert_non_null(slot);
    if (slot->location == NULL) {
        slot->location = malloc(sizeof *slot->location);
        location_init(slot->location, &id);
        assert_non_null(arena_alloc(&slot->location->arena, 100));
    }
    return slot;
}

static bool is_here(unsigned number)
{
    struct zp_id id = id_number(number);
    return actors_find(&actors, &id) != NULL;
}

static void a_slot_is_made_once(void **state)
{
    (void)state;
    assert_false(is_here(1));
    struct actor_slot *slot = claim(1, 7);
    assert_ptr_equal(claim(1, 7), slot);
    assert_int_equal(actors.count, 1);
    assert_int_equal(slot->partition, 7);
    assert_false(slot->touched || slot->edited);
}

static void the_least_recently_used_go_first(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 5; i++) {
        claim(i, 0);
    }
    claim(1, 0); /* used again */
    assert_int_equal(actors.count, 5); /* nothing goes within a turn */
    actors_trim(&actors);
    assert_int_equal(actors.count, 3);
    assert_true(is_here(1));
    assert_false(is_here(2));
    assert_false(is_here(3));
    assert_true(is_here(4));
    assert_true(is_here(5));
    actors_trim(&actors);
    assert_int_equal(actors.count, 3);
}

static void looking_does_not_count_as_use(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 4; i++) {
        claim(i, 0);
    }
    assert_true(is_here(1));
    actors_trim(&actors);
    assert_false(is_here(1));
}

static void a_partition_takes_its_own_actors_along(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        claim(i, (int32_t)(i % 2));
    }
    actors_drop_partition(&actors, 1);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(is_here(i), i % 2 == 0);
    }
    actors_drop_partition(&actors, 9); /* nobody lives there */
    assert_int_equal(actors.count, 3);
    actors_drop_partition(&actors, 0);
    assert_int_equal(actors.count, 0);
    assert_null(actors.newest);
    assert_null(actors.oldest);
}

static void many_share_the_buckets(void **state)
{
    (void)state;
    actors.count_max = 3 * ACTOR_BUCKETS;
    for (unsigned i = 0; i < 3 * ACTOR_BUCKETS; i++) {
        claim(i, (int32_t)(i % BUS_PARTITIONS_MAX));
    }
    for (unsigned i = 0; i < 3 * ACTOR_BUCKETS; i++) {
        assert_true(is_here(i));
    }
    actors_drop_partition(&actors, 5);
    for (unsigned i = 0; i < 3 * ACTOR_BUCKETS; i++) {
        assert_int_equal(is_here(i), i % BUS_PARTITIONS_MAX != 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_slot_is_made_once, open_actors, close_actors),
        cmocka_unit_test_setup_teardown(the_least_recently_used_go_first, open_actors, close_actors),
        cmocka_unit_test_setup_teardown(looking_does_not_count_as_use, open_actors, close_actors),
        cmocka_unit_test_setup_teardown(a_partition_takes_its_own_actors_along, open_actors, close_actors),
        cmocka_unit_test_setup_teardown(many_share_the_buckets, open_actors, close_actors),
    };
    return cmocka_run_group_tests_name("worker actors", tests, NULL, NULL);
}
