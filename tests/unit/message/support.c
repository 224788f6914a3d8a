/* support: comparing, editing and reading for the tests of this room. */
#include "support.h"

#include <inttypes.h>
#include <jansson.h>
#include <msgpack.h>
#include <stdio.h>

struct arena arena;

int arena_setup(void **state)
{
    (void)state;
    arena_init(&arena, ARENA_BYTES);
    return 0;
}

int arena_teardown(void **state)
{
    (void)state;
    arena_finish(&arena);
    return 0;
}

/* ---- comparing --------------------------------------------------------------------------------------------- */

static size_t count_at(const struct field *field, const void *self)
{
    return *(const size_t *)((const char *)self + field->count_at);
}

static bool texts_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool lists_same(const struct field *field, const void *a, const void *b)
{
    const char *from = *(const char *const *)((const char *)a + field->offset);
    const char *to = *(const char *const *)((const char *)b + field->offset);
    bool same = count_at(field, a) == count_at(field, b);

    for (size_t i = 0; same && i < count_at(field, a); i++) {
        if (field->kind == FIELD_TEXTS) {
            same = texts_same(((const char *const *)from)[i], ((const char *const *)to)[i]);
        } else {
            same = thing_same(field->thing, VARIANT_ANY, from + i * field->thing->size, to + i * field->thing->size);
        }
    }
    return same;
}

static bool fields_same(const struct field *field, const void *a, const void *b)
{
    const void *x = (const char *)a + field->offset, *y = (const char *)b + field->offset;

    switch (field->kind) {
    case FIELD_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case FIELD_INT:
    case FIELD_TIME:
        return *(const int64_t *)x == *(const int64_t *)y;
    case FIELD_TEXT:
    case FIELD_SLUG:
        return texts_same(*(const char *const *)x, *(const char *const *)y);
    case FIELD_ID:
        return id_equal(x, y);
    case FIELD_BYTES:
        return memcmp(x, y, (size_t)field->max) == 0;
    case FIELD_WORD:
        return *(const unsigned *)x == *(const unsigned *)y;
    case FIELD_THING:
        return thing_same(field->thing, VARIANT_ANY, x, y);
    case FIELD_IDS:
        return count_at(field, a) == count_at(field, b) && memcmp(x, y, count_at(field, a) * sizeof(struct zp_id)) == 0;
    default:
        return lists_same(field, a, b);
    }
}

bool thing_same(const struct thing *thing, uint32_t variant, const void *a, const void *b)
{
    for (size_t i = 0; i < thing->count; i++) {
        const struct field *field = &thing->fields[i];
        if (field_applies(field, variant) && !fields_same(field, a, b)) {
            print_error("/%s differs\n", field->name);
            return false;
        }
    }
    return true;
}

/* ---- edits ---------------------------------------------------------------------------------------------------- */

static json_t *json_of(const msgpack_object *object)
{
    char hex[2 * 64 + 1];
    json_t *json;

    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        return json_null();
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(object->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return json_integer(object->via.i64);
    case MSGPACK_OBJECT_STR:
        return json_stringn(object->via.str.ptr, object->via.str.size);
    case MSGPACK_OBJECT_BIN:
        assert_true(object->via.bin.size <= 64);
        return json_pack("{s:s}", "$bin", crypto_hex(object->via.bin.ptr, object->via.bin.size, hex));
    case MSGPACK_OBJECT_ARRAY:
        json = json_array();
        for (uint32_t i = 0; i < object->via.array.size; i++) {
            json_array_append_new(json, json_of(&object->via.array.ptr[i]));
        }
        return json;
    case MSGPACK_OBJECT_MAP:
        json = json_object();
        for (uint32_t i = 0; i < object->via.map.size; i++) {
            const msgpack_object_str *name = &object->via.map.ptr[i].key.via.str;
            const char *copy = arena_strndup(&arena, name->ptr, name->size);
            json_object_set_new(json, copy, json_of(&object->via.map.ptr[i].val));
        }
        return json;
    default:
        fail_msg("no such type in a sample");
        return NULL;
    }
}

static void pack_json(msgpack_packer *packer, json_t *json);

/* {"$bin":"00ff"}, {"$uint":"18446744073709551615"}, or an object. */
static void pack_object(msgpack_packer *packer, json_t *json)
{
    const json_t *bin = json_object_get(json, "$bin"), *uint = json_object_get(json, "$uint");
    const char *name;
    json_t *value;

    if (bin != NULL) {
        uint8_t bytes[64];
        size_t len = json_string_length(bin) / 2;
        assert_true(len <= sizeof(bytes) && crypto_unhex(json_string_value(bin), 2 * len, bytes, len));
        msgpack_pack_bin(packer, len);
        msgpack_pack_bin_body(packer, bytes, len);
        return;
    }
    if (uint != NULL) {
        msgpack_pack_uint64(packer, strtoull(json_string_value(uint), NULL, 10));
        return;
    }
    msgpack_pack_map(packer, json_object_size(json));
    json_object_foreach(json, name, value) {
        msgpack_pack_str(packer, strlen(name));
        msgpack_pack_str_body(packer, name, strlen(name));
        pack_json(packer, value);
    }
}

static void pack_json(msgpack_packer *packer, json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        pack_object(packer, json);
        break;
    case JSON_ARRAY:
        msgpack_pack_array(packer, json_array_size(json));
        for (size_t i = 0; i < json_array_size(json); i++) {
            pack_json(packer, json_array_get(json, i));
        }
        break;
    case JSON_STRING:
        msgpack_pack_str(packer, json_string_length(json));
        msgpack_pack_str_body(packer, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        msgpack_pack_int64(packer, json_integer_value(json));
        break;
    case JSON_REAL:
        msgpack_pack_double(packer, json_real_value(json));
        break;
    case JSON_NULL:
        msgpack_pack_nil(packer);
        break;
    default:
        (json_is_true(json) ? msgpack_pack_true : msgpack_pack_false)(packer);
        break;
    }
}

/* The container that holds what the pointer names; *ret_last is the pointer's last part. */
static json_t *find_holder(json_t *root, const char *pointer, const char **ret_last)
{
    json_t *at = root;

    assert_int_equal(*pointer, '/');
    for (pointer++; strchr(pointer, '/') != NULL; pointer = strchr(pointer, '/') + 1) {
        const char *part = arena_strndup(&arena, pointer, (size_t)(strchr(pointer, '/') - pointer));
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(part)) : json_object_get(at, part);
        assert_non_null(at);
    }
    *ret_last = pointer;
    return at;
}

static void change(json_t *root, const char *pointer, const char *json)
{
    const char *last;
    json_t *holder = find_holder(root, pointer, &last);
    json_t *value = json == NULL ? NULL : json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    assert_true((json == NULL) == (value == NULL));
    if (json_is_array(holder)) {
        assert_non_null(value);
        assert_int_equal(json_array_set_new(holder, (size_t)atoi(last), value), 0);
    } else if (value == NULL) {
        assert_int_equal(json_object_del(holder, last), 0);
    } else {
        assert_int_equal(json_object_set_new(holder, last, value), 0);
    }
}

const void *value_edit(const void *value, size_t len, const char *pointer, const char *json, size_t *ret_len)
{
    msgpack_unpacked unpacked;
    msgpack_sbuffer packed;
    msgpack_packer packer;

    msgpack_unpacked_init(&unpacked);
    assert_int_equal(msgpack_unpack_next(&unpacked, value, len, NULL), MSGPACK_UNPACK_SUCCESS);
    json_t *root = json_of(&unpacked.data);
    msgpack_unpacked_destroy(&unpacked);
    change(root, pointer, json);
    msgpack_sbuffer_init(&packed);
    msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
    pack_json(&packer, root);
    json_decref(root);
    const void *copy = arena_strndup(&arena, packed.data, packed.size);
    *ret_len = packed.size;
    msgpack_sbuffer_destroy(&packed);
    assert_non_null(copy);
    return copy;
}

struct record record_with(const struct record *record, const void *value, size_t len)
{
    struct record other = *record;

    other.value = value;
    other.value_len = len;
    return other;
}

struct record record_with_header(const struct record *record, const char *name, const char *text)
{
    const struct header header = { .name = name, .value = text, .len = text == NULL ? 0 : strlen(text) };
    struct record other = *record;
    bool is_found = false;

    other.headers = arena_array(&arena, record->header_count + 1, sizeof(*other.headers));
    other.header_count = 0;
    assert_non_null(other.headers);
    for (size_t i = 0; i < record->header_count; i++) {
        bool is_it = strcmp(record->headers[i].name, name) == 0;
        if (!is_it || text != NULL) {
            other.headers[other.header_count++] = is_it ? header : record->headers[i];
        }
        is_found = is_found || is_it;
    }
    if (!is_found && text != NULL) {
        other.headers[other.header_count++] = header;
    }
    return other;
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

const char *repo_file_read(const char *folder, const char *name, size_t *ret_len)
{
    const char *path = arena_printf(&arena, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");

    if (file == NULL) {
        fail_msg("%s can't be opened", path);
    }
    char *text = arena_alloc(&arena, 256 * 1024);
    assert_non_null(text);
    *ret_len = fread(text, 1, 256 * 1024 - 1, file);
    assert_true(feof(file));
    fclose(file);
    return text;
}

void expect_text(const struct buffer *buf, const char *want)
{
    assert_int_equal(buf->err, ZP_OK);
    assert_string_equal(buf->data, want);
    assert_int_equal(buf->len, strlen(want));
}

void expect_faults(const char *name, const struct reason_list *faults, const char *const *want)
{
    size_t count = 0;

    for (; want[count] != NULL; count++) {
        if (count == faults->count) {
            fail_msg("%s: \"%s\" was not found", name, want[count]);
        }
        const struct reason *fault = &faults->items[count];
        const char *got = arena_printf(&arena, "%s %s", fault->code, fault->pointer);
        if (strcmp(got, want[count]) != 0) {
            fail_msg("%s: \"%s\" instead of \"%s\"", name, got, want[count]);
        }
        assert_true(fault->detail != NULL && *fault->detail != '\0');
    }
    if (faults->count != count) {
        fail_msg("%s: also \"%s %s\"", name, faults->items[count].code, faults->items[count].pointer);
    }
}
