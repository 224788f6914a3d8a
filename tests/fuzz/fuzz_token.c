/* Any bytes as a token, and as the two JSON objects inside of one that is signed as it should be: a fuzzer can't guess
 * a signature, but a leaked key could make one. The first line is the header, the rest the payload. */
#include "fuzz.h"

#include "base64url.h"
#include "claims.h"

#define NOW INT64_C(1800000000)

static uint8_t secret[] = "0123456789abcdef0123456789abcdef";

/* HMAC-SHA-256 (RFC 2104) of what no library would sign. */
static void sign(const char *text, size_t len, uint8_t ret_mac[32])
{
    static uint8_t inner[64 + 2 * TOKEN_BYTES_MAX], outer[64 + 32];
    memset(inner, 0x36, 64);
    memset(outer, 0x5c, 64);
    MUST(len <= sizeof(inner) - 64);
    for (size_t i = 0; i < sizeof(secret) - 1; i++) {
        inner[i] ^= secret[i];
        outer[i] ^= secret[i];
    }
    memcpy(inner + 64, text, len);
    crypto_sha256(outer + 64, inner, 64 + len);
    crypto_sha256(ret_mac, outer, sizeof(outer));
}

static void must_make_sense(const struct principal *principal)
{
    MUST(!id_is_none(&principal->actor.user_id) && principal->actor.role < ROLE_SYSTEM);
    MUST(principal->actor.location_count <= ACTOR_LOCATIONS_MAX);
    MUST(memchr(principal->name, '\0', sizeof(principal->name)) != NULL);
    MUST(memchr(principal->email, '\0', sizeof(principal->email)) != NULL);
    MUST(principal->expires_at_s > NOW);
}

/* The token around these two, judged whole, must be believed only if both parts are. */
static void judge_signed(const struct token_key *key, struct text header, struct text payload)
{
    struct principal parts = { .expires_at_s = 0 }, whole = parts;
    const char *why = claims_judge_header(header, key->kid), *whole_why = NULL;
    char token[2 * TOKEN_BYTES_MAX + 64];
    uint8_t mac[32];
    if (why == NULL) {
        why = claims_judge_payload(payload, NOW, &parts);
        if (why == NULL) {
            must_make_sense(&parts);
        }
    }
    if (BASE64URL_LEN(header.len) + BASE64URL_LEN(payload.len) + 45 > TOKEN_BYTES_MAX) {
        return;
    }
    base64url_write(header.at, header.len, token);
    strcat(token, ".");
    base64url_write(payload.at, payload.len, token + strlen(token));
    sign(token, strlen(token), mac);
    strcat(token, ".");
    base64url_write(mac, sizeof(mac), token + strlen(token));
    bool believed = token_check(key, (struct text){ token, strlen(token) }, NOW, &whole, &whole_why);
    MUST(believed ? why == NULL : whole_why != NULL);
    MUST(!believed || id_equal(&whole.actor.user_id, &parts.actor.user_id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct token_key key = { secret, sizeof(secret) - 1, "" };
    struct text rest = { (const char *)data, size };
    struct principal principal;
    const char *why = NULL;
    crypto_start();
    token_key_name(&key);
    MUST(!token_check(&key, rest, NOW, &principal, &why) && why != NULL); /* without the key it can't be one */
    struct text header = text_cut(&rest, '\n');
    if (rest.at != NULL && size <= 2 * TOKEN_BYTES_MAX / 2) {
        judge_signed(&key, header, rest);
    }
    return 0;
}
