/* passes: a cache of tokens that were found good.
 *
 * Called by guard.c. Invariants: a token is found by all 256 bits of its digest; its expiry is compared at every
 * use; only tokens that passed every check are kept, so nobody fills the cache without the key; each has one place,
 * a later one takes it. */
#include "passes.h"

#include <stdlib.h>

void passes_init(struct passes *passes)
{
    passes->places = calloc(PASSES_COUNT, sizeof(*passes->places));
}

void passes_finish(struct passes *passes)
{
    free(passes->places);
    passes->places = NULL;
}

static struct pass *place_of(struct passes *passes, const uint8_t digest[HASH_SIZE])
{
    size_t number = ((size_t)digest[0] << 8 | digest[1]) % PASSES_COUNT;
    return &passes->places[number];
}

bool passes_check(struct passes *passes, const struct token_key *key, struct text token, int64_t now_s,
                  const struct principal **ret_principal, const char **ret_why)
{
    static _Thread_local struct pass spare;
    uint8_t digest[HASH_SIZE];
    const struct crypto_part part = { token.at, token.len };
    if (token.len > TOKEN_BYTES_MAX) {
        *ret_why = "too_long";
        return false;
    }
    crypto_blake2b(digest, sizeof(digest), NULL, 0, &part, 1);
    struct pass *pass = passes->places == NULL ? &spare : place_of(passes, digest);
    if (pass->principal.expires_at_s > now_s && crypto_equal(pass->digest, digest, sizeof(digest))) {
        *ret_principal = &pass->principal;
        return true;
    }
    struct principal principal;
    if (!token_check(key, token, now_s, &principal, ret_why)) {
        return false;
    }
    memcpy(pass->digest, digest, sizeof(digest));
    pass->principal = principal;
    *ret_principal = &pass->principal;
    return true;
}
