/* json_write: rows to JSON.
 *
 * Called for every answer, snapshot and stream. Invariant: a PRIVATE row is never written, here or in anything
 * nested. */
#include "json.h"

#include "put.h"

/* How one kind of field is written. */
typedef void put_fn(struct buffer *out, const struct field *field, const void *self, const void *at);

static void put_bool(struct buffer *out, const struct field *field, const void *self, const void *at)
{
    (void)field, (void)self;
    if (*(const bool *)at) {
        PUT(out, "true");
    } else {
        PUT(out, "false");
    }
}

static void put_int(struct buffer *out, const struct field *field, const void *self, const void *at)
{
    (void)field, (void)self;
    buffer_put_int(out, *(const int64_t *)at);
}

static void put_time(struct buffer *out, const struct field *field, const void *self, const void *at)
{
    (void)field, (void)self;
    json_put_time(out, *(const int64_t *)at);
}

static void put_text(struct buffer *out, const struct field *field, const void *self, const void *at)
{
    (void)field, (void)self;
    json_put_string(out, *(const char *const *)at);
}

static void put_id(struct buffer *out, const struct field *field, const void *self, const void *at)
{
    (void)field, (void)self;
    json_put_id(out, at);
}

static void put_word(struct buffer *out, const struct field *field, const void *self, const void *at)
{
    (void)self;
    unsigned value = *(const unsigned *)at;
    ZP_ASSERT(value < field->words->count);
    json_put_string(out, field->words->names[value]);
}

static void put_part(struct buffer *out, const struct field *field, const void *self, const void *at)
{
    (void)self;
    thing_put_json(field->thing, at, VARIANT_ANY, out);
}

static size_t list_count(const struct field *field, const void *self)
{
    return *(const size_t *)((const char *)self + field->count_at);
}

static void put_things(struct buffer *out, const struct field *field, const void *self, const void *at)
{
    const char *element = *(const char *const *)at;
    size_t count = list_count(field, self);

    PUT(out, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            PUT(out, ",");
        }
        thing_put_json(field->thing, element + i * field->thing->size, VARIANT_ANY, out);
    }
    PUT(out, "]");
}

static void put_texts(struct buffer *out, const struct field *field, const void *self, const void *at)
{
    const char *const *texts = *(const char *const *const *)at;
    size_t count = list_count(field, self);

    PUT(out, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            PUT(out, ",");
        }
        json_put_string(out, texts[i]);
    }
    PUT(out, "]");
}

static void put_ids(struct buffer *out, const struct field *field, const void *self, const void *at)
{
    const struct zp_id *ids = at;
    size_t count = list_count(field, self);

    PUT(out, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            PUT(out, ",");
        }
        json_put_id(out, &ids[i]);
    }
    PUT(out, "]");
}

static put_fn *const putters[FIELD_KIND_COUNT] = { /* FIELD_BYTES is always PRIVATE, FIELD_REFUSED never given */
    [FIELD_BOOL] = put_bool, [FIELD_INT] = put_int, [FIELD_TIME] = put_time, [FIELD_TEXT] = put_text,
    [FIELD_SLUG] = put_text, [FIELD_ID] = put_id, [FIELD_WORD] = put_word, [FIELD_THING] = put_part,
    [FIELD_THINGS] = put_things, [FIELD_TEXTS] = put_texts, [FIELD_IDS] = put_ids,
};

void thing_put_members(const struct thing *thing, const void *self, uint32_t variant, unsigned hidden,
                       struct buffer *out)
{
    uint64_t given = thing_given(thing, self, variant);
    size_t comma = 1; /* the first name goes without the comma that its key starts with */

    for (size_t i = 0; i < thing->count; i++) {
        const struct field *field = &thing->fields[i];
        bool is_null = !(given >> i & 1) && (field->flags & ZERO_IS_NULL) && field_applies(field, variant);
        if ((field->flags & (hidden | PRIVATE)) || (!(given >> i & 1) && !is_null)) {
            continue;
        }
        put_bytes(out, field->json_key + comma, field->name_len + sizeof(",\"\":") - 1 - comma);
        comma = 0;
        if (is_null) {
            PUT(out, "null");
        } else {
            putters[field->kind](out, field, self, (const char *)self + field->offset);
        }
    }
    if (thing->put_tail != NULL) {
        thing->put_tail(self, out);
    }
}

void thing_put_json(const struct thing *thing, const void *self, uint32_t variant, struct buffer *out)
{
    PUT(out, "{");
    thing_put_members(thing, self, variant, 0, out);
    PUT(out, "}");
}

void list_put_json(const struct field *list, const void *self, struct buffer *out)
{
    put_things(out, list, self, (const char *)self + list->offset);
}
