/* token: signs and judges access tokens.
 *
 * Called by login.c and, for each request, by guard.c through passes.c. Invariant: nothing of a token is believed
 * before its header was found to be ours and libjwt has found its signature good; libjwt alone would believe too
 * much (it takes alg none without a key and HS512 with ours, and a long token overruns its stack). */
#include "token.h"

#include "base64url.h"
#include "claims.h"

#include <jwt.h>
#include <stdlib.h>

static void jwt_release(jwt_t **jwt)
{
    if (*jwt != NULL) {
        jwt_free(*jwt);
    }
}

#define OWNED_JWT __attribute__((cleanup(jwt_release))) jwt_t *

void token_key_name(struct token_key *key)
{
    uint8_t digest[HASH_SIZE];
    const struct crypto_part part = { key->bytes, key->len };
    crypto_blake2b(digest, sizeof(digest), NULL, 0, &part, 1);
    crypto_hex(digest, 8, key->kid);
}

/* libjwt takes a text that ends with a NUL; the caller has measured the token. */
static bool signature_is_good(const struct token_key *key, struct text token)
{
    char copy[TOKEN_BYTES_MAX + 1];
    OWNED_JWT jwt = NULL;
    memcpy(copy, token.at, token.len);
    copy[token.len] = '\0';
    return jwt_decode(&jwt, copy, key->bytes, (int)key->len) == 0 && jwt_get_alg(jwt) == JWT_ALG_HS256;
}

bool token_check(const struct token_key *key, struct text token, int64_t now_s, struct principal *ret_principal,
                 const char **ret_why)
{
    char header[TOKEN_BYTES_MAX], payload[TOKEN_BYTES_MAX];
    uint8_t mac[32];
    size_t header_len, payload_len, mac_len;
    if (token.len > TOKEN_BYTES_MAX) {
        *ret_why = "too_long";
        return false;
    }
    struct text rest = token;
    struct text header_part = text_cut(&rest, '.');
    struct text payload_part = text_cut(&rest, '.');
    if (rest.at == NULL || memchr(rest.at, '.', rest.len) != NULL ||
        !base64url_read(header_part, header, sizeof(header), &header_len) ||
        !base64url_read(payload_part, payload, sizeof(payload), &payload_len) ||
        !base64url_read(rest, mac, sizeof(mac), &mac_len) || mac_len != sizeof(mac)) {
        *ret_why = "form";
        return false;
    }
    const char *why = claims_judge_header((struct text){ header, header_len }, key->kid);
    if (why == NULL && !signature_is_good(key, token)) {
        why = "signature";
    }
    if (why == NULL) {
        why = claims_judge_payload((struct text){ payload, payload_len }, now_s, ret_principal);
    }
    if (why != NULL) {
        *ret_why = why;
    }
    return why == NULL;
}

static char *sign_claims(const struct token_key *key, const char *claims)
{
    OWNED_JWT jwt = NULL;
    if (jwt_new(&jwt) != 0 || jwt_set_alg(jwt, JWT_ALG_HS256, key->bytes, (int)key->len) != 0 ||
        jwt_add_header(jwt, "kid", key->kid) != 0 || jwt_add_grants_json(jwt, claims) != 0) {
        return NULL;
    }
    return jwt_encode_str(jwt);
}

enum zp_err token_sign(const struct token_key *key, const struct principal *principal, int64_t now_s, char **ret_token)
{
    for (int with_names = 1; with_names >= 0; with_names--) {
        char *claims = claims_write(principal, now_s, with_names);
        char *token = claims == NULL ? NULL : sign_claims(key, claims);
        free(claims);
        if (token == NULL) {
            return ZP_NO_MEMORY;
        }
        if (strlen(token) <= TOKEN_BYTES_MAX) {
            *ret_token = token;
            return ZP_OK;
        }
        free(token);
    }
    return ZP_TOO_LARGE;
}
