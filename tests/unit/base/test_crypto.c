/* Digests against known answers, hex, passwords. */
#include "support.h"

static char *hex(const void *bytes, size_t len)
{
    static char text[200];
    return crypto_hex(bytes, len, text);
}

/* Worked out with another implementation (Python's hashlib); the first two are in RFC 7693 and on the BLAKE2 page. */
static const struct {
    const char *name;
    const char *text;
    size_t key_len; /* a key of bytes 0, 1, 2, … */
    size_t size;
    const char *want;
} digests[] = {
    { "abc, 64 bytes", "abc", 0, 64,
      "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
      "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923" },
    { "nothing", "", 0, 32, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8" },
    { "abc, 16 bytes", "abc", 0, 16, "cf4ab791c62b8d2b2109c90275287816" },
    { "abc with the longest key", "abc", 64, 32, "dff38c978666dff5631db35ca15535520d134f5c8060ea569c6a178ad393719f" },
};

static void blake2b_gives_known_digests(void **state)
{
    (void)state;
    uint8_t key[64], digest[64];
    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < ZP_COUNT(digests); i++) {
        const struct crypto_part part = { digests[i].text, strlen(digests[i].text) };
        crypto_blake2b(digest, digests[i].size, key, digests[i].key_len, &part, 1);
        if (strcmp(hex(digest, digests[i].size), digests[i].want) != 0) {
            fail_msg("%s", digests[i].name);
        }
    }
    const struct crypto_part part = { "abc", 3 };
    crypto_blake2b(digest, 32, (const uint8_t *)"0123456789abcdef", 16, &part, 1);
    assert_string_equal(hex(digest, 32), "66b4857d42c644c61fca8c0bcea243e0e75088582c7964bbac6b92c02381d9c7");
}

static void parts_are_hashed_in_order_as_one(void **state)
{
    (void)state;
    uint8_t whole[32], split[32], swapped[32], none[32], empty[32];
    const struct crypto_part one[] = { { "abcdef", 6 } };
    const struct crypto_part three[] = { { "ab", 2 }, { NULL, 0 }, { "cdef", 4 } };
    const struct crypto_part turned[] = { { "cdef", 4 }, { "ab", 2 } };
    crypto_blake2b(whole, 32, NULL, 0, one, 1);
    crypto_blake2b(split, 32, NULL, 0, three, 3);
    crypto_blake2b(swapped, 32, NULL, 0, turned, 2);
    assert_memory_equal(whole, split, 32);
    assert_memory_not_equal(whole, swapped, 32);
    crypto_blake2b(none, 32, NULL, 0, NULL, 0);
    crypto_blake2b(empty, 32, NULL, 0, &three[1], 1);
    assert_memory_equal(none, empty, 32);
}

static void sha256_gives_known_digests(void **state)
{
    (void)state;
    uint8_t digest[32];
    crypto_sha256(digest, "abc", 3);
    assert_string_equal(hex(digest, 32), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_sha256(digest, NULL, 0);
    assert_string_equal(hex(digest, 32), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* The vector of the paper on SipHash-2-4: key 00 01 … 0f, bytes 00 01 … 0e, the value little-endian. */
static void short_hash_gives_its_known_value(void **state)
{
    (void)state;
    uint8_t key[CRYPTO_SHORT_KEY_SIZE], bytes[15];
    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = (uint8_t)i;
    }
    memcpy(bytes, key, sizeof(bytes));
    assert_true(crypto_short(key, bytes, sizeof(bytes)) == UINT64_C(0xa129ca6149be45e5));
    key[15] ^= 1;
    assert_false(crypto_short(key, bytes, sizeof(bytes)) == UINT64_C(0xa129ca6149be45e5));
}

static void hash_to_a_size(size_t size, size_t key_len)
{
    uint8_t digest[128], key[128] = { 0 };
    crypto_blake2b(digest, size, key, key_len, NULL, 0);
}

static void size_15(void) { hash_to_a_size(15, 0); }
static void size_65(void) { hash_to_a_size(65, 0); }
static void key_15(void) { hash_to_a_size(32, 15); }
static void key_65(void) { hash_to_a_size(32, 65); }

static void wrong_sizes_are_our_own_bug(void **state)
{
    (void)state;
    assert_panics(size_15, "assertion failed");
    assert_panics(size_65, "assertion failed");
    assert_panics(key_15, "assertion failed");
    assert_panics(key_65, "assertion failed");
}

static void hex_goes_both_ways(void **state)
{
    (void)state;
    char text[7];
    uint8_t bytes[3];
    assert_ptr_equal(crypto_hex("\x00\xaf\x10", 3, text), text);
    assert_string_equal(text, "00af10");
    assert_string_equal(crypto_hex("", 0, text), "");
    assert_true(crypto_unhex("00Af10", 6, bytes, 3));
    assert_memory_equal(bytes, "\x00\xaf\x10", 3);
    assert_true(crypto_unhex("", 0, bytes, 0));
}

static void other_hex_is_refused_whole(void **state)
{
    (void)state;
    static const char *const rows[] = { "", "0", "00af1", "00af100", "00af1000", "00af1g", "00af1 ", "0x00af", "g0af10",
                                        "00:f10", "00af\xff" "0", "00af1@", "00af1`", "00af1/" };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        uint8_t bytes[3] = { 1, 2, 3 };
        if (crypto_unhex(rows[i], strlen(rows[i]), bytes, 3) || memcmp(bytes, "\1\2\3", 3) != 0) {
            fail_msg("%s", rows[i]);
        }
    }
}

static void random_bytes_differ_and_a_wipe_clears(void **state)
{
    (void)state;
    uint8_t a[32] = { 0 }, b[32] = { 0 };
    static const uint8_t zero[32];
    crypto_random(a, sizeof(a));
    crypto_random(b, sizeof(b));
    assert_false(crypto_equal(a, b, sizeof(a)));
    assert_true(crypto_equal(a, a, sizeof(a)));
    crypto_random(b, 0);
    memcpy(b, a, sizeof(b));
    b[31] ^= 1;
    assert_false(crypto_equal(a, b, 32));
    assert_true(crypto_equal(a, b, 31));
    assert_true(crypto_equal(a, b, 0));
    crypto_wipe(a, sizeof(a));
    assert_memory_equal(a, zero, sizeof(a));
}

static void passwords_fit_their_own_hash_only(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_SIZE], again[PASSWORD_HASH_SIZE];
    assert_int_equal(crypto_password_hash("Grüße aus der Küche", hash), ZP_OK);
    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
    assert_true(crypto_password_verify(hash, "Grüße aus der Küche"));
    assert_false(crypto_password_verify(hash, "Grüße aus der Küche "));
    assert_false(crypto_password_verify(hash, ""));
    assert_int_equal(crypto_password_hash("Grüße aus der Küche", again), ZP_OK);
    assert_string_not_equal(hash, again); /* a salt of its own */
    assert_int_equal(crypto_password_hash("", again), ZP_OK);
    assert_true(crypto_password_verify(again, ""));
}

static void what_is_no_hash_fits_nothing(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "", "x", "$argon2id$", "$argon2id$v=19$m=19456,t=2,p=1$", "$argon2id$v=19$m=19456,t=2,p=1$!!!!$????",
        "$2b$12$abcdefghijklmnopqrstuv",
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        assert_false(crypto_password_verify(rows[i], "password"));
    }
}

/* That nobody's hash costs what a real one costs is asserted by crypto_start; here: it lets nobody in, not even the
 * one who reads its source. */
static void nobody_has_a_password(void **state)
{
    (void)state;
    static const char *const rows[] = { "", "password", "nobody has this password, really", "nobody's salt..." };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        assert_false(crypto_password_verify(NULL, rows[i]));
    }
}

int main(void)
{
    crypto_start();
    crypto_start(); /* twice is fine */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blake2b_gives_known_digests),
        cmocka_unit_test(parts_are_hashed_in_order_as_one),
        cmocka_unit_test(sha256_gives_known_digests),
        cmocka_unit_test(short_hash_gives_its_known_value),
        cmocka_unit_test(wrong_sizes_are_our_own_bug),
        cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(other_hex_is_refused_whole),
        cmocka_unit_test(random_bytes_differ_and_a_wipe_clears),
        cmocka_unit_test(passwords_fit_their_own_hash_only),
        cmocka_unit_test(what_is_no_hash_fits_nothing),
        cmocka_unit_test(nobody_has_a_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
