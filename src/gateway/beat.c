/* beat: the heartbeats of event streams: where the location's head is, what the board's hash must be there, and how
 * sure that is.
 *
 * Called by both kinds of streams. Invariants: at most PERIOD_US and a round lie between two; a heartbeat never
 * claims to know more than it does: as_of is when the partition's owner last vouched for the head, lag_ms is null
 * when nobody knows it. */
#include "stream.h"

#include "mailbox.h"
#include "zapora/message.h"

#define PERIOD_US 5000000
#define DATA_BYTES_MAX 512

static void put_time_or_null(struct buffer *out, const char *name, int64_t at)
{
    char text[TIME_TEXT_SIZE];
    if (at > 0) {
        buffer_printf(out, ",\"%s\":\"%s\"", name, time_format(at, text));
    } else {
        buffer_printf(out, ",\"%s\":null", name);
    }
}

static void put_heartbeat(struct stream *stream, bool fresh)
{
    struct buffer data;
    int64_t lag_ms = fresh ? mailbox_lag_ms(stream->call->loop, stream->partition) : -1;
    buffer_init(&data, DATA_BYTES_MAX);
    if (stream->head_as_of > 0) {
        buffer_printf(&data, "{\"head\":%lld,\"hash\":\"%016llx\"", (long long)stream->head.seq,
                      (unsigned long long)stream->head.board_hash);
    } else {
        buffer_puts(&data, "{\"head\":null,\"hash\":null");
    }
    put_time_or_null(&data, "as_of", stream->head_as_of);
    if (lag_ms >= 0) {
        buffer_printf(&data, ",\"lag_ms\":%lld", (long long)lag_ms);
    } else {
        buffer_puts(&data, ",\"lag_ms\":null");
    }
    put_time_or_null(&data, "server_time", clock_wall_us());
    buffer_putc(&data, '}');
    if (data.err == ZP_OK && stream_has_room(stream)) { /* with a full queue the client has other news */
        stream_put(stream, 0, "heartbeat", data.data, data.len);
    }
    buffer_finish(&data);
}

static void on_head(void *arg, enum zp_err err, const struct live_head *head, const struct live_tick *tick)
{
    struct call *call = arg;
    struct stream *stream = stream_of(call);
    if (err == ZP_OK && tick != NULL) {
        mailbox_tick(call->loop, tick);
    }
    if (stream != NULL && !stream->ending) {
        if (err == ZP_OK) {
            stream->head = *head;
            stream->head_as_of = tick != NULL && tick->asked_at > 0 ? tick->asked_at : head->at;
        }
        stream->kind->on_beat(stream, err, head);
        put_heartbeat(stream, err == ZP_OK);
    }
    call_release(call);
}

static void on_timer(struct timer *timer)
{
    beat_start(H2O_STRUCT_FROM_MEMBER(struct stream, beat, timer));
}

void beat_start(struct stream *stream)
{
    struct call *call = stream->call;
    timer_start(&call->loop->timers, &stream->beat, clock_mono_us() + PERIOD_US, on_timer);
    call_hold(call);
    live_hub_head_get(call->loop->hub, &stream->location_id, stream->partition, on_head, call);
}
