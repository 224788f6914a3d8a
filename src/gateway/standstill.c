/* Owns the gateway's doubt about its producer. Called by publisher, on the thread that hears the deliveries.
 *
 * librdkafka 2.0.2 can leave a partition with a broker that does not lead it any more, when leaders change twice within
 * moments (worker/silence.c tells how). A producer's commands of that partition time out then, one after the other, for
 * as long as that broker is away; a new producer asks for the leaders anew.
 * Invariant: while nothing is acknowledged nobody is blamed, for the brokers may be down. */
#include "standstill.h"

#define PATIENCE_US INT64_C(4000000) /* the first failure has waited for publish_timeout_ms by then, 4 s */
#define PATIENCE_US_MAX INT64_C(600000000)

static bool fits(int32_t partition)
{
    return partition >= 0 && partition < BUS_PARTITIONS_MAX;
}

static void blame(struct standstill *standstill, int32_t partition)
{
    int64_t patience_us = 2 * standstill->patience_us;
    *standstill = (struct standstill){
        .blamed = partition, .patience_us = patience_us < PATIENCE_US_MAX ? patience_us : PATIENCE_US_MAX,
    };
}

bool standstill_note(struct standstill *standstill, int32_t partition, bool is_acked, int64_t now_us)
{
    if (!fits(partition)) {
        return false;
    }
    int64_t *since_us = &standstill->since_us[partition];
    if (is_acked) {
        *since_us = 0;
        standstill->acked_us = now_us;
    } else if (*since_us == 0) {
        *since_us = now_us;
    }
    if (standstill->patience_us == 0 || (is_acked && partition == standstill->blamed)) {
        standstill->patience_us = PATIENCE_US;
    }
    if (is_acked || standstill->acked_us <= *since_us || now_us - *since_us < standstill->patience_us) {
        return false;
    }
    blame(standstill, partition);
    return true;
}
