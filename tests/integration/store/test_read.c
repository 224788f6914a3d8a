/* What was written is what is read: orders, locations, pages, boards, refills. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

static const struct zp_id location_id = { { 0x10, 1 } };
static const struct zp_id elsewhere = { { 0x10, 2 } };

static struct reason REASONS[] = {
    { .code = "item_unknown", .pointer = "/lines/0/item_id", .detail = "no “such” item\n" },
    { .code = "closed", .pointer = NULL, .detail = NULL },
};

/* Rows of orders that are unusual in one way each. */
static void bare(struct order *order)
{
    order->owner = ID_NONE;
    order->currency = NULL;
    order->note = NULL;
    order->customer = (struct contact){ .name = NULL };
    order->lines = NULL;
    order->line_count = 0;
    order->promised_at = 0;
}
static void refused(struct order *order)
{
    order->status = ORDER_REJECTED;
    order->number = 0;
    order->reasons = REASONS;
    order->reason_count = ZP_COUNT(REASONS);
    order->lines[0].name = NULL; /* the item is unknown */
    order->lines[0].station = NULL;
}
static void extreme(struct order *order)
{
    order->total = INT64_MAX;
    order->discount = INT64_MIN;
    order->placed_at = 1;
    order->updated_at = INT64_C(4102444800000000);
    order->note = "";
    order->lines[0].quantity = INT32_MAX;
}
static void usual(struct order *order)
{
    (void)order;
}

static const struct order_row { const char *name; size_t lines; void (*make)(struct order *order); } order_rows[] = {
    { "a usual one",         3,   usual },
    { "one without options", 0,   bare },
    { "a refused placement", 2,   refused },
    { "the ends of ranges",  1,   extreme },
    { "a hundred lines",     100, usual },
};

static void an_order_is_read_as_it_was_written(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1);
    for (size_t i = 0; i < ZP_COUNT(order_rows); i++) {
        print_message("  %s\n", order_rows[i].name);
        const struct zp_id id = id_of(100 + (uint32_t)i);
        struct draft_batch *draft = draft_begin(3, &owner);
        struct order *order = make_order(&id, &location_id, 1 + (int64_t)i, order_rows[i].lines);
        order_rows[i].make(order);
        draft_place(draft, order);
        draft_flush(draft);
        struct order read = { .version = 0 };
        OK(store_order_get(world.store, &id, &world.arena, &read));
        assert_orders_equal(order, &read);
    }
    struct order untouched = { .version = 77 };
    const struct zp_id unknown = id_of(999);
    assert_int_equal(store_order_get(world.store, &unknown, &world.arena, &untouched), ZP_NOT_FOUND);
    assert_int_equal(untouched.version, 77);
}

static void a_step_changes_what_may_change(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1), id = id_of(100), command = id_of(200);
    struct draft_batch *draft = draft_begin(3, &owner);
    struct order *order = make_order(&id, &location_id, 1, 3);
    draft_place(draft, order);
    draft_flush(draft);
    order->version = 4;
    order->seq = 9;
    order->status = ORDER_CANCELLED;
    order->promised_at = 0;
    order->updated_at += 5000000;
    order->total = 0;
    order->reasons = REASONS;
    order->reason_count = 1;
    order->lines[1].status = LINE_VOIDED;
    draft_step(draft, order, &command, EV_ORDER_CANCELLED);
    draft_flush(draft);
    struct order read = { .version = 0 };
    OK(store_order_get(world.store, &id, &world.arena, &read));
    assert_orders_equal(order, &read);
    assert_int_equal(sql_int("SELECT count(*) FROM orders WHERE open"), 0);
}

/* ---- what a batch needs
 * ------------------------------------------------------------------------------------------------ */

static void a_batch_loads_what_is_there_and_no_more(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1), first = id_of(100), second = id_of(101), parked = id_of(102),
                       unknown = id_of(999);
    struct draft_batch *draft = draft_begin(3, &owner);
    struct order *order = make_order(&first, &location_id, 1, 3);
    draft_place(draft, order);
    draft_place(draft, make_order(&second, &location_id, 2, 1));
    struct outcome *outcome = draft_outcome(draft, &parked, &ID_NONE);
    *outcome = (struct outcome){ .command_id = parked, .type = CMD_COUNT, .partition = 3, .offset = 2, .at = 1000000,
                                 .err = ZP_PARKED, .reasons = REASONS, .reason_count = 2, .fingerprint = { 9 } };
    struct location *location = make_location(&location_id, 2);
    draft_location(draft, location, true);
    draft_flush(draft);

    const struct zp_id locations[] = { unknown, location_id }, commands[] = { parked, unknown, first },
                       orders[] = { first, unknown };
    const struct store_wanted wanted = { .location_ids = locations, .location_count = 2, .command_ids = commands,
                                         .command_count = 3, .order_ids = orders, .order_count = 2 };
    struct store_found found;
    OK(store_batch_load(world.store, &wanted, &world.arena, &found));
    assert_int_equal(found.location_count, 1);
    assert_int_equal(found.outcome_count, 2);
    assert_int_equal(found.order_count, 1);
    assert_orders_equal(order, &found.orders[0]);
    const struct outcome *read =
        id_equal(&found.outcomes[0].command_id, &parked) ? &found.outcomes[0] : &found.outcomes[1];
    assert_int_equal(read->type, CMD_COUNT);
    assert_int_equal(read->err, ZP_PARKED);
    assert_int_equal(read->offset, 2);
    assert_int_equal(read->at, 1000000);
    assert_int_equal(read->seq, 0);
    assert_true(id_is_none(&read->location_id) && id_is_none(&read->order_id) && id_is_none(&read->user_id));
    assert_int_equal(read->reason_count, 2);
    assert_string_equal(read->reasons[0].detail, REASONS[0].detail);
    assert_memory_equal(read->fingerprint, outcome->fingerprint, sizeof(read->fingerprint));

    struct location *back = found.locations[0];
    assert_int_equal(back->seq, 2);
    assert_int_equal(back->last_number, 4);
    assert_int_equal(back->open_count, 3);
    assert_true(back->open_hash == location->open_hash);
    assert_memory_equal(back->hash, location->hash, sizeof(back->hash));
    assert_string_equal(back->settings.name, "Trattoria");
    assert_int_equal(back->settings.delivery_fee, 250);
    assert_int_equal(back->menu.version, 7);
    assert_int_equal(back->menu.item_count, 1);
    assert_string_equal(back->menu.items[0].description, "tomato");
    location_finish(back);
    free(back);
}

static void wanting_nothing_finds_nothing(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct store_wanted wanted = { .location_count = 0 };
    struct store_found found = { .order_count = 77 };
    OK(store_batch_load(world.store, &wanted, &world.arena, &found));
    assert_int_equal(found.location_count + found.outcome_count + found.order_count, 0);
}

static void free_location(struct location *location)
{
    location_finish(location);
    free(location);
}

/* A location may have events before it has settings or a menu. */
static void a_location_without_a_menu_is_read(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1);
    struct draft_batch *draft = draft_begin(3, &owner);
    struct location *location = make_location(&location_id, 5);
    location->menu = (struct menu){ .version = 0 };
    draft_location(draft, location, true);
    struct location *plain = make_location(&elsewhere, 6);
    draft_location(draft, plain, false);
    draft->partition.next_offset++;
    draft_flush(draft);
    struct location *read;
    OK(store_location_get(world.store, &location_id, &read));
    assert_string_equal(read->settings.name, "Trattoria");
    assert_int_equal(read->menu.item_count, 0);
    free_location(read);
    OK(store_location_get(world.store, &elsewhere, &read));
    assert_null(read->settings.name);
    assert_int_equal(read->seq, 6);
    free_location(read);
}

static void a_later_state_of_a_location_replaces_the_earlier(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1);
    struct draft_batch *draft = draft_begin(3, &owner);
    struct location *location = make_location(&location_id, 5);
    draft_location(draft, location, true);
    draft->partition.next_offset++;
    draft_flush(draft);
    location->seq = 6;
    location->open_hash = 0;
    location->menu.version = 8; /* not written: the batch does not say that it was edited */
    draft_location(draft, location, false);
    draft->partition.next_offset++;
    draft_flush(draft);
    struct location *read;
    OK(store_location_get(world.store, &location_id, &read));
    assert_int_equal(read->seq, 6);
    assert_true(read->open_hash == 0);
    assert_int_equal(read->menu.version, 7);
    free_location(read);
    assert_int_equal(store_location_get(world.store, &elsewhere, &read), ZP_NOT_FOUND);
    struct location *several[2];
    const struct zp_id both[] = { elsewhere, location_id };
    size_t count;
    OK(store_locations_get(world.store, both, 2, several, &count));
    assert_int_equal(count, 1);
    assert_memory_equal(&several[0]->id, &location_id, sizeof location_id);
    free_location(several[0]);
}

static int64_t mark_of_first(void)
{
    struct store_location_mark mark = { .mark = 0 };
    size_t count;
    OK(store_location_marks(world.store, &ID_NONE, 1, &mark, &count));
    assert_int_equal(count, 1);
    return mark.mark;
}

static void a_mark_is_another_one_when_settings_or_menu_were_written(void **state)
{
    (void)state;
    NEEDS_WORLD();
    sql_run("INSERT INTO locations SELECT gen_random_uuid(), 3, 1, 0, 0, 0, now(), decode(repeat('00', 32), 'hex')");
    const int64_t without = mark_of_first();
    sql_run("INSERT INTO menus SELECT location_id, 1, now(), NULL, '{\"items\":[]}' FROM locations");
    const int64_t first = mark_of_first();
    assert_true(first != without);
    sql_run("UPDATE locations SET seq = seq + 1, updated_at = now() + interval '1 hour'");
    assert_true(mark_of_first() == first);
    sql_run("UPDATE menus SET settings = '{}'"); /* by hand: updated_at stays */
    const int64_t second = mark_of_first();
    assert_true(second != first);
    sql_run("UPDATE menus SET updated_at = updated_at + interval '1 us'");
    assert_true(mark_of_first() != second);
}

static void all_locations_come_sorted_over_several_reads(void **state)
{
    (void)state;
    NEEDS_WORLD();
    sql_run("INSERT INTO locations SELECT gen_random_uuid(), n % 4, n, 0, 0, 0, now(), decode(repeat('00', 32), 'hex') "
            "FROM generate_series(1, 200) n");
    struct store_location_mark marks[250];
    size_t count, all = 0;
    for (struct zp_id after = ID_NONE; all < 200; after = marks[all - 1].location_id) {
        OK(store_location_marks(world.store, &after, 64, marks + all, &count));
        assert_int_equal(count, all < 192 ? 64 : 8);
        all += count;
    }
    for (size_t i = 1; i < all; i++) {
        assert_true(id_compare(&marks[i - 1].location_id, &marks[i].location_id) < 0);
    }
    OK(store_location_marks(world.store, &marks[199].location_id, 64, marks, &count));
    assert_int_equal(count, 0);
    const int32_t partitions[] = { 1, 3 };
    struct store_head *heads;
    OK(store_heads(world.store, partitions, 2, &world.arena, &heads, &count));
    assert_int_equal(count, 100);
    assert_int_equal(heads[0].seq % 2, 1);
    assert_true(heads[0].updated_at > INT64_C(1700000000000000));
}

/* ---- pages
 * ------------------------------------------------------------------------------------------------------------- */

/* 250 orders, ten to each moment, of two owners and two locations; every third is done. */
static void place_many(void)
{
    const struct zp_id owner = id_of(1);
    struct draft_batch *draft = draft_begin(3, &owner);
    for (uint32_t i = 0; i < 250; i++) {
        const struct zp_id id = id_of(1000 + (i * 7919) % 250);
        struct order *order = make_order(&id, i % 5 == 0 ? &elsewhere : &location_id, 1 + (int64_t)i, 1);
        order->owner = id_of(i % 2 == 0 ? 900 : 901);
        order->placed_at = 1000000 * (1 + (int64_t)i / 10);
        order->updated_at = order->placed_at + 500;
        order->status = i % 3 == 0 ? ORDER_COMPLETED : ORDER_PREPARING;
        draft_place(draft, order);
    }
    draft_flush(draft);
}

#define HERE "location_id = '10010000-0000-0000-0000-000000000000'"
#define OWN "owner = '5a000000-0000-0000-0000-000000000384'"

static const struct page_row { const char *name; struct order_query query; const char *looked_at, *fitting;
} page_rows[] = {
    { "of a location", { .location_id = { { 0x10, 1 } } }, HERE, "true" },
    { "of an owner", { .owner = { { 0 } } }, OWN, "true" },
    { "of an owner at a location",
      { .owner = { { 0 } }, .location_id = { { 0x10, 2 } } },
      OWN, "location_id = '10020000-0000-0000-0000-000000000000'" },
    { "in an open state",
      { .location_id = { { 0x10, 1 } }, .status = ORDER_PREPARING },
      HERE " AND open", "status = 'preparing'" },
    { "in a state that is an end",
      { .location_id = { { 0x10, 1 } }, .status = ORDER_COMPLETED },
      HERE " AND NOT open", "status = 'completed'" },
    { "in a state that none is in",
      { .location_id = { { 0x10, 1 } }, .status = ORDER_CANCELLED },
      HERE " AND NOT open", "status = 'cancelled'" },
    { "updated since",
      { .location_id = { { 0x10, 1 } }, .updated_since = 15000500 },
      HERE, "updated_at >= 'epoch'::timestamptz + interval '15.0005 s'" },
};

static void pages_have_no_gaps_and_no_repeats(void **state)
{
    (void)state;
    NEEDS_WORLD();
    place_many();
    for (size_t i = 0; i < ZP_COUNT(page_rows); i++) {
        print_message("  %s\n", page_rows[i].name);
        struct order_query query = page_rows[i].query;
        if (id_is_none(&query.location_id) || query.location_id.bytes[1] == 2) {
            query.owner = id_of(900);
        }
        query.limit = query.look_max = 7; /* what is rare makes pages that are short or empty */
        int64_t seen = 0, pages = 0, last_at = INT64_MAX;
        struct zp_id last_id = ID_NONE;
        for (struct store_page page = { .end_placed_at = 1 }; page.end_placed_at != 0; pages++) {
            OK(store_orders_page(world.store, &query, &world.arena, &page));
            const struct order *orders = page.orders;
            for (size_t n = 0; n < page.order_count; n++) {
                bool follows = orders[n].placed_at < last_at ||
                               (orders[n].placed_at == last_at && id_compare(&orders[n].id, &last_id) < 0);
                assert_true(follows);
                last_at = orders[n].placed_at;
                last_id = orders[n].id;
                seen++;
            }
            query.before_placed_at = page.end_placed_at;
            query.before_id = page.end_id;
        }
        char sql[512];
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM orders WHERE %s AND %s", page_rows[i].looked_at,
                       page_rows[i].fitting);
        assert_int_equal(seen, sql_int(sql));
        assert_int_equal(seen > 0, query.status != ORDER_CANCELLED);
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) / 7 + 1 FROM orders WHERE %s", page_rows[i].looked_at);
        assert_int_equal(pages, sql_int(sql));
    }
}

static void a_page_of_everything_is_refused(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct order_query query = { .limit = 10 };
    struct store_page page;
    assert_int_equal(store_orders_page(world.store, &query, &world.arena, &page), ZP_INVALID);
}

static void a_page_says_what_it_is_not_older_than(void **state)
{
    (void)state;
    NEEDS_WORLD();
    place_many();
    const struct order_query here = { .location_id = location_id, .limit = 1 };
    const struct order_query nowhere = { .location_id = id_of(77), .limit = 1 };
    const struct order_query anywhere = { .owner = id_of(900), .limit = 1 };
    struct store_page page;
    OK(store_orders_page(world.store, &here, &world.arena, &page));
    assert_int_equal(page.head, sql_int("SELECT max(seq) FROM locations"));
    assert_int_equal(page.partition_count, 0);
    OK(store_orders_page(world.store, &nowhere, &world.arena, &page));
    assert_int_equal(page.head, 0);
    OK(store_orders_page(world.store, &anywhere, &world.arena, &page));
    assert_int_equal(page.partition_count, sql_int("SELECT count(*) FROM partitions"));
    assert_true(page.partition_count > 0);
    assert_int_equal(page.partitions[0].next_offset, sql_int("SELECT next_offset FROM partitions ORDER BY 1 LIMIT 1"));
    assert_true(page.partitions[0].next_offset > 0);
}

/* ---- boards and refills
 * -------------------------------------------------------------------------------------------------- */

static void place_open(struct draft_batch *draft, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct zp_id id = id_of(5000 + (i * 7919) % 1000);
        struct order *order = make_order(&id, &location_id, 1 + (int64_t)i, 1);
        order->placed_at = 1000000; /* the number decides, not the time */
        draft_place(draft, order);
    }
}

static void a_board_shows_open_tickets_by_number(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1), done = id_of(100), other = id_of(101);
    struct store_board board;
    assert_int_equal(store_board_get(world.store, &location_id, &world.arena, &board), ZP_NOT_FOUND);
    struct draft_batch *draft = draft_begin(3, &owner);
    draft_location(draft, make_location(&location_id, 21), true);
    draft_location(draft, make_location(&elsewhere, 1), true);
    place_open(draft, 20);
    struct order *order = make_order(&done, &location_id, 21, 1);
    order->status = ORDER_COMPLETED;
    draft_place(draft, order);
    draft_place(draft, make_order(&other, &elsewhere, 1, 1));
    draft_flush(draft);
    OK(store_board_get(world.store, &location_id, &world.arena, &board));
    assert_int_equal(board.head.seq, 21);
    assert_true(board.head.open_hash == UINT64_C(0xfedcba9876543210));
    assert_int_equal(board.order_count, 20);
    assert_false(board.more);
    for (size_t i = 0; i < board.order_count; i++) {
        assert_int_equal(board.orders[i].number, i + 1);
        assert_int_equal(board.orders[i].line_count, 1);
    }
}

static void a_board_ends_at_its_ceiling_and_says_so(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1);
    struct draft_batch *draft = draft_begin(3, &owner);
    draft_location(draft, make_location(&location_id, BOARD_TICKETS_MAX), true);
    place_open(draft, BOARD_TICKETS_MAX);
    draft_flush(draft);
    struct store_board board;
    OK(store_board_get(world.store, &location_id, &world.arena, &board));
    assert_int_equal(board.order_count, BOARD_TICKETS_MAX);
    assert_false(board.more);
    const struct zp_id one_more = id_of(100);
    draft_place(draft, make_order(&one_more, &location_id, BOARD_TICKETS_MAX + 1, 1));
    draft_flush(draft);
    OK(store_board_get(world.store, &location_id, &world.arena, &board));
    assert_int_equal(board.order_count, BOARD_TICKETS_MAX);
    assert_int_equal(board.orders[BOARD_TICKETS_MAX - 1].number, BOARD_TICKETS_MAX);
    assert_true(board.more);
}

static void a_refill_has_the_newest_events_in_order(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1);
    struct draft_batch *draft = draft_begin(3, &owner);
    draft_location(draft, make_location(&location_id, 30), true);
    place_open(draft, 30);
    draft_flush(draft);
    struct store_refill refill;
    OK(store_refill_get(world.store, &location_id, 1000, 10, &world.arena, &refill));
    assert_int_equal(refill.board.order_count, 30);
    assert_false(refill.board.more);
    assert_int_equal(refill.event_count, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(refill.events[i].seq, 21 + i);
    }
    OK(store_refill_get(world.store, &location_id, 5, 1000, &world.arena, &refill));
    assert_int_equal(refill.board.order_count, 5);
    assert_true(refill.board.more);
    assert_int_equal(refill.ticket_count, 30); /* all of them, whatever is whole */
    for (size_t i = 0; i < 30; i++) {
        assert_int_equal(refill.tickets[i].number, i + 1);
        assert_true(i >= 5 || id_equal(&refill.tickets[i].order_id, &refill.board.orders[i].id));
    }
    assert_int_equal(refill.event_count, 30);
    assert_int_equal(store_refill_get(world.store, &elsewhere, 5, 5, &world.arena, &refill), ZP_NOT_FOUND);
}

static void too_small_an_arena_is_an_error_and_no_more(void **state)
{
    (void)state;
    NEEDS_WORLD();
    place_many();
    struct arena small;
    arena_init(&small, 4096);
    const struct order_query query = { .location_id = location_id, .limit = 100 };
    struct store_page page = { .orders = NULL };
    assert_int_equal(store_orders_page(world.store, &query, &small, &page), ZP_NO_MEMORY);
    assert_null(page.orders);
    arena_finish(&small);
    OK(store_orders_page(world.store, &query, &world.arena, &page));
    assert_int_equal(page.order_count, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(an_order_is_read_as_it_was_written),
        world_test(a_step_changes_what_may_change),
        world_test(a_batch_loads_what_is_there_and_no_more),
        world_test(wanting_nothing_finds_nothing),
        world_test(a_location_without_a_menu_is_read),
        world_test(a_later_state_of_a_location_replaces_the_earlier),
        world_test(a_mark_is_another_one_when_settings_or_menu_were_written),
        world_test(all_locations_come_sorted_over_several_reads),
        world_test(pages_have_no_gaps_and_no_repeats),
        world_test(a_page_of_everything_is_refused),
        world_test(a_page_says_what_it_is_not_older_than),
        world_test(a_board_shows_open_tickets_by_number),
        world_test(a_board_ends_at_its_ceiling_and_says_so),
        world_test(a_refill_has_the_newest_events_in_order),
        world_test(too_small_an_arena_is_an_error_and_no_more),
    };
    return cmocka_run_group_tests_name("store: read", tests, world_begin, world_end);
}
