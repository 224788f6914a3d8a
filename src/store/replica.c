/* replica: owns the question whether a read replica may answer.
 *
 * A replica may lag, and must not show anybody less than what somebody was already told. Whatever was told about an
 * order was committed on the primary before, and each commit moves a partition's next_offset in the same transaction:
 * so the primary is asked for its partitions, and the replica may answer once its own are as far. Offsets are the log's
 * and never come twice, so this holds also when one of the two was restored or promoted meanwhile, which positions in
 * the write-ahead log do not. Invariant: who gets the replica's connection reads what the primary had when it was
 * asked, or newer. */
#include "replica.h"

#include <poll.h>
#include <stdlib.h>

#define STATEMENT_TIMEOUT_MS 1000 /* the primary is asked after it, within the same request */
#define REST_US              (INT64_C(5) * 1000000)
#define LOOKS_MAX            8 /* so many times it is asked how far it is, */
#define LOOK_PAUSE_MS        4 /* and so long between two of them */

struct replica {
    struct store *store; /* owned */
    int64_t rests_until_us;
};

enum zp_err replica_create(const struct store_settings *settings, struct replica **ret_replica)
{
    struct replica *replica = calloc(1, sizeof(*replica));
    if (replica == NULL) {
        return ZP_NO_MEMORY;
    }
    const struct store_settings own = {
        .uri = settings->lists_uri,
        .application = settings->application,
        .connect_timeout_ms = settings->connect_timeout_ms,
        .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
        .is_pooled = true,
    };
    enum zp_err err = store_create(&own, &replica->store);
    if (err != ZP_OK) {
        free(replica);
        return err;
    }
    *ret_replica = replica;
    return ZP_OK;
}

void replica_destroy(struct replica *replica)
{
    if (replica != NULL) {
        store_destroy(replica->store);
        free(replica);
    }
}

bool replica_may_serve(const struct replica *replica)
{
    return clock_mono_us() >= replica->rests_until_us;
}

void replica_failed(struct replica *replica)
{
    replica->rests_until_us = clock_mono_us() + REST_US;
}

/* Both are sorted by partition. A partition that only the replica has is no reason to wait. */
static bool has_reached(const struct store_partition *has, size_t has_count, const struct store_partition *wanted,
                        size_t wanted_count)
{
    for (size_t i = 0, at = 0; i < wanted_count; i++) {
        while (at < has_count && has[at].partition < wanted[i].partition) {
            at++;
        }
        if (at == has_count || has[at].partition != wanted[i].partition ||
            has[at].next_offset < wanted[i].next_offset) {
            return false;
        }
    }
    return true;
}

enum zp_err replica_reach(struct replica *replica, struct store *primary, struct arena *arena, struct store **ret_store)
{
    struct store_partition *wanted, *has;
    size_t wanted_count, has_count;
    enum zp_err err = store_partitions_list(primary, arena, &wanted, &wanted_count);
    if (err != ZP_OK) {
        return err;
    }
    for (int look = 0; look < LOOKS_MAX; look++) {
        err = store_partitions_list(replica->store, arena, &has, &has_count);
        if (err != ZP_OK) {
            replica_failed(replica);
            return err;
        }
        if (has_reached(has, has_count, wanted, wanted_count)) {
            *ret_store = replica->store;
            return ZP_OK;
        }
        (void)poll(NULL, 0, LOOK_PAUSE_MS);
    }
    return ZP_CATCHING_UP;
}
