/* mailbox: refuses commands for a partition whose backlog is too old, from ticks read at most four times a second; and
 * remembers how far each partition's commands were applied.
 *
 * Called by submit.c before it publishes, by stream.c for heartbeats, by listing.c. Invariants: only a fresh tick that
 * shows a backlog refuses; without Redis, without ticks, or before the first one, commands are let in. `applied` never
 * goes back while the mailbox is the same log: an owner that begins with an older database says less than was shown. */
#include "mailbox.h"

#include "gateway_parts.h"
#include "loop.h"

#define TICK_AGE_US 250000
#define SAMPLES_A_LIMIT 24 /* the backlog's age is known to about 4 % of the limit */
#define SPACING_US_MIN 200000

static int64_t spacing_us(const struct loop *loop)
{
    int64_t spacing = loop->gateway->settings->lag_limit_ms * 1000 / SAMPLES_A_LIMIT;
    return spacing > SPACING_US_MIN ? spacing : SPACING_US_MIN;
}

void mailbox_tick(struct loop *loop, const struct live_tick *tick)
{
    if (tick->asked_at > 0 && tick->partition >= 0 && tick->partition < BUS_PARTITIONS_MAX) {
        struct mailbox *mailbox = &loop->mailboxes[tick->partition];
        bool is_other_log = tick->end < mailbox->lag.last.end && tick->asked_at > mailbox->lag.last.asked_at;
        mailbox->applied = is_other_log || tick->next > mailbox->applied ? tick->next : mailbox->applied;
        lag_feed(&mailbox->lag, tick, spacing_us(loop));
    }
}

/* The argument is the mailbox's place in the loop's array; the loop is found behind it. */
struct question { struct loop *loop; int32_t partition; };

static void on_tick(void *arg, enum zp_err err, const struct live_tick *tick)
{
    struct question *question = arg;
    question->loop->mailboxes[question->partition].asking = false;
    if (err == ZP_OK) {
        mailbox_tick(question->loop, tick);
    }
    free(question);
}

static void ask(struct loop *loop, int32_t partition)
{
    struct mailbox *mailbox = &loop->mailboxes[partition];
    struct question *question = NULL;
    if (mailbox->asking || loop->now_us - mailbox->asked_us < TICK_AGE_US) {
        return;
    }
    question = malloc(sizeof(*question));
    if (question == NULL) {
        return;
    }
    *question = (struct question){ loop, partition };
    mailbox->asking = true;
    mailbox->asked_us = loop->now_us;
    live_hub_tick_get(loop->hub, partition, on_tick, question);
}

bool mailbox_admits(struct loop *loop, int32_t partition)
{
    ask(loop, partition);
    return lag_us(&loop->mailboxes[partition].lag, clock_wall_us()) <= loop->gateway->settings->lag_limit_ms * 1000;
}

/* ---- all of them ---- */

static void on_round_tick(void *arg, enum zp_err err, const struct live_tick *tick)
{
    struct loop *loop = arg;
    struct mailbox_round *round = &loop->round;
    if (err == ZP_OK) {
        mailbox_tick(loop, tick);
    }
    if (--round->left > 0) {
        return;
    }
    struct mailbox_waiter *waiter = round->waiters;
    round->waiters = NULL;
    while (waiter != NULL) {
        struct mailbox_waiter *next = waiter->next;
        waiter->then(waiter);
        waiter = next;
    }
}

void mailboxes_hear(struct loop *loop, struct mailbox_waiter *waiter)
{
    struct mailbox_round *round = &loop->round;
    bool is_fresh = round->asked_us > 0 && loop->now_us - round->asked_us < TICK_AGE_US;
    if (round->left == 0 && is_fresh) {
        waiter->then(waiter);
        return;
    }
    waiter->next = round->waiters;
    round->waiters = waiter;
    if (round->left == 0) {
        round->left = bus_partitions();
        round->asked_us = loop->now_us;
        for (int32_t p = 0; p < bus_partitions(); p++) {
            live_hub_tick_get(loop->hub, p, on_round_tick, loop);
        }
    }
}

int64_t mailbox_lag_ms(const struct loop *loop, int32_t partition)
{
    int64_t us = lag_us(&loop->mailboxes[partition].lag, clock_wall_us());
    return us < 0 ? -1 : us / 1000;
}
