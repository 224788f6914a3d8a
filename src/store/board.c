/* board: owns what a location looks like at one moment: its head, its open orders, its newest events.
 *
 * Called by the gateway for boards, by the worker to refill a cache. Invariant: head, orders and events are of the same
 * snapshot, so the hash of the head is that of the orders, unless the board says more. */
#include "journal.h"

#include <string.h>

/* Places in the trip. */
enum { SNAPSHOT, HEAD, ORDERS, EVENTS, TICKETS };

static void add_id(struct trip *trip, enum statement_id statement, const struct zp_id *location_id)
{
    params_scope params;
    params_init(&params);
    params_id(&params, location_id);
    trip_add(trip, statement, &params);
}

static void add_id_limit(struct trip *trip, enum statement_id statement, const struct zp_id *location_id, int64_t limit)
{
    params_scope params;
    params_init(&params);
    params_id(&params, location_id);
    params_i64(&params, limit);
    trip_add(trip, statement, &params);
}

/* One order more than is shown tells whether there are more. */
static enum zp_err read_board(struct store *store, const struct trip *trip, size_t open_max, struct arena *arena,
                              struct store_board *ret_board)
{
    const PGresult *head = trip_result(trip, HEAD);
    if (PQntuples(head) == 0) {
        return ZP_NOT_FOUND;
    }
    struct store_board board = { .more = false };
    enum zp_err err = trip_row(store, trip_field(head, 0, 0), SHAPE_HEAD, arena, &board.head);
    if (err == ZP_OK) {
        err = trip_rows(store, trip_result(trip, ORDERS), SHAPE_ORDER, arena, &board.orders, &board.order_count);
    }
    if (err == ZP_OK) {
        board.more = board.order_count > open_max;
        board.order_count = board.more ? open_max : board.order_count;
        *ret_board = board;
    }
    return err;
}

enum zp_err store_board_get(struct store *store, const struct zp_id *location_id, struct arena *arena,
                            struct store_board *ret_board)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    trip_add(&trip, STATEMENT_SNAPSHOT, NULL);
    add_id(&trip, STATEMENT_HEAD_GET, location_id);
    add_id_limit(&trip, STATEMENT_ORDERS_OPEN, location_id, BOARD_TICKETS_MAX + 1);
    trip_add(&trip, STATEMENT_COMMIT, NULL);
    err = trip_run(&trip);
    return err != ZP_OK ? err : read_board(store, &trip, BOARD_TICKETS_MAX, arena, ret_board);
}

/* All of them, or none. */
static enum zp_err read_tickets(struct store *store, const PGresult *result, struct arena *arena,
                                struct store_refill *refill)
{
    size_t count = (size_t)PQntuples(result);
    if (count > STORE_TICKETS_MAX) {
        return connection_trouble(store, ZP_TOO_LARGE, "a location has more than %d open orders", STORE_TICKETS_MAX);
    }
    struct store_ticket *tickets = arena_array(arena, count, sizeof(*tickets));
    if (tickets == NULL) {
        return connection_trouble(store, ZP_NO_MEMORY, "%zu tickets do not fit into the memory for them", count);
    }
    for (size_t i = 0; i < count; i++) {
        struct field id = trip_field(result, (int)i, 0);
        if (id.len != (int32_t)sizeof(tickets[i].order_id.bytes) ||
            !wire_get_int(trip_field(result, (int)i, 1), &tickets[i].number)) {
            return connection_trouble(store, ZP_INTERNAL, "a ticket cannot be read");
        }
        memcpy(tickets[i].order_id.bytes, id.data, sizeof(tickets[i].order_id.bytes));
    }
    refill->tickets = tickets;
    refill->ticket_count = count;
    return ZP_OK;
}

enum zp_err store_refill_get(struct store *store, const struct zp_id *location_id, int64_t open_max,
                             int64_t event_limit, struct arena *arena, struct store_refill *ret_refill)
{
    ZP_ASSERT(open_max > 0 && open_max < INT32_MAX && event_limit >= 0);
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    trip_add(&trip, STATEMENT_SNAPSHOT, NULL);
    add_id(&trip, STATEMENT_HEAD_GET, location_id);
    add_id_limit(&trip, STATEMENT_ORDERS_OPEN, location_id, open_max + 1);
    add_id_limit(&trip, STATEMENT_EVENTS_NEWEST, location_id, event_limit);
    add_id_limit(&trip, STATEMENT_TICKETS_OPEN, location_id, STORE_TICKETS_MAX + 1);
    trip_add(&trip, STATEMENT_COMMIT, NULL);
    err = trip_run(&trip);
    struct store_refill refill = { .event_count = 0 };
    if (err == ZP_OK) {
        err = read_board(store, &trip, (size_t)open_max, arena, &refill.board);
    }
    if (err == ZP_OK) {
        err = journal_read(store, trip_result(&trip, EVENTS), arena, &refill.events, &refill.event_count);
    }
    if (err == ZP_OK) {
        err = read_tickets(store, trip_result(&trip, TICKETS), arena, &refill);
    }
    if (err == ZP_OK) {
        *ret_refill = refill;
    }
    return err;
}
