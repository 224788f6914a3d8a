/* commands: GET /commands/{id}: what became of a command, from its receipt, else from the table of commands.
 *
 * Called through the table of routes. Invariant: a command is shown to who asked for it and to staff of its
 * location, and to nobody else. */
#include "absence.h"
#include "errand.h"
#include "handlers.h"
#include "mailbox.h"
#include "orders.h"
#include "places.h"
#include "zapora/message.h"

/* In the call's arena, as its state. */
struct asking {
    struct zp_id location_id;
    int32_t partition;
    bool looked_again;
    struct zp_id pending_order, pending_user; /* of a pending receipt, in case PostgreSQL knows no more */
    bool pending;
};

static void ask_receipt(struct call *call);

static void show(struct call *call, const struct zp_id *user_id)
{
    const struct asking *asking = call->state;
    if (!order_may_be_seen(call, &asking->location_id, user_id)) {
        call_problem(call, ZP_NOT_FOUND, NULL);
        return;
    }
    call_header(call, "cache-control", "no-store");
    call_answer_out(call, 200);
}

static void put_state(struct call *call, const char *status, const struct zp_id *order_id, int64_t seq,
                      const char *reasons, size_t len)
{
    char command[ID_TEXT_SIZE], order[ID_TEXT_SIZE];
    struct buffer *out = &call->out;
    buffer_reset(out);
    buffer_printf(out, "{\"id\":\"%s\",\"status\":\"%s\",\"order_id\":\"%s\",\"seq\":", id_format(&call->id, command),
                  status, id_format(order_id, order));
    if (seq > 0) {
        buffer_put_int(out, seq);
    } else {
        buffer_puts(out, "null");
    }
    buffer_puts(out, ",\"reasons\":");
    buffer_append(out, len > 0 ? reasons : "[]", len > 0 ? len : 2);
    buffer_putc(out, '}');
}

static void show_pending(struct call *call)
{
    const struct asking *asking = call->state;
    put_state(call, "pending", &asking->pending_order, 0, NULL, 0);
    show(call, &asking->pending_user);
}

/* ---- PostgreSQL ---- */

static void look_in_table(struct errand *errand, struct store *store)
{
    struct outcome *outcome = arena_alloc(&errand->arena, sizeof(*outcome));
    errand->err = outcome == NULL ? ZP_NO_MEMORY : store_outcome_get(store, errand->question, &errand->arena, outcome);
    if (errand->err == ZP_OK) {
        errand->found = outcome;
        message_outcome_json(outcome, &errand->out);
    }
}

static void look_again(struct call *call)
{
    struct asking *asking = call->state;
    asking->looked_again = true;
    ask_receipt(call);
}

static void on_table(struct call *call, struct errand *errand)
{
    const struct asking *asking = call->state;
    if (errand->err == ZP_OK) {
        const struct outcome *outcome = errand->found;
        buffer_reset(&call->out);
        buffer_append(&call->out, errand->out.data, errand->out.len);
        show(call, &outcome->user_id);
    } else if (asking->pending) {
        show_pending(call);
    } else if (errand->err != ZP_NOT_FOUND) {
        errand_unavailable(call);
    } else if (asking->looked_again) {
        absence_conclude(call);
    } else {
        absence_prove(call, asking->partition, look_again);
    }
}

static void ask_table(struct call *call)
{
    (void)errand_start(call, JOB_READ, &call->id, sizeof(call->id), look_in_table, on_table);
}

/* ---- Redis ---- */

/* A receipt that is still pending after its partition's owner has gone past it: the push was lost. */
static bool is_outdated(const struct call *call, const struct live_receipt *receipt)
{
    const struct live_tick *tick = &call->loop->mailboxes[((const struct asking *)call->state)->partition].lag.last;
    return tick->asked_at > 0 && receipt->offset >= 0 && receipt->offset < tick->next;
}

static void on_receipt(void *arg, enum zp_err err, const struct live_receipt *receipt)
{
    struct call *call = arg;
    struct asking *asking = call->state;
    if (call_open(call)) {
        if (err != ZP_OK) {
            ask_table(call);
        } else if (receipt->settled) {
            put_state(call, receipt->err == ZP_OK ? "applied" : "refused", &receipt->order_id, receipt->seq,
                      receipt->reasons_json, receipt->reasons_json_len);
            show(call, &receipt->user_id);
        } else {
            asking->pending = true;
            asking->pending_order = receipt->order_id;
            asking->pending_user = receipt->user_id;
            if (is_outdated(call, receipt)) {
                ask_table(call);
            } else {
                show_pending(call);
            }
        }
    }
    call_release(call);
}

static void ask_receipt(struct call *call)
{
    call_hold(call);
    live_hub_receipt_get(call->loop->hub, &call->id, on_receipt, call);
}

/* The tick first: it tells whether a pending receipt is old. */
static void on_tick(void *arg, enum zp_err err, const struct live_tick *tick)
{
    struct call *call = arg;
    if (err == ZP_OK) {
        mailbox_tick(call->loop, tick);
    }
    if (call_open(call)) {
        ask_receipt(call);
    }
    call_release(call);
}

static void begin(struct call *call, const struct place *place)
{
    struct asking *asking = call->state;
    asking->location_id = place->location->id;
    asking->partition = place->partition;
    call_hold(call);
    live_hub_tick_get(call->loop->hub, place->partition, on_tick, call);
}

static void place_again(struct call *call, bool known)
{
    const struct place *place = places_find_prefix(call->loop->places, id_prefix(&call->id));
    if (place != NULL) {
        begin(call, place);
    } else if (known) {
        call_problem(call, ZP_NOT_FOUND, NULL);
    } else {
        call_unavailable(call, METRIC_BACKING, "The locations are not known yet; try again.");
    }
}

void command_get(struct call *call)
{
    const struct place *place = places_find_prefix(call->loop->places, id_prefix(&call->id));
    call->state = arena_alloc(&call->arena, sizeof(struct asking));
    if (call->state == NULL) {
        call_problem(call, ZP_NO_MEMORY, NULL);
    } else if (place != NULL) {
        begin(call, place);
    } else if (!places_wait(call, place_again)) {
        call_problem(call, ZP_NO_MEMORY, NULL);
    }
}
