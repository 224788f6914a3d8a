/* wraps_sodium: what of libsodium takes memory. */
#include "wraps.h"

#include <sodium.h>

WRAP(int, crypto_pwhash_str_alg, (char *out, const char *password, unsigned long long len, unsigned long long ops,
                                  size_t memory, int alg),
     (out, password, len, ops, memory, alg), (errno = ENOMEM, -1))
