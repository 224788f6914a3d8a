/* token.h: access tokens: JWT, HS256, one key. */
#ifndef ZAPORA_GATEWAY_TOKEN_H
#define ZAPORA_GATEWAY_TOKEN_H

#include "text.h"
#include "zapora/order.h"

#define TOKEN_BYTES_MAX 4096
#define TOKEN_LIFE_S 900
#define TOKEN_KEY_BYTES_MIN 32
#define TOKEN_KEY_BYTES_MAX 4096
#define PRINCIPAL_NAME_SIZE 801  /* 200 characters of UTF-8 and the NUL */
#define PRINCIPAL_EMAIL_SIZE 255

/* Who is asking, as a valid token says. */
struct principal {
    struct actor actor;
    char name[PRINCIPAL_NAME_SIZE];
    char email[PRINCIPAL_EMAIL_SIZE]; /* "": the token does not say */
    int64_t expires_at_s;             /* seconds since 1970 UTC */
};

struct token_key {
    uint8_t *bytes; /* owned by whoever read it */
    size_t len;     /* at least TOKEN_KEY_BYTES_MIN */
    char kid[17];   /* first 8 bytes of BLAKE2b-256(key), in hex */
};

/* Fills kid from the bytes. */
void token_key_name(struct token_key *key);
/* Signs a token for the principal (its expires_at_s is ignored) that is good for TOKEN_LIFE_S from now on. A name
 * and an email that would make it longer than TOKEN_BYTES_MAX are left out. ret_token is owned by the caller (free). */
enum zp_err token_sign(const struct token_key *key, const struct principal *principal, int64_t now_s,
                       char **ret_token) ZP_MUST_CHECK;
/* Judges a token. False with a word for the log in *ret_why; it is never told to the client. */
bool token_check(const struct token_key *key, struct text token, int64_t now_s, struct principal *ret_principal,
                 const char **ret_why) ZP_MUST_CHECK;

#endif
