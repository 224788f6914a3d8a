/* marks_push: the worker's small reads and writes: heads of locations, ticks of partitions.
 *
 * Called by the worker when it takes partitions over, after a reconnect, and every 250 ms. Invariant: a head that can't
 * be read counts as none, so that the location is refilled. */
#include "marks.h"
#include "push.h"

struct heads {
    struct live_head *heads;
    bool *known;
};

static enum zp_err take_head(struct live_push *push, void *arg, size_t index, const redisReply *reply)
{
    const struct heads *heads = arg;
    if (live_reply_is_outage(reply)) {
        return live_push_refused(push, reply);
    }
    heads->known[index] =
        reply->type == REDIS_REPLY_STRING && live_head_parse(reply->str, reply->len, &heads->heads[index]);
    return ZP_OK;
}

enum zp_err live_push_heads(struct live_push *push, const struct zp_id *locations, size_t count,
                            struct live_head *ret_heads, bool *ret_known)
{
    enum zp_err err = live_push_ready(push);
    for (size_t from = 0; err == ZP_OK && from < count; from += PUSH_REQUESTS_MAX) {
        size_t some = count - from > PUSH_REQUESTS_MAX ? PUSH_REQUESTS_MAX : count - from;
        struct heads heads = { .heads = ret_heads + from, .known = ret_known + from };
        for (size_t i = 0; i < some; i++) {
            live_request_get(live_push_out(push), live_key_head(&locations[from + i]));
        }
        err = live_push_exchange(push, some, take_head, &heads);
    }
    return err == ZP_OK ? ZP_OK : ZP_BUSY;
}

static enum zp_err take_done(struct live_push *push, void *arg, size_t index, const redisReply *reply)
{
    (void)arg;
    (void)index;
    return reply->type == REDIS_REPLY_STATUS ? ZP_OK : live_push_refused(push, reply);
}

enum zp_err live_push_ticks(struct live_push *push, const struct live_tick *ticks, size_t count)
{
    enum zp_err err = live_push_ready(push);
    for (size_t i = 0; err == ZP_OK && i < count; i++) {
        char text[TICK_TEXT_SIZE];
        struct buffer *out = live_push_out(push);
        live_request(out, 5);
        live_request_text(out, "EVAL");
        live_request_text(out, LIVE_SCRIPT_TICK);
        live_request_int(out, 1);
        live_request_key(out, live_key_tick(ticks[i].partition));
        live_request_bytes(out, text, live_tick_print(&ticks[i], text));
    }
    if (err == ZP_OK) {
        err = live_push_exchange(push, count, take_done, NULL);
    }
    return err == ZP_OK ? ZP_OK : ZP_BUSY;
}
