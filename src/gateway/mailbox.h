/* mailbox.h: what a loop knows of a partition's backlog, and of how far its commands were applied. */
#ifndef ZAPORA_GATEWAY_MAILBOX_H
#define ZAPORA_GATEWAY_MAILBOX_H

#include "lag.h"
#include "zapora/bus.h"

struct loop;

struct mailbox {
    struct lag lag;
    int64_t applied;  /* commands below it were applied, as far as any tick has ever said */
    int64_t asked_us; /* clock_mono_us of the last question to Redis */
    bool asking;
};

/* Who waits for the ticks of all partitions. Embedded in its owner, which lives until `then` has been called. */
struct mailbox_waiter {
    struct mailbox_waiter *next;
    void (*then)(struct mailbox_waiter *waiter);
};

struct mailbox_round {
    struct mailbox_waiter *waiters;
    size_t left;      /* ticks that were asked for and have not come */
    int64_t asked_us;
};

/* True when a command may go into the partition's mailbox: its lag is not known to be past the limit. Asks for a fresh
 * tick in passing; never waits. */
bool mailbox_admits(struct loop *loop, int32_t partition);
/* Takes in a tick that came with some other answer; asked_at 0 is none. */
void mailbox_tick(struct loop *loop, const struct live_tick *tick);
/* Asks for the ticks of all partitions, at most four times a second, and calls `then` when they have come, or Redis did
 * not answer; at once when they came just now. */
void mailboxes_hear(struct loop *loop, struct mailbox_waiter *waiter);
/* Milliseconds, or -1: not known. */
int64_t mailbox_lag_ms(const struct loop *loop, int32_t partition);

#endif
