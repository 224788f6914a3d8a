/* A board: whole and proven by its hash, or not at all. */
#include "support.h"

struct heard {
    int calls;
    enum zp_err err;
    struct live_head head;
    size_t count;
    bool more, in_order;
    char first[256];
};

static void on_board(void *arg, enum zp_err err, const struct live_board *board)
{
    struct heard *heard = arg;
    heard->calls++;
    heard->err = err;
    assert_int_equal(board != NULL, err == ZP_OK);
    if (board == NULL) {
        return;
    }
    heard->head = board->head;
    heard->count = board->order_count;
    heard->more = board->more;
    for (size_t i = 0; i < board->order_count; i++) {
        assert_int_equal(board->orders[i][0], '{');
        assert_int_equal(board->orders[i][board->order_lens[i] - 1], '}');
    }
    if (board->order_count > 0) {
        (void)snprintf(heard->first, sizeof(heard->first), "%.*s", (int)board->order_lens[0], board->orders[0]);
    }
}

static struct heard board_of(struct ears *ears, const struct zp_id *location_id)
{
    struct heard heard = { .calls = 0 };
    live_hub_board_get(ears->hub, location_id, on_board, &heard);
    assert_int_equal(heard.calls, 0);
    WAIT_FOR(ears, heard.calls > 0);
    assert_int_equal(heard.calls, 1);
    return heard;
}

static void boards_are_whole_or_not_found(void **state)
{
    (void)state;
    NEEDS_REDIS();
    redisContext *client = client_open(shared_uri());
    struct live_push *push = push_open(shared_uri(), 5000);
    struct ears *ears = ears_open(shared_uri(), &hub_settings);
    WAIT_FOR(ears, live_hub_connected(ears->hub));
    enum damage {
        NONE,
        NO_HEAD,
        BAD_HEAD,
        NO_SNAPSHOT,
        OTHER_SNAPSHOT,
        OLD_SNAPSHOT,
        EXTRA_TICKET,
        LOST_TICKET,
        BAD_TICKET
    };
    static const struct {
        const char *name;
        size_t orders;
        enum damage damage;
        enum zp_err want;
        size_t count;
        bool more;
    } rows[] = {
        { "no location", 0, NONE, ZP_NOT_FOUND, 0, false },
        { "one ticket", 1, NONE, ZP_OK, 1, false },
        { "some tickets", 30, NONE, ZP_OK, 30, false },
        { "as many as are shown", BOARD_TICKETS_MAX, NONE, ZP_OK, BOARD_TICKETS_MAX, false },
        { "one more", BOARD_TICKETS_MAX + 1, NONE, ZP_OK, BOARD_TICKETS_MAX, true },
        { "many more", 2 * BOARD_TICKETS_MAX, NONE, ZP_OK, BOARD_TICKETS_MAX, true },
        { "the head is lost", 3, NO_HEAD, ZP_NOT_FOUND, 0, false },
        { "the head is broken", 3, BAD_HEAD, ZP_NOT_FOUND, 0, false },
        { "a snapshot is lost", 3, NO_SNAPSHOT, ZP_NOT_FOUND, 0, false },
        { "a snapshot is another order's", 3, OTHER_SNAPSHOT, ZP_NOT_FOUND, 0, false },
        { "a snapshot is old", 3, OLD_SNAPSHOT, ZP_NOT_FOUND, 0, false },
        { "a ticket too many", 3, EXTRA_TICKET, ZP_NOT_FOUND, 0, false },
        { "a ticket is lost", 3, LOST_TICKET, ZP_NOT_FOUND, 0, false },
        { "a ticket is no id", 3, BAD_TICKET, ZP_NOT_FOUND, 0, false },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct history *history = history_create(0);
        const struct zp_id *location = &history->location_id, second = test_id(2), third = test_id(3);
        const struct key head = live_key_head(location), open = live_key_open(location);
        const struct key snapshot = live_key_order(location, &second), other = live_key_order(location, &third);
        print_message("%s\n", rows[i].name);
        history_grow(history, rows[i].orders);
        if (rows[i].orders > 0) {
            assert_int_equal(push_events(push, history, 1, (int64_t)rows[i].orders), LIVE_PUSHED);
        }
        switch (rows[i].damage) {
        case NONE: break;
        case NO_HEAD: client_do(client, "DEL %s", head.text); break;
        case BAD_HEAD: client_do(client, "SET %s x", head.text); break;
        case NO_SNAPSHOT: client_do(client, "DEL %s", snapshot.text); break;
        case OTHER_SNAPSHOT: client_do(client, "COPY %s %s REPLACE", other.text, snapshot.text); break;
        case OLD_SNAPSHOT:
            client_do(client, "COPY %s %s", snapshot.text, live_key_order(location, &(struct zp_id){ { 9 } }).text);
            history_add(history, second, 2, false);
            assert_int_equal(push_events(push, history, 4, 4), LIVE_PUSHED);
            client_do(client, "COPY %s %s REPLACE", live_key_order(location, &(struct zp_id){ { 9 } }).text,
                      snapshot.text);
            break;
        case EXTRA_TICKET: client_do(client, "ZADD %s 9 01090700-0000-0000-0900-000000000000", open.text); break;
        case LOST_TICKET: client_do(client, "ZREMRANGEBYRANK %s 0 0", open.text); break;
        case BAD_TICKET:
            client_do(client, "ZREMRANGEBYRANK %s 0 0", open.text);
            client_do(client, "ZADD %s 1 nonsense", open.text);
            break;
        }
        struct heard heard = board_of(ears, location);
        assert_int_equal(heard.err, rows[i].want);
        if (heard.err == ZP_OK) {
            assert_int_equal(heard.count, rows[i].count);
            assert_int_equal(heard.more, rows[i].more);
            assert_int_equal(heard.head.seq, rows[i].orders);
            assert_memory_equal(heard.first, history->notes[0].order_json, history->notes[0].order_json_len);
        }
        history_destroy(history);
    }
    ears_close(ears);
    live_push_destroy(push);
    redisFree(client);
}

static void an_empty_board_is_a_board(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct live_push *push = push_open(shared_uri(), 5000);
    struct ears *ears = ears_open(shared_uri(), &hub_settings);
    struct history *history = history_create(0);
    WAIT_FOR(ears, live_hub_connected(ears->hub));
    history_add(history, test_id(1), 1, true);
    assert_int_equal(push_events(push, history, 1, 1), LIVE_PUSHED);
    struct heard heard = board_of(ears, &history->location_id);
    assert_int_equal(heard.err, ZP_OK);
    assert_int_equal(heard.count, 0);
    assert_int_equal(heard.head.seq, 1);
    history_destroy(history);
    ears_close(ears);
    live_push_destroy(push);
}

/* Tickets come and go all the time: each board that is read is one that was. */
static void a_board_in_motion_is_read_in_one_piece(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct live_push *push = push_open(shared_uri(), 5000);
    struct ears *ears = ears_open(shared_uri(), &hub_settings);
    struct history *history = history_create(0);
    WAIT_FOR(ears, live_hub_connected(ears->hub));
    history_grow(history, 20);
    assert_int_equal(push_events(push, history, 1, 20), LIVE_PUSHED);
    size_t found = 0;
    for (uint64_t n = 1; n <= 300; n++) {
        struct heard heard = { .calls = 0 };
        history_add(history, test_id(20 + n), 1, false);
        history_add(history, test_id(n), 2, true);
        const int64_t last = (int64_t)history->count;
        live_hub_board_get(ears->hub, &history->location_id, on_board, &heard);
        ears_turn(ears);
        assert_int_equal(push_events(push, history, last - 1, last), LIVE_PUSHED);
        WAIT_FOR(ears, heard.calls > 0);
        if (heard.err == ZP_OK) { /* its hash was proven against its head: all that is left is that the head was one */
            found++;
            assert_int_equal(heard.count, 20);
            assert_true(live_head_same(&heard.head, &history->notes[heard.head.seq - 1].head));
        } else {
            assert_int_equal(heard.err, ZP_NOT_FOUND);
        }
    }
    assert_true(found > 200);
    history_destroy(history);
    ears_close(ears);
    live_push_destroy(push);
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boards_are_whole_or_not_found),
        cmocka_unit_test(an_empty_board_is_a_board),
        cmocka_unit_test(a_board_in_motion_is_read_in_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
