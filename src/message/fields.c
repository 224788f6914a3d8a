/* fields: what pack and json_write, unpack and json_read have to agree on about rows.
 *
 * Invariant: what is not given is not written, and what is not written reads back as not given. */
#include "fields.h"

static bool always(const struct field *field, const void *at)
{
    (void)field, (void)at;
    return true;
}

static bool never(const struct field *field, const void *at)
{
    (void)field, (void)at;
    return false;
}

static bool int_given(const struct field *field, const void *at)
{
    int64_t value = *(const int64_t *)at;
    return (field->fallback != AMOUNT_ABSENT || value != AMOUNT_ABSENT) &&
        (!(field->flags & ZERO_IS_NULL) || value != 0);
}

static bool time_given(const struct field *field, const void *at)
{
    return (field->flags & REQUIRED) || *(const int64_t *)at != 0;
}

static bool text_given(const struct field *field, const void *at)
{
    (void)field;
    return *(const char *const *)at != NULL;
}

static bool id_given(const struct field *field, const void *at)
{
    (void)field;
    return !id_is_none(at);
}

/* By kind. Lists and things are always written, empty or not. */
static bool (*const given[FIELD_KIND_COUNT])(const struct field *field, const void *at) = {
    [FIELD_BOOL] = always,  [FIELD_INT] = int_given, [FIELD_TIME] = time_given,
    [FIELD_TEXT] = text_given, [FIELD_SLUG] = text_given, [FIELD_ID] = id_given,
    [FIELD_BYTES] = always, [FIELD_WORD] = always, [FIELD_THING] = always,
    [FIELD_THINGS] = always, [FIELD_TEXTS] = always, [FIELD_IDS] = always, [FIELD_REFUSED] = never,
};

uint64_t thing_given(const struct thing *thing, const void *self, uint32_t variant)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < thing->count; i++) {
        const struct field *field = &thing->fields[i];
        if (field_applies(field, variant) && given[field->kind](field, (const char *)self + field->offset)) {
            bits |= UINT64_C(1) << i;
        }
    }
    return bits;
}

void field_set_fallback(const struct field *field, void *self)
{
    void *at = (char *)self + field->offset;

    if (field->kind == FIELD_INT) {
        *(int64_t *)at = field->fallback;
    } else if (field->kind == FIELD_BOOL) {
        *(bool *)at = field->fallback != 0;
    }
}
