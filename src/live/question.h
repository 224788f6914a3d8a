/* question: something asked of Redis for somebody: up to three commands and one answer. */
#ifndef ZAPORA_LIVE_QUESTION_H
#define ZAPORA_LIVE_QUESTION_H

#include "hub.h"

#define QUESTION_REPLIES_MAX 3

struct question {
    struct call call; /* first: what the connection knows of it */
    struct live_hub *hub;
    struct question *next; /* while it waits among the settled ones */
    /* Called exactly once, never from inside of the asking. ZP_OK: as many good replies as asked for; or ZP_BUSY. */
    void (*answer)(struct question *question, enum zp_err err);
    enum zp_err err;                           /* of a settled one */
    redisReply *replies[QUESTION_REPLIES_MAX]; /* owned */
    size_t rollback_len;                       /* of the commands' buffer before this one */
    bool refused;

    /* The asker's. */
    union {
        live_snapshot_cb *snapshot;
        live_receipt_cb *receipt;
        live_done_cb *done;
        live_tick_cb *tick;
        live_board_cb *board;
        live_events_cb *events;
        live_head_cb *head;
    } cb;
    void *arg;
    struct zp_id location_id, id;
    int32_t partition;
    struct live_cursor cursor;
    size_t max;
    int attempts;
    int64_t serial;
};

/* A new one; ends the process without memory, as the event loop does. */
struct question *live_question_create(struct live_hub *hub, void (*answer)(struct question *, enum zp_err));
/* Where to append the commands; always gives a buffer, which takes nothing when the question is refused. */
struct buffer *live_question_begin(struct question *question, size_t replies);
/* Sends it, or settles it with ZP_BUSY when it was refused. */
void live_question_send(struct question *question);
/* Answers it from the loop, without asking anybody. */
void live_question_settle(struct question *question, enum zp_err err);
/* Answers all that are settled. */
void live_question_tell_settled(struct live_hub *hub);

/* The reply as a string; NULL for anything else. */
const char *live_question_text(const struct question *question, size_t index, size_t *ret_len);

#endif
