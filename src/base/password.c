/* password: Argon2id at OWASP's floor (19 MiB, two passes), fit for a small gateway.
 *
 * Called by the gateway's hash pool and by `zapora user`; takes tens of milliseconds on purpose. Invariant: a password
 * for a user who does not exist costs exactly what a real one costs, so time tells nobody who has an account. */
#include "zapora/base.h"
#include "password.h"

#include <sodium.h>
#include <string.h>

#define PASSES 2
#define MEMORY_KIB 19456 /* 19 MiB */
#define MEMORY_BYTES ((size_t)MEMORY_KIB * 1024)

#define TEXT(macro) TEXT_OF(macro)
#define TEXT_OF(words) #words

/* Nobody's hash: its cost is written by the same two numbers, so it can't drift from the real ones. */
static const char nobodys_hash[PASSWORD_HASH_SIZE] =
    "$argon2id$v=19$m=" TEXT(MEMORY_KIB) ",t=" TEXT(PASSES) ",p=1"
    "$bm9ib2R5J3Mgc2FsdC4uLg$bm9ib2R5IGhhcyB0aGlzIHBhc3N3b3JkLCByZWFsbHk";

_Static_assert(PASSWORD_HASH_SIZE == crypto_pwhash_STRBYTES, "the header repeats libsodium's size");

void password_start(void)
{
    ZP_ASSERT(crypto_pwhash_str_needs_rehash(nobodys_hash, PASSES, MEMORY_BYTES) == 0);
}

enum zp_err crypto_password_hash(const char *password, char ret_hash[PASSWORD_HASH_SIZE])
{
    char hash[PASSWORD_HASH_SIZE];
    const int algorithm = crypto_pwhash_ALG_ARGON2ID13;
    if (crypto_pwhash_str_alg(hash, password, strlen(password), PASSES, MEMORY_BYTES, algorithm) != 0) {
        return ZP_NO_MEMORY;
    }
    memcpy(ret_hash, hash, sizeof(hash));
    return ZP_OK;
}

bool crypto_password_verify(const char *hash, const char *password)
{
    const char *against = hash == NULL ? nobodys_hash : hash;
    bool fits = crypto_pwhash_str_verify(against, password, strlen(password)) == 0;
    return fits && hash != NULL;
}
