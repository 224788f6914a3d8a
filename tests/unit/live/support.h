/* support: what the tests of live share: locations with a history, and a reactor that is driven by poll. */
#ifndef ZAPORA_TEST_LIVE_SUPPORT_H
#define ZAPORA_TEST_LIVE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>

#include "zapora/live.h"

/* ---- a history of notes ----------------------------------------------------------------------------------------- */

#define HISTORY_MAX 4000

/* A made-up location: each event has a hash that follows from the one before. */
struct history {
    struct zp_id location_id;
    uint8_t salt;                        /* another one: another history of the same location */
    struct live_note notes[HISTORY_MAX]; /* notes[i].seq == i + 1 */
    bool open[HISTORY_MAX];
    int64_t numbers[HISTORY_MAX];
    size_t count;
    uint64_t board_hash;
    int64_t open_count;
};

static inline struct zp_id test_id(uint64_t n)
{
    struct zp_id id = { .bytes = { 1, 9, 7 } };
    memcpy(id.bytes + 8, &n, sizeof(n));
    return id;
}

static inline struct history *history_create(uint8_t salt)
{
    struct history *history = calloc(1, sizeof(*history));
    assert_non_null(history);
    history->location_id = id_fresh();
    history->salt = salt;
    return history;
}

static inline void history_destroy(struct history *history)
{
    for (size_t i = 0; i < history->count; i++) {
        free((void *)(uintptr_t)history->notes[i].json);
    }
    free(history);
}

static inline void history_hash(const struct history *history, int64_t seq, uint8_t ret_hash[HASH_SIZE])
{
    if (seq == 0) {
        memset(ret_hash, 0, HASH_SIZE);
        return;
    }
    const uint8_t *before = seq == 1 ? (const uint8_t *)"" : history->notes[seq - 2].head.hash;
    const struct crypto_part parts[] = { { before, seq == 1 ? 0 : HASH_SIZE },
                                         { &seq, sizeof(seq) },
                                         { &history->salt, 1 } };
    crypto_blake2b(ret_hash, HASH_SIZE, NULL, 0, parts, ZP_COUNT(parts));
}

/* True when the order was on the board before event i. */
static inline bool history_is_open(const struct history *history, size_t i, const struct zp_id *order_id)
{
    while (i-- > 0) {
        if (id_equal(&history->notes[i].order_id, order_id)) {
            return history->open[i];
        }
    }
    return false;
}

/* Adds an event about an order; `closes` takes it off the board, else it is or comes on it. */
static inline struct live_note *history_add(struct history *history, struct zp_id order_id, int64_t version,
                                            bool closes)
{
    assert_true(history->count < HISTORY_MAX);
    size_t i = history->count;
    struct live_note *note = &history->notes[i];
    char id[ID_TEXT_SIZE], text[512];
    int len = snprintf(text, sizeof(text), "{\"seq\":%zu,\"order\":{\"id\":\"%s\",\"version\":%d,\"salt\":%d}}", i + 1,
                       id_format(&order_id, id), (int)version, history->salt);
    char *json = strdup(text);
    assert_non_null(json);
    bool was_open = history_is_open(history, i, &order_id);
    history->board_hash ^= was_open ? board_ticket_hash(&order_id, version - 1) : 0;
    history->board_hash ^= closes ? 0 : board_ticket_hash(&order_id, version);
    history->open_count += !closes - was_open;
    history->open[i] = !closes;
    history->numbers[i] = (int64_t)order_id.bytes[8] + 256 * order_id.bytes[9];
    const char *order = strstr(json, "{\"id\"");
    *note = (struct live_note){
        .location_id = history->location_id,
        .order_id = order_id,
        .command_id = version == 1 ? order_id : test_id(1000000 + i),
        .owner = test_id(77),
        .type = version == 1 ? EV_ORDER_PLACED
                : closes     ? EV_ORDER_COMPLETED
                             : EV_ORDER_STARTED,
        .err = ZP_OK,
        .seq = (int64_t)i + 1,
        .version = version,
        .head = { .seq = (int64_t)i + 1,
                  .board_hash = history->board_hash,
                  .open_count = history->open_count,
                  .at = 1700000000000000 + (int64_t)i },
        .json = json,
        .json_len = (size_t)len,
        .order_json = order,
        .order_json_len = strlen(order) - 1,
    };
    history_hash(history, note->seq, note->head.hash);
    note->before = i == 0 ? 0 : live_hash_mark(history->notes[i - 1].head.hash); /* as the push will have it */
    history->count++;
    return note;
}

/* Takes the newest events away, as a restored database does; what is added then is another history. */
static inline void history_go_back(struct history *history, size_t count)
{
    for (; count > 0 && history->count > 0; count--) {
        free((void *)(uintptr_t)history->notes[--history->count].json);
    }
    const struct live_head start = { .seq = 0 };
    const struct live_head *head = history->count == 0 ? &start : &history->notes[history->count - 1].head;
    history->board_hash = head->board_hash;
    history->open_count = head->open_count;
    history->salt++;
}

/* Adds that many fresh orders, numbered after what is there. */
static inline void history_grow(struct history *history, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        history_add(history, test_id(history->count + 1), 1, false);
    }
}

/* The events first … last as an item. */
static inline struct live_item history_item(const struct history *history, int64_t first, int64_t last)
{
    struct live_item item = {
        .notes = history->notes + first - 1,
        .note_count = (size_t)(last - first + 1),
        .location_id = history->location_id,
        .open = history->open + first - 1,
        .numbers = history->numbers + first - 1,
    };
    if (first > 1) {
        memcpy(item.before_hash, history->notes[first - 2].head.hash, HASH_SIZE);
    }
    return item;
}

/* ---- a reactor -------------------------------------------------------------------------------------------------- */

#define REACTOR_WATCHES_MAX 16

struct reactor_watch {
    int fd;
    unsigned generation; /* odd while in use */
    bool read, write;
    void (*on_ready)(void *arg, bool readable, bool writable);
    void *arg;
};

struct reactor {
    struct reactor_watch watches[REACTOR_WATCHES_MAX];
};

static inline void *reactor_watch(void *loop, int fd, void (*on_ready)(void *, bool, bool), void *arg)
{
    struct reactor *reactor = loop;
    for (size_t i = 0; i < REACTOR_WATCHES_MAX; i++) {
        struct reactor_watch *watch = &reactor->watches[i];
        if (watch->generation % 2 == 0) {
            *watch = (struct reactor_watch){
                .fd = fd, .generation = watch->generation + 1, .on_ready = on_ready, .arg = arg
            };
            return watch;
        }
    }
    return NULL;
}

static inline void reactor_want(void *handle, bool read, bool write)
{
    struct reactor_watch *watch = handle;
    assert_true(watch->generation % 2 == 1);
    watch->read = read;
    watch->write = write;
}

static inline void reactor_unwatch(void *handle)
{
    struct reactor_watch *watch = handle;
    assert_true(watch->generation % 2 == 1);
    watch->generation++;
}

static inline struct live_reactor reactor_lend(struct reactor *reactor)
{
    return (struct live_reactor){
        .loop = reactor, .watch = reactor_watch, .want = reactor_want, .unwatch = reactor_unwatch
    };
}

/* Waits at most that long for something to happen, and lets it. */
static inline void reactor_turn(struct reactor *reactor, int wait_ms)
{
    struct pollfd polled[REACTOR_WATCHES_MAX];
    unsigned generations[REACTOR_WATCHES_MAX];
    for (size_t i = 0; i < REACTOR_WATCHES_MAX; i++) {
        const struct reactor_watch *watch = &reactor->watches[i];
        generations[i] = watch->generation;
        polled[i] = (struct pollfd){
            .fd = watch->generation % 2 == 1 && (watch->read || watch->write) ? watch->fd : -1,
            .events = (short)((watch->read ? POLLIN : 0) | (watch->write ? POLLOUT : 0)),
        };
    }
    if (poll(polled, REACTOR_WATCHES_MAX, wait_ms) <= 0) {
        return;
    }
    for (size_t i = 0; i < REACTOR_WATCHES_MAX; i++) {
        struct reactor_watch *watch = &reactor->watches[i];
        const short failed = POLLERR | POLLHUP;
        if (polled[i].revents != 0 && watch->generation == generations[i]) {
            watch->on_ready(watch->arg, (polled[i].revents & (POLLIN | failed)) != 0,
                            (polled[i].revents & (POLLOUT | failed)) != 0);
        }
    }
}

static inline size_t reactor_watched(const struct reactor *reactor)
{
    size_t count = 0;
    for (size_t i = 0; i < REACTOR_WATCHES_MAX; i++) {
        count += reactor->watches[i].generation % 2;
    }
    return count;
}

#endif
