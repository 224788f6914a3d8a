/* id: the 16 bytes that name an order, a command, a location.
 *
 * Called by every room. Invariant: an id made for a location starts with that location's 48 bits, so that any gateway
 * finds the way from an order's id alone. Bytes compare in the order in which UUIDs are written. */
#include "zapora/base.h"

#include <string.h>

#define VERSION_BYTE 6
#define VARIANT_BYTE 8

const struct zp_id ID_NONE = { { 0 } };

bool id_equal(const struct zp_id *a, const struct zp_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool id_is_none(const struct zp_id *id)
{
    return id_equal(id, &ID_NONE);
}

int id_compare(const struct zp_id *a, const struct zp_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static bool is_dash_place(size_t place)
{
    return place == 8 || place == 13 || place == 18 || place == 23;
}

bool id_parse(const char *text, size_t len, struct zp_id *ret_id)
{
    if (len != ID_TEXT_SIZE - 1) {
        return false;
    }
    char digits[32];
    size_t count = 0;
    for (size_t i = 0; i < len; i++) {
        if (is_dash_place(i) != (text[i] == '-')) {
            return false;
        }
        if (text[i] != '-') {
            digits[count++] = text[i];
        }
    }
    return crypto_unhex(digits, count, ret_id->bytes, sizeof(ret_id->bytes));
}

char *id_format(const struct zp_id *id, char text[ID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *end = text;
    for (size_t i = 0; i < sizeof(id->bytes); i++) {
        if (is_dash_place((size_t)(end - text))) {
            *end++ = '-';
        }
        *end++ = digits[id->bytes[i] >> 4];
        *end++ = digits[id->bytes[i] & 0x0f];
    }
    *end = '\0';
    return text;
}

static void put_48(uint8_t bytes[6], uint64_t value)
{
    for (int i = 0; i < 6; i++) {
        bytes[i] = (uint8_t)(value >> (40 - 8 * i));
    }
}

static void put_version(struct zp_id *id, unsigned version)
{
    id->bytes[VERSION_BYTE] = (uint8_t)(version << 4 | (id->bytes[VERSION_BYTE] & 0x0f));
    id->bytes[VARIANT_BYTE] = (uint8_t)(0x80 | (id->bytes[VARIANT_BYTE] & 0x3f));
}

struct zp_id id_fresh(void)
{
    struct zp_id id;
    uint64_t now_us = (uint64_t)clock_wall_us();
    /* RFC 9562, method 3: the twelve bits after the version carry the fraction of the millisecond. */
    uint64_t fraction = now_us % 1000 * 4096 / 1000;
    crypto_random(id.bytes, sizeof(id.bytes));
    put_48(id.bytes, now_us / 1000);
    id.bytes[6] = (uint8_t)(fraction >> 8);
    id.bytes[7] = (uint8_t)fraction;
    put_version(&id, 7);
    return id;
}

uint64_t id_location_prefix(const struct zp_id *location_id)
{
    struct zp_id digest_start;
    uint8_t digest[HASH_SIZE];
    const struct crypto_part part = { location_id->bytes, sizeof(location_id->bytes) };
    crypto_blake2b(digest, sizeof(digest), NULL, 0, &part, 1);
    memcpy(digest_start.bytes, digest, sizeof(digest_start.bytes));
    return id_prefix(&digest_start);
}

uint64_t id_prefix(const struct zp_id *id)
{
    uint64_t prefix = 0;
    for (int i = 0; i < 6; i++) {
        prefix = prefix << 8 | id->bytes[i];
    }
    return prefix;
}

struct zp_id id_for_location(const struct zp_id *location_id, const uint8_t digest[16])
{
    struct zp_id id;
    memcpy(id.bytes, digest, sizeof(id.bytes));
    put_48(id.bytes, id_location_prefix(location_id));
    put_version(&id, 8);
    return id;
}
