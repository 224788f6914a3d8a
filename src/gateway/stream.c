/* stream: the pipe of an event stream: queue, sending, slow and leaving clients, expiry, drain.
 *
 * Called by location_stream.c, order_stream.c, beat.c and loop.c. Invariants: h2o has at most one piece under way;
 * what is queued for a client is bounded in bytes, and a stream with nothing to send holds no memory for it; a client
 * that takes nothing for STALL_US is cut off; a client that leaves is noticed at once, though h2o 2.2.5 does not look
 * at a connection while it answers. */
#include "stream.h"

#include "connection.h"
#include "query.h"
#include "quota.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define STALL_US 10000000
#define PIECE_BYTES_MAX ((size_t)64 * 1024) /* a piece must be taken within STALL_US: 6.4 KB/s is the least speed */
#define RETRY_MS_MIN 1000                   /* after a gateway that died clients come back spread over two seconds, */
#define RETRY_MS_SPREAD 2000
#define DRAIN_RETRY_MS_MIN 500              /* after a drain over ten, and to a full gateway over as much */
#define DRAIN_RETRY_MS_SPREAD 10000
#define LOOP_BYTES_MAX ((size_t)64 * 1024 * 1024) /* that a loop's queues share ... */
#define ROOM_BYTES_MIN ((size_t)16 * 1024)        /* ... but an event or some fit into each */

struct stream *stream_of(const struct call *call)
{
    return call->req == NULL ? NULL : call->state;
}

/* ---- the end ---- */

static const char *end_word(enum gateway_metric reason)
{
    switch (reason) {
    case METRIC_STREAM_STALLED: return "stalled";
    case METRIC_STREAM_EXPIRED: return "token_expired";
    case METRIC_STREAM_DRAINED: return "drain";
    case METRIC_STREAM_FAILED: return "failed";
    default: return "client_left";
    }
}

static void stop_watching_client(struct stream *stream)
{
    h2o_socket_t *socket = connection_of(stream->call->req)->socket;
    h2o_socket_read_stop(socket);
    h2o_socket_dont_read(socket, 0);
}

/* Frees the stream; h2o knows nothing of it any more. */
static void gone(struct stream *stream)
{
    log_debug("stream ended", L_STR("reason", end_word(stream->ended_by)),
              L_STR("request_id", stream->call->request_id));
    metric_add(&gateway_metrics[stream->ended_by], 1);
    metric_add(&gateway_metrics[METRIC_STREAMS_OPEN], -1);
    stream->call->loop->stream_count--;
    quota_give(stream->call->loop->gateway->quota, &stream->call->actor.user_id, &stream->location_id);
    timer_stop(&stream->stall);
    timer_stop(&stream->beat);
    timer_stop(&stream->expiry);
    stream->kind->on_gone(stream);
    stream->call->state = NULL;
    connection_of(stream->call->req)->stream = NULL;
    *stream->link = stream->next;
    if (stream->next != NULL) {
        stream->next->link = stream->link;
    }
    event_text_release(stream->shared);
    buffer_finish(&stream->queue);
    buffer_finish(&stream->flight);
    free(stream);
}

/* h2o: the connection has broken. */
static void on_stop(h2o_generator_t *self, h2o_req_t *req)
{
    (void)req;
    gone((struct stream *)(void *)self);
}

static void finish(struct stream *stream)
{
    h2o_req_t *req = stream->call->req;
    stop_watching_client(stream);
    req->http1_is_persistent = 0;
    gone(stream);
    h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
}

static void on_finish(struct timer *timer)
{
    finish(H2O_STRUCT_FROM_MEMBER(struct stream, stall, timer));
}

static bool is_idle(const struct stream *stream)
{
    return !stream->sending && stream->flight_at == stream->flight.len && stream->queue.len == 0;
}

/* Not at once: whoever ends a stream may still be using it. */
static void finish_soon(struct stream *stream)
{
    timer_start(&stream->call->loop->timers, &stream->stall, clock_mono_us(), on_finish);
}

void stream_end(struct stream *stream, enum gateway_metric reason)
{
    if (!stream->ending) {
        stream->ending = true;
        stream->ended_by = reason;
        if (is_idle(stream)) {
            finish_soon(stream);
        } /* else on_proceed finishes, or on_stall */
    }
}

/* Without sending what is queued. While a piece is under way, h2o finds the connection broken and calls on_stop. */
static void cut_off(struct stream *stream, enum gateway_metric reason)
{
    if (stream->cut) {
        return;
    }
    stream->cut = true;
    stream->ended_by = reason;
    stream->ending = true;
    stop_watching_client(stream); /* a broken connection is readable for ever */
    buffer_reset(&stream->queue);
    connection_abort(connection_of(stream->call->req));
    if (!stream->sending) {
        finish_soon(stream);
    }
}

static void on_stall(struct timer *timer)
{
    struct stream *stream = H2O_STRUCT_FROM_MEMBER(struct stream, stall, timer);
    log_info("stream cut off: its client takes nothing", L_STR("request_id", stream->call->request_id),
             L_ID("location_id", &stream->location_id), L_INT("queued_bytes", stream->queue.len));
    cut_off(stream, METRIC_STREAM_STALLED);
}

static void on_expiry(struct timer *timer)
{
    static const char words[] = ": token expired\n\n";
    struct stream *stream = H2O_STRUCT_FROM_MEMBER(struct stream, expiry, timer);
    stream_put_text(stream, words, sizeof(words) - 1);
    stream_end(stream, METRIC_STREAM_EXPIRED);
}

/* Each client has its own time: those of one gateway must not come back all at once. */
static unsigned draw(unsigned min, unsigned spread)
{
    uint32_t chance;
    crypto_random(&chance, sizeof(chance));
    return min + chance % spread;
}

static void put_retry(struct stream *stream, unsigned min_ms, unsigned spread_ms)
{
    char words[64];
    int len = snprintf(words, sizeof(words), "retry: %u\n\n", draw(min_ms, spread_ms));
    stream_put_text(stream, words, (size_t)len);
}

void streams_drain(struct loop *loop)
{
    struct stream *next;
    for (struct stream *stream = loop->streams; stream != NULL; stream = next) {
        next = stream->next;
        put_retry(stream, DRAIN_RETRY_MS_MIN, DRAIN_RETRY_MS_SPREAD);
        stream_end(stream, METRIC_STREAM_DRAINED);
    }
}

/* ---- sending ---- */

static void send_bytes(struct stream *stream, const char *bytes, size_t len)
{
    h2o_iovec_t piece = h2o_iovec_init(bytes, len);
    stream->sending = true;
    timer_start(&stream->call->loop->timers, &stream->stall, clock_mono_us() + STALL_US, on_stall);
    h2o_send(stream->call->req, &piece, 1, H2O_SEND_STATE_IN_PROGRESS);
}

static void send_piece(struct stream *stream)
{
    size_t left = stream->flight.len - stream->flight_at;
    stream->flight_len = left < PIECE_BYTES_MAX ? left : PIECE_BYTES_MAX;
    send_bytes(stream, stream->flight.data + stream->flight_at, stream->flight_len);
}

static void pump(struct stream *stream)
{
    if (stream->sending) {
        return;
    }
    if (stream->flight_at == stream->flight.len && stream->queue.len > 0) {
        struct buffer spare = stream->flight;
        stream->flight = stream->queue;
        stream->flight_at = 0;
        stream->queue = spare;
        buffer_reset(&stream->queue);
    }
    if (stream->flight_at < stream->flight.len) {
        send_piece(stream);
    }
}

static void taken(struct stream *stream)
{
    timer_stop(&stream->stall);
    stream->sending = false;
    stream->flight_at += stream->flight_len;
    stream->flight_len = 0;
    event_text_release(stream->shared);
    stream->shared = NULL;
}

/* Most streams are idle most of the time, and there are many of them. */
static void rest(struct stream *stream)
{
    buffer_finish(&stream->queue);
    buffer_finish(&stream->flight);
    stream->flight_at = 0;
    call_rest(stream->call);
}

/* h2o: the piece has been taken. */
static void on_proceed(h2o_generator_t *self, h2o_req_t *req)
{
    struct stream *stream = (struct stream *)(void *)self;
    (void)req;
    taken(stream);
    pump(stream);
    if (is_idle(stream) && stream->ending) {
        finish(stream);
    } else if (is_idle(stream)) {
        rest(stream);
        stream->kind->on_drained(stream);
    }
}

bool stream_has_room(const struct stream *stream)
{
    return !stream->ending && stream->queue.len < stream_room(stream);
}

size_t stream_room(const struct stream *stream)
{
    size_t share = LOOP_BYTES_MAX / (stream->call->loop->stream_count + 1);
    return share > STREAM_ROOM_BYTES ? STREAM_ROOM_BYTES : share < ROOM_BYTES_MIN ? ROOM_BYTES_MIN : share;
}

void stream_put_text(struct stream *stream, const char *text, size_t len)
{
    if (stream->ending) {
        return;
    }
    buffer_append(&stream->queue, text, len);
    if (stream->queue.err != ZP_OK) {
        cut_off(stream, METRIC_STREAM_FAILED);
        return;
    }
    pump(stream);
}

void stream_put_event(struct stream *stream, struct event_text *text)
{
    if (stream->ending) {
        return;
    }
    if (text == NULL) {
        cut_off(stream, METRIC_STREAM_FAILED);
    } else if (is_idle(stream) && text->len <= PIECE_BYTES_MAX) {
        stream->shared = event_text_hold(text);
        send_bytes(stream, text->bytes, text->len);
    } else {
        stream_put_text(stream, text->bytes, text->len);
    }
}

void stream_put(struct stream *stream, int64_t id, const char *event, const char *data, size_t len)
{
    struct buffer *queue = &stream->queue;
    if (stream->ending) {
        return;
    }
    if (id > 0) {
        buffer_printf(queue, "id: %lld\n", (long long)id);
    }
    buffer_printf(queue, "event: %s\ndata: ", event);
    buffer_append(queue, data, len);
    stream_put_text(stream, "\n\n", 2);
}

/* ---- the client's side ---- */

/* Readable: it has left, or it sends a next request already, which h2o reads when this one is over. */
static void on_client(h2o_socket_t *socket, const char *err)
{
    struct connection *connection = socket->on_close.data;
    struct stream *stream = connection->stream;
    char byte;
    (void)err;
    ssize_t got = recv(h2o_socket_get_fd(socket), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got > 0) {
        h2o_socket_read_stop(socket);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        cut_off(stream, METRIC_STREAM_LEFT);
    }
}

static void watch_client(struct stream *stream)
{
    struct connection *connection = connection_of(stream->call->req);
    connection->stream = stream;
    h2o_socket_dont_read(connection->socket, 1);
    h2o_socket_read_start(connection->socket, on_client);
}

/* ---- the beginning ---- */

static void begin_answer(struct stream *stream)
{
    struct call *call = stream->call;
    call_header(call, "content-type", "text/event-stream");
    call_header(call, "cache-control", "no-store");
    call_header(call, "x-accel-buffering", "no");
    call_begin_stream(call, &stream->super);
    watch_client(stream);
    put_retry(stream, RETRY_MS_MIN, RETRY_MS_SPREAD); /* the head goes out with it */
}

/* Too many streams already: 429 for the user's own, else 503. */
static bool take_place(struct call *call, const struct zp_id *location_id)
{
    enum zp_err err = quota_take(call->loop->gateway->quota, &call->actor.user_id, location_id);
    if (err != ZP_OK) {
        metric_add(&gateway_metrics[METRIC_STREAMS_FULL], 1);
        call->retry_after_s = draw(DRAIN_RETRY_MS_MIN, DRAIN_RETRY_MS_SPREAD) / 1000 + 1;
        call_problem(call, err, err == ZP_LIMITED ? "You have too many event streams open; close one."
                                                  : "Too many event streams are open here; try again.");
    }
    return err == ZP_OK;
}

struct stream *stream_open(struct call *call, const struct stream_kind *kind, size_t size,
                           const struct zp_id *location_id, int32_t partition)
{
    struct loop *loop = call->loop;
    if (!take_place(call, location_id)) {
        return NULL;
    }
    struct stream *stream = calloc(1, size);
    if (stream == NULL) {
        quota_give(loop->gateway->quota, &call->actor.user_id, location_id);
        call_problem(call, ZP_NO_MEMORY, NULL);
        return NULL;
    }
    stream->super = (h2o_generator_t){ on_proceed, on_stop };
    stream->kind = kind;
    stream->call = call;
    stream->location_id = *location_id;
    stream->partition = partition;
    stream->ended_by = METRIC_STREAM_LEFT;
    buffer_init(&stream->queue, STREAM_QUEUE_BYTES_MAX);
    buffer_init(&stream->flight, STREAM_QUEUE_BYTES_MAX);
    stream->next = loop->streams;
    stream->link = &loop->streams;
    if (stream->next != NULL) {
        stream->next->link = &stream->next;
    }
    loop->streams = stream;
    loop->stream_count++;
    call->state = stream;
    metric_add(&gateway_metrics[METRIC_STREAMS_OPEN], 1);
    int64_t left_us = call->token_expires_at_s * 1000000 - clock_wall_us();
    timer_start(&loop->timers, &stream->expiry, clock_mono_us() + left_us, on_expiry);
    begin_answer(stream);
    return stream;
}

bool stream_take_cursor(struct call *call, bool *ret_given, int64_t *ret_seq)
{
    struct query_slot slots[] = { { "last_event_id", NULL } };
    struct reason_list faults = { .count = 0 };
    size_t count;
    struct text header = text_trim(call_field(call, "last-event-id", &count));
    enum zp_err err = query_parse(call_query(call), slots, ZP_COUNT(slots), &call->arena, &faults);
    struct text asked = query_text(&slots[0]);
    *ret_given = false;
    if (err != ZP_OK) {
        call_problem(call, err, NULL);
        return false;
    }
    if (header.len > 0 && (count > 1 || !field_cursor(header, ret_seq))) {
        call_problem(call, ZP_MALFORMED, "Last-Event-ID must hold the id of an event of this stream.");
        return false;
    }
    if (asked.len > 0 && header.len == 0 && !field_cursor(asked, ret_seq)) {
        reason_add(&faults, "not_a_cursor", "?last_event_id", "The id of an event of this stream.");
    }
    if (faults.count > 0) {
        call_faults(call, ZP_INVALID, &faults);
        return false;
    }
    *ret_given = header.len > 0 || asked.len > 0;
    return true;
}
