/* The hub's questions: each is answered once, later, with what Redis has or that it has nothing. */
#include "support.h"

#include "receipt.h"

/* What a callback was given, copied. */
struct heard {
    struct ears *ears;
    int calls;
    bool inside;              /* the asking call has not returned yet */
    enum zp_err err;
    bool given;               /* a pointer came */
    struct live_snapshot snapshot;
    struct live_receipt receipt;
    struct live_tick tick;
    bool head_given, tick_given;
    struct live_head head;
    char json[2048];
    size_t count;
    int64_t first_seq, last_seq;
};

static void hear(struct heard *heard, enum zp_err err)
{
    assert_false(heard->inside);
    heard->calls++;
    heard->err = err;
}

static void on_snapshot(void *arg, enum zp_err err, const struct live_snapshot *snapshot)
{
    struct heard *heard = arg;
    hear(heard, err);
    heard->given = snapshot != NULL;
    if (snapshot != NULL) {
        heard->snapshot = *snapshot;
        (void)snprintf(heard->json, sizeof(heard->json), "%.*s", (int)snapshot->json_len, snapshot->json);
    }
}

static void on_receipt(void *arg, enum zp_err err, const struct live_receipt *receipt)
{
    struct heard *heard = arg;
    hear(heard, err);
    heard->given = receipt != NULL;
    if (receipt != NULL) {
        heard->receipt = *receipt;
        (void)snprintf(heard->json, sizeof(heard->json), "%.*s", (int)receipt->reasons_json_len,
                       receipt->reasons_json == NULL ? "" : receipt->reasons_json);
    }
}

static void on_tick(void *arg, enum zp_err err, const struct live_tick *tick)
{
    struct heard *heard = arg;
    hear(heard, err);
    heard->given = tick != NULL;
    if (tick != NULL) {
        heard->tick = *tick;
    }
}

static void on_head(void *arg, enum zp_err err, const struct live_head *head, const struct live_tick *tick)
{
    struct heard *heard = arg;
    hear(heard, err);
    heard->head_given = head != NULL;
    heard->tick_given = tick != NULL;
    heard->head = head == NULL ? (struct live_head){ 0 } : *head;
    heard->tick = tick == NULL ? (struct live_tick){ 0 } : *tick;
}

static void on_done(void *arg, enum zp_err err)
{
    hear(arg, err);
}

static void on_events(void *arg, enum zp_err err, const struct live_head *head, const struct live_note *notes,
                      size_t count)
{
    struct heard *heard = arg;
    hear(heard, err);
    heard->head_given = head != NULL;
    heard->head = head == NULL ? (struct live_head){ 0 } : *head;
    heard->count = count;
    heard->first_seq = count == 0 ? 0 : notes[0].seq;
    heard->last_seq = count == 0 ? 0 : notes[count - 1].seq;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(notes[i].seq, heard->first_seq + (int64_t)i);
        assert_true(notes[i].json_len > 20);
        assert_int_equal(notes[i].json[notes[i].json_len - 1], '}');
    }
}

/* Asks and waits for the answer. */
#define ASK(heard, call) \
    do { \
        (heard)->inside = true; \
        (heard)->calls = 0; \
        call; \
        (heard)->inside = false; \
        WAIT_FOR((heard)->ears, (heard)->calls > 0); \
        ears_turn((heard)->ears); \
        assert_int_equal((heard)->calls, 1); \
    } while (0)

struct scene {
    redisContext *client;
    struct live_push *push;
    struct history *history;
    struct ears *ears;
    struct heard heard;
};

static struct scene *scene_create(void)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    scene->client = client_open(shared_uri());
    scene->push = push_open(shared_uri(), 5000);
    scene->history = history_create(0);
    scene->ears = scene->heard.ears = ears_open(shared_uri(), &hub_settings);
    WAIT_FOR(scene->ears, live_hub_connected(scene->ears->hub));
    assert_string_equal(live_hub_trouble(scene->ears->hub), "");
    return scene;
}

static void scene_destroy(struct scene *scene)
{
    ears_close(scene->ears);
    history_destroy(scene->history);
    live_push_destroy(scene->push);
    redisFree(scene->client);
    free(scene);
}

static void orders_are_read_with_their_tick(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create();
    struct heard *heard = &scene->heard;
    const struct zp_id order = test_id(1), *location = &scene->history->location_id;
    const struct live_tick tick = { 2000001, 10, 12, 13 };
    history_add(scene->history, order, 1, false);
    history_add(scene->history, order, 2, false);

    ASK(heard, live_hub_order_get(scene->ears->hub, location, 2000001, &order, on_snapshot, heard));
    assert_int_equal(heard->err, ZP_NOT_FOUND);
    assert_true(heard->given);
    assert_int_equal(heard->snapshot.tick.asked_at, 0);

    assert_int_equal(live_push_ticks(scene->push, &tick, 1), ZP_OK);
    ASK(heard, live_hub_order_get(scene->ears->hub, location, 2000001, &order, on_snapshot, heard));
    assert_int_equal(heard->err, ZP_NOT_FOUND);
    assert_int_equal(heard->snapshot.tick.asked_at, 13);
    assert_null(heard->snapshot.json);

    assert_int_equal(push_events(scene->push, scene->history, 1, 2), LIVE_PUSHED);
    ASK(heard, live_hub_order_get(scene->ears->hub, location, 2000001, &order, on_snapshot, heard));
    assert_int_equal(heard->err, ZP_OK);
    assert_int_equal(heard->snapshot.version, 2);
    assert_true(id_equal(&heard->snapshot.owner, &scene->history->notes[0].owner));
    assert_memory_equal(heard->json, scene->history->notes[1].order_json, scene->history->notes[1].order_json_len);
    assert_int_equal(heard->snapshot.tick.next, 10);
    assert_int_equal(heard->snapshot.tick.partition, 2000001);

    client_do(scene->client, "DEL tick:2000001");
    scene_destroy(scene);
}

/* What can't be read is not there: the database is asked. */
static void what_makes_no_sense_is_not_found(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create();
    struct heard *heard = &scene->heard;
    const struct zp_id order = test_id(1), *location = &scene->history->location_id;
    const struct key key = live_key_order(location, &order);
    static const char *const values[] = { "", "x", "{\"json\":1}", "ZN1O", "ZN1E\1\1\1\1" };
    history_grow(scene->history, 2);
    assert_int_equal(push_events(scene->push, scene->history, 1, 2), LIVE_PUSHED);
    for (size_t i = 0; i < ZP_COUNT(values); i++) {
        client_do(scene->client, "SET %s %s", key.text, values[i]);
        client_do(scene->client, "SET tick:2000002 %s", values[i]);
        client_do(scene->client, "SET %s %s", live_key_receipt(&order).text, values[i]);
        ASK(heard, live_hub_order_get(scene->ears->hub, location, 2000002, &order, on_snapshot, heard));
        assert_int_equal(heard->err, ZP_NOT_FOUND);
        assert_int_equal(heard->snapshot.tick.asked_at, 0);
        ASK(heard, live_hub_tick_get(scene->ears->hub, 2000002, on_tick, heard));
        assert_int_equal(heard->err, ZP_NOT_FOUND);
        assert_false(heard->given);
        ASK(heard, live_hub_receipt_get(scene->ears->hub, &order, on_receipt, heard));
        assert_int_equal(heard->err, ZP_NOT_FOUND);
        assert_false(heard->given);
    }
    /* Another order's snapshot under this one's name. */
    const struct zp_id other = test_id(2);
    client_do(scene->client, "COPY %s %s REPLACE", live_key_order(location, &other).text, key.text);
    ASK(heard, live_hub_order_get(scene->ears->hub, location, 0, &order, on_snapshot, heard));
    assert_int_equal(heard->err, ZP_NOT_FOUND);
    /* A key of the wrong type is an error reply. */
    client_do(scene->client, "DEL %s", key.text);
    client_do(scene->client, "HSET %s a b", key.text);
    ASK(heard, live_hub_order_get(scene->ears->hub, location, 0, &order, on_snapshot, heard));
    assert_int_equal(heard->err, ZP_BUSY);
    assert_false(heard->given);
    client_do(scene->client, "DEL tick:2000002 %s", live_key_receipt(&order).text);
    scene_destroy(scene);
}

static void a_submission_is_written_once(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create();
    struct heard *heard = &scene->heard;
    struct command command = { .type = CMD_ORDER_PLACE, .fingerprint = { 1, 2, 3 }, .submitted_at = 99,
                               .actor = { .user_id = test_id(6) } };
    command.id = command.order_id = id_fresh();
    command.location_id = scene->history->location_id;
    struct live_submission submission = { .command = &command, .partition = 5, .offset = 41 };
    ASK(heard, live_hub_receipt_get(scene->ears->hub, &command.id, on_receipt, heard));
    assert_int_equal(heard->err, ZP_NOT_FOUND);
    ASK(heard, live_hub_submitted(scene->ears->hub, &submission, on_done, heard));
    assert_int_equal(heard->err, ZP_OK);
    ASK(heard, live_hub_receipt_get(scene->ears->hub, &command.id, on_receipt, heard));
    assert_int_equal(heard->err, ZP_OK);
    assert_false(heard->receipt.settled);
    assert_int_equal(heard->receipt.offset, 41);
    assert_int_equal(heard->receipt.partition, 5);
    assert_int_equal(heard->receipt.submitted_at, 99);
    assert_memory_equal(heard->receipt.fingerprint, command.fingerprint, 16);
    assert_true(id_equal(&heard->receipt.user_id, &command.actor.user_id));
    int64_t ttl_s = client_do(scene->client, "TTL %s", live_key_receipt(&command.id).text);
    assert_true(ttl_s > 800 && ttl_s <= 900);

    /* A retry that was published again changes nothing. */
    submission.offset = 77;
    ASK(heard, live_hub_submitted(scene->ears->hub, &submission, on_done, heard));
    ASK(heard, live_hub_receipt_get(scene->ears->hub, &command.id, on_receipt, heard));
    assert_int_equal(heard->receipt.offset, 41);

    /* The outcome overrides it, and stays. */
    const struct outcome outcome = { .command_id = command.id,
                                     .order_id = command.order_id,
                                     .err = ZP_INVALID,
                                     .location_id = command.location_id,
                                     .offset = 41,
                                     .partition = 5,
                                     .reasons = &(struct reason){ .code = "item_unknown", .detail = "?" },
                                     .reason_count = 1 };
    assert_int_equal(live_push_items(scene->push, NULL, 0, NULL, 0, &outcome, 1), ZP_OK);
    ASK(heard, live_hub_submitted(scene->ears->hub, &submission, on_done, heard));
    ASK(heard, live_hub_receipt_get(scene->ears->hub, &command.id, on_receipt, heard));
    assert_true(heard->receipt.settled);
    assert_int_equal(heard->receipt.err, ZP_INVALID);
    assert_non_null(strstr(heard->json, "item_unknown"));

    /* Nobody need wait. */
    command.id = id_fresh();
    live_hub_submitted(scene->ears->hub, &submission, NULL, NULL);
    ASK(heard, live_hub_receipt_get(scene->ears->hub, &command.id, on_receipt, heard));
    assert_int_equal(heard->err, ZP_OK);
    scene_destroy(scene);
}

static void heads_and_ticks_are_read(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create();
    struct heard *heard = &scene->heard;
    const struct zp_id *location = &scene->history->location_id;
    const struct live_tick tick = { 2000003, 1, 2, 3 };
    ASK(heard, live_hub_head_get(scene->ears->hub, location, 2000003, on_head, heard));
    assert_int_equal(heard->err, ZP_NOT_FOUND);
    assert_true(!heard->head_given && heard->tick_given && heard->tick.asked_at == 0);
    assert_int_equal(live_push_ticks(scene->push, &tick, 1), ZP_OK);
    ASK(heard, live_hub_head_get(scene->ears->hub, location, 2000003, on_head, heard));
    assert_true(!heard->head_given && heard->tick.asked_at == 3);
    history_grow(scene->history, 3);
    assert_int_equal(push_events(scene->push, scene->history, 1, 3), LIVE_PUSHED);
    ASK(heard, live_hub_head_get(scene->ears->hub, location, 2000003, on_head, heard));
    assert_int_equal(heard->err, ZP_OK);
    assert_memory_equal(&heard->head, &scene->history->notes[2].head, sizeof(heard->head));
    ASK(heard, live_hub_tick_get(scene->ears->hub, 2000003, on_tick, heard));
    assert_int_equal(heard->err, ZP_OK);
    assert_int_equal(heard->tick.end, 2);
    client_do(scene->client, "DEL tick:2000003");
    scene_destroy(scene);
}

/* By a seq alone, as a client brings it. */
static void ask_after(struct scene *scene, int64_t after, size_t max)
{
    const struct live_cursor cursor = { .seq = after };
    live_hub_events_after(scene->ears->hub, &scene->history->location_id, &cursor, max, on_events, &scene->heard);
}

/* Not watched: everything comes from the stream, which keeps from `kept` on; the head is 20. */
static void events_come_from_the_stream(void **state)
{
    (void)state;
    NEEDS_REDIS();
    static const struct {
        const char *name;
        int64_t kept, hole, after;
        size_t max;
        enum zp_err want;
        int64_t first, last;
    } rows[] = {
        { "from the start", 1, 0, 0, 100, ZP_OK, 1, 20 },
        { "from the middle", 1, 0, 12, 100, ZP_OK, 13, 20 },
        { "at most some", 1, 0, 12, 3, ZP_OK, 13, 15 },
        { "at the head", 1, 0, 20, 100, ZP_OK, 0, 0 },
        { "beyond the head", 1, 0, 21, 100, ZP_NOT_FOUND, 0, 0 },
        { "far beyond the head", 1, 0, INT64_MAX, 100, ZP_NOT_FOUND, 0, 0 },
        { "before all time", 1, 0, -5, 100, ZP_OK, 1, 20 },
        { "just what is kept", 11, 0, 10, 100, ZP_OK, 11, 20 },
        { "one more than is kept", 11, 0, 9, 100, ZP_NOT_FOUND, 0, 0 },
        { "much more than is kept", 11, 0, 0, 100, ZP_NOT_FOUND, 0, 0 },
        { "up to a hole", 1, 15, 12, 100, ZP_OK, 13, 14 },
        { "a hole at once", 1, 13, 12, 100, ZP_NOT_FOUND, 0, 0 },
        { "the cursor's own is gone", 1, 12, 12, 100, ZP_OK, 13, 20 },
        { "nothing is kept, at the head", 21, 0, 20, 100, ZP_OK, 0, 0 },
        { "nothing is kept", 21, 0, 19, 100, ZP_NOT_FOUND, 0, 0 },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct scene *scene = scene_create();
        struct heard *heard = &scene->heard;
        const struct zp_id *location = &scene->history->location_id;
        print_message("%s\n", rows[i].name);
        history_grow(scene->history, 20);
        assert_int_equal(push_events(scene->push, scene->history, 1, 20), LIVE_PUSHED);
        for (int seq = 1; seq <= 20; seq++) {
            if (seq < rows[i].kept || seq == rows[i].hole) {
                client_do(scene->client, "XDEL %s %d-0", live_key_events(location).text, seq);
            }
        }
        ASK(heard, ask_after(scene, rows[i].after, rows[i].max));
        assert_int_equal(heard->err, rows[i].want);
        assert_int_equal(heard->first_seq, rows[i].first);
        assert_int_equal(heard->last_seq, rows[i].last);
        assert_int_equal(heard->head.seq, 20);
        scene_destroy(scene);
    }
}

/* The same, asked by one that knows its history: Redis has ours (12 events), or one that forked off after event 8. What
 * the cursor's event was, `kept` and later ones show. */
static void events_of_another_history_are_not_handed_out(void **state)
{
    (void)state;
    NEEDS_REDIS();
    static const struct {
        const char *name;
        bool other, refilled; /* whose first event does not say what it follows */
        int64_t kept, after;
        enum zp_err want;
        int64_t first;
    } rows[] = {
        { "ours, from the middle", false, false, 1, 9, ZP_OK, 10 },
        { "ours, from the start", false, false, 1, 0, ZP_OK, 1 },
        { "ours, at the head", false, false, 1, 12, ZP_OK, 0 },
        { "ours, the cursor's own is gone", false, false, 10, 9, ZP_OK, 10 },
        { "ours, nothing is kept, at the head", false, false, 13, 12, ZP_OK, 0 },
        { "ours, and nothing shows it", false, true, 10, 9, ZP_NOT_FOUND, 0 },
        { "the other's, before the fork", true, false, 1, 7, ZP_OK, 8 },
        { "the other's, at the fork", true, false, 1, 8, ZP_OK, 9 },
        { "the other's", true, false, 1, 9, ZP_NOT_FOUND, 0 },
        { "the other's, from the start", true, false, 1, 0, ZP_OK, 1 },
        { "the other's, the cursor's own is gone", true, false, 11, 10, ZP_NOT_FOUND, 0 },
        { "the other's, at the fork, which is gone", true, false, 9, 8, ZP_OK, 9 },
        { "the other's, at the head", true, false, 1, 12, ZP_NOT_FOUND, 0 },
        { "the other's, nothing is kept, at the head", true, false, 13, 12, ZP_NOT_FOUND, 0 },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct scene *scene = scene_create();
        struct heard *heard = &scene->heard;
        struct history *history = scene->history;
        print_message("%s\n", rows[i].name);
        history_grow(history, 12);
        struct live_cursor cursor = { .seq = 0, .hash_known = true };
        if (rows[i].after > 0) {
            cursor = live_cursor_at(&history->notes[rows[i].after - 1].head);
        }
        if (rows[i].other) {
            history_go_back(history, 4);
            history_grow(history, 4);
        }
        if (rows[i].refilled) {
            refill_from(scene->push, history, rows[i].kept);
        } else {
            assert_int_equal(push_events(scene->push, history, 1, 12), LIVE_PUSHED);
        }
        for (int seq = 1; seq < rows[i].kept; seq++) {
            client_do(scene->client, "XDEL %s %d-0", live_key_events(&history->location_id).text, seq);
        }
        ASK(heard, live_hub_events_after(scene->ears->hub, &history->location_id, &cursor, 100, on_events, heard));
        assert_int_equal(heard->err, rows[i].want);
        assert_int_equal(heard->first_seq, rows[i].first);
        assert_int_equal(heard->last_seq, rows[i].first == 0 ? 0 : 12);
        scene_destroy(scene);
    }
}

static void an_unknown_location_has_no_head(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create();
    struct heard *heard = &scene->heard;
    ASK(heard, ask_after(scene, 0, 10));
    assert_int_equal(heard->err, ZP_NOT_FOUND);
    assert_false(heard->head_given);
    scene_destroy(scene);
}

static void long_stretches_come_in_pieces(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create();
    struct heard *heard = &scene->heard;
    history_grow(scene->history, 530);
    assert_int_equal(push_events(scene->push, scene->history, 1, 530), LIVE_PUSHED);
    int64_t after = 0;
    int asked = 0;
    do {
        ASK(heard, ask_after(scene, after, 5000));
        assert_int_equal(heard->err, ZP_OK);
        assert_int_equal(heard->first_seq, after + 1);
        after = heard->last_seq;
        asked++;
    } while (after < heard->head.seq);
    assert_int_equal(after, 530);
    assert_int_equal(asked, 3);
    scene_destroy(scene);
}

/* Garbage in the stream ends what is handed out, and is never handed out itself. */
static void garbage_in_the_stream_is_an_end(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create();
    struct heard *heard = &scene->heard;
    const struct key events = live_key_events(&scene->history->location_id);
    history_grow(scene->history, 2);
    assert_int_equal(push_events(scene->push, scene->history, 1, 2), LIVE_PUSHED);
    freeReplyObject(client_ask(scene->client, "XADD %s 3-0 n nonsense", events.text));
    freeReplyObject(client_ask(scene->client, "XADD %s 4-0 a b c d", events.text));
    ASK(heard, ask_after(scene, 0, 10));
    assert_int_equal(heard->err, ZP_OK);
    assert_int_equal(heard->last_seq, 2);
    ASK(heard, ask_after(scene, 2, 10));
    assert_int_equal(heard->err, ZP_OK); /* the head is 2 */
    assert_int_equal(heard->count, 0);
    scene_destroy(scene);
}

static void too_many_questions_are_refused_at_once(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct live_hub_settings settings = hub_settings;
    settings.pending_max = 10;
    struct ears *ears = ears_open(shared_uri(), &settings);
    WAIT_FOR(ears, live_hub_connected(ears->hub));
    struct heard heards[30] = { 0 };
    for (size_t i = 0; i < ZP_COUNT(heards); i++) {
        heards[i].ears = ears;
        heards[i].inside = true;
        live_hub_tick_get(ears->hub, 2000004, on_tick, &heards[i]);
        heards[i].inside = false;
    }
    size_t busy = 0;
    for (size_t i = 0; i < ZP_COUNT(heards); i++) {
        WAIT_FOR(ears, heards[i].calls > 0);
        busy += heards[i].err == ZP_BUSY;
    }
    ears_turn(ears);
    for (size_t i = 0; i < ZP_COUNT(heards); i++) {
        assert_int_equal(heards[i].calls, 1);
    }
    assert_int_equal(busy, 20);
    ears_close(ears);
}

static void ten_thousand_questions_are_answered_in_order(void **state)
{
    (void)state;
    NEEDS_REDIS();
    enum { COUNT = 10000 };
    struct scene *scene = scene_create();
    struct heard *heards = calloc(COUNT, sizeof(*heards));
    for (size_t i = 0; i < COUNT; i++) {
        live_hub_tick_get(scene->ears->hub, 2000004, on_tick, &heards[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(heards[i].calls, 0);
    }
    WAIT_FOR(scene->ears, heards[COUNT - 1].calls > 0);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(heards[i].calls, 1);
        assert_int_equal(heards[i].err, ZP_NOT_FOUND);
    }
    free(heards);
    scene_destroy(scene);
}

/* Questions that nobody answered, and those that their callbacks ask on top, end with the hub. */
static struct ears *asked_again;
static int again;

static void ask_again(void *arg, enum zp_err err, const struct live_tick *tick)
{
    on_tick(arg, err, tick);
    if (again-- > 0) {
        live_hub_tick_get(asked_again->hub, 1, ask_again, arg);
    }
}

static void the_end_answers_everybody(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct heard heards[20] = { 0 };
    for (int connected = 0; connected < 2; connected++) {
        struct ears *ears = asked_again = ears_open(shared_uri(), &hub_settings);
        if (connected) {
            WAIT_FOR(ears, live_hub_connected(ears->hub));
        }
        memset(heards, 0, sizeof(heards));
        for (size_t i = 0; i < ZP_COUNT(heards); i++) {
            live_hub_tick_get(ears->hub, 1, i == 0 ? ask_again : on_tick, &heards[i]);
        }
        again = 3;
        ears_close(ears);
        for (size_t i = 0; i < ZP_COUNT(heards); i++) {
            assert_int_equal(heards[i].calls, i == 0 ? 4 : 1);
            assert_int_equal(heards[i].err, ZP_BUSY);
        }
    }
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_are_read_with_their_tick),
        cmocka_unit_test(what_makes_no_sense_is_not_found),
        cmocka_unit_test(a_submission_is_written_once),
        cmocka_unit_test(heads_and_ticks_are_read),
        cmocka_unit_test(events_come_from_the_stream),
        cmocka_unit_test(events_of_another_history_are_not_handed_out),
        cmocka_unit_test(an_unknown_location_has_no_head),
        cmocka_unit_test(long_stretches_come_in_pieces),
        cmocka_unit_test(garbage_in_the_stream_is_an_end),
        cmocka_unit_test(too_many_questions_are_refused_at_once),
        cmocka_unit_test(ten_thousand_questions_are_answered_in_order),
        cmocka_unit_test(the_end_answers_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
