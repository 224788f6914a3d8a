/* crypto: digests, random bytes, comparisons in constant time. Passwords are next door in password.c.
 *
 * Called by every room; libsodium is included only in this room. Invariant: a wrong size or key length is our own bug
 * and ends the process; the bytes that are hashed may be anything. */
#include "zapora/base.h"
#include "password.h"

#include <sodium.h>
#include <string.h>

void crypto_start(void)
{
    ZP_ASSERT(sodium_init() >= 0);
    password_start();
}

void crypto_blake2b(uint8_t *ret_digest, size_t size, const uint8_t *key, size_t key_len,
                    const struct crypto_part *parts, size_t part_count)
{
    crypto_generichash_state state;
    ZP_ASSERT(size >= crypto_generichash_BYTES_MIN && size <= crypto_generichash_BYTES_MAX);
    ZP_ASSERT(key_len == 0 || key_len >= crypto_generichash_KEYBYTES_MIN);
    ZP_ASSERT(key_len <= crypto_generichash_KEYBYTES_MAX);
    ZP_ASSERT(crypto_generichash_init(&state, key_len == 0 ? NULL : key, key_len, size) == 0);
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].len > 0) {
            ZP_ASSERT(crypto_generichash_update(&state, parts[i].data, parts[i].len) == 0);
        }
    }
    ZP_ASSERT(crypto_generichash_final(&state, ret_digest, size) == 0);
    if (key_len > 0) {
        sodium_memzero(&state, sizeof(state));
    }
}

uint64_t crypto_short(const uint8_t key[CRYPTO_SHORT_KEY_SIZE], const void *data, size_t len)
{
    uint8_t bytes[crypto_shorthash_BYTES];
    uint64_t value;
    _Static_assert(sizeof(bytes) == sizeof(value) && crypto_shorthash_KEYBYTES == CRYPTO_SHORT_KEY_SIZE, "sizes");
    ZP_ASSERT(crypto_shorthash(bytes, data, len, key) == 0);
    memcpy(&value, bytes, sizeof(value));
    return value;
}

void crypto_sha256(uint8_t ret_digest[32], const void *data, size_t len)
{
    ZP_ASSERT(crypto_hash_sha256(ret_digest, data, len) == 0);
}

void crypto_random(void *bytes, size_t len)
{
    randombytes_buf(bytes, len);
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

void crypto_wipe(void *bytes, size_t len)
{
    sodium_memzero(bytes, len);
}

char *crypto_hex(const void *bytes, size_t len, char *text)
{
    return sodium_bin2hex(text, 2 * len + 1, bytes, len);
}

/* One more than the digit's value; 0: no digit. Every record of the log brings a hundred of them. */
static const uint8_t hex_digits[256] = {
    ['0'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ['A'] = 11, 12, 13, 14, 15, 16, ['a'] = 11, 12, 13, 14, 15, 16,
};

bool crypto_unhex(const char *text, size_t text_len, void *ret_bytes, size_t len)
{
    uint8_t *bytes = ret_bytes;
    if (text_len % 2 != 0 || text_len / 2 != len) {
        return false;
    }
    for (size_t i = 0; i < text_len; i++) { /* all of it first: what is not hex leaves ret_bytes alone */
        if (hex_digits[(uint8_t)text[i]] == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < len; i++) {
        int high = hex_digits[(uint8_t)text[2 * i]] - 1, low = hex_digits[(uint8_t)text[2 * i + 1]] - 1;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
