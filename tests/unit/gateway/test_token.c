/* Access tokens: ones that are ours, and all the ways in which one is not. Some tests pin what libjwt 1.10.2 lets
 * through, so that our own checks are seen to be needed, and a mended library shows. */
#include "base64url.h"
#include "passes.h"
#include "token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <jwt.h>
#include <stdlib.h>

#define NOW INT64_C(1800000000)
#define USER "0190163d-8694-739b-aea5-966c26f8ad91"
#define PLACE "01901640-0000-7000-8000-000000000001"

static uint8_t secret[] = "0123456789abcdef0123456789abcdef", foreign[] = "fedcba9876543210fedcba9876543210";
static struct token_key key = { secret, 32, "" }, foreign_key = { foreign, 32, "" };

static int start(void **state)
{
    (void)state;
    token_key_name(&key);
    token_key_name(&foreign_key);
    return 0;
}

/* HMAC-SHA-256 (RFC 2104), so that anything can be signed, also what no library would write. */
static void hmac(const struct token_key *with, const char *text, size_t len, uint8_t ret_mac[32])
{
    static uint8_t inner[64 + 400000], outer[64 + 32];
    memset(inner, 0x36, 64);
    memset(outer, 0x5c, 64);
    assert_true(with->len <= 64 && len <= sizeof(inner) - 64);
    for (size_t i = 0; i < with->len; i++) {
        inner[i] ^= with->bytes[i];
        outer[i] ^= with->bytes[i];
    }
    memcpy(inner + 64, text, len);
    crypto_sha256(outer + 64, inner, 64 + len);
    crypto_sha256(ret_mac, outer, sizeof(outer));
}

/* Owned by the caller. */
static char *make(const struct token_key *with, const char *header, const char *payload)
{
    size_t size = BASE64URL_LEN(strlen(header)) + BASE64URL_LEN(strlen(payload)) + 64;
    char *token = malloc(size);
    uint8_t mac[32];
    assert_non_null(token);
    base64url_write(header, strlen(header), token);
    strcat(token, ".");
    base64url_write(payload, strlen(payload), token + strlen(token));
    hmac(with, token, strlen(token), mac);
    strcat(token, ".");
    base64url_write(mac, sizeof(mac), token + strlen(token));
    return token;
}

static const char *check(const char *token, struct principal *ret_principal)
{
    const char *why = NULL;
    return token_check(&key, (struct text){ token, strlen(token) }, NOW, ret_principal, &why) ? NULL : why;
}

static void assert_refused(const char *name, const char *token, const char *wanted)
{
    struct principal principal;
    const char *why = check(token, &principal);
    if (why == NULL ||
        (strcmp(why, wanted) != 0 && strcmp(why, "signature") != 0)) { /* libjwt gives up on some payloads itself */
        char reason[64];
        (void)snprintf(reason, sizeof(reason), "%s", why == NULL ? "taken" : why);
        fail_msg("%s: %s, wanted %s", name, reason, wanted);
    }
}

static const char *good_header(void)
{
    static char header[96];
    (void)snprintf(header, sizeof(header), "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", key.kid);
    return header;
}

#define CLAIMS_HEAD "{\"iss\":\"zapora\",\"aud\":\"zapora-api\",\"sub\":\"" USER "\",\"role\":\"kitchen\","
#define TIMES "\"iat\":1799999990,\"exp\":1800000890}"
#define GOOD CLAIMS_HEAD "\"locations\":[\"" PLACE "\"]," TIMES

static struct principal someone(void)
{
    struct principal principal = { .name = "Zoë", .email = "zoe@example.org" };
    assert_true(id_parse(USER, strlen(USER), &principal.actor.user_id));
    assert_true(id_parse(PLACE, strlen(PLACE), &principal.actor.locations[0]));
    principal.actor.location_count = 1;
    principal.actor.role = ROLE_KITCHEN;
    return principal;
}

static void what_we_sign_we_take(void **state)
{
    struct principal read, principal = someone();
    char *token = NULL;
    (void)state;
    assert_int_equal(token_sign(&key, &principal, NOW, &token), ZP_OK);
    assert_null(check(token, &read));
    assert_true(id_equal(&read.actor.user_id, &principal.actor.user_id));
    assert_int_equal(read.actor.role, ROLE_KITCHEN);
    assert_int_equal(read.actor.location_count, 1);
    assert_true(id_equal(&read.actor.locations[0], &principal.actor.locations[0]));
    assert_string_equal(read.name, "Zoë");
    assert_string_equal(read.email, "zoe@example.org");
    assert_int_equal(read.expires_at_s, NOW + TOKEN_LIFE_S);
    free(token);
}

static void a_token_ends_to_the_second(void **state)
{
    struct principal read, principal = someone();
    const char *why = "";
    char *token = NULL;
    (void)state;
    assert_int_equal(token_sign(&key, &principal, NOW, &token), ZP_OK);
    struct text text = { token, strlen(token) };
    assert_true(token_check(&key, text, NOW + TOKEN_LIFE_S - 1, &read, &why));
    assert_false(token_check(&key, text, NOW + TOKEN_LIFE_S, &read, &why));
    assert_string_equal(why, "expired");
    free(token);
}

/* 64 locations fit; a name that no longer does is left out, the locations never. */
static void a_full_token_drops_its_names_first(void **state)
{
    struct principal read, principal = someone();
    char *token = NULL;
    (void)state;
    memset(principal.name, 'n', sizeof(principal.name) - 1);
    for (size_t i = 0; i < ACTOR_LOCATIONS_MAX; i++) {
        principal.actor.locations[i] = id_fresh();
    }
    principal.actor.location_count = ACTOR_LOCATIONS_MAX;
    assert_int_equal(token_sign(&key, &principal, NOW, &token), ZP_OK);
    assert_true(strlen(token) <= TOKEN_BYTES_MAX);
    assert_null(check(token, &read));
    assert_int_equal(read.actor.location_count, ACTOR_LOCATIONS_MAX);
    assert_string_equal(read.name, "");
    free(token);
}

static void hand_made_ones_are_taken_too(void **state)
{
    struct principal read;
    char *token = make(&key, good_header(), GOOD);
    (void)state;
    assert_null(check(token, &read));
    free(token);
}

/* ---- the header ---- */

static void headers_are_judged_strictly(void **state)
{
    static const struct { const char *name, *format, *why; } rows[] = {
        { "alg none", "{\"alg\":\"none\",\"kid\":\"%s\"}", "algorithm" },
        { "alg NONE", "{\"alg\":\"NONE\",\"kid\":\"%s\"}", "algorithm" },
        { "alg HS512", "{\"alg\":\"HS512\",\"kid\":\"%s\"}", "algorithm" },
        { "alg HS384", "{\"alg\":\"HS384\",\"kid\":\"%s\"}", "algorithm" },
        { "alg RS256", "{\"alg\":\"RS256\",\"kid\":\"%s\"}", "algorithm" },
        { "alg in small letters", "{\"alg\":\"hs256\",\"kid\":\"%s\"}", "algorithm" },
        { "no alg", "{\"kid\":\"%s\"}", "algorithm" },
        { "alg a number", "{\"alg\":256,\"kid\":\"%s\"}", "algorithm" },
        { "alg with a NUL", "{\"alg\":\"HS256\\u0000\",\"kid\":\"%s\"}", "header_unreadable" },
        { "two algs", "{\"alg\":\"HS256\",\"alg\":\"HS256\",\"kid\":\"%s\"}", "header_unreadable" },
        { "no kid", "{\"alg\":\"HS256\"}", "key_unknown" },
        { "another kid", "{\"alg\":\"HS256\",\"kid\":\"0000000000000000\"}", "key_unknown" },
        { "kid a path", "{\"alg\":\"HS256\",\"kid\":\"/dev/null\"}", "key_unknown" },
        { "kid a number", "{\"alg\":\"HS256\",\"kid\":1}", "key_unknown" },
        { "crit", "{\"alg\":\"HS256\",\"kid\":\"%s\",\"crit\":[\"exp\"]}", "header_field_unknown" },
        { "jwk", "{\"alg\":\"HS256\",\"kid\":\"%s\",\"jwk\":{}}", "header_field_unknown" },
        { "jku", "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\",\"jku\":\"http://x\"}", "header_field_unknown" },
        { "typ at+jwt", "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", "type" },
        { "typ a number", "{\"alg\":\"HS256\",\"typ\":1,\"kid\":\"%s\"}", "type" },
        { "a list", "[\"HS256\",\"%s\"]", "header_unreadable" },
        { "not JSON", "HS256 %s", "header_unreadable" },
        { "something behind it", "{\"alg\":\"HS256\",\"kid\":\"%s\"}x", "header_unreadable" },
    };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        char header[256];
        const char *at = strstr(rows[i].format, "%s");
        size_t before = at == NULL ? strlen(rows[i].format) : (size_t)(at - rows[i].format);
        (void)snprintf(header, sizeof(header), "%.*s%s%s", (int)before, rows[i].format, at == NULL ? "" : key.kid,
                       at == NULL ? "" : at + 2);
        char *token = make(&key, header, GOOD);
        assert_refused(rows[i].name, token, rows[i].why);
        free(token);
    }
}

/* ---- the claims ---- */

static void claims_are_judged_strictly(void **state)
{
    static const struct { const char *name, *claims, *why;
    } rows[] = {
        { "no exp", CLAIMS_HEAD "\"locations\":[],\"iat\":1799999990}", "times_missing" },
        { "exp a string", CLAIMS_HEAD "\"locations\":[],\"iat\":1799999990,\"exp\":\"1800000890\"}", "times_missing" },
        { "exp a real", CLAIMS_HEAD "\"locations\":[],\"iat\":1799999990,\"exp\":1800000890.5}", "times_missing" },
        { "exp in exponents", CLAIMS_HEAD "\"locations\":[],\"iat\":1799999990,\"exp\":1e18}", "times_missing" },
        { "exp null", CLAIMS_HEAD "\"locations\":[],\"iat\":1799999990,\"exp\":null}", "times_missing" },
        { "exp too big", CLAIMS_HEAD "\"locations\":[],\"iat\":1799999990,\"exp\":99999999999999999999}",
          "payload_unreadable" },
        { "two exps", CLAIMS_HEAD "\"locations\":[],\"iat\":1799999990,\"exp\":1,\"exp\":1800000890}",
          "payload_unreadable" },
        { "expired", CLAIMS_HEAD "\"locations\":[],\"iat\":1799999000,\"exp\":1799999999}", "expired" },
        { "expires now", CLAIMS_HEAD "\"locations\":[],\"iat\":1799999000,\"exp\":1800000000}", "expired" },
        { "exp negative", CLAIMS_HEAD "\"locations\":[],\"iat\":1799999000,\"exp\":-1}", "expired" },
        { "no iat", CLAIMS_HEAD "\"locations\":[],\"exp\":1800000890}", "times_missing" },
        { "iat a string", CLAIMS_HEAD "\"locations\":[],\"iat\":\"1\",\"exp\":1800000890}", "times_missing" },
        { "iat far ahead", CLAIMS_HEAD "\"locations\":[],\"iat\":1800000061,\"exp\":1800000890}",
          "issued_in_the_future" },
        { "another issuer",
          "{\"iss\":\"zapor\",\"aud\":\"zapora-api\",\"sub\":\"" USER "\",\"role\":\"kitchen\",\"locations\":[]," TIMES,
          "issuer_or_audience" },
        { "no issuer", "{\"aud\":\"zapora-api\",\"sub\":\"" USER "\",\"role\":\"kitchen\",\"locations\":[]," TIMES,
          "issuer_or_audience" },
        { "another audience",
          "{\"iss\":\"zapora\",\"aud\":\"zapora\",\"sub\":\"" USER "\",\"role\":\"kitchen\",\"locations\":[]," TIMES,
          "issuer_or_audience" },
        { "a list of audiences",
          "{\"iss\":\"zapora\",\"aud\":[\"zapora-api\"],\"sub\":\"" USER
          "\",\"role\":\"kitchen\",\"locations\":[]," TIMES,
          "issuer_or_audience" },
        { "no subject", "{\"iss\":\"zapora\",\"aud\":\"zapora-api\",\"role\":\"kitchen\",\"locations\":[]," TIMES,
          "claims" },
        { "a subject that is no UUID",
          "{\"iss\":\"zapora\",\"aud\":\"zapora-api\",\"sub\":\"root\",\"role\":\"kitchen\",\"locations\":[]," TIMES,
          "claims" },
        { "nobody",
          "{\"iss\":\"zapora\",\"aud\":\"zapora-api\","
          "\"sub\":\"00000000-0000-0000-0000-000000000000\",\"role\":\"kitchen\",\"locations\":[]," TIMES,
          "claims" },
        { "an unknown role",
          "{\"iss\":\"zapora\",\"aud\":\"zapora-api\",\"sub\":\"" USER "\",\"role\":\"chef\",\"locations\":[]," TIMES,
          "claims" },
        { "the system's role",
          "{\"iss\":\"zapora\",\"aud\":\"zapora-api\",\"sub\":\"" USER "\",\"role\":\"system\",\"locations\":[]," TIMES,
          "claims" },
        { "no role", "{\"iss\":\"zapora\",\"aud\":\"zapora-api\",\"sub\":\"" USER "\",\"locations\":[]," TIMES,
          "claims" },
        { "no locations", CLAIMS_HEAD TIMES, "claims" },
        { "locations a text", CLAIMS_HEAD "\"locations\":\"" PLACE "\"," TIMES, "claims" },
        { "a location that is no UUID", CLAIMS_HEAD "\"locations\":[\"*\"]," TIMES, "claims" },
        { "a location that is no text", CLAIMS_HEAD "\"locations\":[1]," TIMES, "claims" },
        { "a name that is no text", CLAIMS_HEAD "\"locations\":[],\"name\":1," TIMES, "claims" },
        { "a list", "[]", "payload_unreadable" },
        { "nothing", "", "payload_unreadable" },
        { "bad UTF-8", CLAIMS_HEAD "\"locations\":[],\"name\":\"\xff\"," TIMES, "payload_unreadable" },
        { "something behind it", GOOD "{}", "payload_unreadable" },
    };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        char *token = make(&key, good_header(), rows[i].claims);
        assert_refused(rows[i].name, token, rows[i].why);
        free(token);
    }
}

static void sixty_five_locations_are_too_many(void **state)
{
    struct buffer claims;
    (void)state;
    buffer_init(&claims, 8192);
    buffer_puts(&claims, CLAIMS_HEAD "\"locations\":[\"" PLACE "\"");
    for (int i = 0; i < ACTOR_LOCATIONS_MAX; i++) {
        buffer_puts(&claims, ",\"" PLACE "\"");
    }
    buffer_puts(&claims, "]," TIMES);
    char *token = make(&key, good_header(), claims.data);
    assert_true(strlen(token) <= TOKEN_BYTES_MAX);
    assert_refused("65 locations", token, "claims");
    free(token);
    buffer_finish(&claims);
}

/* ---- the signature and the form ---- */

static void a_signature_of_another_key_is_refused(void **state)
{
    char *token = make(&foreign_key, good_header(), GOOD);
    (void)state;
    assert_refused("signed by another key under our kid", token, "signature");
    free(token);
}

static void each_changed_character_is_noticed(void **state)
{
    char *token = make(&key, good_header(), GOOD);
    (void)state;
    for (size_t i = 0; token[i] != '\0'; i++) {
        struct principal principal;
        char before = token[i];
        token[i] = before == 'A' ? 'B' : 'A';
        if (before == '.' || check(token, &principal) == NULL) {
            assert_non_null(check(token, &principal));
        }
        token[i] = before;
    }
    free(token);
}

static void other_forms_are_refused(void **state)
{
    char *good = make(&key, good_header(), GOOD), *changed = malloc(strlen(good) + 16);
    (void)state;
    assert_non_null(changed);
    assert_refused("nothing", "", "form");
    assert_refused("one part", "abc", "form");
    assert_refused("only dots", "..", "form");
    *strrchr(strcpy(changed, good), '.') = '\0';
    assert_refused("two parts", changed, "form");
    strrchr(strcpy(changed, good), '.')[1] = '\0';
    assert_refused("no signature", changed, "form");
    strcat(strcpy(changed, good), ".");
    assert_refused("four parts, the last empty", changed, "form");
    strcat(strcpy(changed, good), ".abcd");
    assert_refused("four parts", changed, "form");
    strcat(strcpy(changed, good), "=");
    assert_refused("padded", changed, "form");
    strcpy(changed, good)[3] = '+';
    assert_refused("bad base64", changed, "form");
    strcpy(changed, good)[3] = '\n';
    assert_refused("a line's end inside", changed, "form");
    strrchr(strcpy(changed, good), '.')[20] = '\0';
    assert_refused("a short signature", changed, "form");
    free(changed);
    free(good);
}

static void long_tokens_are_refused_unread(void **state)
{
    static const size_t sizes[] = { TOKEN_BYTES_MAX + 1, 5000, 300000 };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(sizes); i++) {
        char *name = malloc(sizes[i] + 1), *claims = NULL;
        assert_non_null(name);
        memset(name, 'x', sizes[i]);
        name[sizes[i] * 3 / 4 - 200] = '\0';
        assert_true(asprintf(&claims, CLAIMS_HEAD "\"locations\":[],\"name\":\"%s\"," TIMES, name) > 0);
        char *token = make(&key, good_header(), claims);
        if (strlen(token) > TOKEN_BYTES_MAX) {
            assert_refused("too long", token, "too_long");
        } else {
            assert_refused("a name too long", token, "claims");
        }
        free(token);
        free(claims);
        free(name);
    }
}

/* ---- libjwt's own judgement ---- */

static bool libjwt_takes(const char *token, const uint8_t *bytes, int len)
{
    jwt_t *jwt = NULL;
    bool taken = jwt_decode(&jwt, token, bytes, len) == 0;
    jwt_free(jwt);
    return taken;
}

static void libjwt_takes_another_algorithm_with_our_key(void **state)
{
    jwt_t *jwt = NULL;
    (void)state;
    assert_int_equal(jwt_new(&jwt), 0);
    assert_int_equal(jwt_set_alg(jwt, JWT_ALG_HS512, key.bytes, (int)key.len), 0);
    assert_int_equal(jwt_add_header(jwt, "kid", key.kid), 0);
    assert_int_equal(jwt_add_grants_json(jwt, GOOD), 0);
    char *token = jwt_encode_str(jwt);
    assert_non_null(token);
    assert_true(libjwt_takes(token, key.bytes, (int)key.len));
    assert_refused("HS512 with our key", token, "form"); /* its signature alone is too long already */
    free(token);
    jwt_free(jwt);
}

static void libjwt_takes_what_is_not_signed_without_a_key(void **state)
{
    jwt_t *jwt = NULL;
    (void)state;
    assert_int_equal(jwt_new(&jwt), 0);
    assert_int_equal(jwt_add_header(jwt, "kid", key.kid), 0);
    assert_int_equal(jwt_add_grants_json(jwt, GOOD), 0);
    char *token = jwt_encode_str(jwt);
    assert_non_null(token);
    assert_true(libjwt_takes(token, NULL, 0));
    assert_refused("alg none without a signature", token, "form");
    free(token);
    jwt_free(jwt);
}

static void libjwt_takes_expired_doubled_and_critical(void **state)
{
    static const char expired[] = CLAIMS_HEAD "\"locations\":[],\"iat\":1,\"exp\":2}";
    static const char doubled[] = CLAIMS_HEAD "\"locations\":[],\"iat\":1,\"exp\":2,\"exp\":1800000890}";
    char critical[128];
    (void)state;
    (void)snprintf(critical, sizeof(critical), "{\"alg\":\"HS256\",\"kid\":\"%s\",\"crit\":[\"exp\"]}", key.kid);
    const struct { const char *header, *claims; } rows[] = {
        { good_header(), expired }, { good_header(), doubled }, { critical, GOOD },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct principal principal;
        char *token = make(&key, rows[i].header, rows[i].claims);
        assert_true(libjwt_takes(token, key.bytes, (int)key.len));
        assert_non_null(check(token, &principal));
        free(token);
    }
}

/* ---- the cache ---- */

static void passes_know_a_token_again_until_it_expires(void **state)
{
    struct passes passes;
    const struct principal *first, *second;
    const char *why = "";
    char *token = make(&key, good_header(), GOOD);
    struct text text = { token, strlen(token) };
    (void)state;
    passes_init(&passes);
    assert_true(passes_check(&passes, &key, text, NOW, &first, &why));
    assert_true(passes_check(&passes, &foreign_key, text, NOW + 889, &second,
                             &why)); /* found, not reckoned: the key is not asked */
    assert_ptr_equal(first, second);
    assert_false(passes_check(&passes, &key, text, NOW + 890, &second, &why));
    assert_string_equal(why, "expired");
    token[strlen(token) - 1] ^= 1;
    assert_false(passes_check(&passes, &key, text, NOW, &second, &why));
    passes_finish(&passes);
    free(token);
}

static void passes_keep_no_bad_token(void **state)
{
    struct passes passes;
    const struct principal *principal;
    const char *why = "";
    char *token = make(&foreign_key, good_header(), GOOD);
    struct text text = { token, strlen(token) };
    (void)state;
    passes_init(&passes);
    assert_false(passes_check(&passes, &key, text, NOW, &principal, &why));
    assert_false(passes_check(&passes, &key, text, NOW, &principal, &why));
    for (size_t i = 0; i < PASSES_COUNT; i++) {
        assert_int_equal(passes.places[i].principal.expires_at_s, 0);
    }
    passes_finish(&passes);
    free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_we_sign_we_take),
        cmocka_unit_test(a_token_ends_to_the_second),
        cmocka_unit_test(a_full_token_drops_its_names_first),
        cmocka_unit_test(hand_made_ones_are_taken_too),
        cmocka_unit_test(headers_are_judged_strictly),
        cmocka_unit_test(claims_are_judged_strictly),
        cmocka_unit_test(sixty_five_locations_are_too_many),
        cmocka_unit_test(a_signature_of_another_key_is_refused),
        cmocka_unit_test(each_changed_character_is_noticed),
        cmocka_unit_test(other_forms_are_refused),
        cmocka_unit_test(long_tokens_are_refused_unread),
        cmocka_unit_test(libjwt_takes_another_algorithm_with_our_key),
        cmocka_unit_test(libjwt_takes_what_is_not_signed_without_a_key),
        cmocka_unit_test(libjwt_takes_expired_doubled_and_critical),
        cmocka_unit_test(passes_know_a_token_again_until_it_expires),
        cmocka_unit_test(passes_keep_no_bad_token),
    };
    crypto_start();
    return cmocka_run_group_tests(tests, start, NULL);
}
