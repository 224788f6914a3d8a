/* wire: owns the bytes of PostgreSQL's binary form of single values.
 *
 * Invariant: nothing is read beyond a value's end, whatever its inner lengths say. */
#include "wire.h"

#include <endian.h>
#include <string.h>

/* From 1970-01-01 to 2000-01-01. */
#define EPOCH_US INT64_C(946684800000000)

void wire_put_i32(struct buffer *out, int32_t value)
{
    uint32_t bits = htobe32((uint32_t)value);
    buffer_append(out, &bits, sizeof(bits));
}

void wire_put_i64(struct buffer *out, int64_t value)
{
    uint64_t bits = htobe64((uint64_t)value);
    buffer_append(out, &bits, sizeof(bits));
}

size_t wire_open(struct buffer *out)
{
    wire_put_i32(out, 0);
    return out->len;
}

void wire_close(struct buffer *out, size_t opened)
{
    if (out->err == ZP_OK && out->len - opened > INT32_MAX) {
        out->err = ZP_TOO_LARGE;
    }
    if (out->err == ZP_OK) {
        uint32_t bits = htobe32((uint32_t)(out->len - opened));
        memcpy(out->data + opened - sizeof(bits), &bits, sizeof(bits));
    }
}

void wire_put_bytes(struct buffer *out, const void *data, size_t len)
{
    size_t opened = wire_open(out);
    buffer_append(out, data, len);
    wire_close(out, opened);
}

static int64_t read_i16(const char *data)
{
    uint16_t bits;
    memcpy(&bits, data, sizeof(bits));
    return (int16_t)be16toh(bits);
}

static int64_t read_i32(const char *data)
{
    uint32_t bits;
    memcpy(&bits, data, sizeof(bits));
    return (int32_t)be32toh(bits);
}

static int64_t read_i64(const char *data)
{
    uint64_t bits;
    memcpy(&bits, data, sizeof(bits));
    return (int64_t)be64toh(bits);
}

bool wire_get_int(struct field field, int64_t *ret_value)
{
    static int64_t (*const readers[])(const char *) = { [2] = read_i16, [4] = read_i32, [8] = read_i64 };
    bool known = field.len >= 0 && (size_t)field.len < ZP_COUNT(readers) && readers[field.len] != NULL;
    if (known) {
        *ret_value = readers[field.len](field.data);
    }
    return known;
}

bool wire_take_i32(struct field *rest, int32_t *ret_value)
{
    if (rest->len < (int32_t)sizeof(*ret_value)) {
        return false;
    }
    *ret_value = (int32_t)read_i32(rest->data);
    rest->data += sizeof(*ret_value);
    rest->len -= (int32_t)sizeof(*ret_value);
    return true;
}

bool wire_take_field(struct field *rest, struct field *ret_field)
{
    struct field after = *rest;
    int32_t len;
    if (!wire_take_i32(&after, &len) || len < WIRE_NULL || len > after.len) {
        return false;
    }
    *ret_field = (struct field){ .data = after.data, .len = len };
    if (len > 0) {
        after.data += len;
        after.len -= len;
    }
    *rest = after;
    return true;
}

int64_t wire_time_from_unix(int64_t unix_us)
{
    int64_t wire_us;
    bool infinite = unix_us == INT64_MAX || __builtin_sub_overflow(unix_us, EPOCH_US, &wire_us);
    return !infinite ? wire_us : unix_us > 0 ? INT64_MAX : INT64_MIN;
}

int64_t wire_time_to_unix(int64_t wire_us)
{
    int64_t unix_us;
    bool infinite = wire_us == INT64_MIN || __builtin_add_overflow(wire_us, EPOCH_US, &unix_us);
    return !infinite ? unix_us : wire_us > 0 ? INT64_MAX : INT64_MIN;
}
