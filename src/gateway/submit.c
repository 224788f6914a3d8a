/* submit: receipt, mailbox, acknowledgement, answer.
 *
 * Called by intake.c. Invariants: 202 is never said before the broker's acknowledgement; nothing is written to Redis
 * before it either; whoever gets 503 can be sure that nothing was stored, whoever gets 504 cannot, and both may
 * retry with the same key. */
#include "submit.h"

#include "mailbox.h"
#include "wait.h"
#include "zapora/message.h"

#define RETRY_AFTER_S_MAX 60

static const char refused_detail[] = "Nothing was stored. A retry with the same Idempotency-Key is safe.";
static const char unknown_detail[] =
    "It is not known whether this was stored. A retry with the same Idempotency-Key is safe and will tell.";

static bool is_placement(const struct submission *submission)
{
    return submission->command.type == CMD_ORDER_PLACE;
}

void submit_key_reused(struct submission *submission)
{
    call_problem(submission->call, ZP_KEY_REUSED,
                 "Use a new key for a new request; the first request's outcome stays.");
}

static void put_step_json(const struct command *command, struct buffer *out)
{
    char id[ID_TEXT_SIZE], order[ID_TEXT_SIZE];
    id_format(&command->id, id);
    id_format(&command->order_id, order);
    buffer_printf(out, "{\"command_id\":\"%s\",\"order_id\":\"%s\",\"status\":\"pending\","
                       "\"links\":{\"command\":\"/commands/%s\",\"order\":\"/orders/%s\"}}", id, order, id, order);
}

void submit_accepted(struct submission *submission)
{
    struct call *call = submission->call;
    char location[48], preference[32], id[ID_TEXT_SIZE];
    buffer_reset(&call->out);
    if (is_placement(submission)) {
        message_submitted_json(&submission->command, &call->out);
        (void)snprintf(location, sizeof(location), "/orders/%s", id_format(&submission->command.order_id, id));
    } else {
        put_step_json(&submission->command, &call->out);
        (void)snprintf(location, sizeof(location), "/commands/%s", id_format(&submission->command.id, id));
    }
    if (submission->wait_s > 0) {
        (void)snprintf(preference, sizeof(preference), "wait=%lld", (long long)submission->wait_s);
        call_header(call, "preference-applied", preference);
    }
    call_header(call, "location", location);
    call_header(call, "retry-after", "1");
    call_header(call, "cache-control", "no-store");
    call_answer_out(call, 202);
}

/* ---- publish ---- */

static void on_stored(void *arg, enum zp_err err)
{
    struct submission *submission = arg;
    struct call *call = submission->call;
    (void)err; /* without Redis the order is in the log all the same: PostgreSQL will answer for it */
    if (call_open(call)) {
        if (submission->wait_s > 0) {
            wait_begin(submission);
        } else {
            submit_accepted(submission);
        }
    }
    call_release(call);
}

/* Also when the client has gone: a retry then finds the receipt. */
static void store(struct submission *submission)
{
    struct call *call = submission->call;
    const struct live_submission live = {
        .command = &submission->command, .partition = submission->publication.partition,
        .offset = submission->publication.offset,
    };
    call_hold(call);
    live_hub_submitted(call->loop->hub, &live, on_stored, submission);
}

/* The log has it: what is still slow is not the order's fault. */
static void on_late(struct call *call)
{
    submit_accepted(call->state);
}

static void on_published(struct publication *publication)
{
    struct submission *submission = H2O_STRUCT_FROM_MEMBER(struct submission, publication, publication);
    struct call *call = submission->call;
    if (publication->ack == BUS_ACKED) {
        call->on_deadline = on_late;
        store(submission);
    } else if (call_open(call) && publication->ack == BUS_NOT_PERSISTED) {
        call_unavailable(call, METRIC_BACKING, refused_detail);
    } else if (call_open(call)) {
        call_problem(call, ZP_UNKNOWN, unknown_detail);
    }
    call_release(call);
}

/* What took that long to pile up is not gone in a second. */
static int64_t retry_after_lag_s(int64_t lag_ms)
{
    int64_t advice_s = lag_ms / 10000;
    return advice_s < 1 ? 1 : advice_s > RETRY_AFTER_S_MAX ? RETRY_AFTER_S_MAX : advice_s;
}

static void publish(struct submission *submission)
{
    struct call *call = submission->call;
    struct record record;
    if (!mailbox_admits(call->loop, submission->partition)) {
        call->retry_after_s = retry_after_lag_s(mailbox_lag_ms(call->loop, submission->partition));
        call_unavailable(call, METRIC_LAGGING,
                         "This location's orders wait too long to take new ones. Nothing was stored; try again later.");
        return;
    }
    enum zp_err err = message_command_write(&submission->command, submission->traceparent, &call->arena, &record);
    if (err != ZP_OK) {
        call_problem(call, err, NULL);
        return;
    }
    if (submission->wait_s > 0) {
        wait_listen(submission); /* before the log has it: its outcome may come back faster than the acknowledgement */
    }
    submission->publication = (struct publication){ .loop = call->loop, .done = on_published };
    err = publisher_send(call->loop->gateway->publisher, &record, &submission->publication);
    if (err != ZP_OK) {
        call_unavailable(call, METRIC_BACKING, refused_detail);
        return;
    }
    call_hold(call);
    call_expect(call, call->began_us + call_deadline_us(call), ZP_UNKNOWN, unknown_detail);
}

/* ---- receipt ---- */

static void replay(struct submission *submission, const struct live_receipt *receipt)
{
    struct call *call = submission->call;
    metric_add(&gateway_metrics[METRIC_REPLAYED], 1);
    call_header(call, "idempotent-replayed", "true");
    submission->command.submitted_at = receipt->submitted_at;
    if (submission->wait_s > 0) {
        wait_listen(submission);
        wait_begin(submission);
    } else {
        submit_accepted(submission);
    }
}

static void on_receipt(void *arg, enum zp_err err, const struct live_receipt *receipt)
{
    struct submission *submission = arg;
    struct call *call = submission->call;
    if (call_open(call)) {
        if (err != ZP_OK) {
            publish(submission); /* not known, or Redis is away: the worker knows duplicates by itself */
        } else if (memcmp(receipt->fingerprint, submission->command.fingerprint, sizeof(receipt->fingerprint)) != 0) {
            submit_key_reused(submission);
        } else {
            replay(submission, receipt);
        }
    }
    call_release(call);
}

void submit(struct submission *submission)
{
    struct call *call = submission->call;
    submission->command.submitted_at = call->arrived_at;
    call->is_long = submission->wait_s > 0;
    if (submission->has_key) {
        call_hold(call);
        live_hub_receipt_get(call->loop->hub, &submission->command.id, on_receipt, submission);
    } else {
        publish(submission);
    }
}
