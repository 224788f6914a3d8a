/* json_plain: reads the documents that nearly everybody sends, byte by byte, straight into the struct.
 *
 * Called by json_read before it has a tree made, which takes five times as long. Invariant: what is taken here gives
 * the struct that the tree would give. Whatever asks for a second look is left to the tree: every fault, since there
 * may be more of them to tell, and an escape, a fraction, a null. */
#include "json.h"

#include "set.h"

#include <string.h>

#define DIGITS_MAX 18 /* far from overflow */

struct plain {
    const char *at, *end;
    struct arena *arena;
    bool is_short; /* of memory */
};

static bool read_value(struct plain *plain, const struct field *field, void *self);

/* ---- tokens -------------------------------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The next byte that is no space; NUL at the end. */
static char peek(struct plain *plain)
{
    while (plain->at < plain->end && is_space(*plain->at)) {
        plain->at++;
    }
    return plain->at < plain->end ? *plain->at : '\0';
}

static bool take(struct plain *plain, char c)
{
    bool is_next = peek(plain) == c;
    plain->at += is_next;
    return is_next;
}

/* A string without escapes; its UTF-8 is judged with the text. */
static bool take_string(struct plain *plain, const char **ret_text, size_t *ret_len)
{
    if (!take(plain, '"')) {
        return false;
    }
    const char *start = plain->at;
    while (plain->at < plain->end && (unsigned char)*plain->at >= 0x20 && *plain->at != '"' && *plain->at != '\\') {
        plain->at++;
    }
    *ret_text = start;
    *ret_len = (size_t)(plain->at - start);
    return plain->at < plain->end && *plain->at++ == '"';
}

static bool take_word(struct plain *plain, const char *word)
{
    size_t len = strlen(word);
    bool is_next = (size_t)(plain->end - plain->at) >= len && memcmp(plain->at, word, len) == 0;
    plain->at += is_next ? len : 0;
    return is_next;
}

static bool take_digits(struct plain *plain, int64_t *ret_number)
{
    const char *start = plain->at;
    int64_t number = 0;
    while (plain->at < plain->end && *plain->at >= '0' && *plain->at <= '9') {
        if (plain->at - start == DIGITS_MAX) {
            return false;
        }
        number = number * 10 + (*plain->at++ - '0');
    }
    *ret_number = number;
    return plain->at - start == 1 || (plain->at - start > 1 && *start != '0');
}

/* ---- values -------------------------------------------------------------------------------------------------- */

static bool is_set(struct plain *plain, enum fault fault)
{
    plain->is_short |= fault == FAULT_NO_MEMORY;
    return fault == FAULT_NONE;
}

static bool read_number(struct plain *plain, const struct field *field, void *self)
{
    int64_t number;
    bool is_negative = take(plain, '-');
    return take_digits(plain, &number) && is_set(plain, set_int(field, self, is_negative ? -number : number));
}

static bool read_scalar(struct plain *plain, const struct field *field, void *self)
{
    const char *text;
    size_t len;

    switch (peek(plain)) {
    case '"':
        return take_string(plain, &text, &len) && is_set(plain, set_text(field, self, text, len, plain->arena));
    case 't':
        return take_word(plain, "true") && is_set(plain, set_bool(field, self, true));
    case 'f':
        return take_word(plain, "false") && is_set(plain, set_bool(field, self, false));
    default:
        return read_number(plain, field, self);
    }
}

/* How many elements the list has, if it is one. */
static size_t elements_ahead(struct plain *plain)
{
    size_t depth = 0, commas = 0;
    const char *at;

    if (peek(plain) == ']') {
        return 0;
    }
    for (at = plain->at; at < plain->end; at++) {
        if (*at == '"') {
            at = json_skip_string(at, plain->end) - 1;
        } else if (*at == '[' || *at == '{') {
            depth++;
        } else if (*at == ']' || *at == '}') {
            if (depth-- == 0) {
                break;
            }
        } else {
            commas += *at == ',' && depth == 0;
        }
    }
    return commas + 1;
}

static bool read_list(struct plain *plain, const struct field *list, void *self)
{
    size_t size;
    struct field element = list_element(list, &size);
    void *elements;

    if (!take(plain, '[')) {
        return false;
    }
    size_t count = elements_ahead(plain);
    if (!is_set(plain, set_list(list, self, count, size, plain->arena, &elements))) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && !take(plain, ',')) || !read_value(plain, &element, (char *)elements + i * size)) {
            return false;
        }
    }
    return take(plain, ']');
}

/* ---- objects ------------------------------------------------------------------------------------------------- */

/* The row of this name, or the number of rows. */
static size_t row_named(const struct thing *thing, const char *name, size_t len)
{
    size_t i = 0;
    while (i < thing->count &&
           (thing->fields[i].name_len != len || memcmp(thing->fields[i].name, name, len) != 0)) {
        i++;
    }
    return i;
}

static bool read_member(struct plain *plain, const struct thing *thing, void *self, uint64_t *given)
{
    const char *name;
    size_t len;

    if (!take_string(plain, &name, &len) || !take(plain, ':')) {
        return false;
    }
    size_t i = row_named(thing, name, len);
    if (i == thing->count || (*given >> i & 1)) {
        return false;
    }
    *given |= UINT64_C(1) << i;
    return read_value(plain, &thing->fields[i], self);
}

static bool set_the_others(const struct thing *thing, uint64_t given, void *self)
{
    for (size_t i = 0; i < thing->count; i++) {
        const struct field *field = &thing->fields[i];
        if (given >> i & 1) {
            continue;
        }
        if (field->flags & REQUIRED) {
            return false;
        }
        field_set_fallback(field, self);
    }
    return true;
}

static bool read_object(struct plain *plain, const struct thing *thing, void *self)
{
    uint64_t given = 0;

    if (!take(plain, '{')) {
        return false;
    }
    if (peek(plain) != '}') {
        do {
            if (!read_member(plain, thing, self, &given)) {
                return false;
            }
        } while (take(plain, ','));
    }
    return take(plain, '}') && set_the_others(thing, given, self);
}

static bool read_part(struct plain *plain, const struct field *field, void *self)
{
    if (!read_object(plain, field->thing, (char *)self + field->offset)) {
        return false;
    }
    if (field->count_at != 0) {
        *(bool *)((char *)self + field->count_at) = true;
    }
    return true;
}

static bool read_value(struct plain *plain, const struct field *field, void *self)
{
    return field->kind == FIELD_THING ? read_part(plain, field, self)
         : field_is_list(field)       ? read_list(plain, field, self)
                                      : read_scalar(plain, field, self);
}

enum zp_err json_read_plain(const struct field *root, const char *body, size_t len, struct arena *arena, void *self)
{
    struct plain plain = { .at = body, .end = body + len, .arena = arena };

    bool is_read = read_value(&plain, root, self);
    (void)peek(&plain); /* the space behind it */
    if (is_read && plain.at == plain.end) {
        return ZP_OK;
    }
    return plain.is_short ? ZP_NO_MEMORY : ZP_INVALID;
}
