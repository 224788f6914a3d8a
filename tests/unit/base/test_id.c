/* Ids: the one text form, and the two kinds that we make. */
#include "support.h"

#define LOCATION "018f3b2c-7a10-7c3e-9f00-0123456789ab"

static struct zp_id id_of(const char *text)
{
    struct zp_id id;
    assert_true(id_parse(text, strlen(text), &id));
    return id;
}

static void texts_are_read(void **state)
{
    (void)state;
    char text[ID_TEXT_SIZE];
    struct zp_id lower = id_of("018f3b2c-7a10-7c3e-9f00-0123456789ab");
    struct zp_id upper = id_of("018F3B2C-7A10-7C3E-9F00-0123456789AB");
    assert_memory_equal(lower.bytes, "\x01\x8f\x3b\x2c\x7a\x10\x7c\x3e\x9f\x00\x01\x23\x45\x67\x89\xab", 16);
    assert_true(id_equal(&lower, &upper));
    assert_ptr_equal(id_format(&upper, text), text);
    assert_string_equal(text, LOCATION);
    assert_string_equal(id_format(&ID_NONE, text), "00000000-0000-0000-0000-000000000000");
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } rows[] = {
        { "nothing", "" },
        { "no dashes", "018f3b2c7a107c3e9f000123456789ab" },
        { "braces", "{018f3b2c-7a10-7c3e-9f00-0123456789ab}" },
        { "a URN", "urn:uuid:018f3b2c-7a10-7c3e-9f00-0123456789ab" },
        { "one short", "018f3b2c-7a10-7c3e-9f00-0123456789a" },
        { "one long", "018f3b2c-7a10-7c3e-9f00-0123456789abc" },
        { "not hex", "018f3b2c-7a10-7c3e-9f00-0123456789ag" },
        { "a moved dash", "018f3b2-c7a10-7c3e-9f00-0123456789ab" },
        { "one dash more", "018f3b2c-7a10-7c3e-9f00-0123456-89ab" },
        { "one dash less", "018f3b2c07a10-7c3e-9f00-0123456789ab" },
        { "all dashes", "------------------------------------" },
        { "white space before", " 018f3b2c-7a10-7c3e-9f00-123456789ab" },
        { "a sign", "+18f3b2c-7a10-7c3e-9f00-0123456789ab" },
        { "not ASCII", "\xc3\xa9" "8f3b2c-7a10-7c3e-9f00-0123456789ab" },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct zp_id id = { { 7 } };
        if (id_parse(rows[i].text, strlen(rows[i].text), &id) || id.bytes[0] != 7) {
            fail_msg("%s", rows[i].name);
        }
    }
    struct zp_id id;
    assert_false(id_parse("018f3b2c-7a10-7c3e-9f00-0123456789\0b", 36, &id)); /* a NUL inside */
    assert_false(id_parse(LOCATION, 35, &id));                                 /* the length counts, not the NUL */
}

static void ids_compare_as_bytes(void **state)
{
    (void)state;
    struct zp_id low = id_of("00000000-0000-0000-0000-0000000000ff");
    struct zp_id high = id_of("ff000000-0000-0000-0000-000000000000");
    assert_true(id_compare(&low, &high) < 0);
    assert_true(id_compare(&high, &low) > 0);
    assert_int_equal(id_compare(&high, &high), 0);
    assert_false(id_equal(&low, &high));
    assert_true(id_is_none(&ID_NONE));
    assert_false(id_is_none(&low));
}

static void fresh_ids_are_version_7_and_ordered_by_time(void **state)
{
    (void)state;
    struct zp_id before = ID_NONE;
    for (int i = 0; i < 1000; i++) {
        uint64_t from_ms = (uint64_t)clock_wall_us() / 1000;
        struct zp_id id = id_fresh();
        uint64_t to_ms = (uint64_t)clock_wall_us() / 1000;
        assert_int_equal(id.bytes[6] >> 4, 7);
        assert_int_equal(id.bytes[8] >> 6, 2);
        assert_in_range(id_prefix(&id), from_ms, to_ms); /* the 48 bits are the milliseconds */
        assert_false(id_equal(&id, &before));
        before = id;
    }
}

static void a_location_gives_its_prefix(void **state)
{
    (void)state;
    /* Worked out with another implementation of BLAKE2b: gateways of all versions must agree on these bits for ever. */
    struct zp_id location = id_of(LOCATION);
    assert_int_equal(id_location_prefix(&location), UINT64_C(0xf85b414cceaa));
    struct zp_id other = id_of("018f3b2c-7a10-7c3e-9f00-0123456789ac");
    assert_int_not_equal(id_location_prefix(&other), id_location_prefix(&location));
}

static void ids_for_a_location_are_version_8_with_its_prefix(void **state)
{
    (void)state;
    char text[ID_TEXT_SIZE];
    uint8_t digest[16];
    for (size_t i = 0; i < sizeof(digest); i++) {
        digest[i] = (uint8_t)(0xf0 + i);
    }
    struct zp_id location = id_of(LOCATION);
    struct zp_id id = id_for_location(&location, digest);
    assert_string_equal(id_format(&id, text), "f85b414c-ceaa-86f7-b8f9-fafbfcfdfeff");
    assert_int_equal(id_prefix(&id), id_location_prefix(&location));
    digest[0] ^= 0xff; /* under the prefix */
    struct zp_id same = id_for_location(&location, digest);
    assert_true(id_equal(&id, &same));
    digest[15] ^= 1;
    struct zp_id other = id_for_location(&location, digest);
    assert_false(id_equal(&id, &other));
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(ids_compare_as_bytes),
        cmocka_unit_test(fresh_ids_are_version_7_and_ordered_by_time),
        cmocka_unit_test(a_location_gives_its_prefix),
        cmocka_unit_test(ids_for_a_location_are_version_8_with_its_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
