/* orders: owns how orders are read: one, a page, a location's board, what refills a cache.
 *
 * Called by the gateway and by the worker's refill. Invariant: an answer is not older than the head or the offsets that
 * come with it. */
#include "replica.h"
#include "trip.h"

#include <string.h>

#define PAGE_MAX 100

static enum zp_err read_one(struct store *store, const PGresult *result, struct arena *arena, struct order *ret_order)
{
    if (PQntuples(result) == 0) {
        return ZP_NOT_FOUND;
    }
    struct order order = { .version = 0 };
    enum zp_err err = trip_row(store, trip_field(result, 0, 0), SHAPE_ORDER, arena, &order);
    if (err == ZP_OK) {
        *ret_order = order;
    }
    return err;
}

enum zp_err store_order_get(struct store *store, const struct zp_id *id, struct arena *arena, struct order *ret_order)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_ids(&params, id, 1);
    trip_add(&trip, STATEMENT_ORDERS_GET, &params);
    err = trip_run(&trip);
    return err != ZP_OK ? err : read_one(store, trip_result(&trip, 0), arena, ret_order);
}

/* Places in a trip whose orders are held against what its answer is not older than: each statement sees what was
 * committed when it began, so that is asked for first. */
enum { MOMENT, ORDERS };

static void add_head(struct trip *trip, const struct zp_id *location_id)
{
    params_scope params;
    params_init(&params);
    params_id(&params, location_id);
    trip_add(trip, STATEMENT_HEAD_GET, &params);
}

/* 0: there is no such location. */
static enum zp_err read_head(struct store *store, const PGresult *result, struct arena *arena, int64_t *ret_seq)
{
    struct store_head head = { .seq = 0 };
    enum zp_err err = PQntuples(result) == 0 ? ZP_OK
        : trip_row(store, trip_field(result, 0, 0), SHAPE_HEAD, arena, &head);
    if (err == ZP_OK) {
        *ret_seq = head.seq;
    }
    return err;
}

enum zp_err store_order_get_with_head(struct store *store, const struct zp_id *id, const struct zp_id *location_id,
                                      struct arena *arena, struct order *ret_order, int64_t *ret_head)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_ids(&params, id, 1);
    add_head(&trip, location_id);
    trip_add(&trip, STATEMENT_ORDERS_GET, &params);
    struct order order;
    err = trip_run(&trip);
    if (err == ZP_OK) {
        err = read_one(store, trip_result(&trip, ORDERS), arena, &order);
    }
    if (err == ZP_OK) {
        err = read_head(store, trip_result(&trip, MOMENT), arena, ret_head);
    }
    if (err == ZP_OK) {
        *ret_order = order;
    }
    return err;
}

/* The index that leads to the page: a customer has few orders; a location has many, but few are open. */
static enum statement_id page_statement(const struct order_query *query)
{
    if (!id_is_none(&query->owner)) {
        return STATEMENT_ORDERS_PAGE_OWNER;
    }
    return query->status == ORDER_NONE  ? STATEMENT_ORDERS_PAGE_LOCATION
         : order_is_open(query->status) ? STATEMENT_ORDERS_PAGE_OPEN
                                        : STATEMENT_ORDERS_PAGE_CLOSED;
}

/* Where everything fits, no more are looked at than the page has. */
static int64_t looks(const struct order_query *query)
{
    bool is_picky = query->status != ORDER_NONE || query->updated_since != 0 ||
                    (!id_is_none(&query->owner) && !id_is_none(&query->location_id));
    return !is_picky ? query->limit : query->look_max == 0 ? STORE_LOOK_MAX : query->look_max;
}

static void page_params(struct params *params, const struct order_query *query)
{
    struct zp_id past_all;
    memset(past_all.bytes, 0xff, sizeof(past_all.bytes));
    bool is_first = query->before_placed_at == 0;
    params_id(params, id_is_none(&query->owner) ? &query->location_id : &query->owner);
    params_time(params, is_first ? INT64_MAX : query->before_placed_at);
    params_id(params, is_first ? &past_all : &query->before_id);
    params_text(params, query->status == ORDER_NONE ? NULL : ORDER_STATE_WORDS.names[query->status]);
    params_time(params, query->updated_since == 0 ? INT64_MIN : query->updated_since);
    if (id_is_none(&query->location_id)) {
        params_null(params, OID_UUID);
    } else {
        params_id(params, &query->location_id);
    }
    params_i64(params, query->limit);
    params_i64(params, looks(query));
}

/* The orders, and where they end: the last row may be there for that alone. */
static enum zp_err read_orders(struct store *store, const PGresult *result, int64_t limit, struct arena *arena,
                               struct store_page *page)
{
    int64_t fits, is_end;
    enum zp_err err = trip_rows(store, result, SHAPE_ORDER, arena, &page->orders, &page->order_count);
    if (err != ZP_OK || page->order_count == 0) {
        return err;
    }
    const struct order *last = &page->orders[page->order_count - 1];
    int row = (int)page->order_count - 1;
    if (!wire_get_int(trip_field(result, row, 1), &fits) || !wire_get_int(trip_field(result, row, 2), &is_end)) {
        return connection_trouble(store, ZP_INTERNAL, "a row of orders cannot be read");
    }
    if (is_end != 0 || (int64_t)page->order_count == limit) {
        page->end_placed_at = last->placed_at;
        page->end_id = last->id;
    }
    page->order_count -= fits != 0 ? 0 : 1;
    return ZP_OK;
}

static enum zp_err read_page(struct store *store, const struct trip *trip, const struct order_query *query,
                             struct arena *arena, struct store_page *ret_page)
{
    bool of_location = !id_is_none(&query->location_id);
    struct store_page page = { .head = 0 };
    const PGresult *moment = trip_result(trip, MOMENT);
    enum zp_err err = of_location
        ? read_head(store, moment, arena, &page.head)
        : trip_rows(store, moment, SHAPE_PARTITION, arena, &page.partitions, &page.partition_count);
    if (err == ZP_OK) {
        err = read_orders(store, trip_result(trip, ORDERS), query->limit, arena, &page);
    }
    if (err == ZP_OK) {
        *ret_page = page;
    }
    return err;
}

static enum zp_err page(struct store *store, const struct order_query *query, struct arena *arena,
                        struct store_page *ret_page)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    page_params(&params, query);
    if (!id_is_none(&query->location_id)) {
        add_head(&trip, &query->location_id);
    } else {
        trip_add(&trip, STATEMENT_PARTITIONS_LIST, NULL);
    }
    trip_add(&trip, page_statement(query), &params);
    err = trip_run(&trip);
    return err != ZP_OK ? err : read_page(store, &trip, query, arena, ret_page);
}

static enum zp_err page_of_replica(struct store *store, const struct order_query *query, struct arena *arena,
                                   struct store_page *ret_page)
{
    struct store *replica;
    enum zp_err err = replica_reach(store->replica, store, arena, &replica);
    if (err != ZP_OK) {
        return err;
    }
    err = page(replica, query, arena, ret_page);
    if (err != ZP_OK) {
        replica_failed(store->replica);
    }
    return err;
}

enum zp_err store_orders_page(struct store *store, const struct order_query *query, struct arena *arena,
                              struct store_page *ret_page)
{
    ZP_ASSERT(query->limit >= 1 && query->limit <= PAGE_MAX);
    ZP_ASSERT((unsigned)query->status < ORDER_STATE_COUNT);
    ZP_ASSERT(query->look_max == 0 || query->look_max >= query->limit);
    if (id_is_none(&query->owner) && id_is_none(&query->location_id)) {
        return connection_trouble(store, ZP_INVALID, "a page is of an owner, of a location, or of both");
    }
    if (store->replica != NULL && replica_may_serve(store->replica) &&
        page_of_replica(store, query, arena, ret_page) == ZP_OK) {
        return ZP_OK;
    }
    return page(store, query, arena, ret_page);
}
