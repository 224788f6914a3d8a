/* wait: finds the outcome of a command that was published, and answers with it.
 *
 * Called by submit.c. The announcement on the location's channel is the wake-up call; the receipt is the word: it
 * carries the fingerprint (whose outcome is this?) and the reasons with their pointers. Where Redis is away, or was
 * when the worker wrote the receipt, the table of commands has the word.
 * Invariants: at most one question is under way; a missed announcement costs LOOK_AGAIN_US, not the outcome, and so
 * does a lost receipt; when the time is over, the answer is 202 as without a wait. */
#include "wait.h"

#include "errand.h"
#include "mailbox.h"
#include "orders.h"
#include "zapora/message.h"

#define LOOK_AGAIN_US 500000  /* without an announcement */
#define LOOK_SOON_US 25000    /* with one: the receipt is being written */

static void look(struct submission *submission);
static void look_later(struct submission *submission);

/* ---- the answer ---- */

static void put_headers(struct submission *submission, int64_t version)
{
    struct call *call = submission->call;
    char preference[32], id[ID_TEXT_SIZE];
    (void)snprintf(preference, sizeof(preference), "wait=%lld", (long long)submission->wait_s);
    call_header(call, "preference-applied", arena_strdup(&call->arena, preference));
    if (version > 0) {
        call_header(call, "cache-control", "no-store");
        call_header(call, "etag", arena_printf(&call->arena, "\"%lld\"", (long long)version));
        call_header(call, "location",
                    arena_printf(&call->arena, "/orders/%s", id_format(&submission->command.order_id, id)));
    }
}

static void answer_order(struct submission *submission, const char *json, size_t len, int64_t version)
{
    struct call *call = submission->call;
    put_headers(submission, version);
    buffer_reset(&call->out);
    buffer_append(&call->out, json, len);
    call_answer_out(call, submission->command.type == CMD_ORDER_PLACE ? 201 : 200);
}

/* The announcement was missed: the order as it is now. */
static void on_order(struct call *call, const struct order_found *found)
{
    struct submission *submission = call->state;
    if (found->err == ZP_OK && found->version > 0) {
        answer_order(submission, found->json, found->json_len, found->version);
    } else {
        look_later(submission);
    }
}

static void show_outcome(struct submission *submission, enum zp_err err, const char *reasons_json, size_t reasons_len)
{
    struct call *call = submission->call;
    const struct command *command = &submission->command;
    if (err != ZP_OK) {
        put_headers(submission, 0);
        char *copy = arena_strndup(&call->arena, reasons_json == NULL ? "" : reasons_json, reasons_len);
        call_problem_json(call, err, reasons_len == 0 ? NULL : copy, copy == NULL ? 0 : reasons_len);
    } else if (submission->order_json != NULL) {
        answer_order(submission, submission->order_json, submission->order_json_len, submission->order_version);
    } else {
        order_read(call, &command->location_id, submission->partition, &command->order_id, 0, on_order);
    }
}

/* ---- looking ---- */

static void on_timer(struct timer *timer)
{
    struct call *call = H2O_STRUCT_FROM_MEMBER(struct call, timer, timer);
    look(call->state);
}

static void look_later(struct submission *submission)
{
    struct call *call = submission->call;
    submission->looking = false;
    if (submission->again) {
        submission->again = false;
        look(submission);
        return;
    }
    int64_t rest_us = submission->heard ? LOOK_SOON_US : LOOK_AGAIN_US;
    timer_start(&call->loop->timers, &call->timer, clock_mono_us() + rest_us, on_timer);
}

static void look_in_table(struct errand *errand, struct store *store)
{
    const struct zp_id *command_id = errand->question;
    struct outcome *outcome = arena_alloc(&errand->arena, sizeof(*outcome));
    errand->err = outcome == NULL ? ZP_NO_MEMORY : store_outcome_get(store, command_id, &errand->arena, outcome);
    if (errand->err == ZP_OK) {
        errand->found = outcome;
        message_reasons_json(outcome->reasons, outcome->reason_count, &errand->out);
    }
}

static void on_table(struct call *call, struct errand *errand)
{
    struct submission *submission = call->state;
    const struct outcome *outcome = errand->found;
    if (!call_open(call)) {
        return;
    }
    if (errand->err != ZP_OK) {
        look_later(submission);
    } else if (memcmp(outcome->fingerprint, submission->command.fingerprint, sizeof(outcome->fingerprint)) != 0) {
        submit_key_reused(submission);
    } else {
        show_outcome(submission, outcome->err, errand->out.data, errand->out.len);
    }
}

static void ask_table(struct submission *submission)
{
    if (!errand_start_quietly(submission->call, &submission->command.id, sizeof(submission->command.id), look_in_table,
                              on_table)) {
        look_later(submission); /* never 503: it is stored */
    }
}

static void on_tick(void *arg, enum zp_err err, const struct live_tick *tick)
{
    struct submission *submission = arg;
    struct call *call = submission->call;
    if (err == ZP_OK) {
        mailbox_tick(call->loop, tick);
    }
    if (call_open(call)) {
        bool is_passed = err == ZP_OK && submission->offset >= 0 && submission->offset < tick->next;
        (is_passed ? ask_table : look_later)(submission);
    }
    call_release(call);
}

/* Either it is too early, or the receipt that says more was lost on its way to Redis: then the announcement came
 * without it, or its partition's owner has gone past the command. */
static void doubt(struct submission *submission, const struct live_receipt *pending)
{
    struct call *call = submission->call;
    if (submission->heard && submission->doubted) {
        ask_table(submission);
    } else if (submission->heard) {
        submission->doubted = true;
        look_later(submission);
    } else {
        submission->offset = pending->offset;
        call_hold(call);
        live_hub_tick_get(call->loop->hub, submission->partition, on_tick, submission);
    }
}

static void on_receipt(void *arg, enum zp_err err, const struct live_receipt *receipt)
{
    struct submission *submission = arg;
    struct call *call = submission->call;
    if (call_open(call)) {
        if (err != ZP_OK) {
            ask_table(submission);
        } else if (!receipt->settled) {
            doubt(submission, receipt);
        } else if (memcmp(receipt->fingerprint, submission->command.fingerprint, sizeof(receipt->fingerprint)) != 0) {
            submit_key_reused(submission);
        } else {
            show_outcome(submission, receipt->err, receipt->reasons_json, receipt->reasons_json_len);
        }
    }
    call_release(call);
}

static void look(struct submission *submission)
{
    struct call *call = submission->call;
    if (submission->looking) {
        submission->again = true;
        return;
    }
    submission->looking = true;
    timer_stop(&call->timer);
    call_hold(call);
    live_hub_receipt_get(call->loop->hub, &submission->command.id, on_receipt, submission);
}

/* ---- listening ---- */

static struct submission *submission_of(struct live_watcher *watcher)
{
    return H2O_STRUCT_FROM_MEMBER(struct call, watcher, watcher)->state;
}

static void on_note(struct live_watcher *watcher, const struct live_note *note)
{
    struct submission *submission = submission_of(watcher);
    if (!id_equal(&note->command_id, &submission->command.id)) {
        return; /* a later command's, for the same order */
    }
    submission->heard = true;
    if (note->err == ZP_OK && note->order_json != NULL) {
        submission->order_json = arena_strndup(&submission->call->arena, note->order_json, note->order_json_len);
        submission->order_json_len = note->order_json_len;
        submission->order_version = note->version;
    }
    if (submission->waits) {
        look(submission);
    }
}

/* What was announced before nobody has heard. */
static void on_live(struct live_watcher *watcher)
{
    struct submission *submission = submission_of(watcher);
    if (submission->waits) {
        look(submission);
    }
}

static void on_lost(struct live_watcher *watcher)
{
    (void)watcher; /* the timer goes on looking */
}

static void on_reset(struct live_watcher *watcher, const struct live_head *head)
{
    (void)head;
    on_live(watcher);
}

void wait_listen(struct submission *submission)
{
    struct call *call = submission->call;
    call->watcher = (struct live_watcher){
        .on_note = on_note,
        .on_live = on_live,
        .on_lost = on_lost,
        .on_reset = on_reset,
        .only = submission->command.id,
    };
    enum zp_err err = live_hub_watch(call->loop->hub, &submission->command.location_id, &call->watcher);
    (void)err; /* too many locations are heard: then the timer alone looks */
}

static void on_wait_over(struct call *call)
{
    submit_accepted(call->state);
}

void wait_begin(struct submission *submission)
{
    struct call *call = submission->call;
    submission->waits = true;
    call->on_deadline = on_wait_over;
    call_expect(call, call->began_us + submission->wait_s * 1000000, ZP_UNKNOWN, NULL);
    if (submission->heard ||
        submission->publication.loop == NULL) { /* or a replay: it may have been settled long ago */
        look(submission);
    } else {
        look_later(submission);
    }
}
