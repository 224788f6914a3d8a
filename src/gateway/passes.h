/* passes.h: tokens that a loop has found good, by digest: the signature of a busy client is not reckoned again for each
 * request. */
#ifndef ZAPORA_GATEWAY_PASSES_H
#define ZAPORA_GATEWAY_PASSES_H

#include "token.h"

#define PASSES_COUNT 512 /* about 1.2 MB for a loop */

struct pass {
    uint8_t digest[HASH_SIZE];
    struct principal principal; /* expires_at_s 0: the place is free */
};

struct passes {
    struct pass *places; /* owned, PASSES_COUNT of them; NULL: no memory, then nothing is kept */
};

void passes_init(struct passes *passes);
void passes_finish(struct passes *passes);
/* As token_check, but a token that was found good before is only looked up. *ret_principal is borrowed until the
 * next call. */
bool passes_check(struct passes *passes, const struct token_key *key, struct text token, int64_t now_s,
                  const struct principal **ret_principal, const char **ret_why) ZP_MUST_CHECK;

#endif
