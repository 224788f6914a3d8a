/* set: the one place where a value from outside is held against its row.
 *
 * Called by unpack and json_read, which differ only in how they come by the value. Invariant: what stands in a
 * struct after reading lies within its row's bounds. */
#include "set.h"

#include "text.h"

#include <string.h>

enum fault set_bool(const struct field *field, void *self, bool value)
{
    if (field->kind != FIELD_BOOL) {
        return FAULT_WRONG_TYPE;
    }
    *(bool *)((char *)self + field->offset) = value;
    return FAULT_NONE;
}

enum fault set_int(const struct field *field, void *self, int64_t value)
{
    if (field->kind != FIELD_INT && field->kind != FIELD_TIME) {
        return FAULT_WRONG_TYPE;
    }
    if (value < field->min || value > field->max) {
        return FAULT_OUT_OF_RANGE;
    }
    *(int64_t *)((char *)self + field->offset) = value;
    return FAULT_NONE;
}

/* ---- what a string can be, by kind --------------------------------------------------------------------- */

static enum fault judge_text(const struct field *field, const char *text, size_t len)
{
    struct text_view view = text_look(text, len);
    size_t size = field->flags & ANY_BYTES ? len : view.chars;

    if (!view.is_utf8 || view.has_nul || (view.has_control && !(field->flags & ANY_BYTES))) {
        return FAULT_BAD_TEXT;
    }
    if (size < (size_t)field->min) {
        return FAULT_TOO_SHORT;
    }
    return size > (size_t)field->max ? FAULT_TOO_LONG : FAULT_NONE;
}

static enum fault keep_text(const char *text, size_t len, struct arena *arena, void *at)
{
    const char *copy = arena_strndup(arena, text, len);

    if (copy == NULL) {
        return FAULT_NO_MEMORY;
    }
    *(const char **)at = copy;
    return FAULT_NONE;
}

static enum fault put_text(const struct field *field, const char *text, size_t len, struct arena *arena, void *at)
{
    enum fault fault = judge_text(field, text, len);
    return fault == FAULT_NONE ? keep_text(text, len, arena, at) : fault;
}

static enum fault put_slug(const struct field *field, const char *text, size_t len, struct arena *arena, void *at)
{
    enum fault fault = judge_text(field, text, len);
    if (fault == FAULT_NONE && !text_is_slug(text, len)) {
        fault = FAULT_NOT_A_SLUG;
    }
    return fault == FAULT_NONE ? keep_text(text, len, arena, at) : fault;
}

static enum fault put_id(const struct field *field, const char *text, size_t len, struct arena *arena, void *at)
{
    (void)arena;
    struct zp_id id;
    if (!id_parse(text, len, &id) || ((field->flags & REQUIRED) && id_is_none(&id))) {
        return FAULT_NOT_A_UUID;
    }
    memcpy(at, &id, sizeof(id));
    return FAULT_NONE;
}

static enum fault put_word(const struct field *field, const char *text, size_t len, struct arena *arena, void *at)
{
    (void)arena;
    for (size_t i = 0; i < field->words->count; i++) {
        const char *word = field->words->names[i];
        if (strlen(word) == len && memcmp(word, text, len) == 0) {
            *(unsigned *)at = (unsigned)i;
            return FAULT_NONE;
        }
    }
    return FAULT_UNKNOWN_VALUE;
}

static enum fault (*const putters[FIELD_KIND_COUNT])(const struct field *field, const char *text, size_t len,
                                                     struct arena *arena, void *at) = {
    [FIELD_TEXT] = put_text, [FIELD_SLUG] = put_slug, [FIELD_ID] = put_id, [FIELD_WORD] = put_word,
};

enum fault set_text(const struct field *field, void *self, const char *text, size_t len, struct arena *arena)
{
    if (putters[field->kind] == NULL) {
        return FAULT_WRONG_TYPE;
    }
    return putters[field->kind](field, text, len, arena, (char *)self + field->offset);
}

enum fault set_bytes(const struct field *field, void *self, const void *bytes, size_t len)
{
    if (field->kind != FIELD_BYTES || len != (size_t)field->max) {
        return FAULT_WRONG_TYPE;
    }
    memcpy((char *)self + field->offset, bytes, len);
    return FAULT_NONE;
}

/* ---- lists ----------------------------------------------------------------------------------------------- */

bool field_is_list(const struct field *field)
{
    return field->kind == FIELD_THINGS || field->kind == FIELD_TEXTS || field->kind == FIELD_IDS;
}

struct field list_element(const struct field *list, size_t *ret_size)
{
    switch (list->kind) {
    case FIELD_THINGS:
        *ret_size = list->thing->size;
        return (struct field){ .kind = FIELD_THING, .thing = list->thing };
    case FIELD_TEXTS:
        *ret_size = sizeof(const char *);
        return (struct field){ .kind = FIELD_TEXT, .min = 1, .max = SLUG_CHARS_MAX };
    default:
        ZP_ASSERT(list->kind == FIELD_IDS);
        *ret_size = sizeof(struct zp_id);
        return (struct field){ .kind = FIELD_ID, .flags = REQUIRED };
    }
}

enum fault set_list(const struct field *field, void *self, size_t count, size_t size, struct arena *arena,
                    void **ret_elements)
{
    void *at = (char *)self + field->offset, *elements = at;

    if (count < (size_t)field->min) {
        return FAULT_TOO_FEW;
    }
    if (count > (size_t)field->max) {
        return FAULT_TOO_MANY;
    }
    if (field->kind != FIELD_IDS) { /* ids stand in the struct itself */
        elements = arena_array(arena, count, size);
        if (elements == NULL) {
            return FAULT_NO_MEMORY;
        }
        *(void **)at = elements;
    }
    *(size_t *)((char *)self + field->count_at) = count;
    *ret_elements = elements;
    return FAULT_NONE;
}
