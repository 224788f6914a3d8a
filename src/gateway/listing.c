/* listing: GET /orders: a page of one's own orders, or of a location's for its staff.
 *
 * Called through the table of routes. Invariants: a customer's page holds only own orders, whatever the query says;
 * a page goes on exactly where the page before ended (keyset), also while new orders come in: behind its last order,
 * or, when few fit the query, behind the last one that was looked at, so it may be short or empty and not the last; and
 * a page is shown only when PostgreSQL is not behind what Redis knew before: the head of the page's location, or, of a
 * page that may be of any location, how far every partition was applied. */
#include "errand.h"
#include "handlers.h"
#include "mailbox.h"
#include "places.h"
#include "query.h"
#include "zapora/message.h"

#define LIMIT_FALLBACK 20
#define LIMIT_MAX 100

enum { SLOT_LIMIT, SLOT_CURSOR, SLOT_LOCATION, SLOT_STATUS, SLOT_SINCE, SLOT_COUNT };

struct question {
    struct order_query query;
    uint8_t cursor_key[CURSOR_KEY_SIZE];
};

/* In the call's arena, as its state. */
struct asking {
    struct call *call;
    struct question question;
    struct mailbox_waiter waiter;
    int64_t known_head; /* Redis' seq of the query's location before PostgreSQL was asked; 0: it knew none */
};

/* ---- the query ---- */

static void take_limit(const struct query_slot *slot, struct order_query *query, struct reason_list *faults)
{
    query->limit = LIMIT_FALLBACK;
    if (slot->value != NULL && (!field_number(query_text(slot), LIMIT_MAX, &query->limit) || query->limit < 1)) {
        reason_add(faults, "out_of_range", "?limit", "A whole number from 1 to 100.");
    }
}

static void take_cursor(const struct call *call, const struct query_slot *slot, struct order_query *query,
                        struct reason_list *faults)
{
    struct cursor cursor;
    if (slot->value == NULL) {
        return;
    }
    if (!cursor_read(query_text(slot), call->loop->gateway->cursor_key, &cursor)) {
        reason_add(faults, "cursor_unknown", "?cursor", "This is not a next_cursor of an earlier page.");
        return;
    }
    query->before_placed_at = cursor.placed_at;
    query->before_id = cursor.id;
}

static void take_status(const struct query_slot *slot, struct order_query *query, struct reason_list *faults)
{
    if (slot->value == NULL) {
        return;
    }
    int status = words_find(&ORDER_STATE_WORDS, slot->value);
    if (status < 0 || status == ORDER_NONE || status == ORDER_SUBMITTED) {
        reason_add(faults, "status_unknown", "?status", "There is no such status.");
        return;
    }
    query->status = (enum order_state)status;
}

static void take_since(const struct query_slot *slot, struct order_query *query, struct reason_list *faults)
{
    if (slot->value != NULL && !time_parse(slot->value, strlen(slot->value), &query->updated_since)) {
        reason_add(faults, "not_a_time", "?updated_since",
                   "A time as RFC 3339 has it, with a percent-encoded + of its offset.");
    }
}

/* Staff see a location's orders: the one asked for, which must be theirs, or their only one. */
static void take_location(const struct call *call, const struct query_slot *slot, struct order_query *query,
                          struct reason_list *faults)
{
    struct text text = query_text(slot);
    bool staff = call->actor.role >= ROLE_KITCHEN && call->actor.location_count > 0;
    query->location_id = ID_NONE;
    if (text.at != NULL && !id_parse(text.at, text.len, &query->location_id)) {
        reason_add(faults, "not_a_uuid", "?location_id", "A location's id is a UUID.");
    } else if (text.at != NULL && staff && !actor_is_staff_of(&call->actor, &query->location_id)) {
        reason_add(faults, "location_unknown", "?location_id", "There is no such location, or it is not yours.");
    } else if (text.at == NULL && staff && call->actor.location_count == 1) {
        query->location_id = call->actor.locations[0];
    } else if (text.at == NULL && staff) {
        reason_add(faults, "location_required", "?location_id", "You belong to more than one location: say which.");
    }
    if (!staff) {
        query->owner = call->actor.user_id;
    }
}

static bool take_query(struct call *call, struct order_query *ret_query)
{
    struct query_slot slots[SLOT_COUNT] = {
        [SLOT_LIMIT] = { "limit", NULL }, [SLOT_CURSOR] = { "cursor", NULL }, [SLOT_LOCATION] = { "location_id", NULL },
        [SLOT_STATUS] = { "status", NULL }, [SLOT_SINCE] = { "updated_since", NULL },
    };
    struct reason_list faults = { .count = 0 };
    enum zp_err err = query_parse(call_query(call), slots, SLOT_COUNT, &call->arena, &faults);
    if (err != ZP_OK) {
        call_problem(call, err, NULL);
        return false;
    }
    *ret_query = (struct order_query){ .status = ORDER_NONE };
    take_limit(&slots[SLOT_LIMIT], ret_query, &faults);
    take_cursor(call, &slots[SLOT_CURSOR], ret_query, &faults);
    take_location(call, &slots[SLOT_LOCATION], ret_query, &faults);
    take_status(&slots[SLOT_STATUS], ret_query, &faults);
    take_since(&slots[SLOT_SINCE], ret_query, &faults);
    if (faults.count > 0) {
        call_faults(call, ZP_INVALID, &faults);
        return false;
    }
    return true;
}

/* ---- the page ---- */

static void put_page(const struct question *question, const struct store_page *page, struct buffer *out)
{
    char text[CURSOR_TEXT_SIZE];
    buffer_puts(out, "{\"orders\":[");
    for (size_t i = 0; i < page->order_count; i++) {
        if (i > 0) {
            buffer_putc(out, ',');
        }
        message_order_json(&page->orders[i], out);
    }
    buffer_puts(out, "],\"next_cursor\":");
    if (page->end_placed_at != 0) {
        const struct cursor cursor = { page->end_placed_at, page->end_id };
        buffer_printf(out, "\"%s\"}", cursor_write(&cursor, question->cursor_key, text));
    } else {
        buffer_puts(out, "null}");
    }
}

static void look_in_table(struct errand *errand, struct store *store)
{
    const struct question *question = errand->question;
    struct store_page *page = arena_alloc(&errand->arena, sizeof(*page));
    errand->found = page;
    errand->err = page == NULL ? ZP_NO_MEMORY : store_orders_page(store, &question->query, &errand->arena, page);
    if (errand->err == ZP_OK) {
        put_page(question, page, &errand->out);
    }
}

/* A partition without a row has applied nothing. */
static bool is_behind_ticks(const struct loop *loop, const struct store_page *page)
{
    int64_t next[BUS_PARTITIONS_MAX] = { 0 };
    for (size_t i = 0; i < page->partition_count; i++) {
        const struct store_partition *row = &page->partitions[i];
        if (row->partition >= 0 && row->partition < BUS_PARTITIONS_MAX) {
            next[row->partition] = row->next_offset;
        }
    }
    for (size_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        if (next[p] < loop->mailboxes[p].applied) {
            return true;
        }
    }
    return false;
}

static bool is_behind(const struct call *call, const struct store_page *page)
{
    const struct asking *asking = call->state;
    return id_is_none(&asking->question.query.location_id) ? is_behind_ticks(call->loop, page)
                                                           : page->head < asking->known_head;
}

static void on_table(struct call *call, struct errand *errand)
{
    if (errand->err != ZP_OK) {
        errand_unavailable(call);
        return;
    }
    if (is_behind(call, errand->found)) {
        errand_behind(call);
        return;
    }
    struct buffer spare = call->out; /* the page may be large: swap instead of copying */
    call->out = errand->out;
    errand->out = spare;
    call_header(call, "cache-control", "no-store");
    call_answer_out(call, 200);
}

/* ---- Redis first, then PostgreSQL: what was told before was committed before ---- */

static void ask_table(struct asking *asking)
{
    if (call_open(asking->call)) {
        (void)errand_start(asking->call, JOB_READ, &asking->question, sizeof(asking->question), look_in_table,
                           on_table);
    }
    call_release(asking->call);
}

static void on_ticks(struct mailbox_waiter *waiter)
{
    ask_table(H2O_STRUCT_FROM_MEMBER(struct asking, waiter, waiter));
}

static void on_head(void *arg, enum zp_err err, const struct live_head *head, const struct live_tick *tick)
{
    struct asking *asking = arg;
    (void)tick;
    asking->known_head = err == ZP_OK ? head->seq : 0;
    ask_table(asking);
}

static void ask_redis(struct asking *asking)
{
    struct loop *loop = asking->call->loop;
    const struct zp_id *location_id = &asking->question.query.location_id;
    call_hold(asking->call);
    if (id_is_none(location_id)) {
        asking->waiter.then = on_ticks;
        mailboxes_hear(loop, &asking->waiter);
    } else {
        live_hub_head_get(loop->hub, location_id, bus_partition_of_location(location_id), on_head, asking);
    }
}

void orders_get(struct call *call)
{
    struct asking *asking = arena_alloc(&call->arena, sizeof(*asking));
    if (asking == NULL) {
        call_problem(call, ZP_NO_MEMORY, NULL);
        return;
    }
    *asking = (struct asking){ .call = call };
    call->state = asking;
    if (take_query(call, &asking->question.query)) {
        memcpy(asking->question.cursor_key, call->loop->gateway->cursor_key, sizeof(asking->question.cursor_key));
        ask_redis(asking);
    }
}
