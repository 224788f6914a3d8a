/* order_read: an order's newest state: Redis' snapshot, else the receipt of a placement that is not settled, else
 * PostgreSQL's row, else the outcome of a placement that left no row.
 *
 * Called by orders.c, wait.c and order_stream.c. Invariants: a snapshot is believed while a young tick vouches for
 * Redis, and else when PostgreSQL does not answer; a receipt that is not settled is believed only until the partition's
 * owner says that it has applied the placement: then the push was lost, and PostgreSQL knows; and a row is shown only
 * when PostgreSQL is not behind the head that Redis knew before: a database that was put back may have the order as it
 * once was. */
#include "orders.h"

#include "errand.h"
#include "mailbox.h"
#include "zapora/message.h"

struct reading {
    struct call *call;
    struct zp_id location_id, order_id;
    int32_t partition;
    int64_t version_min;
    int64_t known_head;  /* Redis' seq before PostgreSQL was asked; 0: it knew none */
    order_read_cb *cb;
    struct live_tick tick;
    struct order_found fallback; /* old, but true when it was written: for when PostgreSQL is away; or ZP_NOT_FOUND */
};

/* What a helper thread is asked, and what it found. */
struct question { struct zp_id order_id, location_id; };
struct row {
    int64_t version, head; /* head: of its location; INT64_MAX: an outcome never changes */
    struct zp_id owner;
    bool may_revive;
};

bool order_may_be_seen(const struct call *call, const struct zp_id *location_id, const struct zp_id *owner)
{
    return id_equal(&call->actor.user_id, owner) || actor_is_staff_of(&call->actor, location_id);
}

/* A placement that was parked, or refused without a row. */
static void put_refused_placement(const struct outcome *outcome, struct buffer *out)
{
    char order[ID_TEXT_SIZE], location[ID_TEXT_SIZE];
    id_format(&outcome->command_id, order); /* a placement's id is its command's */
    buffer_printf(out, "{\"id\":\"%s\",", order);
    if (!id_is_none(&outcome->location_id)) {
        buffer_printf(out, "\"location_id\":\"%s\",", id_format(&outcome->location_id, location));
    }
    buffer_puts(out, "\"status\":\"rejected\",\"version\":1,\"reasons\":");
    message_reasons_json(outcome->reasons, outcome->reason_count, out);
    buffer_printf(out, ",\"links\":{\"self\":\"/orders/%s\",\"command\":\"/commands/%s\"}}", order, order);
}

/* Of a record that could not be decoded nobody knows whether it was a placement: it is shown as one. */
static bool is_refused_placement(const struct outcome *outcome)
{
    bool unreadable = outcome->err == ZP_PARKED && id_is_none(&outcome->order_id);
    return outcome->err != ZP_OK && (unreadable || id_equal(&outcome->order_id, &outcome->command_id));
}

static void look_for_outcome(struct errand *errand, struct store *store, struct row *row)
{
    struct outcome outcome;
    const struct question *question = errand->question;
    errand->err = store_outcome_get(store, &question->order_id, &errand->arena, &outcome);
    if (errand->err == ZP_OK && !is_refused_placement(&outcome)) {
        errand->err = ZP_NOT_FOUND;
    }
    if (errand->err == ZP_OK) {
        *row = (struct row){ .version = 1, .head = INT64_MAX, .owner = outcome.user_id,
                             .may_revive = outcome.err == ZP_PARKED };
        put_refused_placement(&outcome, &errand->out);
    }
}

static void look_in_table(struct errand *errand, struct store *store)
{
    const struct question *question = errand->question;
    struct row *row = arena_alloc(&errand->arena, sizeof(*row));
    struct order *order = arena_alloc(&errand->arena, sizeof(*order));
    if (row == NULL || order == NULL) {
        errand->err = ZP_NO_MEMORY;
        return;
    }
    errand->found = row;
    int64_t head = 0;
    errand->err = store_order_get_with_head(store, &question->order_id, &question->location_id, &errand->arena, order,
                                            &head);
    if (errand->err == ZP_OK) {
        *row = (struct row){ .version = order->version, .head = head, .owner = order->owner };
        message_order_json(order, &errand->out);
    } else if (errand->err == ZP_NOT_FOUND) {
        look_for_outcome(errand, store, row);
    }
}

static void give(struct reading *reading, const struct order_found *found)
{
    reading->cb(reading->call, found);
}

/* Without the table's word. */
static void give_otherwise(struct reading *reading, enum zp_err err)
{
    if (reading->fallback.err == ZP_OK) {
        give(reading, &reading->fallback);
    } else {
        give(reading, &(struct order_found){ .err = err == ZP_NOT_FOUND ? ZP_NOT_FOUND : ZP_BUSY });
    }
}

static void on_table(struct call *call, struct errand *errand)
{
    struct reading *reading = call->reading;
    const struct row *row = errand->found;
    if (!call_open(call)) {
        return;
    }
    if (errand->err == ZP_OK && row->head < reading->known_head) {
        give(reading, &(struct order_found){ .err = ZP_CATCHING_UP });
    } else if (errand->err == ZP_OK && errand->out.err == ZP_OK) {
        give(reading, &(struct order_found){
            .err = ZP_OK, .version = row->version, .owner = row->owner, .may_revive = row->may_revive,
            .json = errand->out.data, .json_len = errand->out.len,
        });
    } else {
        give_otherwise(reading, errand->err);
    }
}

static void on_head(void *arg, enum zp_err err, const struct live_head *head, const struct live_tick *tick)
{
    struct reading *reading = arg;
    struct call *call = reading->call;
    (void)tick;
    if (call_open(call)) {
        const struct question question = { reading->order_id, reading->location_id };
        reading->known_head = err == ZP_OK ? head->seq : 0;
        if (!errand_start_quietly(call, &question, sizeof(question), look_in_table, on_table)) {
            give_otherwise(reading, ZP_BUSY);
        }
    }
    call_release(call);
}

/* Redis first, then PostgreSQL: what was pushed before was committed before. */
static void ask_table(struct reading *reading)
{
    call_hold(reading->call);
    live_hub_head_get(reading->call->loop->hub, &reading->location_id, reading->partition, on_head, reading);
}

static void keep(struct reading *reading, int64_t version, const struct zp_id *owner, const char *json, size_t json_len)
{
    char *copy = arena_strndup(&reading->call->arena, json, json_len);
    if (copy != NULL) {
        reading->fallback = (struct order_found){
            .err = ZP_OK, .version = version, .owner = *owner, .json = copy, .json_len = json_len,
        };
    }
}

static void keep_submitted(struct reading *reading, const struct live_receipt *receipt)
{
    const struct command placement = { .id = reading->order_id, .order_id = reading->order_id,
                                       .location_id = receipt->location_id, .submitted_at = receipt->submitted_at };
    struct buffer json;
    buffer_init(&json, CALL_ANSWER_BYTES_MAX);
    message_submitted_json(&placement, &json);
    if (json.err == ZP_OK) {
        keep(reading, 0, &receipt->user_id, json.data, json.len);
    }
    buffer_finish(&json);
}

/* A placement's id is its order's. */
static void on_receipt(void *arg, enum zp_err err, const struct live_receipt *receipt)
{
    struct reading *reading = arg;
    struct call *call = reading->call;
    if (call_open(call)) {
        bool is_open = err == ZP_OK && !receipt->settled && id_equal(&receipt->order_id, &reading->order_id);
        bool is_passed = is_open && reading->tick.asked_at > 0 && receipt->offset < reading->tick.next;
        if (is_open) {
            keep_submitted(reading, receipt);
        }
        if (is_open && !is_passed && reading->version_min <= 0 && reading->fallback.err == ZP_OK) {
            give(reading, &reading->fallback);
        } else {
            ask_table(reading);
        }
    }
    call_release(call);
}

static void on_snapshot(void *arg, enum zp_err err, const struct live_snapshot *snapshot)
{
    struct reading *reading = arg;
    struct call *call = reading->call;
    if (err == ZP_OK || err == ZP_NOT_FOUND) {
        mailbox_tick(call->loop, &snapshot->tick);
        reading->tick = snapshot->tick;
    }
    if (!call_open(call)) {
        call_release(call);
        return;
    }
    bool is_vouched_for = lag_tick_vouches(&reading->tick, clock_wall_us());
    if (err == ZP_OK && is_vouched_for && snapshot->version >= reading->version_min) {
        give(reading, &(struct order_found){
            .err = ZP_OK, .version = snapshot->version, .owner = snapshot->owner,
            .json = snapshot->json, .json_len = snapshot->json_len,
        });
    } else if (err == ZP_OK) { /* Redis lacks a push, or may lack one: nobody vouches for it */
        keep(reading, snapshot->version, &snapshot->owner, snapshot->json, snapshot->json_len);
        ask_table(reading);
    } else if (err == ZP_NOT_FOUND) {
        call_hold(call);
        live_hub_receipt_get(call->loop->hub, &reading->order_id, on_receipt, reading);
    } else {
        ask_table(reading);
    }
    call_release(call);
}

void order_read(struct call *call, const struct zp_id *location_id, int32_t partition, const struct zp_id *order_id,
                int64_t version_min, order_read_cb *cb)
{
    struct reading *reading = call->reading;
    if (reading == NULL) {
        reading = arena_alloc(&call->arena, sizeof(*reading));
    }
    if (reading == NULL) {
        call_problem(call, ZP_NO_MEMORY, NULL);
        return;
    }
    *reading = (struct reading){
        .call = call, .location_id = *location_id, .order_id = *order_id, .partition = partition,
        .version_min = version_min, .cb = cb, .fallback.err = ZP_NOT_FOUND,
    };
    call->reading = reading;
    call_hold(call);
    live_hub_order_get(call->loop->hub, location_id, partition, order_id, on_snapshot, reading);
}
