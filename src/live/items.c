/* items: what just happened, told to Redis: events by a script for each location, outcomes as receipts, refusals as
 * words.
 *
 * Called by the worker's announcer. Everything is put into windows: commands that are sent together, then their
 * replies.
 * A full Redis (maxmemory) takes events, open orders and boards nevertheless (scripts.c). What readers find in the
 * database as well is left out of it until a receipt fits again: receipts, and closed orders, whose snapshots go a
 * second later. So each order that is closed makes room.
 * Invariant: an item is cut into pieces only where each piece fits behind the one before it, so that a piece which
 * is not taken leaves the rest untaken too. */
#include "marks.h"
#include "push.h"
#include "receipt.h"

#include <string.h>

#define PIECE_NOTES_MAX 64
#define PIECE_BYTES_MAX ((size_t)1024 * 1024)
#define CLOSED_ORDER_TTL_FULL_S 1

/* One command of a window and what becomes of it. */
struct slot {
    struct live_item *item; /* NULL: a receipt or a word */
    size_t from, count;     /* the piece of the item */
    bool unknown_script;    /* the server had forgotten it */
    bool is_receipt;        /* what is tried when Redis may be full */
};

struct window {
    struct live_push *push;
    struct slot slots[PUSH_REQUESTS_MAX];
    size_t count;
    struct buffer scratch; /* a receipt, its reasons */
    struct buffer reasons;
    enum zp_err err; /* the first; then nothing is added any more */
};

/* ---- replies ---------------------------------------------------------------------------------------------------- */

static bool says(const redisReply *reply, const char *word)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, word, strlen(word)) == 0;
}

/* Errors that say nothing about the location: not to be mended by a refill. */
static bool is_server_trouble(const redisReply *reply)
{
    static const char *const words[] = { "OOM ", "MISCONF ", "NOREPLICAS ", "NOPERM ", "TRYAGAIN ", "NOSCRIPT " };
    for (size_t i = 0; i < ZP_COUNT(words); i++) {
        if (says(reply, words[i])) {
            return true;
        }
    }
    return live_reply_is_outage(reply);
}

/* The pieces of an item in one: refilled when any piece must be, already there only when all were. */
static void merge(struct live_item *item, long long result)
{
    if (result == LIVE_REFILL || (result == LIVE_PUSHED && item->result == LIVE_ALREADY)) {
        item->result = result;
    }
}

/* A full Redis is told by the first receipt that it does not take. */
static enum zp_err take_receipt(struct live_push *push, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_STATUS) {
        push->is_full = false;
    } else if (says(reply, "OOM ")) {
        push->is_full = true;
        live_router_trouble(&push->router, reply->str);
    } else if (reply->type == REDIS_REPLY_ERROR) {
        return live_push_refused(push, reply);
    }
    return ZP_OK;
}

static enum zp_err take(struct live_push *push, void *arg, size_t index, const redisReply *reply)
{
    struct window *window = arg;
    struct slot *slot = &window->slots[index];
    bool failed = reply->type == REDIS_REPLY_ERROR;
    if (slot->is_receipt) {
        return take_receipt(push, reply);
    }
    if (slot->item == NULL) {
        return failed ? live_push_refused(push, reply) : ZP_OK;
    }
    if (says(reply, "NOSCRIPT ")) {
        slot->unknown_script = true;
        return ZP_OK;
    }
    if (failed && is_server_trouble(reply)) {
        return live_push_refused(push, reply);
    }
    if (failed) {
        merge(slot->item, LIVE_REFILL); /* a key of the wrong type, a stream ahead of its head */
        return ZP_OK;
    }
    if (reply->type != REDIS_REPLY_INTEGER || reply->integer < LIVE_PUSHED || reply->integer > LIVE_REFILL) {
        return live_push_refused(push, reply);
    }
    merge(slot->item, reply->integer);
    return ZP_OK;
}

static enum zp_err take_sha(struct live_push *push, void *arg, size_t index, const redisReply *reply)
{
    (void)arg;
    (void)index;
    if (reply->type != REDIS_REPLY_STRING || reply->len != SCRIPT_SHA_SIZE - 1) {
        return live_push_refused(push, reply);
    }
    memcpy(push->push_sha, reply->str, reply->len + 1);
    return ZP_OK;
}

static enum zp_err load_script(struct live_push *push)
{
    struct buffer *out = live_push_out(push);
    live_request(out, 3);
    live_request_text(out, "SCRIPT");
    live_request_text(out, "LOAD");
    live_request_text(out, LIVE_SCRIPT_PUSH);
    return live_push_exchange(push, 1, take_sha, NULL);
}

/* ---- one piece -------------------------------------------------------------------------------------------------- */

/* The snapshots that a piece writes: for each order its newest note. */
struct snapshots {
    size_t notes[PIECE_NOTES_MAX]; /* places in the piece */
    size_t count;
};

static bool has_snapshot(const struct live_note *note)
{
    return note->order_json != NULL && !id_is_none(&note->order_id);
}

static struct snapshots newest_of_each_order(const struct live_note *notes, size_t count)
{
    struct snapshots found = { .count = 0 };
    for (size_t i = 0; i < count; i++) {
        bool newest = has_snapshot(&notes[i]);
        for (size_t later = i + 1; newest && later < count; later++) {
            newest = !has_snapshot(&notes[later]) || !id_equal(&notes[later].order_id, &notes[i].order_id);
        }
        if (newest) {
            found.notes[found.count++] = i;
        }
    }
    return found;
}

/* The script's call for one piece; scripts.c says what the words mean. */
static void put_piece(struct live_push *push, const struct live_item *item, size_t from, size_t count)
{
    struct buffer *out = live_push_out(push);
    const struct live_note *notes = item->notes + from;
    const struct snapshots snapshots = newest_of_each_order(notes, count);
    char before[HEAD_TEXT_SIZE], after[HEAD_TEXT_SIZE];
    live_request(out, 3 + 3 + snapshots.count + 7 + count + 2 * snapshots.count);
    live_request_text(out, "EVALSHA");
    live_request_text(out, push->push_sha);
    live_request_int(out, (int64_t)(3 + snapshots.count));
    live_request_key(out, live_key_head(&item->location_id));
    live_request_key(out, live_key_events(&item->location_id));
    live_request_key(out, live_key_open(&item->location_id));
    for (size_t i = 0; i < snapshots.count; i++) {
        live_request_key(out, live_key_order(&item->location_id, &notes[snapshots.notes[i]].order_id));
    }
    const uint8_t *before_hash = from == 0 ? item->before_hash : notes[-1].head.hash;
    live_request_bytes(out, before, live_head_print_start(notes[0].seq - 1, before_hash, before));
    live_request_bytes(out, after, live_head_print(&notes[count - 1].head, after));
    live_request_key(out, live_key_channel(&item->location_id));
    live_request_int(out, notes[0].seq);
    live_request_int(out, (int64_t)count);
    live_request_int(out, push->is_full ? CLOSED_ORDER_TTL_FULL_S : push->settings.closed_order_ttl_s);
    live_request_int(out, LIVE_EVENTS_KEPT);
    for (size_t i = 0; i < count; i++) {
        struct note_frame frame = { .kind = NOTE_EVENT, .note = notes[i] };
        frame.note.before = live_hash_mark(i == 0 ? before_hash : notes[i - 1].head.hash);
        ZP_ASSERT(notes[i].seq == notes[0].seq + (int64_t)i && notes[i].head.seq == notes[i].seq);
        ZP_ASSERT(notes[i].json != NULL);
        live_request_note(out, &frame);
    }
    for (size_t i = 0; i < snapshots.count; i++) {
        size_t at = snapshots.notes[i];
        live_request_int(out, (int64_t)at + 1);
        if (item->open[from + at]) {
            live_request_int(out, item->numbers[from + at]);
        } else {
            live_request_text(out, "");
        }
    }
}

/* How many notes the piece from there on takes. */
static size_t piece_count(const struct live_item *item, size_t from)
{
    size_t count = 0, bytes = 0;
    while (from + count < item->note_count && count < PIECE_NOTES_MAX) {
        const struct note_frame frame = { .kind = NOTE_EVENT, .note = item->notes[from + count] };
        bytes += live_note_size(&frame);
        if (count > 0 && bytes > PIECE_BYTES_MAX) {
            break;
        }
        count++;
    }
    return count;
}

/* ---- windows ---------------------------------------------------------------------------------------------------- */

/* Sends the window; what the server had no script for is sent once more after it was loaded. */
static void flush(struct window *window)
{
    struct live_push *push = window->push;
    if (window->err != ZP_OK) {
        buffer_reset(live_push_out(push)); /* what was added before the trouble is not the next call's to send */
    }
    for (int attempt = 0; window->err == ZP_OK && window->count > 0; attempt++) {
        window->err = live_push_exchange(push, window->count, take, window);
        size_t again = 0;
        for (size_t i = 0; i < window->count; i++) {
            if (window->slots[i].unknown_script) {
                window->slots[again] = window->slots[i];
                window->slots[again++].unknown_script = false;
            }
        }
        window->count = window->err == ZP_OK ? again : 0;
        if (window->count > 0) {
            window->err = attempt == 0 ? load_script(push) : ZP_BUSY;
        }
        for (size_t i = 0; window->err == ZP_OK && i < window->count; i++) {
            put_piece(push, window->slots[i].item, window->slots[i].from, window->slots[i].count);
        }
    }
    window->count = 0;
}

/* Room for one more command; false after the first error. */
static bool add(struct window *window, struct live_item *item, size_t from, size_t count)
{
    if (window->count == PUSH_REQUESTS_MAX || live_push_out(window->push)->len >= PUSH_WINDOW_BYTES) {
        flush(window);
    }
    if (window->err != ZP_OK) {
        return false;
    }
    window->slots[window->count++] = (struct slot){ .item = item, .from = from, .count = count };
    return true;
}

/* The gateway's pending one goes: where there is none, the database is asked. */
static void add_removal(struct window *window, const struct outcome *outcome)
{
    if (add(window, NULL, 0, 0)) {
        struct buffer *out = live_push_out(window->push);
        live_request(out, 2);
        live_request_text(out, "DEL");
        live_request_key(out, live_key_receipt(&outcome->command_id));
    }
}

static void add_receipt(struct window *window, const struct outcome *outcome)
{
    const struct live_receipt receipt = live_receipt_of_outcome(outcome, &window->reasons);
    buffer_reset(&window->scratch);
    live_receipt_print(&receipt, &window->scratch);
    if (window->scratch.err == ZP_NO_MEMORY || window->reasons.err == ZP_NO_MEMORY) {
        window->err = ZP_NO_MEMORY; /* told again, it has one; without, the command would stay pending */
        return;
    }
    if (window->scratch.err != ZP_OK || !add(window, NULL, 0, 0)) {
        return;
    }
    window->slots[window->count - 1].is_receipt = true;
    struct buffer *out = live_push_out(window->push);
    live_request(out, 5);
    live_request_text(out, "SET");
    live_request_key(out, live_key_receipt(&outcome->command_id));
    live_request_bytes(out, window->scratch.data, window->scratch.len);
    live_request_text(out, "EX");
    live_request_int(out, window->push->settings.receipt_ttl_s);
}

static void add_item(struct window *window, struct live_item *item)
{
    item->result = LIVE_ALREADY;
    for (size_t from = 0, count; from < item->note_count; from += count) {
        count = piece_count(item, from);
        if (!add(window, item, from, count)) {
            return;
        }
        put_piece(window->push, item, from, count);
    }
}

static void add_word(struct window *window, const struct live_note *note)
{
    const struct note_frame frame = { .kind = NOTE_WORD, .note = *note };
    if (!add(window, NULL, 0, 0)) {
        return;
    }
    struct buffer *out = live_push_out(window->push);
    live_request(out, 3);
    live_request_text(out, "SPUBLISH");
    live_request_key(out, live_key_channel(&note->location_id));
    live_request_note(out, &frame);
}

enum zp_err live_push_items(struct live_push *push, struct live_item *items, size_t item_count,
                            const struct live_note *refusals, size_t refusal_count, const struct outcome *outcomes,
                            size_t outcome_count)
{
    struct window window = { .push = push, .err = live_push_ready(push) };
    buffer_init(&window.scratch, RECEIPT_BYTES_MAX);
    buffer_init(&window.reasons, RECEIPT_BYTES_MAX / 2);
    if (window.err == ZP_OK && item_count > 0 && push->push_sha[0] == '\0') {
        window.err = load_script(push);
    }
    /* Receipts first: whoever hears of an outcome may read it at once. */
    const bool was_full = push->is_full;
    for (size_t i = 0; window.err == ZP_OK && i < outcome_count; i++) {
        if (was_full) {
            add_removal(&window, &outcomes[i]);
        }
        if (!was_full || i == 0) { /* the first one finds out whether there is room again */
            add_receipt(&window, &outcomes[i]);
        }
    }
    for (size_t i = 0; window.err == ZP_OK && i < item_count; i++) {
        add_item(&window, &items[i]);
    }
    for (size_t i = 0; window.err == ZP_OK && i < refusal_count; i++) {
        add_word(&window, &refusals[i]);
    }
    flush(&window);
    buffer_finish(&window.scratch);
    buffer_finish(&window.reasons);
    return window.err == ZP_OK ? ZP_OK : ZP_BUSY;
}
