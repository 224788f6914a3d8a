/* Loads of all locations, one after the other: what is read again, what is shared, and who frees it. The two functions
 * of the store that a load needs are fakes. */
#include "placeview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ROWS_MAX 3000

/* The database: rows sorted by id. */
static struct row { struct zp_id id; int64_t mark; bool is_gone; /* since its mark was read */ } rows[ROWS_MAX];
static size_t row_count, reads, failing_read; /* from 1; 0: none fails */

static struct zp_id id_of(size_t number)
{
    struct zp_id id = { .bytes = { 1 } };
    id.bytes[14] = (uint8_t)(number >> 8);
    id.bytes[15] = (uint8_t)number;
    return id;
}

enum zp_err store_location_marks(struct store *store, const struct zp_id *after, size_t limit,
                                 struct store_location_mark *ret_marks, size_t *ret_count)
{
    (void)store;
    size_t count = 0;
    for (size_t i = 0; i < row_count && count < limit; i++) {
        if (id_compare(&rows[i].id, after) > 0) {
            ret_marks[count++] = (struct store_location_mark){ rows[i].id, rows[i].mark };
        }
    }
    *ret_count = count;
    return ZP_OK;
}

static struct location *make_location(const struct row *row)
{
    struct location *location = malloc(sizeof(*location));
    assert_non_null(location);
    location_init(location, &row->id);
    location->settings.name = arena_printf(&location->arena, "mark %lld", (long long)row->mark);
    location->settings.currency = "EUR";
    location->menu.version = row->mark;
    return location;
}

/* The last of those that were asked for come first: they have no order. */
enum zp_err store_locations_get(struct store *store, const struct zp_id *ids, size_t count,
                                struct location **ret_locations, size_t *ret_count)
{
    (void)store;
    size_t found = 0;
    if (failing_read > 0 && --failing_read == 0) {
        return ZP_BUSY;
    }
    for (size_t i = row_count; i-- > 0;) {
        for (size_t j = 0; j < count && !rows[i].is_gone; j++) {
            if (id_equal(&rows[i].id, &ids[j])) {
                ret_locations[found++] = make_location(&rows[i]);
            }
        }
    }
    reads += found;
    *ret_count = found;
    return ZP_OK;
}

static void add_row(size_t number)
{
    assert_true(row_count < ROWS_MAX);
    rows[row_count++] = (struct row){ .id = id_of(number), .mark = 7 };
}

static int clean(void **state)
{
    (void)state;
    row_count = reads = failing_read = 0;
    return 0;
}

static struct places_view *load(const struct places_view *known)
{
    struct places_view *view = NULL;
    reads = 0;
    assert_int_equal(placeview_load(NULL, 1, known, &view), ZP_OK);
    return view;
}

static const struct place *place_of(const struct places_view *view, size_t number)
{
    const struct zp_id id = id_of(number);
    return places_find(view, &id);
}

static void no_locations_are_a_view_too(void **state)
{
    (void)state;
    struct places_view *view = load(NULL);
    assert_int_equal(view->count, 0);
    assert_null(place_of(view, 1));
    assert_null(places_find_prefix(view, 1));
    places_view_release(view);
}

static void what_nobody_wrote_is_read_once(void **state)
{
    (void)state;
    for (size_t i = 1; i <= 2500; i++) { /* several pages of marks */
        add_row(i);
    }
    struct places_view *first = load(NULL);
    assert_int_equal(reads, 2500);
    assert_int_equal(first->count, 2500);
    struct places_view *second = load(first);
    assert_int_equal(reads, 0);
    assert_int_equal(second->count, 2500);
    for (size_t i = 1; i <= 2500; i++) {
        assert_ptr_equal(place_of(first, i), place_of(second, i));
        assert_ptr_equal(second->places[i - 1], place_of(second, i));
    }
    places_view_release(first);
    assert_non_null(strstr(place_of(second, 2500)->menu_json, "\"currency\":\"EUR\""));
    const struct place *place = place_of(second, 9);
    assert_int_equal(places_find_prefix(second, place->prefix)->prefix, place->prefix);
    places_view_release(second);
}

static void what_was_written_is_read_again(void **state)
{
    (void)state;
    for (size_t i = 1; i <= 200; i++) {
        add_row(i);
    }
    struct places_view *first = load(NULL);
    rows[99].mark = 8;
    struct places_view *second = load(first);
    assert_int_equal(reads, 1);
    assert_int_equal(place_of(first, 100)->location->menu.version, 7); /* as its holders saw it */
    assert_int_equal(place_of(second, 100)->location->menu.version, 8);
    assert_string_not_equal(place_of(first, 100)->etag, place_of(second, 100)->etag);
    assert_ptr_equal(place_of(first, 101), place_of(second, 101));
    places_view_release(second);
    assert_int_equal(place_of(first, 101)->location->menu.version, 7);
    places_view_release(first);
}

static void what_comes_and_goes_does_so_in_the_view(void **state)
{
    (void)state;
    for (size_t i = 1; i <= 100; i++) {
        add_row(2 * i);
    }
    struct places_view *first = load(NULL);
    rows[0].id = id_of(1);  /* 2 went, 1 came */
    rows[99].id = id_of(201);
    rows[99].is_gone = true; /* 200 went, 201 came and went before it was read */
    struct places_view *second = load(first);
    assert_int_equal(reads, 1);
    assert_int_equal(second->count, 99);
    assert_ptr_equal(second->places[0], place_of(second, 1));
    assert_null(place_of(second, 2));
    assert_null(place_of(second, 200));
    assert_null(place_of(second, 201));
    assert_non_null(place_of(first, 200));
    places_view_release(first);
    places_view_release(second);
}

/* Each is loaded with its own mark, whatever the order in which they come. */
static void the_next_load_knows_each_mark(void **state)
{
    (void)state;
    for (size_t i = 1; i <= 130; i++) {
        add_row(i);
        rows[i - 1].mark = (int64_t)i;
    }
    struct places_view *first = load(NULL), *second = load(first);
    assert_int_equal(reads, 0);
    assert_int_equal(place_of(second, 130)->mark, 130);
    places_view_release(first);
    places_view_release(second);
}

static void a_load_that_fails_leaves_the_older_view_alone(void **state)
{
    (void)state;
    for (size_t i = 1; i <= 200; i++) {
        add_row(i);
    }
    struct places_view *first = load(NULL), *none = NULL;
    for (size_t i = 50; i < 200; i++) {
        rows[i].mark = 8;
    }
    failing_read = 2;
    assert_int_equal(placeview_load(NULL, 2, first, &none), ZP_BUSY);
    assert_null(none);
    assert_int_equal(first->count, 200);
    assert_int_equal(place_of(first, 60)->location->menu.version, 7);
    places_view_release(first);
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_locations_are_a_view_too, clean),
        cmocka_unit_test_setup(what_nobody_wrote_is_read_once, clean),
        cmocka_unit_test_setup(what_was_written_is_read_again, clean),
        cmocka_unit_test_setup(what_comes_and_goes_does_so_in_the_view, clean),
        cmocka_unit_test_setup(the_next_load_knows_each_mark, clean),
        cmocka_unit_test_setup(a_load_that_fails_leaves_the_older_view_alone, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
