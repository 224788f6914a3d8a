/* What a push does to Redis: everything once, in order, or nothing. */
#include "support.h"

#include "receipt.h"

/* The location's keys. */
struct names { struct key head, events, open; };

static struct names names_of(const struct history *history)
{
    return (struct names){ live_key_head(&history->location_id), live_key_events(&history->location_id),
                           live_key_open(&history->location_id) };
}

/* Head, stream and channel hold the history up to there: each event once, in order. */
static void assert_stands_at(redisContext *client, struct live_push *push, const struct history *history, int64_t seq)
{
    const struct names names = names_of(history);
    struct live_head head;
    assert_int_equal(push_head(push, &history->location_id, &head), seq > 0);
    if (seq > 0) {
        assert_true(live_head_same(&head, &history->notes[seq - 1].head));
        assert_int_equal(head.board_hash, history->notes[seq - 1].head.board_hash);
        assert_int_equal(head.open_count, history->notes[seq - 1].head.open_count);
    }
    redisReply *entries = client_ask(client, "XRANGE %s - +", names.events.text);
    assert_int_equal(entries->elements, seq);
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *entry = entries->element[i];
        struct note_frame frame;
        char id[32];
        (void)snprintf(id, sizeof(id), "%zu-0", i + 1);
        assert_string_equal(entry->element[0]->str, id);
        assert_true(live_note_decode(entry->element[1]->element[1]->str, entry->element[1]->element[1]->len, &frame));
        assert_true(live_head_same(&frame.note.head, &history->notes[i].head));
        assert_int_equal(frame.note.json_len, history->notes[i].json_len);
        assert_memory_equal(frame.note.json, history->notes[i].json, frame.note.json_len);
    }
    freeReplyObject(entries);
}

/* The version of the order's snapshot, 0 when there is none; checks that it holds the right JSON. */
static int64_t snapshot_version(redisContext *client, const struct history *history, struct zp_id order_id)
{
    const struct key key = live_key_order(&history->location_id, &order_id);
    redisReply *reply = client_ask(client, "GET %s", key.text);
    struct note_frame frame = { .kind = NOTE_EVENT };
    if (reply->type == REDIS_REPLY_STRING) {
        assert_true(live_note_decode(reply->str, reply->len, &frame));
        assert_true(id_equal(&frame.note.order_id, &order_id));
        assert_non_null(frame.note.order_json);
        assert_int_equal(frame.note.order_json[0], '{');
        assert_int_equal(frame.note.order_json[frame.note.order_json_len - 1], '}');
    }
    freeReplyObject(reply);
    return frame.note.version;
}

static int64_t ttl_of(redisContext *client, const struct history *history, struct zp_id order_id)
{
    return client_do(client, "TTL %s", live_key_order(&history->location_id, &order_id).text);
}

static void a_push_shows_everything(void **state)
{
    (void)state;
    NEEDS_REDIS();
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    struct history *history = history_create(0);
    const struct names names = names_of(history);
    redisContext *listener = client_listen(shared_uri(), &history->location_id);
    history_grow(history, 2);
    history_add(history, test_id(1), 2, false);
    assert_int_equal(live_push_connections(push), 0);
    assert_string_equal(live_push_trouble(push), "");
    assert_int_equal(push_events(push, history, 1, 3), LIVE_PUSHED);
    assert_int_equal(live_push_connections(push), 1);
    assert_stands_at(client, push, history, 3);
    assert_int_equal(client_do(client, "ZCARD %s", names.open.text), 2);
    assert_int_equal(snapshot_version(client, history, test_id(1)), 2);
    assert_int_equal(snapshot_version(client, history, test_id(2)), 1);
    assert_int_equal(ttl_of(client, history, test_id(1)), -1);
    assert_int_equal(client_do(client, "ZRANK %s 01090700-0000-0000-0200-000000000000", names.open.text), 1);
    for (int64_t seq = 1; seq <= 3; seq++) {
        redisReply *reply;
        struct note_frame frame = client_hear(listener, &reply);
        assert_int_equal(frame.kind, NOTE_EVENT);
        assert_int_equal(frame.note.seq, seq);
        freeReplyObject(reply);
    }
    redisFree(listener);
    history_destroy(history);
    live_push_destroy(push);
    redisFree(client);
}

/* Redis has 1 … 5; then one item comes. */
static void an_item_fits_or_does_not(void **state)
{
    (void)state;
    NEEDS_REDIS();
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    static const struct {
        const char *name;
        int64_t has;
        bool other; /* the item comes from another history of the location */
        int64_t first, last;
        int want;
        int64_t stands_at;
    } rows[] = {
        { "the first event of all", 0, false, 1, 1, LIVE_PUSHED, 1 },
        { "the first ones", 0, false, 1, 5, LIVE_PUSHED, 5 },
        { "not the first, to nothing", 0, false, 2, 5, LIVE_REFILL, 0 },
        { "the next one", 5, false, 6, 6, LIVE_PUSHED, 6 },
        { "the next ones", 5, false, 6, 9, LIVE_PUSHED, 9 },
        { "the last one again", 5, false, 5, 5, LIVE_ALREADY, 5 },
        { "the last ones again", 5, false, 3, 5, LIVE_ALREADY, 5 },
        { "all of them again", 5, false, 1, 5, LIVE_ALREADY, 5 },
        { "older ones again", 5, false, 2, 3, LIVE_ALREADY, 5 },
        { "the first again", 5, false, 1, 1, LIVE_ALREADY, 5 },
        { "known ones and new ones", 5, false, 4, 8, LIVE_PUSHED, 8 },
        { "all of them and a new one", 5, false, 1, 6, LIVE_PUSHED, 6 },
        { "a gap of one", 5, false, 7, 8, LIVE_REFILL, 5 },
        { "another history goes on", 5, true, 6, 7, LIVE_REFILL, 5 },
        { "another history's last one", 5, true, 5, 5, LIVE_REFILL, 5 },
        { "another history's older ones", 5, true, 2, 3, LIVE_REFILL, 5 },
        { "another history overlaps", 5, true, 4, 8, LIVE_REFILL, 5 },
        { "another history from the start", 5, true, 1, 9, LIVE_REFILL, 5 },
        { "another history's first one", 5, true, 1, 1, LIVE_REFILL, 5 },
        { "another history with a gap", 5, true, 8, 9, LIVE_REFILL, 5 },
        { "nothing", 5, false, 6, 5, LIVE_ALREADY, 5 },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct history *history = history_create(0), *other = history_create(1);
        print_message("%s\n", rows[i].name);
        other->location_id = history->location_id;
        history_grow(history, 9);
        history_grow(other, 9);
        for (size_t n = 0; n < other->count; n++) {
            other->notes[n].location_id = history->location_id;
        }
        if (rows[i].has > 0) {
            assert_int_equal(push_events(push, history, 1, rows[i].has), LIVE_PUSHED);
        }
        assert_int_equal(push_events(push, rows[i].other ? other : history, rows[i].first, rows[i].last), rows[i].want);
        assert_stands_at(client, push, history, rows[i].stands_at);
        history_destroy(history);
        history_destroy(other);
    }
    live_push_destroy(push);
    redisFree(client);
}

static void what_the_stream_forgot_is_not_known(void **state)
{
    (void)state;
    NEEDS_REDIS();
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    struct history *history = history_create(0);
    const struct names names = names_of(history);
    history_grow(history, 6);
    assert_int_equal(push_events(push, history, 1, 6), LIVE_PUSHED);
    client_do(client, "XDEL %s 3-0", names.events.text);
    assert_int_equal(push_events(push, history, 2, 3), LIVE_REFILL);
    assert_int_equal(push_events(push, history, 3, 4), LIVE_ALREADY);
    client_do(client, "DEL %s", names.events.text);
    assert_int_equal(push_events(push, history, 4, 5), LIVE_REFILL);
    assert_int_equal(push_events(push, history, 5, 6), LIVE_ALREADY); /* the head itself shows it */
    history_destroy(history);
    live_push_destroy(push);
    redisFree(client);
}

static void closed_orders_leave_and_may_come_back(void **state)
{
    (void)state;
    NEEDS_REDIS();
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    struct history *history = history_create(0);
    const struct names names = names_of(history);
    const struct zp_id order = test_id(1);
    history_add(history, order, 1, false);
    history_add(history, order, 2, true);
    history_add(history, order, 3, false);
    history_add(history, order, 4, true);
    history_add(history, test_id(2), 1, true); /* refused at once */
    static const struct {
        const char *name;
        int64_t seq, open, version;
        bool dies;
    } rows[] = {
        { "placed", 1, 1, 1, false },
        { "completed", 2, 0, 2, true },
        { "recalled", 3, 1, 3, false },
        { "completed again", 4, 0, 4, true },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        print_message("%s\n", rows[i].name);
        assert_int_equal(push_events(push, history, rows[i].seq, rows[i].seq), LIVE_PUSHED);
        assert_int_equal(client_do(client, "ZCARD %s", names.open.text), rows[i].open);
        assert_int_equal(snapshot_version(client, history, order), rows[i].version);
        int64_t ttl_s = ttl_of(client, history, order);
        assert_true(rows[i].dies ? ttl_s > 500 && ttl_s <= 600 : ttl_s == -1);
    }
    assert_int_equal(push_events(push, history, 5, 5), LIVE_PUSHED);
    assert_int_equal(client_do(client, "ZCARD %s", names.open.text), 0);
    assert_int_equal(snapshot_version(client, history, test_id(2)), 1);
    history_destroy(history);
    live_push_destroy(push);
    redisFree(client);
}

/* The head was lost, the snapshots were not, and the first events come again. */
static void an_older_version_never_covers_a_newer_one(void **state)
{
    (void)state;
    NEEDS_REDIS();
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    struct history *history = history_create(0);
    const struct names names = names_of(history);
    history_add(history, test_id(1), 1, false);
    history_add(history, test_id(2), 1, false);
    history_add(history, test_id(2), 2, true);
    for (int64_t version = 2; version <= 300; version++) {
        history_add(history, test_id(1), version, false);
    }
    const int64_t last = (int64_t)history->count;
    assert_int_equal(push_events(push, history, 1, last), LIVE_PUSHED);
    client_do(client, "DEL %s", names.head.text);
    assert_int_equal(push_events(push, history, 1, 2), LIVE_PUSHED);
    assert_stands_at(client, push, history, 2);
    assert_int_equal(snapshot_version(client, history, test_id(1)), 300);
    assert_int_equal(snapshot_version(client, history, test_id(2)), 2);
    assert_int_equal(push_events(push, history, 3, last), LIVE_PUSHED);
    assert_int_equal(snapshot_version(client, history, test_id(1)), 300);
    assert_int_equal(client_do(client, "ZCARD %s", names.open.text), 1);
    history_destroy(history);
    live_push_destroy(push);
    redisFree(client);
}

static void long_items_go_in_pieces_and_the_stream_is_trimmed(void **state)
{
    (void)state;
    NEEDS_REDIS();
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    struct history *history = history_create(0);
    const struct names names = names_of(history);
    history_grow(history, 2500);
    assert_int_equal(push_events(push, history, 1, 300), LIVE_PUSHED);
    assert_stands_at(client, push, history, 300);
    assert_int_equal(push_events(push, history, 100, 2500), LIVE_PUSHED);
    int64_t kept = client_do(client, "XLEN %s", names.events.text);
    assert_true(kept >= LIVE_EVENTS_KEPT && kept < LIVE_EVENTS_KEPT + 200);
    assert_int_equal(client_do(client, "ZCARD %s", names.open.text), 2500);
    assert_int_equal(push_events(push, history, 2000, 2500), LIVE_ALREADY);
    assert_int_equal(push_events(push, history, 1, 2500), LIVE_REFILL); /* its first pieces are not kept */
    client_do(client, "DEL %s %s %s", names.head.text, names.events.text, names.open.text);
    history_destroy(history);
    live_push_destroy(push);
    redisFree(client);
}

static void an_event_without_an_order_is_an_event(void **state)
{
    (void)state;
    NEEDS_REDIS();
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    struct history *history = history_create(0);
    struct live_note *note = history_add(history, test_id(1), 1, false);
    note->order_id = ID_NONE;
    note->type = EV_MENU_SET;
    note->order_json = NULL;
    note->order_json_len = 0;
    assert_int_equal(push_events(push, history, 1, 1), LIVE_PUSHED);
    assert_stands_at(client, push, history, 1);
    assert_int_equal(client_do(client, "EXISTS %s", names_of(history).open.text), 0);
    history_destroy(history);
    live_push_destroy(push);
    redisFree(client);
}

/* What somebody broke by hand is refilled, never built upon. */
static void damage_is_refilled(void **state)
{
    (void)state;
    NEEDS_REDIS();
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    static const struct {
        const char *name, *command; /* %s: head, events, open in this order */
        int which;
    } rows[] = {
        { "a head of words", "SET %s nonsense", 0 },
        { "an empty head", "SET %s %b", 0 },
        { "a head of the wrong type", "HSET %s seq 3", 0 },
        { "a stream that is ahead", "XADD %s 50-0 n x", 1 },
        { "a stream of the wrong type", "SET %s x", 1 },
        { "tickets of the wrong type", "SET %s x", 2 },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct history *history = history_create(0);
        const struct names names = names_of(history);
        const char *texts[] = { names.head.text, names.events.text, names.open.text };
        print_message("%s\n", rows[i].name);
        history_grow(history, 5);
        assert_int_equal(push_events(push, history, 1, 3), LIVE_PUSHED);
        if (strncmp(rows[i].command, "XADD", 4) != 0) {
            client_do(client, "DEL %s", texts[rows[i].which]);
        }
        freeReplyObject(client_ask(client, rows[i].command, texts[rows[i].which], "", (size_t)0));
        assert_int_equal(push_events(push, history, 4, 4), LIVE_REFILL);
        history->count = 4;
        refill_all(push, history);
        assert_stands_at(client, push, history, 4);
        history->count = 5;
        assert_int_equal(push_events(push, history, 5, 5), LIVE_PUSHED);
        assert_stands_at(client, push, history, 5);
        history_destroy(history);
    }
    live_push_destroy(push);
    redisFree(client);
}

static void many_locations_go_together(void **state)
{
    (void)state;
    NEEDS_REDIS();
    enum { COUNT = 700 }; /* more than a window */
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    struct live_item *items = calloc(COUNT, sizeof(*items));
    struct live_note *notes = calloc(COUNT, sizeof(*notes));
    struct history *history = history_create(0);
    history_grow(history, 2);
    static const bool open[] = { true };
    static const int64_t numbers[] = { 1 };
    for (size_t i = 0; i < COUNT; i++) {
        notes[i] = history->notes[i % 7 == 3 ? 1 : 0]; /* some don't fit: their seq is 2 */
        notes[i].location_id = id_fresh();
        items[i] = (struct live_item){ .notes = &notes[i], .note_count = 1, .location_id = notes[i].location_id,
                                       .open = open, .numbers = numbers };
    }
    assert_int_equal(live_push_items(push, items, COUNT, NULL, 0, NULL, 0), ZP_OK);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(items[i].result, i % 7 == 3 ? LIVE_REFILL : LIVE_PUSHED);
    }
    bool known[COUNT];
    struct live_head heads[COUNT];
    struct zp_id ids[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        ids[i] = notes[i].location_id;
    }
    assert_int_equal(live_push_heads(push, ids, COUNT, heads, known), ZP_OK);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(known[i], i % 7 != 3);
    }
    free(items);
    free(notes);
    history_destroy(history);
    live_push_destroy(push);
    redisFree(client);
}

static void outcomes_become_receipts_and_refusals_words(void **state)
{
    (void)state;
    NEEDS_REDIS();
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    const struct zp_id location_id = id_fresh();
    redisContext *listener = client_listen(shared_uri(), &location_id);
    const struct reason reasons[] = { { .code = "state", .detail = "It is ready already" } };
    const struct outcome outcomes[] = {
        { .command_id = id_fresh(),
          .location_id = location_id,
          .order_id = test_id(5),
          .user_id = test_id(6),
          .type = CMD_ORDER_START,
          .fingerprint = { 9 },
          .partition = 12,
          .offset = 34,
          .at = 56,
          .err = ZP_OK,
          .seq = 78 },
        { .command_id = id_fresh(),
          .location_id = location_id,
          .order_id = test_id(5),
          .user_id = test_id(6),
          .type = CMD_ORDER_START,
          .partition = 12,
          .offset = 35,
          .at = 57,
          .err = ZP_CONFLICT,
          .reasons = reasons,
          .reason_count = 1 },
    };
    const struct live_note refusal = {
        .location_id = location_id, .order_id = test_id(5), .command_id = outcomes[1].command_id,
        .type = EV_COMMAND_REFUSED, .err = ZP_CONFLICT, .reasons_json = "[]", .reasons_json_len = 2,
    };
    client_do(client, "SET %s pending", live_key_receipt(&outcomes[0].command_id).text);
    assert_int_equal(live_push_items(push, NULL, 0, &refusal, 1, outcomes, ZP_COUNT(outcomes)), ZP_OK);
    for (size_t i = 0; i < ZP_COUNT(outcomes); i++) {
        const struct key key = live_key_receipt(&outcomes[i].command_id);
        redisReply *reply = client_ask(client, "GET %s", key.text);
        struct live_receipt receipt;
        assert_true(live_receipt_parse(reply->str, reply->len, &receipt));
        assert_true(receipt.settled);
        assert_int_equal(receipt.err, outcomes[i].err);
        assert_int_equal(receipt.seq, outcomes[i].seq);
        assert_int_equal(receipt.offset, outcomes[i].offset);
        assert_int_equal(receipt.partition, 12);
        assert_int_equal(receipt.submitted_at, outcomes[i].at);
        assert_memory_equal(receipt.fingerprint, outcomes[i].fingerprint, 16);
        assert_true(id_equal(&receipt.user_id, &outcomes[i].user_id));
        assert_int_equal(receipt.reasons_json != NULL, i == 1);
        freeReplyObject(reply);
        int64_t ttl_s = client_do(client, "TTL %s", key.text);
        assert_true(ttl_s > 800 && ttl_s <= 900);
        client_do(client, "DEL %s", key.text);
    }
    redisReply *reply;
    struct note_frame frame = client_hear(listener, &reply);
    assert_int_equal(frame.kind, NOTE_WORD);
    assert_int_equal(frame.note.err, ZP_CONFLICT);
    assert_true(id_equal(&frame.note.command_id, &refusal.command_id));
    freeReplyObject(reply);
    assert_int_equal(client_do(client, "EXISTS %s", live_key_head(&location_id).text), 0);
    redisFree(listener);
    live_push_destroy(push);
    redisFree(client);
}

static void ticks_are_written(void **state)
{
    (void)state;
    NEEDS_REDIS();
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    const struct live_tick ticks[] = { { 1000001, 1, 2, 3 }, { 1000002, 4, 5, 6 } };
    assert_int_equal(live_push_ticks(push, ticks, ZP_COUNT(ticks)), ZP_OK);
    assert_true(client_says(client, "1 2 3", "GET tick:1000001"));
    assert_true(client_says(client, "4 5 6", "GET tick:1000002"));
    assert_int_equal(live_push_ticks(push, ticks, 0), ZP_OK);
    client_do(client, "DEL tick:1000001 tick:1000002");
    live_push_destroy(push);
    redisFree(client);
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_shows_everything),
        cmocka_unit_test(an_item_fits_or_does_not),
        cmocka_unit_test(what_the_stream_forgot_is_not_known),
        cmocka_unit_test(closed_orders_leave_and_may_come_back),
        cmocka_unit_test(an_older_version_never_covers_a_newer_one),
        cmocka_unit_test(long_items_go_in_pieces_and_the_stream_is_trimmed),
        cmocka_unit_test(an_event_without_an_order_is_an_event),
        cmocka_unit_test(damage_is_refilled),
        cmocka_unit_test(many_locations_go_together),
        cmocka_unit_test(outcomes_become_receipts_and_refusals_words),
        cmocka_unit_test(ticks_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
