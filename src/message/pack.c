/* pack: rows to msgpack, by msgpack-c's packer, straight into the caller's buffer.
 *
 * Called by commands and events. Invariants: the same struct gives the same bytes, for they are hashed; what is
 * written can be read again, so a row that our own code left without its value ends the process here instead of the
 * reader there. */
#include "pack.h"

#include "put.h"
#include "text.h"

#include <msgpack.h>
#include <string.h>

/* How one kind of field is written. */
typedef void pack_fn(msgpack_packer *packer, const struct field *field, const void *self, const void *at);

static void pack_thing(msgpack_packer *packer, const struct thing *thing, const void *self, uint32_t variant);

static int append(void *out, const char *bytes, size_t len)
{
    put_bytes(out, bytes, len);
    return 0; /* the buffer keeps its first error itself */
}

static void pack_str(msgpack_packer *packer, const char *text, size_t len)
{
    msgpack_pack_str(packer, len);
    msgpack_pack_str_body(packer, text, len);
}

static void pack_id_text(msgpack_packer *packer, const struct zp_id *id)
{
    char text[ID_TEXT_SIZE];
    pack_str(packer, id_format(id, text), ID_TEXT_SIZE - 1);
}

static void pack_bool(msgpack_packer *packer, const struct field *field, const void *self, const void *at)
{
    (void)field, (void)self;
    if (*(const bool *)at) {
        msgpack_pack_true(packer);
    } else {
        msgpack_pack_false(packer);
    }
}

static void pack_int(msgpack_packer *packer, const struct field *field, const void *self, const void *at)
{
    (void)field, (void)self;
    msgpack_pack_int64(packer, *(const int64_t *)at);
}

static void pack_worded(msgpack_packer *packer, const struct field *field, const char *text)
{
    char repaired[4 * WORDED_CHARS_MAX];
    pack_str(packer, repaired, text_repair(text, strlen(text), (size_t)field->max, repaired));
}

static void pack_text(msgpack_packer *packer, const struct field *field, const void *self, const void *at)
{
    (void)self;
    const char *text = *(const char *const *)at;

    if (field->flags & WORDED) {
        pack_worded(packer, field, text);
    } else {
        pack_str(packer, text, strlen(text));
    }
}

static void pack_id(msgpack_packer *packer, const struct field *field, const void *self, const void *at)
{
    (void)field, (void)self;
    pack_id_text(packer, at);
}

static void pack_bytes(msgpack_packer *packer, const struct field *field, const void *self, const void *at)
{
    (void)self;
    msgpack_pack_bin(packer, (size_t)field->max);
    msgpack_pack_bin_body(packer, at, (size_t)field->max);
}

static void pack_word(msgpack_packer *packer, const struct field *field, const void *self, const void *at)
{
    (void)self;
    unsigned value = *(const unsigned *)at;
    ZP_ASSERT(value < field->words->count);
    pack_str(packer, field->words->names[value], strlen(field->words->names[value]));
}

static void pack_part(msgpack_packer *packer, const struct field *field, const void *self, const void *at)
{
    (void)self;
    pack_thing(packer, field->thing, at, VARIANT_ANY);
}

/* Writes the head of a list and gives its length. */
static size_t pack_list(msgpack_packer *packer, const struct field *field, const void *self)
{
    size_t count = *(const size_t *)((const char *)self + field->count_at);

    ZP_ASSERT(count >= (size_t)field->min && count <= (size_t)field->max);
    msgpack_pack_array(packer, count);
    return count;
}

static void pack_things(msgpack_packer *packer, const struct field *field, const void *self, const void *at)
{
    const char *element = *(const char *const *)at;

    for (size_t left = pack_list(packer, field, self); left > 0; left--, element += field->thing->size) {
        pack_thing(packer, field->thing, element, VARIANT_ANY);
    }
}

static void pack_texts(msgpack_packer *packer, const struct field *field, const void *self, const void *at)
{
    const char *const *text = *(const char *const *const *)at;

    for (size_t left = pack_list(packer, field, self); left > 0; left--, text++) {
        pack_str(packer, *text, strlen(*text));
    }
}

static void pack_ids(msgpack_packer *packer, const struct field *field, const void *self, const void *at)
{
    const struct zp_id *id = at;

    for (size_t left = pack_list(packer, field, self); left > 0; left--, id++) {
        pack_id_text(packer, id);
    }
}

static pack_fn *const packers[FIELD_KIND_COUNT] = {
    [FIELD_BOOL] = pack_bool, [FIELD_INT] = pack_int, [FIELD_TIME] = pack_int, [FIELD_TEXT] = pack_text,
    [FIELD_SLUG] = pack_text, [FIELD_ID] = pack_id, [FIELD_BYTES] = pack_bytes, [FIELD_WORD] = pack_word,
    [FIELD_THING] = pack_part, [FIELD_THINGS] = pack_things, [FIELD_TEXTS] = pack_texts, [FIELD_IDS] = pack_ids,
};

static void pack_thing(msgpack_packer *packer, const struct thing *thing, const void *self, uint32_t variant)
{
    uint64_t given = thing_given(thing, self, variant);

    msgpack_pack_map(packer, (size_t)__builtin_popcountll(given));
    for (size_t i = 0; i < thing->count; i++) {
        const struct field *field = &thing->fields[i];
        if (given >> i & 1) {
            pack_str(packer, field->name, field->name_len);
            packers[field->kind](packer, field, self, (const char *)self + field->offset);
        } else {
            ZP_ASSERT(!(field->flags & REQUIRED) || !field_applies(field, variant));
        }
    }
}

void thing_pack(const struct thing *thing, const void *self, uint32_t variant, struct buffer *out)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, append);
    pack_thing(&packer, thing, self, variant);
}
