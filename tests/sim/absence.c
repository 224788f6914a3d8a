/* absence.c: owns the ticks that Redis has, and the questions for orders that wait for one; see absence.h.
 *
 * As the gateway's absence.c does it, with the same proof. Redis has lost every snapshot, so that nothing but the ticks
 * stands between an acknowledged order and a 404. Invariant: whoever asks for what was acknowledged is not told that it
 * does not exist, unless it was settled so long ago that its outcome may have been purged. */
#include "absence.h"

#include "clients.h"
#include "fake_store.h"
#include "reader.h"
#include "sim.h"

#include <string.h>

#define PROVE_US SIM_SECOND_US
#define ASK_EVERY_US 60000
#define READ_US_MAX 5000 /* until the database has answered */

static struct {
    struct live_tick ticks[BUS_PARTITIONS_MAX];
    struct zp_id id; /* who is asked for; none: nobody */
    int32_t partition;
    int64_t arrived_at, next_at;
    bool proved;
} asking;

void absence_open(void)
{
    memset(&asking, 0, sizeof asking);
    asking.next_at = sim.now_us + SIM_SECOND_US;
}

void absence_tick(const struct live_tick *tick)
{
    const int64_t applied = db.partitions[tick->partition].next_offset;
    if (tick->next > applied && sim.struck[FAULT_FAILOVER] == 0) {
        sim_fail("tick", "a tick says that all below %lld is applied, and %lld is", (long long)tick->next,
                 (long long)applied);
    }
    asking.ticks[tick->partition] = *tick;
}

static void begin(void)
{
    asking.proved = false;
    asking.arrived_at = sim.now_us;
    if (!client_some_acknowledged(&asking.id, &asking.partition)) {
        asking.id = (struct zp_id){ { 0 } };
    }
    asking.next_at = sim.now_us + chance_between(&sim.clients, 1, SIM_SECOND_US / 4);
}

/* Settled longer ago than outcomes are kept: a command that was sent again days later is answered with its first
 * outcome, which may be purged right after. */
static bool may_be_forgotten(const struct zp_id *id)
{
    const struct fact *fact = reader_fact(id);
    return fact != NULL && fact->at < clock_wall_us() - STORE_OUTCOMES_KEPT_US;
}

static void answer_404(void)
{
    bool is_known = fake_order(&asking.id) != NULL || fake_outcome(&asking.id) != NULL;
    /* A database that fell back under running workers may not have what it had: see database.h. */
    if (!is_known && !may_be_forgotten(&asking.id) && sim.struck[FAULT_FAILOVER] == 0) {
        sim_fail("false 404", "an acknowledged order is said not to exist; the tick: next %lld, end %lld",
                 (long long)asking.ticks[asking.partition].next, (long long)asking.ticks[asking.partition].end);
    }
    asking.id = (struct zp_id){ { 0 } };
}

static void go_on(void)
{
    if (id_is_none(&asking.id)) {
        begin();
        return;
    }
    if (sim.now_us - asking.arrived_at > PROVE_US + (asking.proved ? READ_US_MAX : 0)) {
        asking.id = (struct zp_id){ { 0 } }; /* 503: not known yet */
    } else if (asking.proved) {
        answer_404();
    } else {
        asking.proved = live_tick_proves(&asking.ticks[asking.partition], asking.arrived_at);
    }
    asking.next_at = sim.now_us + (asking.proved ? chance_between(&sim.clients, 1, READ_US_MAX) : ASK_EVERY_US);
}

int64_t absence_due(void)
{
    if (asking.next_at <= sim.now_us) {
        go_on();
    }
    return asking.next_at;
}
