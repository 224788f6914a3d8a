/* The ids of commands and the fingerprints of requests. */
#include "identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static uint8_t key[IDENTITY_KEY_SIZE];

struct parts {
    struct zp_id principal, location;
    const char *method, *path, *idempotency_key;
};

static struct zp_id of(const struct parts *parts)
{
    return identity_of(key, &parts->principal, parts->method, (struct text){ parts->path, strlen(parts->path) },
                       &parts->location, (struct text){ parts->idempotency_key, strlen(parts->idempotency_key) });
}

static struct parts some(void)
{
    return (struct parts){ id_fresh(), id_fresh(), "POST", "/orders", "k1" };
}

static void the_same_request_has_the_same_id(void **state)
{
    struct parts parts = some();
    struct zp_id first = of(&parts), second = of(&parts);
    (void)state;
    assert_true(id_equal(&first, &second));
    assert_int_equal(first.bytes[6] >> 4, 8); /* UUIDv8 */
    assert_int_equal(first.bytes[8] >> 6, 2);
}

static void an_id_routes_to_its_location(void **state)
{
    struct parts parts = some();
    struct zp_id id = of(&parts);
    (void)state;
    assert_true(id_prefix(&id) == id_location_prefix(&parts.location));
}

static void each_part_counts(void **state)
{
    struct parts parts = some(), other;
    struct zp_id id = of(&parts), changed;
    (void)state;
#define ASSERT_DIFFERS(member, value) \
    other = parts; other.member = (value); changed = of(&other); assert_false(id_equal(&id, &changed))
    ASSERT_DIFFERS(principal, id_fresh());
    ASSERT_DIFFERS(location, id_fresh());
    ASSERT_DIFFERS(method, "PUT");
    ASSERT_DIFFERS(path, "/orders/1");
    ASSERT_DIFFERS(idempotency_key, "k2");
#undef ASSERT_DIFFERS
}

static void parts_do_not_run_into_each_other(void **state)
{
    struct parts first = some(), second = first;
    (void)state;
    first.method = "POST", first.path = "/a";
    second.method = "POST/", second.path = "a";
    struct zp_id a = of(&first), b = of(&second);
    assert_false(id_equal(&a, &b));
}

static void another_secret_gives_other_ids(void **state)
{
    struct parts parts = some();
    struct zp_id before = of(&parts);
    (void)state;
    key[0] ^= 1;
    struct zp_id after = of(&parts);
    key[0] ^= 1;
    assert_false(id_equal(&before, &after));
}

static void a_fingerprint_is_of_the_bytes_as_sent(void **state)
{
    static const struct { const char *body, *if_match; } rows[] = {
        { "{}", "" }, { "{} ", "" }, { "", "" }, { "{}", "\"1\"" }, { "", "{}" }, { "{}\"1\"", "" },
    };
    uint8_t prints[ZP_COUNT(rows)][16], again[16];
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct text body = { rows[i].body, strlen(rows[i].body) },
                    if_match = { rows[i].if_match, strlen(rows[i].if_match) };
        identity_fingerprint(key, body, if_match, prints[i]);
        identity_fingerprint(key, body, if_match, again);
        assert_memory_equal(prints[i], again, sizeof(again));
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(prints[i], prints[j], sizeof(again));
        }
    }
}

static void purposes_give_different_keys(void **state)
{
    static const uint8_t secret[100] = { 5 };
    uint8_t first[IDENTITY_KEY_SIZE], second[IDENTITY_KEY_SIZE], shorter[IDENTITY_KEY_SIZE];
    (void)state;
    identity_derive(secret, sizeof(secret), "command", first);
    identity_derive(secret, sizeof(secret), "cursor", second);
    identity_derive(secret, sizeof(secret) - 1, "command", shorter);
    assert_memory_not_equal(first, second, sizeof(first));
    assert_memory_not_equal(first, shorter, sizeof(first));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_request_has_the_same_id),   cmocka_unit_test(an_id_routes_to_its_location),
        cmocka_unit_test(each_part_counts),                   cmocka_unit_test(parts_do_not_run_into_each_other),
        cmocka_unit_test(another_secret_gives_other_ids),     cmocka_unit_test(a_fingerprint_is_of_the_bytes_as_sent),
        cmocka_unit_test(purposes_give_different_keys),
    };
    crypto_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
