/* chain.c: owns the hash that ties a location's events together.
 *
 * Called by the worker once for each event with a seq, and by whoever checks them. Invariant: the bytes that are hashed
 * are the bytes that were published, so that anybody can do it again without this program. */
#include "zapora/order.h"

#include <string.h>

static void put_u64(uint8_t bytes[8], uint64_t value)
{
    for (int i = 7; i >= 0; i--) {
        bytes[i] = (uint8_t)value;
        value >>= 8;
    }
}

void location_chain(uint8_t hash[HASH_SIZE], int64_t seq, enum event_type type, int64_t at, const void *value,
                    size_t len)
{
    ZP_ASSERT((unsigned)type < EV_COUNT);
    uint8_t seq_bytes[8], at_bytes[8], moved[HASH_SIZE];
    const char *name = EVENT_WORDS.names[type];

    put_u64(seq_bytes, (uint64_t)seq);
    put_u64(at_bytes, (uint64_t)at);
    const struct crypto_part parts[] = {
        { hash, HASH_SIZE },
        { seq_bytes, sizeof(seq_bytes) },
        { name, strlen(name) },
        { at_bytes, sizeof(at_bytes) },
        { value, len },
    };
    crypto_blake2b(moved, sizeof(moved), NULL, 0, parts, ZP_COUNT(parts));
    memcpy(hash, moved, HASH_SIZE);
}
