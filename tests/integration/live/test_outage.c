/* Outages, on a redis-server of our own: it dies, it freezes, it forgets everything. Nobody waits for long, nobody is
 * answered twice or never, and afterwards everything goes on. */
#include "watching.h"

#include <signal.h>

static struct server server;

static struct live_hub_settings quick_settings(void)
{
    struct live_hub_settings settings = hub_settings;
    settings.timeout_ms = 300;
    return settings;
}

static void push_more(struct live_push *push, struct history *history, size_t count)
{
    const int64_t first = (int64_t)history->count + 1;
    history_grow(history, count);
    assert_int_equal(push_events(push, history, first, (int64_t)history->count), LIVE_PUSHED);
}

/* One more event; nobody takes it. */
static enum zp_err try_push(struct live_push *push, struct history *history)
{
    history_grow(history, 1);
    struct live_item item = history_item(history, (int64_t)history->count, (int64_t)history->count);
    enum zp_err err = live_push_items(push, &item, 1, NULL, 0, NULL, 0);
    return err == ZP_OK && item.result == LIVE_REFILL ? ZP_STALE : err;
}

/* Calls until it is answered, as the worker does. */
static void push_answers(struct live_push *push)
{
    const struct zp_id id = test_id(1);
    const int64_t until_us = clock_mono_us() + 20000000;
    struct live_head head;
    bool known;
    while (live_push_heads(push, &id, 1, &head, &known) != ZP_OK) {
        assert_true(clock_mono_us() < until_us);
        poll(NULL, 0, 5);
    }
}

/* ---- the worker's side ------------------------------------------------------------------------------------------ */

static void a_dead_redis_costs_the_worker_next_to_nothing(void **state)
{
    (void)state;
    NEEDS_SERVER(&server);
    struct live_push *push = push_open(server.uri, 2000);
    struct history *history = history_create(0);
    push_more(push, history, 3);
    const int64_t connections = live_push_connections(push);
    server_kill(&server);
    const int64_t start_us = clock_mono_us();
    for (int i = 0; i < 200; i++) {
        assert_int_equal(try_push(push, history), ZP_BUSY);
    }
    assert_true(clock_mono_us() - start_us < 20000000); /* 200 calls: of ten timeouts, not of two hundred */
    assert_true(strlen(live_push_trouble(push)) > 10);
    server_restart(&server);
    push_answers(push);
    assert_int_equal(live_push_connections(push), connections + 1);
    struct live_head head;
    assert_false(push_head(push, &history->location_id, &head));
    assert_int_equal(try_push(push, history), ZP_STALE);
    refill_all(push, history);
    push_more(push, history, 2);
    history_destroy(history);
    live_push_destroy(push);
    server_finish(&server);
}

/* Frozen: the first call waits for its timeout, the others hardly at all; then it goes on. */
static void a_frozen_redis_costs_the_worker_one_timeout(void **state)
{
    (void)state;
    NEEDS_SERVER(&server);
    struct live_push *push = push_open(server.uri, 1000);
    struct history *history = history_create(0);
    push_more(push, history, 3);
    server_signal(&server, SIGSTOP);
    int64_t start_us = clock_mono_us();
    assert_int_equal(try_push(push, history), ZP_BUSY);
    assert_true(clock_mono_us() - start_us >= 900000);
    assert_non_null(strstr(live_push_trouble(push), "in time"));
    start_us = clock_mono_us();
    int calls = 0;
    for (; clock_mono_us() - start_us < 1500000; calls++) {
        assert_int_equal(try_push(push, history), ZP_BUSY);
        history->count--;
        free((void *)(uintptr_t)history->notes[history->count].json);
        poll(NULL, 0, 1);
    }
    assert_true(calls > 10); /* in the time of less than two timeouts */
    server_signal(&server, SIGCONT);
    push_answers(push);
    /* The frozen server took the push after all, and it is known again. */
    const int64_t last = (int64_t)history->count;
    assert_int_equal(push_events(push, history, last, last), LIVE_ALREADY);
    push_more(push, history, 1);
    history_destroy(history);
    live_push_destroy(push);
    server_finish(&server);
}

static void forgotten_scripts_are_loaded_again(void **state)
{
    (void)state;
    NEEDS_SERVER(&server);
    struct live_push *push = push_open(server.uri, 5000);
    struct history *history = history_create(0);
    redisContext *client = client_open(server.uri);
    push_more(push, history, 3);
    client_do(client, "SCRIPT FLUSH");
    push_more(push, history, 3);
    assert_int_equal(live_push_connections(push), 1);
    redisContext *killer = client_open(server.uri);
    client_do(killer, "SCRIPT FLUSH");
    push_more(push, history, 200); /* in pieces */
    struct live_head head;
    assert_true(push_head(push, &history->location_id, &head));
    assert_int_equal(head.seq, 206);
    assert_int_equal(client_do(client, "XLEN %s", live_key_events(&history->location_id).text), 206);
    redisFree(killer);
    redisFree(client);
    history_destroy(history);
    live_push_destroy(push);
    server_finish(&server);
}

static void passwords_and_databases_are_used(void **state)
{
    (void)state;
    NEEDS_SERVER(&server);
    redisContext *client = client_open(server.uri);
    char good[128], bad[128];
    struct history *history = history_create(0);
    client_do(client, "CONFIG SET requirepass hunter2");
    (void)snprintf(good, sizeof(good), "redis://:hunter2@127.0.0.1:%d/3", server.port);
    (void)snprintf(bad, sizeof(bad), "redis://:hunter3@127.0.0.1:%d/3", server.port);
    struct live_push *push = push_open(good, 5000), *refused = push_open(bad, 5000);
    push_more(push, history, 1);
    client_do(client, "SELECT 3");
    assert_int_equal(client_do(client, "EXISTS %s", live_key_head(&history->location_id).text), 1);
    struct live_item item = history_item(history, 1, 1);
    assert_int_equal(live_push_items(refused, &item, 1, NULL, 0, NULL, 0), ZP_BUSY);
    assert_non_null(strstr(live_push_trouble(refused), "WRONGPASS"));
    assert_null(strstr(live_push_trouble(refused), "hunter"));
    struct ears *ears = ears_open(good, &hub_settings);
    struct watching watching;
    watching_begin(&watching, ears, &history->location_id, ID_NONE);
    WAIT_FOR(ears, watching.live);
    push_more(push, history, 1);
    WAIT_FOR(ears, watching.notes == 1);
    ears_close(ears);
    history_destroy(history);
    live_push_destroy(push);
    live_push_destroy(refused);
    redisFree(client);
    server_finish(&server);
}

/* A replica can't be written to: the connection is given up, so that the next one finds the primary. */
static void a_server_that_is_no_primary_is_left(void **state)
{
    (void)state;
    NEEDS_SERVER(&server);
    struct live_push *push = push_open(server.uri, 5000);
    struct history *history = history_create(0);
    redisContext *client = client_open(server.uri);
    push_more(push, history, 2);
    client_do(client, "REPLICAOF 127.0.0.1 1");
    assert_int_equal(try_push(push, history), ZP_BUSY);
    assert_non_null(strstr(live_push_trouble(push), "READONLY"));
    client_do(client, "REPLICAOF NO ONE");
    push_answers(push);
    assert_int_equal(push_events(push, history, 3, 3), LIVE_PUSHED);
    redisFree(client);
    history_destroy(history);
    live_push_destroy(push);
    server_finish(&server);
}

/* What a full server is told of, and what is left out of it. */
struct fullness {
    struct live_push *push;
    redisContext *client;
    struct history *history;
};

static struct fullness fullness_open(void)
{
    return (struct fullness){ push_open(server.uri, 5000), client_open(server.uri), history_create(0) };
}

static void fullness_close(struct fullness *full)
{
    redisFree(full->client);
    history_destroy(full->history);
    live_push_destroy(full->push);
    server_finish(&server);
}

static struct outcome outcome_of(uint8_t number)
{
    return (struct outcome){ .command_id = test_id(number), .offset = number, .err = ZP_OK };
}

static int64_t receipts(redisContext *client, uint8_t first)
{
    const struct zp_id one = test_id(first), two = test_id(first + 1U);
    return client_do(client, "EXISTS %s %s", live_key_receipt(&one).text, live_key_receipt(&two).text);
}

static void push_outcomes(const struct fullness *full, uint8_t first)
{
    const struct outcome outcomes[] = { outcome_of(first), outcome_of((uint8_t)(first + 1)) };
    history_grow(full->history, 1);
    int64_t seq = (int64_t)full->history->count;
    struct live_item item = history_item(full->history, seq, seq);
    assert_int_equal(live_push_items(full->push, &item, 1, NULL, 0, outcomes, ZP_COUNT(outcomes)), ZP_OK);
    assert_int_equal(item.result, LIVE_PUSHED);
}

static void a_full_memory_takes_events_and_no_receipts(void **state)
{
    (void)state;
    NEEDS_SERVER(&server);
    struct fullness full = fullness_open();
    push_outcomes(&full, 1);
    assert_int_equal(receipts(full.client, 1), 2);
    assert_false(live_push_is_full(full.push));
    const struct zp_id waits = test_id(5);
    client_do(full.client, "SET %s pending", live_key_receipt(&waits).text);
    client_do(full.client, "CONFIG SET maxmemory 1");
    push_outcomes(&full, 3);
    assert_true(live_push_is_full(full.push));
    assert_non_null(strstr(live_push_trouble(full.push), "OOM"));
    assert_int_equal(receipts(full.client, 3), 0);
    push_outcomes(&full, 5); /* what a gateway left there would be taken for the truth */
    assert_int_equal(receipts(full.client, 5), 0);
    assert_int_equal(client_do(full.client, "XLEN %s", live_key_events(&full.history->location_id).text), 3);
    client_do(full.client, "CONFIG SET maxmemory 0");
    push_outcomes(&full, 7);
    assert_false(live_push_is_full(full.push));
    assert_int_equal(receipts(full.client, 7), 1); /* the one that found out */
    push_outcomes(&full, 9);
    assert_int_equal(receipts(full.client, 9), 2);
    assert_int_equal(live_push_connections(full.push), 1);
    fullness_close(&full);
}

static int64_t closed_order_ttl(const struct fullness *full, int64_t number)
{
    history_grow(full->history, 1);
    int64_t seq = (int64_t)full->history->count;
    struct live_item item = history_item(full->history, seq, seq);
    const bool open = false;
    item.open = &open;
    item.numbers = &number;
    assert_int_equal(live_push_items(full->push, &item, 1, NULL, 0, NULL, 0), ZP_OK);
    const struct zp_id *order_id = &full->history->notes[seq - 1].order_id;
    return client_do(full->client, "PTTL %s", live_key_order(&full->history->location_id, order_id).text);
}

static void a_closed_order_makes_room_in_a_full_memory(void **state)
{
    (void)state;
    NEEDS_SERVER(&server);
    struct fullness full = fullness_open();
    assert_in_range(closed_order_ttl(&full, 1), 1001, 600000);
    client_do(full.client, "CONFIG SET maxmemory 1");
    push_outcomes(&full, 1);
    assert_true(live_push_is_full(full.push));
    assert_in_range(closed_order_ttl(&full, 2), 0, 1000);
    fullness_close(&full);
}

static void a_full_memory_takes_ticks_and_refills(void **state)
{
    (void)state;
    NEEDS_SERVER(&server);
    struct fullness full = fullness_open();
    const struct live_tick tick = { 7, 1, 2, 3 };
    struct live_head seen;
    bool replaced = false;
    push_more(full.push, full.history, 2);
    history_grow(full.history, 1);
    assert_true(push_head(full.push, &full.history->location_id, &seen));
    const struct live_refill refill = { .location_id = full.history->location_id, .head = full.history->notes[2].head,
                                        .events = full.history->notes, .event_count = 3 };
    client_do(full.client, "CONFIG SET maxmemory 1");
    assert_int_equal(live_push_ticks(full.push, &tick, 1), ZP_OK);
    assert_true(client_says(full.client, "1 2 3", "GET %s", live_key_tick(7).text));
    assert_int_equal(live_push_refill(full.push, &refill, true, &seen, &replaced), ZP_OK);
    assert_true(replaced);
    assert_int_equal(client_do(full.client, "XLEN %s", live_key_events(&full.history->location_id).text), 3);
    fullness_close(&full);
}

/* ---- the gateway's side ----------------------------------------------------------------------------------------- */

struct answers { int count, busy, not_found; };

static void on_tick(void *arg, enum zp_err err, const struct live_tick *tick)
{
    struct answers *answers = arg;
    (void)tick;
    answers->count++;
    answers->busy += err == ZP_BUSY;
    answers->not_found += err == ZP_NOT_FOUND;
}

static void every_question_is_answered_once_whatever_happens(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    static const struct {
        const char *name;
        int signal;
    } rows[] = { { "killed", SIGKILL }, { "frozen", SIGSTOP } };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        NEEDS_SERVER(&server);
        const struct live_hub_settings settings = quick_settings();
        struct ears *ears = ears_open(server.uri, &settings);
        struct answers *answers = calloc(COUNT, sizeof(*answers));
        print_message("%s\n", rows[i].name);
        WAIT_FOR(ears, live_hub_connected(ears->hub));
        for (size_t n = 0; n < COUNT / 2; n++) {
            live_hub_tick_get(ears->hub, 1, on_tick, &answers[n]);
        }
        ears_turn(ears); /* some are on their way */
        server_signal(&server, rows[i].signal);
        for (size_t n = COUNT / 2; n < COUNT; n++) {
            live_hub_tick_get(ears->hub, 1, on_tick, &answers[n]);
        }
        const int64_t start_us = clock_mono_us();
        for (size_t n = 0; n < COUNT; n++) {
            WAIT_FOR(ears, answers[n].count > 0);
        }
        assert_true(clock_mono_us() - start_us < 15000000); /* not a timeout for each */
        ears_turn(ears);
        int busy = 0;
        for (size_t n = 0; n < COUNT; n++) {
            assert_int_equal(answers[n].count, 1);
            assert_int_equal(answers[n].busy + answers[n].not_found, 1);
            busy += answers[n].busy;
        }
        assert_true(busy >= COUNT / 2);
        WAIT_FOR(ears, !live_hub_connected(ears->hub));
        assert_true(strlen(live_hub_trouble(ears->hub)) > 10);

        /* Down: refused, but never from inside, and without waiting for the next tick. */
        struct answers late = { 0 };
        live_hub_tick_get(ears->hub, 1, on_tick, &late);
        assert_int_equal(late.count, 0);
        reactor_turn(&ears->reactor, 1000);
        assert_int_equal(late.count, 1);
        assert_int_equal(late.busy, 1);

        if (rows[i].signal == SIGSTOP) {
            server_signal(&server, SIGCONT);
        } else {
            server_kill(&server);
            server_restart(&server);
        }
        WAIT_FOR(ears, live_hub_connected(ears->hub));
        struct answers again = { 0 };
        live_hub_tick_get(ears->hub, 1, on_tick, &again);
        WAIT_FOR(ears, again.count > 0);
        assert_int_equal(again.not_found, 1);
        free(answers);
        ears_close(ears);
        server_finish(&server);
    }
}

/* Redis is gone for a while; what was pushed meanwhile is in the refilled stream. */
static void watchers_go_on_after_a_restart(void **state)
{
    (void)state;
    NEEDS_SERVER(&server);
    const struct live_hub_settings settings = quick_settings();
    struct ears *ears = ears_open(server.uri, &settings);
    struct live_push *push = push_open(server.uri, 1000);
    struct history *history = history_create(0);
    struct watching all, waiter;
    push_more(push, history, 5);
    watching_begin(&all, ears, &history->location_id, ID_NONE);
    watching_begin(&waiter, ears, &history->location_id, test_id(9));
    WAIT_FOR(ears, all.live && waiter.live);
    push_more(push, history, 2);
    WAIT_FOR(ears, all.notes == 2);
    server_kill(&server);
    WAIT_FOR(ears, all.losts == 1 && waiter.losts == 1);
    assert_false(live_hub_is_live(ears->hub, &history->location_id));
    history_grow(history, 3); /* decided, but Redis is not there */
    server_restart(&server);
    push_answers(push);
    WAIT_FOR(ears, all.live && waiter.live);
    refill_all(push, history);
    WAIT_FOR(ears, all.notes == 5);
    push_more(push, history, 2);
    WAIT_FOR(ears, all.notes == 7);
    assert_int_equal(all.skipped + all.repeated + all.resets, 0);
    assert_int_equal(waiter.notes, 1);
    assert_int_equal(all.lives, 2);
    ears_close(ears);
    history_destroy(history);
    live_push_destroy(push);
    server_finish(&server);
}

/* The hub alone loses its connections; the events go on. */
static void a_hub_that_was_cut_off_catches_up(void **state)
{
    (void)state;
    NEEDS_SERVER(&server);
    static const struct {
        const char *name;
        bool both;
        size_t meanwhile, told; /* the rest is the journal's to tell */
    } rows[] = {
        { "the channel", false, 20, 20 },
        { "the channel, and nothing happens", false, 0, 0 },
        { "both connections", true, 450, 450 },
        { "for longer than the stream remembers", false, 2000, 0 },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct ears *ears = ears_open(server.uri, &hub_settings);
        struct history *history = history_create(0);
        redisContext *client = client_open(server.uri);
        struct live_push *push = push_open(server.uri, 5000);
        struct watching all;
        print_message("%s\n", rows[i].name);
        push_more(push, history, 5);
        watching_begin(&all, ears, &history->location_id, ID_NONE);
        WAIT_FOR(ears, all.live);
        all.last_seq = 5;
        client_do(client, rows[i].both ? "CLIENT KILL TYPE normal SKIPME yes" : "CLIENT KILL TYPE pubsub");
        if (rows[i].both) {
            client_do(client, "CLIENT KILL TYPE pubsub");
            push_answers(push);
        }
        if (rows[i].meanwhile > 0) {
            push_more(push, history, rows[i].meanwhile);
        }
        WAIT_FOR(ears, all.losts == 1);
        WAIT_FOR(ears, all.live);
        assert_int_equal(all.notes, rows[i].told);
        assert_int_equal(all.skipped, 0);
        push_more(push, history, 1);
        WAIT_FOR(ears, all.last_seq == (int64_t)history->count);
        assert_int_equal(all.skipped, rows[i].meanwhile - rows[i].told);
        assert_int_equal(all.lives, 2);
        assert_int_equal(all.resets + all.repeated, 0);
        history_destroy(history);
        ears_close(ears);
        live_push_destroy(push);
        redisFree(client);
    }
    server_finish(&server);
}

/* Everything is flushed under a live hub, and refilled by the worker with the same history, or with an older one. */
static void a_flush_is_survived(void **state)
{
    (void)state;
    NEEDS_SERVER(&server);
    for (int older = 0; older < 2; older++) {
        struct ears *ears = ears_open(server.uri, &hub_settings);
        struct live_push *push = push_open(server.uri, 5000);
        struct history *history = history_create(0);
        redisContext *client = client_open(server.uri);
        struct watching all;
        push_more(push, history, 5);
        watching_begin(&all, ears, &history->location_id, ID_NONE);
        WAIT_FOR(ears, all.live);
        push_more(push, history, 5);
        WAIT_FOR(ears, all.notes == 5);
        client_do(client, "FLUSHALL");
        const int64_t looked_us = clock_mono_us(); /* the head is looked at, and is not there */
        WAIT_FOR(ears, clock_mono_us() - looked_us > 2200000);
        assert_int_equal(all.resets + all.losts, 0);
        assert_int_equal(try_push(push, history), ZP_STALE);
        for (size_t n = older ? 4 : 0; n > 0; n--) { /* the database was restored */
            free((void *)(uintptr_t)history->notes[--history->count].json);
        }
        refill_all(push, history);
        WAIT_FOR(ears, all.resets == older); /* the head is looked at first */
        push_more(push, history, 1);
        WAIT_FOR(ears, all.last_seq == (int64_t)history->count);
        assert_int_equal(all.resets, older);
        assert_int_equal(all.skipped + all.repeated, 0);
        assert_int_equal(all.notes, older ? 6 : 7);
        redisFree(client);
        ears_close(ears);
        history_destroy(history);
        live_push_destroy(push);
    }
    server_finish(&server);
}

/* Killed again and again under load, with watchers that come and go. */
static void many_restarts_lose_nothing(void **state)
{
    (void)state;
    NEEDS_SERVER(&server);
    const struct live_hub_settings settings = quick_settings();
    struct ears *ears = ears_open(server.uri, &settings);
    struct live_push *push = push_open(server.uri, 500);
    struct history *history = history_create(0);
    struct watching all, other;
    push_more(push, history, 1);
    watching_begin(&all, ears, &history->location_id, ID_NONE);
    WAIT_FOR(ears, all.live);
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 20; i++) {
            struct live_head head;
            bool known;
            history_grow(history, 1);
            enum zp_err err = live_push_heads(push, &history->location_id, 1, &head, &known);
            if (err == ZP_OK && (!known || head.seq != (int64_t)history->count - 1)) {
                refill_all(push, history);
            } else if (err == ZP_OK) {
                assert_int_equal(push_events(push, history, (int64_t)history->count, (int64_t)history->count),
                                 LIVE_PUSHED);
            }
            if (i == 5) {
                watching_begin(&other, ears, &history->location_id, ID_NONE);
            }
            if (i == 10) {
                server_kill(&server);
            }
            if (i == 15) {
                server_restart(&server);
                live_hub_unwatch(&other.watcher);
            }
            ears_turn(ears);
        }
        WAIT_FOR(ears, live_hub_connected(ears->hub));
        push_answers(push);
    }
    refill_all(push, history);
    WAIT_FOR(ears, all.last_seq == (int64_t)history->count);
    assert_int_equal(all.skipped + all.repeated + all.resets, 0);
    assert_int_equal(all.notes, history->count - 1);
    ears_close(ears);
    history_destroy(history);
    live_push_destroy(push);
    server_finish(&server);
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_redis_costs_the_worker_next_to_nothing),
        cmocka_unit_test(a_frozen_redis_costs_the_worker_one_timeout),
        cmocka_unit_test(forgotten_scripts_are_loaded_again),
        cmocka_unit_test(passwords_and_databases_are_used),
        cmocka_unit_test(a_server_that_is_no_primary_is_left),
        cmocka_unit_test(a_full_memory_takes_events_and_no_receipts),
        cmocka_unit_test(a_closed_order_makes_room_in_a_full_memory),
        cmocka_unit_test(a_full_memory_takes_ticks_and_refills),
        cmocka_unit_test(every_question_is_answered_once_whatever_happens),
        cmocka_unit_test(watchers_go_on_after_a_restart),
        cmocka_unit_test(a_hub_that_was_cut_off_catches_up),
        cmocka_unit_test(a_flush_is_survived),
        cmocka_unit_test(many_restarts_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
