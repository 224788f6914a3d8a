/* identity: keyed digests that name commands and requests.
 *
 * Called by intake.c. Pure. Invariant: each part goes in behind its length, so that no two lists of parts are hashed
 * as the same bytes. */
#include "identity.h"

#define PARTS_MAX 5

struct length { uint8_t bytes[8]; };

static struct length length_of(size_t len)
{
    struct length length;
    for (int i = 0; i < 8; i++) {
        length.bytes[i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
    }
    return length;
}

static void digest_of(const uint8_t key[IDENTITY_KEY_SIZE], const struct text *parts, size_t count,
                      uint8_t ret_digest[16])
{
    struct length lengths[PARTS_MAX];
    struct crypto_part pieces[2 * PARTS_MAX];
    ZP_ASSERT(count <= PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        lengths[i] = length_of(parts[i].len);
        pieces[2 * i] = (struct crypto_part){ lengths[i].bytes, sizeof(lengths[i].bytes) };
        pieces[2 * i + 1] = (struct crypto_part){ parts[i].at, parts[i].len };
    }
    crypto_blake2b(ret_digest, 16, key, IDENTITY_KEY_SIZE, pieces, 2 * count);
}

static struct text id_bytes(const struct zp_id *id)
{
    return (struct text){ (const char *)id->bytes, sizeof(id->bytes) };
}

struct zp_id identity_of(const uint8_t key[IDENTITY_KEY_SIZE], const struct zp_id *principal, const char *method,
                         struct text path, const struct zp_id *location_id, struct text idempotency_key)
{
    uint8_t digest[16];
    const struct text parts[] = {
        id_bytes(principal), { method, strlen(method) }, path, id_bytes(location_id), idempotency_key,
    };
    digest_of(key, parts, ZP_COUNT(parts), digest);
    return id_for_location(location_id, digest);
}

void identity_fingerprint(const uint8_t key[IDENTITY_KEY_SIZE], struct text body, struct text if_match,
                          uint8_t ret_fingerprint[16])
{
    const struct text parts[] = { body, if_match };
    digest_of(key, parts, ZP_COUNT(parts), ret_fingerprint);
}

void identity_derive(const uint8_t *secret, size_t len, const char *purpose, uint8_t ret_key[IDENTITY_KEY_SIZE])
{
    uint8_t folded[IDENTITY_KEY_SIZE]; /* a secret file may be longer than a BLAKE2b key */
    const struct crypto_part whole = { secret, len };
    const struct crypto_part word = { purpose, strlen(purpose) };
    crypto_blake2b(folded, sizeof(folded), NULL, 0, &whole, 1);
    crypto_blake2b(ret_key, IDENTITY_KEY_SIZE, folded, sizeof(folded), &word, 1);
    crypto_wipe(folded, sizeof(folded));
}
