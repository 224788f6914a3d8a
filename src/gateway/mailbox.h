/* mailbox.h: what a loop knows of a partition's backlog. */
#ifndef ZAPORA_GATEWAY_MAILBOX_H
#define ZAPORA_GATEWAY_MAILBOX_H

#include "lag.h"
#include "zapora/bus.h"

struct loop;

struct mailbox {
    struct lag lag;
    int64_t asked_us; /* clock_mono_us of the last question to Redis */
    bool asking;
};

/* True when a command may go into the partition's mailbox: its lag is not known to be past the limit. Asks for a fresh
 * tick in passing; never waits. */
bool mailbox_admits(struct loop *loop, int32_t partition);
/* Takes in a tick that came with some other answer; asked_at 0 is none. */
void mailbox_tick(struct loop *loop, const struct live_tick *tick);
/* Milliseconds, or -1: not known. */
int64_t mailbox_lag_ms(const struct loop *loop, int32_t partition);

#endif
