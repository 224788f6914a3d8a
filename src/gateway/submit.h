/* submit.h: a command's way from a request into the log and back. */
#ifndef ZAPORA_GATEWAY_SUBMIT_H
#define ZAPORA_GATEWAY_SUBMIT_H

#include "call.h"
#include "publisher.h"

/* What a request asks for, and how far it has come. Lies in its call's arena. */
struct submission {
    struct call *call;
    /* Filled by intake.c. */
    struct command command;
    int32_t partition;
    bool has_key;               /* the client may have asked before: look for a receipt first */
    int64_t wait_s;             /* Prefer: wait; 0: answer as soon as the log has it */
    const char *traceparent;    /* or NULL */
    /* submit.c's. */
    struct publication publication;
    /* wait.c's. */
    bool waits;                 /* the log has it: the outcome is looked for */
    bool looking;               /* a question about it is under way */
    bool again;                 /* and has to be asked once more */
    bool heard;                 /* its outcome was announced */
    bool doubted;               /* and yet its receipt was pending */
    int64_t offset;             /* of the command in its mailbox, as the receipt has it */
    const char *order_json;     /* as announced, or NULL */
    size_t order_json_len;
    int64_t order_version;
};

/* Answers the call, now or later: from a receipt, or by publishing. */
void submit(struct submission *submission);
/* 202: the log has it. */
void submit_accepted(struct submission *submission);
/* The problem of a key that was used for something else. */
void submit_key_reused(struct submission *submission);

#endif
