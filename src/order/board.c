/* board.c: owns what one ticket adds to its board's hash.
 *
 * Called by evolve, and by whoever computes a board's hash from scratch. Invariant: a browser can do the same with
 * nothing but SHA-256, and the sum does not depend on the order of the tickets. */
#include "zapora/order.h"

#include <inttypes.h>

uint64_t board_ticket_hash(const struct zp_id *order_id, int64_t version)
{
    char id[ID_TEXT_SIZE], text[ID_TEXT_SIZE + 21];
    uint8_t digest[32];
    uint64_t hash = 0;

    int len = snprintf(text, sizeof(text), "%s:%" PRId64, id_format(order_id, id), version);
    crypto_sha256(digest, text, (size_t)len);
    for (size_t i = 0; i < 8; i++) {
        hash = hash << 8 | digest[i];
    }
    return hash;
}
