/* The cache's room against a real Redis with each call failing once: its sockets', hiredis', and every allocation. What
 * failed is asked again as its caller would; then everything is there once, and nobody was left without an answer. */
#include "torture.h"

#include "support.h"

#include "hub.h"
#include "push.h"

#define EVENTS      3
#define TROUBLE     (ERR(BUSY) | ERR(NO_MEMORY))
#define PATIENCE_US 10000000

static redisContext *client; /* the test's own */
static struct history *history;
static struct live_push *push;

/* ---- the worker's side ------------------------------------------------------------------------------------------ */

static void open_push(void)
{
    history = history_create(0);
    history_grow(history, EVENTS);
    push = push_open(shared_uri(), 5000);
}

static void forget_keys(void)
{
    char id[ID_TEXT_SIZE];
    redisReply *keys = client_ask(client, "KEYS {%s}:*", id_format(&history->location_id, id));
    for (size_t i = 0; i < keys->elements; i++) {
        client_do(client, "DEL %s", keys->element[i]->str);
    }
    freeReplyObject(keys);
    client_do(client, "DEL %s tick:2000007", live_key_receipt(&history->location_id).text);
}

static void close_push(void)
{
    live_push_destroy(push);
    push = NULL;
    history_destroy(history);
}

/* What a backoff is for is no question here. */
static void hurry(struct router *router)
{
    for (size_t i = 0; i < router->node_count; i++) {
        router->nodes[i]->connection.retry_at_us = 0;
    }
}

static void come_up(void)
{
    int64_t until_us = clock_mono_us() + PATIENCE_US;
    while (live_push_ready(push) != ZP_OK && clock_mono_us() < until_us) {
        hurry(&push->router);
        (void)poll(NULL, 0, 1);
    }
}

/* The announcer asks again when Redis is back. */
static void wait_after_trouble(void)
{
    if (live_push_trouble(push)[0] != '\0') {
        torture_pause();
        come_up();
        torture_resume();
    }
}

static enum zp_err events_are_pushed(void)
{
    struct live_item item = history_item(history, 1, EVENTS);
    const struct reason reason = { "item_unknown", "/lines/0", "no such item" };
    struct outcome outcomes[2] = { { .command_id = history->location_id, .location_id = history->location_id } };
    outcomes[1] = outcomes[0];
    outcomes[1].err = ZP_INVALID;
    outcomes[1].reasons = &reason;
    outcomes[1].reason_count = 1;
    wait_after_trouble();
    enum zp_err err = live_push_items(push, &item, 1, NULL, 0, outcomes, 2);
    return err == ZP_OK && item.result == LIVE_REFILL ? ZP_INTERNAL : err;
}

/* Head and stream are both there, or neither is. */
static bool events_are_there(enum zp_err err)
{
    struct key head = live_key_head(&history->location_id), events = live_key_events(&history->location_id);
    int64_t count = client_do(client, "XLEN %s", events.text), heads = client_do(client, "EXISTS %s", head.text);
    return (count == EVENTS && heads == 1) || (err != ZP_OK && count == 0 && heads == 0);
}

static bool events_and_receipt_are_there(enum zp_err err)
{
    int64_t receipts = client_do(client, "EXISTS %s", live_key_receipt(&history->location_id).text);
    return events_are_there(err) && (receipts == 1 || err != ZP_OK);
}

/* Whoever does not know whether the cache was replaced looks at its head first. */
static enum zp_err a_cache_is_refilled(void)
{
    struct live_head seen;
    bool known = false, replaced = false;
    const struct live_ticket tickets[] = { { test_id(1), 1 }, { test_id(2), 2 }, { test_id(3), 3 } };
    const struct live_refill refill = { .location_id = history->location_id, .head = history->notes[EVENTS - 1].head,
                                        .events = history->notes, .event_count = EVENTS, .tickets = tickets,
                                        .ticket_count = EVENTS, .is_thorough = true };
    wait_after_trouble();
    enum zp_err err = live_push_heads(push, &history->location_id, 1, &seen, &known);
    if (err != ZP_OK || (known && seen.seq == EVENTS)) {
        return err;
    }
    err = live_push_refill(push, &refill, known, &seen, &replaced);
    return err == ZP_OK && !replaced ? ZP_INTERNAL : err;
}

static enum zp_err ticks_are_told_and_all_is_audited(void)
{
    const struct live_tick tick = { 2000007, 1, 2, 3 };
    const struct zp_id order = test_id(1);
    struct live_audit audit = { .note_count = 0 };
    struct live_snapshot snapshot = { .version = -7 };
    struct arena arena;
    wait_after_trouble();
    arena_init(&arena, 1 << 20);
    enum zp_err err = live_push_ticks(push, &tick, 1);
    err = err == ZP_OK ? live_audit_get(push, &history->location_id, &arena, &audit) : err;
    err = err == ZP_OK ? live_audit_snapshots(push, &history->location_id, &order, 1, &arena, &snapshot) : err;
    bool is_whole = audit.note_count == EVENTS && audit.ticket_count == EVENTS && snapshot.version == 1;
    arena_finish(&arena);
    return err != ZP_OK || is_whole ? err : ZP_INTERNAL;
}

static void open_pushed(void)
{
    open_push();
    assert_int_equal(push_events(push, history, 1, EVENTS), LIVE_PUSHED);
}

/* ---- the gateway's side: it comes up by itself, and asks again -------------------------------------------------- */

static struct heard {
    int calls;
    enum zp_err err;
    int64_t version;
} heard;

static struct ears ears;
static int lives, notes;

static void on_snapshot(void *arg, enum zp_err err, const struct live_snapshot *snapshot)
{
    (void)arg;
    heard = (struct heard){ heard.calls + 1, err, snapshot != NULL ? snapshot->version : -1 };
}

static void on_receipt(void *arg, enum zp_err err, const struct live_receipt *receipt)
{
    (void)arg;
    heard = (struct heard){ heard.calls + 1, err, receipt != NULL && !receipt->settled ? 1 : -1 };
}

static void on_done(void *arg, enum zp_err err)
{
    (void)arg;
    heard = (struct heard){ heard.calls + 1, err, 1 };
}

static void on_events(void *arg, enum zp_err err, const struct live_head *head, const struct live_note *found,
                      size_t count)
{
    (void)arg, (void)head, (void)found;
    heard = (struct heard){ heard.calls + 1, err, (int64_t)count };
}

static void on_live(struct live_watcher *watcher)
{
    (void)watcher;
    lives++;
}

static void on_note(struct live_watcher *watcher, const struct live_note *note)
{
    (void)watcher;
    notes += note->seq == EVENTS;
}

/* One question, until it is answered; false when it never is, or twice. */
#define ANSWERED(call) (heard.calls = 0, call, hears_within(&heard.calls) && heard.calls == 1)

static bool hears_within(const int *calls)
{
    int64_t until_us = clock_mono_us() + PATIENCE_US;
    while (*calls == 0 && clock_mono_us() < until_us) {
        ears_turn(&ears);
    }
    return *calls > 0;
}

static bool comes_up(void)
{
    int64_t until_us = clock_mono_us() + PATIENCE_US;
    while (!live_hub_connected(ears.hub) && clock_mono_us() < until_us) {
        hurry(&ears.hub->commands);
        hurry(&ears.hub->notes);
        ears_turn(&ears);
    }
    return live_hub_connected(ears.hub);
}

enum question_kind { ASK_SUBMITTED, ASK_RECEIPT, ASK_ORDER, ASK_EVENTS, ASK_COUNT };

static bool ask(enum question_kind kind)
{
    static const struct live_cursor start = { .seq = 0 };
    struct command command = { .id = history->location_id, .order_id = test_id(9), .type = CMD_ORDER_PLACE };
    command.location_id = history->location_id;
    const struct live_submission submission = { .command = &command, .offset = 9 };
    const struct zp_id order = test_id(1);
    switch (kind) {
    case ASK_SUBMITTED:
        return ANSWERED(live_hub_submitted(ears.hub, &submission, on_done, NULL));
    case ASK_RECEIPT:
        return ANSWERED(live_hub_receipt_get(ears.hub, &command.id, on_receipt, NULL));
    case ASK_ORDER:
        return ANSWERED(live_hub_order_get(ears.hub, &history->location_id, 5, &order, on_snapshot, NULL));
    default:
        return ANSWERED(live_hub_events_after(ears.hub, &history->location_id, &start, 10, on_events, NULL));
    }
}

static enum zp_err ask_all(void)
{
    static const int64_t want[ASK_COUNT] = { 1, 1, 1, EVENTS };
    for (int kind = 0; kind < ASK_COUNT; kind++) {
        heard.version = -1;
        /* Who was told that it is busy, or of a part of the events, asks again. */
        for (int i = 0; i < 3 && (heard.err != ZP_OK || heard.version != want[kind]); i++) {
            if (!comes_up() || !ask((enum question_kind)kind)) {
                return ZP_INTERNAL;
            }
        }
        if (heard.err != ZP_OK || heard.version != want[kind]) {
            return ZP_INTERNAL;
        }
    }
    return ZP_OK;
}

/* A screen hears what happens, or is told that it hears nothing for a while, and then asks what it missed. */
static enum zp_err watch_and_ask(void)
{
    struct live_watcher watcher = { .on_live = on_live, .on_note = on_note };
    lives = notes = 0;
    if (!comes_up()) {
        return ZP_INTERNAL;
    }
    enum zp_err err = live_hub_watch(ears.hub, &history->location_id, &watcher);
    if (err == ZP_OK) {
        err = hears_within(&lives) ? ask_all() : ZP_INTERNAL;
        live_hub_unwatch(&watcher);
    }
    return err;
}

static enum zp_err a_hub_answers(void)
{
    struct live_hub_settings settings = hub_settings;
    const struct live_reactor lent = reactor_lend(&ears.reactor);
    char why[LIVE_WHY_SIZE] = "";
    settings.uri = shared_uri();
    settings.timeout_ms = 500;
    ears.hub = NULL;
    enum zp_err err = live_hub_create(&settings, &lent, &ears.hub, why);
    if (err == ZP_OK) {
        err = watch_and_ask();
        live_hub_destroy(ears.hub);
    } else if (why[0] == '\0') {
        err = ZP_INTERNAL;
    }
    return reactor_watched(&ears.reactor) == 0 ? err : ZP_INTERNAL;
}

/* ---- the driver ------------------------------------------------------------------------------------------------- */

static void close_and_forget(void)
{
    forget_keys();
    close_push();
}

static const struct torture rows[] = {
    { "events are pushed", open_push, events_are_pushed, events_and_receipt_are_there, close_and_forget,
      TROUBLE, ZP_OK },
    { "a cache is refilled", open_push, a_cache_is_refilled, events_are_there, close_and_forget, TROUBLE, ZP_OK },
    { "ticks are told and all is audited", open_pushed, ticks_are_told_and_all_is_audited, NULL, close_and_forget,
      TROUBLE, ZP_OK },
    { "a hub answers", open_pushed, a_hub_answers, NULL, close_and_forget, TROUBLE, ZP_OK },
};

int main(void)
{
    if (shared_uri() == NULL) {
        return 77; /* meson's word for a test that was skipped */
    }
    client = client_open(shared_uri());
    int failed = torture_main("live against Redis", rows, ZP_COUNT(rows));
    redisFree(client);
    return failed;
}
