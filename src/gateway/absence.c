/* absence: proves that an id is unknown, by the ticks of its partition's owner.
 *
 * Called by orders.c and commands.c. Invariant: only a tick whose end offset was asked for after the request had
 * come, and that shows no backlog, proves anything: what was acknowledged before the request is then in PostgreSQL. */
#include "absence.h"

#include "mailbox.h"

#define PROVE_US 1000000 /* owners write ticks every 250 ms */
#define ASK_EVERY_US 60000

/* In the call's arena. */
struct absence {
    struct call *call;
    int32_t partition;
    int64_t until_us;
    bool proved;
    void (*look)(struct call *call);
};

static void ask(struct absence *absence);

static void on_timer(struct timer *timer)
{
    struct call *call = H2O_STRUCT_FROM_MEMBER(struct call, timer, timer);
    ask(call->absence);
}

static void on_tick(void *arg, enum zp_err err, const struct live_tick *tick)
{
    struct absence *absence = arg;
    struct call *call = absence->call;
    if (err == ZP_OK) {
        mailbox_tick(call->loop, tick);
    }
    if (call_open(call)) {
        int64_t now_us = clock_mono_us();
        absence->proved = err == ZP_OK && live_tick_proves(tick, call->arrived_at);
        if (absence->proved || now_us >= absence->until_us) {
            absence->look(call);
        } else {
            timer_start(&call->loop->timers, &call->timer, now_us + ASK_EVERY_US, on_timer);
        }
    }
    call_release(call);
}

static void ask(struct absence *absence)
{
    call_hold(absence->call);
    live_hub_tick_get(absence->call->loop->hub, absence->partition, on_tick, absence);
}

void absence_prove(struct call *call, int32_t partition, void (*look)(struct call *call))
{
    struct absence *absence = arena_alloc(&call->arena, sizeof(*absence));
    if (absence == NULL) {
        call_problem(call, ZP_NO_MEMORY, NULL);
        return;
    }
    *absence = (struct absence){
        .call = call, .partition = partition, .until_us = clock_mono_us() + PROVE_US, .look = look
    };
    call->absence = absence;
    ask(absence);
}

void absence_conclude(struct call *call)
{
    if (call->absence->proved) {
        call_problem(call, ZP_NOT_FOUND, NULL);
    } else {
        call_problem(call, ZP_CATCHING_UP,
                     "This id is not known yet; the orders before it are still being applied. Try again.");
    }
}
