/* The memory of an event stream: whatever it has told, one with nothing to send holds none for sending. What h2o would
 * send is kept here, and it is the test that says when a client has taken it. */
#include "stream.h"

#include "connection.h"
#include "event_text.h"
#include "quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define BEGINNING_BYTES 20000 /* what a handler needed before it had a stream */
#define LARGE_BYTES 200000    /* four pieces */

static struct {
    struct gateway gateway;
    struct loop loop;
    struct connection connection;
    h2o_socket_t socket;
    h2o_conn_t conn;
    h2o_req_t req;
    struct call call;
    struct stream *stream;
    size_t pieces, piece_bytes; /* sent so far, and the last one's length */
    bool over;                  /* the last one was the end */
    int drained, gone;
} world;

/* ---- h2o, as far as a stream sees it ----------------------------------------------------------------------------- */

void h2o_send(h2o_req_t *req, h2o_iovec_t *pieces, size_t count, h2o_send_state_t state)
{
    assert_ptr_equal(req, &world.req);
    world.piece_bytes = count > 0 ? pieces[0].len : 0;
    world.pieces += count;
    world.over = state == H2O_SEND_STATE_FINAL;
}

void h2o_start_response(h2o_req_t *req, h2o_generator_t *generator)
{
    (void)req;
    (void)generator;
}

void h2o_socket_read_start(h2o_socket_t *socket, h2o_socket_cb on_readable)
{
    (void)socket;
    (void)on_readable;
}

void h2o_socket_read_stop(h2o_socket_t *socket)
{
    (void)socket;
}

void h2o_socket_dont_read(h2o_socket_t *socket, int dont_read)
{
    (void)socket;
    (void)dont_read;
}

static h2o_socket_t *socket_of(h2o_conn_t *conn)
{
    (void)conn;
    return &world.socket;
}

/* The client takes the piece that is under way. */
static void take(void)
{
    world.stream->super.proceed(&world.stream->super, &world.req);
}

/* ... and all that follow it. */
static void take_all(void)
{
    size_t before;
    do {
        before = world.pieces;
        take();
    } while (world.pieces > before);
}

static void let_a_second_pass(void)
{
    timers_run(&world.loop.timers, clock_mono_us() + 1000000);
}

/* ---- a stream ---------------------------------------------------------------------------------------------------- */

static void on_drained(struct stream *stream)
{
    (void)stream;
    world.drained++;
}

static void on_gone(struct stream *stream)
{
    (void)stream;
    world.gone++;
}

/* Opened by a handler that has filled the call's arena and buffer; nothing has been taken yet. */
static int begin(void **state)
{
    static const h2o_conn_callbacks_t callbacks = { .get_socket = socket_of };
    static const struct stream_kind kind = { .on_drained = on_drained, .on_gone = on_gone };
    static const struct quota_limits limits = { 10, 10, 10 };
    static const struct zp_id location = { .bytes = { 1 } };
    (void)state;
    memset(&world, 0, sizeof(world));
    world.loop.gateway = &world.gateway;
    world.connection = (struct connection){ .loop = &world.loop, .socket = &world.socket, .call = &world.call };
    world.socket.on_close.data = &world.connection;
    world.conn.callbacks = &callbacks;
    world.req.conn = &world.conn;
    world.call = (struct call){ .loop = &world.loop, .req = &world.req, .token_expires_at_s = INT64_MAX / 2000000 };
    timers_init(&world.loop.timers, clock_mono_us());
    h2o_mem_init_pool(&world.req.pool);
    arena_init(&world.call.arena, CALL_ARENA_BYTES_MAX);
    buffer_init(&world.call.out, CALL_ANSWER_BYTES_MAX);
    (void)arena_alloc(&world.call.arena, BEGINNING_BYTES);
    buffer_append(&world.call.out, (char[BEGINNING_BYTES]){ 0 }, BEGINNING_BYTES);
    enum zp_err err = quota_create(&limits, &world.gateway.quota);
    assert_int_equal(err, ZP_OK);
    world.stream = stream_open(&world.call, &kind, sizeof(struct stream), &location, 0);
    return world.stream == NULL;
}

/* The client leaves. */
static int end(void **state)
{
    (void)state;
    if (world.gone == 0) {
        world.stream->super.stop(&world.stream->super, &world.req);
    }
    arena_finish(&world.call.arena);
    buffer_finish(&world.call.out);
    h2o_mem_clear_pool(&world.req.pool);
    quota_destroy(world.gateway.quota);
    return world.gone != 1 || world.loop.stream_count != 0 || world.loop.streams != NULL;
}

static size_t held_bytes(void)
{
    const struct stream *stream = world.stream;
    return stream->queue.cap + stream->flight.cap + (stream->shared == NULL ? 0 : stream->shared->len);
}

static void assert_holds_nothing(void)
{
    assert_false(world.stream->sending);
    assert_int_equal(held_bytes(), 0);
    assert_null(world.stream->queue.data);
    assert_null(world.stream->flight.data);
    assert_null(world.call.arena.blocks);
    assert_null(world.call.out.data);
}

static void put(size_t bytes)
{
    char *text = malloc(bytes);
    assert_non_null(text);
    memset(text, 'x', bytes);
    stream_put_text(world.stream, text, bytes);
    free(text);
}

static struct event_text *text_of(size_t bytes)
{
    struct event_text *text = calloc(1, sizeof(*text) + bytes);
    assert_non_null(text);
    *text = (struct event_text){ .refs = 1, .len = bytes };
    return text;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void once_its_head_is_taken_it_holds_nothing(void **state)
{
    (void)state;
    assert_int_equal(world.pieces, 1);
    assert_true(held_bytes() > 0);
    take();
    assert_holds_nothing();
    assert_int_equal(world.drained, 1);
}

static void after_an_event_it_holds_nothing(void **state)
{
    (void)state;
    take();
    stream_put(world.stream, 7, "order_placed", "{}", 2);
    assert_true(held_bytes() > 0);
    take();
    assert_holds_nothing();
}

/* While a piece is under way, what is told waits in a queue; then the two change places, and both have to go. */
static void after_events_that_had_to_wait_it_holds_nothing(void **state)
{
    (void)state;
    take();
    for (int64_t seq = 1; seq <= 100; seq++) {
        stream_put(world.stream, seq, "order_placed", "{}", 2);
    }
    take();
    assert_true(world.stream->sending);
    stream_put(world.stream, 101, "order_placed", "{}", 2);
    take_all();
    assert_int_equal(world.pieces, 4); /* the head, the first, those that waited for it, the last */
    assert_holds_nothing();
}

static void after_an_event_of_many_pieces_it_holds_nothing(void **state)
{
    (void)state;
    take();
    put(LARGE_BYTES);
    take();
    assert_true(held_bytes() >= LARGE_BYTES);
    take_all();
    assert_int_equal(world.pieces, 1 + 4);
    assert_holds_nothing();
}

/* The text of an event that many streams tell is not copied, and not kept for those that have told it. */
static void of_a_shared_event_it_holds_nothing_but_until_it_is_taken(void **state)
{
    (void)state;
    struct event_text *text = text_of(1000);
    take();
    stream_put_event(world.stream, text);
    assert_int_equal(text->refs, 2);
    assert_int_equal(world.piece_bytes, 1000);
    assert_int_equal(world.stream->queue.cap + world.stream->flight.cap, 0);
    take();
    assert_int_equal(text->refs, 1);
    assert_holds_nothing();
    event_text_release(text);
}

/* It is freed with what it still had to send. */
static void one_that_ends_amid_an_event_leaves_nothing(void **state)
{
    (void)state;
    struct event_text *text = text_of(1000);
    take();
    stream_put_event(world.stream, text);
    put(LARGE_BYTES);
    world.stream->super.stop(&world.stream->super, &world.req);
    assert_int_equal(text->refs, 1);
    assert_null(world.call.state);
    event_text_release(text);
}

static void one_that_is_told_to_end_sends_what_waits_first(void **state)
{
    (void)state;
    take();
    put(10);
    put(LARGE_BYTES);
    stream_end(world.stream, METRIC_STREAM_DRAINED);
    let_a_second_pass();
    while (world.gone == 0) {
        assert_false(world.over);
        take();
    }
    assert_true(world.over);
    assert_int_equal(world.pieces, 1 + 1 + 4);
}

static void an_idle_one_that_is_told_to_end_does_so_soon(void **state)
{
    (void)state;
    take();
    stream_end(world.stream, METRIC_STREAM_DRAINED);
    assert_false(world.over); /* whoever ended it may still be using it */
    let_a_second_pass();
    assert_true(world.over);
    assert_int_equal(world.gone, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(once_its_head_is_taken_it_holds_nothing, begin, end),
        cmocka_unit_test_setup_teardown(after_an_event_it_holds_nothing, begin, end),
        cmocka_unit_test_setup_teardown(after_events_that_had_to_wait_it_holds_nothing, begin, end),
        cmocka_unit_test_setup_teardown(after_an_event_of_many_pieces_it_holds_nothing, begin, end),
        cmocka_unit_test_setup_teardown(of_a_shared_event_it_holds_nothing_but_until_it_is_taken, begin, end),
        cmocka_unit_test_setup_teardown(one_that_ends_amid_an_event_leaves_nothing, begin, end),
        cmocka_unit_test_setup_teardown(one_that_is_told_to_end_sends_what_waits_first, begin, end),
        cmocka_unit_test_setup_teardown(an_idle_one_that_is_told_to_end_does_so_soon, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
