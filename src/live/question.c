/* question: something asked of Redis for somebody.
 *
 * Called by every read and write of the hub. Invariant: each question is answered exactly once and later than the call
 * that asked it: by its replies, by the end of its connection, or from the list of the settled ones. */
#include "question.h"

#include <stdlib.h>
#include <unistd.h>

/* Takes nothing: what is appended for a refused question. */
static struct buffer nowhere(void)
{
    struct buffer buffer;
    buffer_init(&buffer, 0);
    return buffer;
}

static _Thread_local struct buffer refused_out;

static void question_free(struct question *question)
{
    for (size_t i = 0; i < ZP_COUNT(question->replies); i++) {
        if (question->replies[i] != NULL) {
            freeReplyObject(question->replies[i]);
        }
    }
    free(question);
}

static void on_reply(struct call *call, redisReply *reply)
{
    struct question *question = (struct question *)call;
    question->replies[call->got - 1] = reply;
    if (live_reply_is_outage(reply)) {
        live_router_doom(&question->hub->commands, reply->str);
    }
}

static void on_end(struct call *call, enum zp_err err)
{
    struct question *question = (struct question *)call;
    for (size_t i = 0; err == ZP_OK && i < call->wanted; i++) {
        if (question->replies[i]->type == REDIS_REPLY_ERROR) {
            err = ZP_BUSY;
        }
    }
    question->answer(question, err);
    question_free(question);
}

struct question *live_question_create(struct live_hub *hub, void (*answer)(struct question *, enum zp_err))
{
    struct question *question = calloc(1, sizeof(*question));
    if (question == NULL) {
        zp_panic(__FILE__, __LINE__, "no memory for a question to Redis");
    }
    question->hub = hub;
    question->answer = answer;
    question->call.on_reply = on_reply;
    question->call.on_end = on_end;
    return question;
}

struct buffer *live_question_begin(struct question *question, size_t replies)
{
    struct live_hub *hub = question->hub;
    ZP_ASSERT(replies <= QUESTION_REPLIES_MAX);
    question->call.wanted = replies;
    question->refused =
        hub->closing || !live_router_is_up(&hub->commands) ||
                        live_router_calls(&hub->commands) >= hub->settings.pending_max;
    if (question->refused) {
        refused_out = nowhere();
        return &refused_out;
    }
    struct buffer *out = live_router_out(&hub->commands);
    question->rollback_len = out->len;
    return out;
}

void live_question_send(struct question *question)
{
    struct router *router = &question->hub->commands;
    struct buffer *out = live_router_out(router);
    if (!question->refused && (out->err != ZP_OK || !live_router_reaches(router))) {
        out->len = question->rollback_len;
        out->err = ZP_OK;
        question->refused = true;
    }
    if (question->refused) {
        live_question_settle(question, ZP_BUSY);
        return;
    }
    live_router_send(router, &question->call);
}

void live_question_settle(struct question *question, enum zp_err err)
{
    struct live_hub *hub = question->hub;
    question->err = err;
    question->next = NULL;
    bool first = hub->settled == NULL;
    *hub->settled_end = question;
    hub->settled_end = &question->next;
    if (first) {
        const uint64_t one = 1;
        ssize_t written = write(hub->wake_fd, &one, sizeof(one));
        (void)written; /* full: it is readable already */
    }
}

void live_question_tell_settled(struct live_hub *hub)
{
    struct question *question = hub->settled;
    hub->settled = NULL;
    hub->settled_end = &hub->settled;
    while (question != NULL) {
        struct question *next = question->next;
        question->answer(question, question->err);
        question_free(question);
        question = next;
    }
}

const char *live_question_text(const struct question *question, size_t index, size_t *ret_len)
{
    const redisReply *reply = question->replies[index];
    if (reply == NULL || reply->type != REDIS_REPLY_STRING) {
        *ret_len = 0;
        return NULL;
    }
    *ret_len = reply->len;
    return reply->str;
}
