/* A refill: one snapshot of the database in place of whatever was there, if it was what was seen. */
#include "support.h"

#include "scripts.h"

/* A refill of the whole history, its open orders included. */
struct filling {
    struct live_refill refill;
    struct order *orders;
    struct live_ticket *tickets;
};

static struct filling filling_of(const struct history *history)
{
    struct filling filling = {
        .refill = {
            .location_id = history->location_id,
            .events = history->notes,
            .event_count = history->count,
        },
        .orders = calloc(history->count + 1, sizeof(struct order)),
        .tickets = calloc(history->count + 1, sizeof(struct live_ticket)),
    };
    assert_non_null(filling.orders);
    assert_non_null(filling.tickets);
    if (history->count > 0) {
        filling.refill.head = history->notes[history->count - 1].head;
    }
    for (size_t i = 0; i < history->count; i++) {
        const struct live_note *note = &history->notes[i];
        bool newest = true;
        for (size_t later = i + 1; newest && later < history->count; later++) {
            newest = !id_equal(&history->notes[later].order_id, &note->order_id);
        }
        if (newest && history->open[i]) {
            filling.tickets[filling.refill.ticket_count++] =
                (struct live_ticket){ note->order_id, history->numbers[i] };
            filling.orders[filling.refill.order_count++] = (struct order){
                .id = note->order_id, .location_id = history->location_id, .owner = note->owner, .currency = "EUR",
                .number = history->numbers[i], .status = ORDER_ACCEPTED, .version = note->version, .seq = note->seq,
                .placed_at = 1, .updated_at = 1,
            };
        }
    }
    filling.refill.orders = filling.orders;
    filling.refill.tickets = filling.tickets;
    return filling;
}

static bool refill(struct live_push *push, const struct history *history, const struct live_head *seen)
{
    struct filling filling = filling_of(history);
    bool replaced = false;
    assert_int_equal(live_push_refill(push, &filling.refill, seen != NULL, seen, &replaced), ZP_OK);
    free(filling.orders);
    free(filling.tickets);
    return replaced;
}

static int64_t version_of(redisContext *client, const struct history *history, struct zp_id order_id)
{
    redisReply *reply = client_ask(client, "GET %s", live_key_order(&history->location_id, &order_id).text);
    struct note_frame frame = { .note.version = -1 };
    if (reply->type == REDIS_REPLY_STRING) {
        assert_true(live_note_decode(reply->str, reply->len, &frame));
        assert_false(id_is_none(&frame.note.owner));
    }
    freeReplyObject(reply);
    return frame.note.version;
}

static void assert_stands_at(redisContext *client, struct live_push *push, const struct history *history)
{
    struct live_head head;
    assert_true(push_head(push, &history->location_id, &head));
    const struct live_head *want = &history->notes[history->count - 1].head;
    assert_true(live_head_same(&head, want));
    assert_int_equal(head.board_hash, want->board_hash);
    assert_int_equal(client_do(client, "XLEN %s", live_key_events(&history->location_id).text), history->count);
    assert_int_equal(client_do(client, "ZCARD %s", live_key_open(&history->location_id).text), want->open_count);
}

/* Two histories of one location. */
static void histories(struct history **ret_one, struct history **ret_other)
{
    *ret_one = history_create(0);
    *ret_other = history_create(1);
    (*ret_other)->location_id = (*ret_one)->location_id;
}

static void an_empty_cache_is_filled(void **state)
{
    (void)state;
    NEEDS_REDIS();
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    struct history *history = history_create(0);
    history_grow(history, 3);
    history_add(history, test_id(2), 2, true);
    history_add(history, test_id(3), 2, false);
    redisContext *listener = client_listen(shared_uri(), &history->location_id);
    assert_true(refill(push, history, NULL));
    assert_stands_at(client, push, history);
    assert_int_equal(version_of(client, history, test_id(1)), 1);
    assert_int_equal(version_of(client, history, test_id(2)), -1);
    assert_int_equal(version_of(client, history, test_id(3)), 2);
    redisReply *reply;
    struct note_frame frame = client_hear(listener, &reply);
    assert_int_equal(frame.kind, NOTE_HEAD);
    assert_true(live_head_same(&frame.note.head, &history->notes[4].head));
    freeReplyObject(reply);
    history_grow(history, 1);
    assert_int_equal(push_events(push, history, 6, 6), LIVE_PUSHED);
    assert_stands_at(client, push, history);
    redisFree(listener);
    history_destroy(history);
    live_push_destroy(push);
    redisFree(client);
}

/* Redis stands at `has` (0: nothing), the worker saw `saw`. */
static void a_swap_needs_the_head_that_was_seen(void **state)
{
    (void)state;
    NEEDS_REDIS();
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    static const struct {
        const char *name;
        int64_t has, saw;
        bool other_hash, want;
    } rows[] = {
        { "nothing, and nothing was seen", 0, 0, false, true },
        { "the same", 3, 3, false, true },
        { "somebody pushed since", 4, 3, false, false },
        { "somebody filled it since", 3, 0, false, false },
        { "it was flushed since", 0, 3, false, false },
        { "it went back since", 2, 3, false, false },
        { "the same seq of another history", 3, 3, true, false },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct history *history = history_create(0);
        print_message("%s\n", rows[i].name);
        history_grow(history, 6);
        if (rows[i].has > 0) {
            assert_int_equal(push_events(push, history, 1, rows[i].has), LIVE_PUSHED);
        }
        struct live_head seen = rows[i].saw == 0 ? (struct live_head){ 0 } : history->notes[rows[i].saw - 1].head;
        seen.hash[5] ^= rows[i].other_hash;
        assert_int_equal(refill(push, history, rows[i].saw == 0 ? NULL : &seen), rows[i].want);
        if (rows[i].want) {
            assert_stands_at(client, push, history);
        } else {
            struct live_head head;
            assert_int_equal(push_head(push, &history->location_id, &head), rows[i].has > 0);
            assert_true(rows[i].has == 0 || live_head_same(&head, &history->notes[rows[i].has - 1].head));
        }
        history_destroy(history);
    }
    live_push_destroy(push);
    redisFree(client);
}

/* Somebody pushes between the look and the swap: the script itself compares. */
static void the_script_compares_too(void **state)
{
    (void)state;
    NEEDS_REDIS();
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    static const struct {
        const char *name;
        int64_t has, expects; /* 0: nothing */
        bool other_hash;
        int64_t want;
    } rows[] = {
        { "as expected", 3, 3, false, 1 },
        { "nothing, as expected", 0, 0, false, 1 },
        { "another seq", 3, 2, false, 0 },
        { "another hash", 3, 3, true, 0 },
        { "something", 3, 0, false, 0 },
        { "nothing", 0, 3, false, 0 },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct history *history = history_create(0);
        const struct zp_id *location = &history->location_id;
        char before[HEAD_TEXT_SIZE] = "";
        print_message("%s\n", rows[i].name);
        history_grow(history, 3);
        if (rows[i].has > 0) {
            assert_int_equal(push_events(push, history, 1, rows[i].has), LIVE_PUSHED);
        }
        if (rows[i].expects > 0) {
            uint8_t hash[HASH_SIZE];
            memcpy(hash, history->notes[rows[i].expects - 1].head.hash, HASH_SIZE);
            hash[31] ^= rows[i].other_hash;
            (void)live_head_print_start(rows[i].expects, hash, before);
        }
        assert_int_equal(client_do(client, "EVAL %s 3 %s %s %s %s new %s word 0 0 0 0", LIVE_SCRIPT_REFILL,
                                   live_key_head(location).text, live_key_events(location).text,
                                   live_key_open(location).text, before, live_key_channel(location).text),
                         rows[i].want);
        assert_int_equal(client_do(client, "XLEN %s", live_key_events(location).text), rows[i].want ? 0 : rows[i].has);
        history_destroy(history);
    }
    live_push_destroy(push);
    redisFree(client);
}

/* Redis has so many events of one history; it is refilled with so many of the same or of another one, which is equal to
 * it up to `fork`. */
static void hubs_are_told_whether_the_history_goes_on(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct live_push *push = push_open(shared_uri(), 5000);
    static const struct {
        const char *name;
        size_t has, fork, gets;
        enum note_kind want;
    } rows[] = {
        { "it goes on", 3, 3, 6, NOTE_HEAD },
        { "it is the same", 3, 3, 3, NOTE_HEAD },
        { "it went back", 5, 3, 3, NOTE_RESET },
        { "it went back to nothing", 5, 0, 0, NOTE_RESET },
        { "another one of the same length", 5, 3, 5, NOTE_RESET },
        { "another one, longer", 5, 3, 8, NOTE_RESET },
        { "another one from the start", 5, 0, 8, NOTE_RESET },
        { "another one, shorter", 5, 2, 4, NOTE_RESET },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct history *one, *other;
        histories(&one, &other);
        print_message("%s\n", rows[i].name);
        history_grow(one, rows[i].has);
        other->salt = 0;
        history_grow(other, rows[i].fork);
        other->salt = rows[i].fork < rows[i].has;
        history_grow(other, rows[i].gets - rows[i].fork);
        assert_int_equal(push_events(push, one, 1, (int64_t)rows[i].has), LIVE_PUSHED);
        redisContext *listener = client_listen(shared_uri(), &one->location_id);
        assert_true(refill(push, other, &one->notes[rows[i].has - 1].head));
        redisReply *reply;
        struct note_frame frame = client_hear(listener, &reply);
        assert_int_equal(frame.kind, rows[i].want);
        assert_int_equal(frame.note.head.seq, rows[i].gets);
        freeReplyObject(reply);
        redisFree(listener);
        history_destroy(one);
        history_destroy(other);
    }
    live_push_destroy(push);
}

/* Orders of the lost history: open ones, closed ones, ones that are open in both but older now. */
static void nothing_of_a_lost_history_is_left(void **state)
{
    (void)state;
    NEEDS_REDIS();
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    struct history *lost, *kept;
    histories(&lost, &kept);
    for (int both = 0; both < 2; both++) {
        struct history *history = both ? kept : lost;
        history->salt = 0;
        history_add(history, test_id(1), 1, false);
        history_add(history, test_id(2), 1, false);
        history->salt = (uint8_t)both;
    }
    history_add(lost, test_id(1), 2, true);
    history_add(lost, test_id(2), 2, false);
    history_add(lost, test_id(3), 1, false);
    history_add(lost, test_id(4), 1, false);
    history_add(lost, test_id(4), 2, true);
    history_add(kept, test_id(5), 1, false);
    assert_int_equal(push_events(push, lost, 1, 7), LIVE_PUSHED);
    assert_true(refill(push, kept, &lost->notes[6].head));
    assert_stands_at(client, push, kept);
    static const int64_t want[] = { 1, 1, -1, -1, 1 };
    for (size_t i = 0; i < ZP_COUNT(want); i++) {
        assert_int_equal(version_of(client, kept, test_id(i + 1)), want[i]);
    }
    assert_int_equal(push_events(push, lost, 7, 7), LIVE_REFILL);
    history_destroy(lost);
    history_destroy(kept);
    live_push_destroy(push);
    redisFree(client);
}

static void events_with_a_gap_are_refused(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct live_push *push = push_open(shared_uri(), 5000);
    struct history *history = history_create(0);
    history_grow(history, 5);
    static const struct {
        const char *name;
        size_t first, count;
        int64_t head;
        enum zp_err want;
    } rows[] = {
        { "up to the head", 0, 5, 5, ZP_OK },
        { "only the newest", 3, 2, 5, ZP_OK },
        { "none", 0, 0, 5, ZP_OK },
        { "not up to the head", 0, 4, 5, ZP_INTERNAL },
        { "beyond the head", 0, 5, 4, ZP_INTERNAL },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct live_refill filling = {
            .location_id = id_fresh(), .head = history->notes[rows[i].head - 1].head,
            .events = history->notes + rows[i].first, .event_count = rows[i].count,
        };
        bool replaced = false;
        print_message("%s\n", rows[i].name);
        assert_int_equal(live_push_refill(push, &filling, false, NULL, &replaced), rows[i].want);
        assert_int_equal(replaced, rows[i].want == ZP_OK);
    }
    history_destroy(history);
    live_push_destroy(push);
}

/* More tickets than are written at once: the first ones are, the others are left to the database, and nothing is
 * stale. */
static void a_full_board_is_filled_from_its_top(void **state)
{
    (void)state;
    NEEDS_REDIS();
    enum { COUNT = 12000, WHOLE = 6000 };
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 20000);
    struct history *history = history_create(0);
    char note[501];
    memset(note, 'n', sizeof(note) - 1);
    note[sizeof(note) - 1] = '\0';
    history_grow(history, 1);
    struct filling filling = filling_of(history);
    struct order *orders = calloc(WHOLE, sizeof(*orders));
    struct live_ticket *tickets = calloc(COUNT, sizeof(*tickets));
    for (size_t i = 0; i < COUNT; i++) {
        tickets[i] = (struct live_ticket){ test_id(i + 1), (int64_t)i + 1 };
    }
    for (size_t i = 0; i < WHOLE; i++) {
        orders[i] = filling.orders[0];
        orders[i].id = test_id(i + 1);
        orders[i].number = (int64_t)i + 1;
        orders[i].note = note;
    }
    const struct key last = live_key_order(&history->location_id, &tickets[COUNT - 1].order_id);
    const struct key open = live_key_open(&history->location_id);
    client_do(client, "SET %s stale", last.text);
    filling.refill.orders = orders;
    filling.refill.order_count = WHOLE;
    filling.refill.tickets = tickets;
    filling.refill.ticket_count = COUNT;
    bool replaced = false;
    assert_int_equal(live_push_refill(push, &filling.refill, false, NULL, &replaced), ZP_OK);
    assert_true(replaced);
    assert_int_equal(client_do(client, "ZCARD %s", open.text), COUNT);
    assert_int_equal(version_of(client, history, orders[0].id), 1);
    assert_int_equal(version_of(client, history, orders[999].id), 1);
    assert_int_equal(client_do(client, "EXISTS %s", last.text), 0);

    /* And all of it goes again. */
    assert_true(refill(push, history, &history->notes[0].head));
    assert_int_equal(client_do(client, "ZCARD %s", open.text), 1);
    assert_int_equal(version_of(client, history, orders[999].id), -1);
    free(orders);
    free(tickets);
    free(filling.orders);
    free(filling.tickets);
    history_destroy(history);
    live_push_destroy(push);
    redisFree(client);
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_cache_is_filled),
        cmocka_unit_test(a_swap_needs_the_head_that_was_seen),
        cmocka_unit_test(the_script_compares_too),
        cmocka_unit_test(hubs_are_told_whether_the_history_goes_on),
        cmocka_unit_test(nothing_of_a_lost_history_is_left),
        cmocka_unit_test(events_with_a_gap_are_refused),
        cmocka_unit_test(a_full_board_is_filled_from_its_top),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
