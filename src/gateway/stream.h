/* stream.h: an event stream to one client (server-sent events), whatever it tells. */
#ifndef ZAPORA_GATEWAY_STREAM_H
#define ZAPORA_GATEWAY_STREAM_H

#include "call.h"

#define STREAM_ROOM_BYTES ((size_t)256 * 1024)      /* queued for one client, less when there are many of them */
#define STREAM_QUEUE_BYTES_MAX ((size_t)2 * 1024 * 1024) /* ... but one event of any size fits on top */

struct stream;

struct stream_kind {
    /* Everything queued has been taken by the client. */
    void (*on_drained)(struct stream *stream);
    /* A head was heard for a heartbeat; err ZP_BUSY: Redis is away. */
    void (*on_beat)(struct stream *stream, enum zp_err err, const struct live_head *head);
    /* The stream is over: give back what is held. The stream is freed afterwards. */
    void (*on_gone)(struct stream *stream);
};

/* The first member of a kind's own struct. Lives from stream_open until on_gone; then the call's state is NULL,
 * which is how what comes back later finds out. Belongs to its loop's thread. */
struct stream {
    h2o_generator_t super;
    const struct stream_kind *kind;
    struct call *call;
    struct stream *next, **link;      /* among the loop's */
    struct zp_id location_id;
    int32_t partition;
    struct buffer queue;              /* to be sent */
    struct buffer flight;             /* being sent, from flight_at on */
    size_t flight_at, flight_len;
    struct event_text *shared;        /* held: being sent in place of `flight`, or NULL */
    bool sending, ending, cut;
    enum gateway_metric ended_by;
    struct timer stall, beat, expiry;
    struct live_head head;            /* the last one heard */
    int64_t head_as_of;               /* when it was the head; 0: none heard */
};

/* Begins the answer of a call with a stream of the kind; size bytes, struct stream first. The call's state becomes
 * the stream. NULL: the call has been answered, with 503 or, when its user has too many already, 429. */
struct stream *stream_open(struct call *call, const struct stream_kind *kind, size_t size,
                           const struct zp_id *location_id, int32_t partition);
/* The call's stream, or NULL when it is over. A stream is freed by h2o's calls and by timers only, never inside the
 * functions below. */
struct stream *stream_of(const struct call *call);
/* How much may be queued for it now, in bytes: with more in its queue it takes nothing. */
size_t stream_room(const struct stream *stream);
bool stream_has_room(const struct stream *stream);
/* Queues an event: id 0 is none; data is JSON on one line. */
void stream_put(struct stream *stream, int64_t id, const char *event, const char *data, size_t len);
/* The same for an event's text, which is sent without a copy when nothing waits before it; NULL ends the stream. */
void stream_put_event(struct stream *stream, struct event_text *text);
/* The same for text that is already in the form of a stream. */
void stream_put_text(struct stream *stream, const char *text, size_t len);
/* Ends it when what is queued has been sent. */
void stream_end(struct stream *stream, enum gateway_metric reason);
/* Ends all streams of a loop, each with its own hint when to come back. */
void streams_drain(struct loop *loop);
/* Last-Event-ID, or the query's last_event_id, which the header outvotes. False: the call has been answered. */
bool stream_take_cursor(struct call *call, bool *ret_given, int64_t *ret_seq);

/* beat.c: sends a heartbeat now and then every few seconds. */
void beat_start(struct stream *stream);

#endif
