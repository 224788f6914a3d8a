/* cursor: the codec of page cursors.
 *
 * Called by listing.c. Invariant: 8 bytes placed_at, 16 bytes id, 8 bytes of a keyed digest over both: a cursor that
 * was tampered with is noticed instead of giving a page from somewhere else. */
#include "cursor.h"

#include "base64url.h"

#define PLACE_BYTES 24
#define SEAL_BYTES 8

static void seal(const uint8_t place[PLACE_BYTES], const uint8_t key[CURSOR_KEY_SIZE], uint8_t ret_seal[SEAL_BYTES])
{
    uint8_t digest[16];
    const struct crypto_part part = { place, PLACE_BYTES };
    crypto_blake2b(digest, sizeof(digest), key, CURSOR_KEY_SIZE, &part, 1);
    memcpy(ret_seal, digest, SEAL_BYTES);
}

char *cursor_write(const struct cursor *cursor, const uint8_t key[CURSOR_KEY_SIZE], char text[CURSOR_TEXT_SIZE])
{
    uint8_t bytes[PLACE_BYTES + SEAL_BYTES];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)((uint64_t)cursor->placed_at >> (56 - 8 * i));
    }
    memcpy(bytes + 8, cursor->id.bytes, sizeof(cursor->id.bytes));
    seal(bytes, key, bytes + PLACE_BYTES);
    return base64url_write(bytes, sizeof(bytes), text);
}

bool cursor_read(struct text text, const uint8_t key[CURSOR_KEY_SIZE], struct cursor *ret_cursor)
{
    uint8_t bytes[PLACE_BYTES + SEAL_BYTES], wanted[SEAL_BYTES];
    size_t len;
    if (!base64url_read(text, bytes, sizeof(bytes), &len) || len != sizeof(bytes)) {
        return false;
    }
    seal(bytes, key, wanted);
    if (!crypto_equal(wanted, bytes + PLACE_BYTES, SEAL_BYTES)) {
        return false;
    }
    uint64_t placed_at = 0;
    for (int i = 0; i < 8; i++) {
        placed_at = placed_at << 8 | bytes[i];
    }
    ret_cursor->placed_at = (int64_t)placed_at;
    memcpy(ret_cursor->id.bytes, bytes + 8, sizeof(ret_cursor->id.bytes));
    return true;
}
