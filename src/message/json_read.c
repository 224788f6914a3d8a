/* json_read: JSON to rows, by way of jansson's tree where it cannot be had at once (json_plain).
 *
 * Called for requests, restaurant files and the database's documents. Invariants: every fault is found that can be
 * found, not only the first; a document that is refused leaves nothing behind but faults. */
#include "json.h"

#include "set.h"

#include <jansson.h>
#include <string.h>

struct reader {
    struct arena *arena;
    struct reason_list *faults;
    enum zp_err err; /* ZP_NO_MEMORY ends the reading, ZP_INVALID does not */
};

static void read_value(struct reader *r, const struct field *field, json_t *json, const struct path *path, void *self);

static void json_release(json_t **json)
{
    json_decref(*json);
}

/* ---- faults ---------------------------------------------------------------------------------------------------- */

/* A NULL detail is one that found no memory. */
static void add_reason(struct reader *r, const struct path *path, enum fault fault, const char *detail, enum zp_err err)
{
    const char *pointer = path_pointer(path, r->arena);

    r->err = pointer == NULL || detail == NULL ? ZP_NO_MEMORY : err;
    if (r->err != ZP_NO_MEMORY) {
        reason_add(r->faults, fault_code(fault), pointer, detail);
    }
}

static void judge(struct reader *r, const struct path *path, const struct field *field, enum fault fault)
{
    if (fault == FAULT_NONE || r->err == ZP_NO_MEMORY) {
        return;
    }
    if (fault == FAULT_NO_MEMORY) {
        r->err = ZP_NO_MEMORY;
    } else if (r->faults->count == ORDER_REASONS_MAX) {
        r->err = ZP_INVALID; /* without taking memory for what would be dropped */
    } else {
        add_reason(r, path, fault, fault_detail(fault, field, r->arena), ZP_INVALID);
    }
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

/* Names that no row took. */
static void judge_strangers(struct reader *r, const struct thing *thing, json_t *object, const struct path *path)
{
    for (void *iter = json_object_iter(object); iter != NULL; iter = json_object_iter_next(object, iter)) {
        const char *name = json_object_iter_key(iter);
        size_t i = 0;
        while (i < thing->count && strcmp(thing->fields[i].name, name) != 0) {
            i++;
        }
        if (i == thing->count) {
            struct path at = { .up = path, .name = name, .name_len = strlen(name) };
            judge(r, &at, NULL, FAULT_UNKNOWN_FIELD);
        }
    }
}

static void read_object(struct reader *r, const struct thing *thing, json_t *object, const struct path *path,
                        void *self)
{
    size_t known = 0;

    for (size_t i = 0; i < thing->count && r->err != ZP_NO_MEMORY; i++) {
        const struct field *field = &thing->fields[i];
        struct path at = { .up = path, .name = field->name, .name_len = field->name_len };
        json_t *value = json_object_get(object, field->name);
        known += value != NULL;
        if (value != NULL && json_typeof(value) != JSON_NULL) {
            read_value(r, field, value, &at, self);
        } else if (field->flags & REQUIRED) {
            judge(r, &at, field, FAULT_IS_REQUIRED);
        } else {
            field_set_fallback(field, self);
        }
    }
    if (known < json_object_size(object)) {
        judge_strangers(r, thing, object, path);
    }
}

static void read_array(struct reader *r, const struct field *field, json_t *array, const struct path *path, void *self)
{
    size_t count = json_array_size(array), size;
    struct field element = list_element(field, &size);
    void *elements;
    enum fault fault = set_list(field, self, count, size, r->arena, &elements);

    if (fault == FAULT_TOO_MANY) { /* the first ones may have faults of their own */
        judge(r, path, field, fault);
        count = (size_t)field->max;
        fault = set_list(field, self, count, size, r->arena, &elements);
    }
    if (fault != FAULT_NONE) {
        judge(r, path, field, fault);
        return;
    }
    for (size_t i = 0; i < count && r->err != ZP_NO_MEMORY; i++) {
        struct path at = { .up = path, .index = i };
        read_value(r, &element, json_array_get(array, i), &at, (char *)elements + i * size);
    }
}

static enum fault set_scalar(struct reader *r, const struct field *field, json_t *json, void *self)
{
    switch (json_typeof(json)) {
    case JSON_TRUE:
    case JSON_FALSE:
        return set_bool(field, self, json_typeof(json) == JSON_TRUE);
    case JSON_INTEGER:
        return set_int(field, self, json_integer_value(json));
    case JSON_REAL:
        return field->kind == FIELD_INT ? FAULT_NOT_AN_INTEGER : FAULT_WRONG_TYPE;
    case JSON_STRING:
        return set_text(field, self, json_string_value(json), json_string_length(json), r->arena);
    default:
        return FAULT_WRONG_TYPE;
    }
}

static void read_value(struct reader *r, const struct field *field, json_t *json, const struct path *path, void *self)
{
    if (field->kind == FIELD_REFUSED) {
        judge(r, path, field, FAULT_NOT_SUPPORTED);
    } else if (field->kind == FIELD_THING && json_typeof(json) == JSON_OBJECT) {
        read_object(r, field->thing, json, path, (char *)self + field->offset);
        if (field->count_at != 0) {
            *(bool *)((char *)self + field->count_at) = true;
        }
    } else if (field_is_list(field) && json_typeof(json) == JSON_ARRAY) {
        read_array(r, field, json, path, self);
    } else {
        judge(r, path, field, set_scalar(r, field, json, self));
    }
}

/* ---- documents --------------------------------------------------------------------------------------------------- */

/* What is wrong with a text that jansson refused. */
static enum fault text_fault(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        return FAULT_DUPLICATE_KEY;
    case json_error_invalid_utf8:
        return FAULT_BAD_UTF8;
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return FAULT_NUL;
    default:
        return FAULT_MALFORMED_JSON;
    }
}

/* jansson says at which byte it stopped; a look over the bytes before says where in the document that is. */
static void judge_text(struct reader *r, const char *body, const json_error_t *error)
{
    struct json_spot spot;
    enum fault fault = text_fault(error);

    if (json_error_code(error) == json_error_out_of_memory) {
        r->err = ZP_NO_MEMORY;
        return;
    }
    (void)json_scan(body, (size_t)error->position, &spot);
    add_reason(r, spot.leaf, fault,
               arena_printf(r->arena, "%s: line %d, column %d", fault_detail(fault, NULL, r->arena), error->line,
                            error->column),
               ZP_MALFORMED);
}

/* jansson's tree, or NULL with a fault. A number that overflows is JSON all the same: it is the shape that is wrong. */
static json_t *load(struct reader *r, const char *body, size_t len)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
    json_error_t error;

    json_t *json = json_loadb(body, len, flags, &error);
    if (json == NULL && json_error_code(&error) == json_error_numeric_overflow) {
        char *tamed = arena_strndup(r->arena, body, len);
        if (tamed == NULL) {
            r->err = ZP_NO_MEMORY;
            return NULL;
        }
        json_tame_numbers(tamed);
        json = json_loadb(tamed, len, flags, &error);
    }
    if (json == NULL) {
        judge_text(r, body, &error);
    }
    return json;
}

enum zp_err json_read_tree(const struct field *root, const char *body, size_t len, struct arena *arena, void *self,
                           struct reason_list *faults)
{
    struct reader r = { .arena = arena, .faults = faults };
    struct json_spot spot;

    enum fault fault = json_scan(body, len, &spot);
    if (fault != FAULT_NONE) {
        add_reason(&r, spot.leaf, fault, fault_detail(fault, NULL, arena), ZP_MALFORMED);
        return r.err;
    }
    __attribute__((cleanup(json_release))) json_t *json = load(&r, body, len);
    if (json != NULL) {
        read_value(&r, root, json, &PATH_ROOT, self);
    }
    return r.err;
}

enum zp_err json_read(const struct field *root, const char *body, size_t len, struct arena *arena, void *self,
                      struct reason_list *faults)
{
    enum zp_err err = json_read_plain(root, body, len, arena, self);
    return err == ZP_INVALID ? json_read_tree(root, body, len, arena, self, faults) : err;
}
