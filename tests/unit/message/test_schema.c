/* The JSON Schemas under topics/ say what the tables say: names, types, bounds and words, of every field, both ways. */
#include "support.h"

#include <jansson.h>

static json_t *schema; /* of the test that runs */

static void open_schema(const char *name)
{
    size_t len;
    const char *text = repo_file_read(SCHEMA_DIR, name, &len);
    json_error_t error;

    schema = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (schema == NULL) {
        fail_msg("%s:%d: %s", name, error.line, error.text);
    }
    assert_string_equal(json_string_value(json_object_get(schema, "$id")), arena_printf(&arena, "/schemas/%s", name));
    assert_string_equal(json_string_value(json_object_get(schema, "$schema")),
                        "https://json-schema.org/draft/2020-12/schema");
}

static int close_schema(void **state)
{
    json_decref(schema);
    schema = NULL;
    return arena_teardown(state);
}

/* ---- one field ------------------------------------------------------------------------------------------------- */

static void expect_object(const char *where, const struct thing *thing, json_t *object);

static void expect_text_at(const char *where, json_t *object, const char *key, const char *want)
{
    const char *got = json_string_value(json_object_get(object, key));

    if (want == NULL ? got != NULL : got == NULL || strcmp(got, want) != 0) {
        fail_msg("%s: %s is %s instead of %s", where, key, got, want);
    }
}

/* A bound that stands there if and only if it is one. */
static void expect_bound(const char *where, json_t *object, const char *key, int64_t want, bool is_bound)
{
    json_t *got = json_object_get(object, key);

    if (is_bound ? !json_is_integer(got) || json_integer_value(got) != want : got != NULL) {
        fail_msg("%s: %s is not %lld", where, key, (long long)want);
    }
}

static void expect_words(const char *where, json_t *object, const struct words *words)
{
    json_t *got = json_object_get(object, "enum");

    if (json_array_size(got) != words->count) {
        fail_msg("%s: %zu words instead of %zu", where, json_array_size(got), words->count);
    }
    for (size_t i = 0; i < words->count; i++) {
        assert_string_equal(json_string_value(json_array_get(got, i)), words->names[i]);
    }
}

/* {"$ref":"#/$defs/name"}, and what stands there. Things do not hold themselves, so this ends. */
static void expect_ref(const char *where, json_t *object, const struct thing *thing)
{
    static const char prefix[] = "#/$defs/";
    const char *ref = json_string_value(json_object_get(object, "$ref"));

    if (ref == NULL || strncmp(ref, prefix, sizeof(prefix) - 1) != 0) {
        fail_msg("%s: no $ref", where);
        return;
    }
    expect_object(ref, thing, json_object_get(json_object_get(schema, "$defs"), ref + sizeof(prefix) - 1));
}

static void expect_list(const char *where, const struct field *field, json_t *object)
{
    json_t *items = json_object_get(object, "items");

    expect_text_at(where, object, "type", "array");
    expect_bound(where, object, "minItems", field->min, field->min > 0);
    expect_bound(where, object, "maxItems", field->max, true);
    if (field->kind == FIELD_THINGS) {
        expect_ref(where, items, field->thing);
        return;
    }
    expect_text_at(where, items, "type", "string");
    expect_text_at(where, items, "format", field->kind == FIELD_IDS ? "uuid" : NULL);
}

static void expect_field(const char *where, const struct field *field, json_t *object)
{
    switch (field->kind) {
    case FIELD_BOOL:
        expect_text_at(where, object, "type", "boolean");
        break;
    case FIELD_INT:
    case FIELD_TIME:
        expect_text_at(where, object, "type", "integer");
        expect_bound(where, object, "minimum", field->min, field->min > -INT64_MAX);
        expect_bound(where, object, "maximum", field->max, field->max < INT64_MAX);
        break;
    case FIELD_TEXT:
    case FIELD_SLUG:
        expect_text_at(where, object, "type", "string");
        expect_bound(where, object, "minLength", field->min, field->min > 0);
        expect_bound(where, object, "maxLength", field->max, true);
        expect_text_at(where, object, "pattern", field->kind == FIELD_SLUG ? "^[a-z0-9_-]+$" : NULL);
        break;
    case FIELD_ID:
        expect_text_at(where, object, "type", "string");
        expect_text_at(where, object, "format", "uuid");
        break;
    case FIELD_BYTES:
        expect_text_at(where, object, "type", "string");
        expect_text_at(where, object, "contentEncoding", "base16");
        break;
    case FIELD_WORD:
        expect_words(where, object, field->words);
        break;
    case FIELD_THING:
        expect_ref(where, object, field->thing);
        break;
    default:
        expect_list(where, field, object);
        break;
    }
}

/* ---- one object ---------------------------------------------------------------------------------------- */

static bool lists_word(const json_t *list, const char *word)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(json_string_value(json_array_get(list, i)), word) == 0) {
            return true;
        }
    }
    return false;
}

static const struct field *row_of(const struct thing *thing, const char *name)
{
    for (size_t i = 0; i < thing->count; i++) {
        if (strcmp(thing->fields[i].name, name) == 0) {
            return &thing->fields[i];
        }
    }
    return NULL;
}

/* The first row of a name stands for all of them: their kinds are the same. */
static void expect_object(const char *where, const struct thing *thing, json_t *object)
{
    json_t *properties = json_object_get(object, "properties"), *property;
    const char *name;

    expect_text_at(where, object, "type", "object");
    assert_null(json_object_get(object, "additionalProperties")); /* fields are only ever added */
    json_object_foreach(properties, name, property) {
        if (row_of(thing, name) == NULL) {
            fail_msg("%s: %s is in no row", where, name);
        }
    }
    for (size_t i = 0; i < thing->count; i++) {
        const struct field *field = &thing->fields[i];
        const char *place = arena_printf(&arena, "%s/%s", where, field->name);

        property = json_object_get(properties, field->name);
        if (property == NULL) {
            fail_msg("%s is not in the schema", place);
        }
        if (row_of(thing, field->name) == field) {
            expect_field(place, field, property);
        }
        bool is_common = (field->flags & REQUIRED) && field->only == 0;
        if (lists_word(json_object_get(object, "required"), field->name) != is_common) {
            fail_msg("%s: required in one of table and schema", place);
        }
    }
}

/* What a type requires besides, in the entry of anyOf that has its name. */
static void expect_variants(const struct thing *thing, const struct words *words)
{
    json_t *variants = json_object_get(schema, "anyOf");

    assert_int_equal(json_array_size(variants), words->count);
    for (size_t type = 0; type < words->count; type++) {
        json_t *variant = json_array_get(variants, type), *required = json_object_get(variant, "required");
        size_t count = 0;

        expect_text_at("anyOf", variant, "title", words->names[type]);
        for (size_t i = 0; i < thing->count; i++) {
            const struct field *field = &thing->fields[i];
            if (field->only == 0 || !(field->flags & REQUIRED) || !field_applies(field, VARIANT(type))) {
                continue;
            }
            count++;
            if (!lists_word(required, field->name)) {
                fail_msg("%s: %s is required, the schema does not say so", words->names[type], field->name);
            }
        }
        assert_int_equal(json_array_size(required), count);
    }
}

static void commands_are_as_their_schema_says(void **state)
{
    (void)state;
    open_schema(TOPIC_COMMANDS ".json");
    expect_object("", &command_thing, schema);
    expect_variants(&command_thing, &COMMAND_WORDS);
}

static void events_are_as_their_schema_says(void **state)
{
    (void)state;
    open_schema(TOPIC_EVENTS ".json");
    expect_object("", &event_thing, schema);
    expect_variants(&event_thing, &EVENT_WORDS);
    for (size_t type = 0; type < EVENT_WORDS.count; type++) {
        json_t *variant = json_array_get(json_object_get(schema, "anyOf"), type);
        json_t *is = json_object_get(json_object_get(variant, "properties"), "type");
        expect_text_at("anyOf", is, "const", EVENT_WORDS.names[type]);
    }
}

/* ---- the tables themselves ----------------------------------------------------------------------------- */

static void expect_rows(const struct thing *thing, uint32_t variant)
{
    for (size_t i = 0; i < thing->count; i++) {
        const struct field *field = &thing->fields[i];
        if (!field_applies(field, variant)) {
            continue;
        }
        if (row_of(thing, field->name) != field) {
            assert_false(field_applies(row_of(thing, field->name), variant)); /* one row of a name for each type */
        }
        assert_true(field->min <= field->max);
        assert_int_equal(strlen(field->name), field->name_len);
        assert_string_equal(field->json_key, arena_printf(&arena, ",\"%s\":", field->name));
        assert_true(field->kind != FIELD_BYTES || (field->flags & PRIVATE));
        assert_true(!(field->flags & WORDED) || field->max <= WORDED_CHARS_MAX);
        assert_true(field->offset < thing->size);
        if (field->thing != NULL) {
            expect_rows(field->thing, VARIANT_ANY);
        }
    }
}

static void rows_are_well_formed(void **state)
{
    (void)state;
    for (enum command_type type = 0; type < CMD_COUNT; type++) {
        expect_rows(&command_thing, VARIANT(type));
    }
    for (enum event_type type = 0; type < EV_COUNT; type++) {
        expect_rows(&event_thing, VARIANT(type));
    }
    expect_rows(&place_request_thing, VARIANT_ANY);
    expect_rows(&step_request_thing, VARIANT_ANY);
    expect_rows(&credentials_thing, VARIANT_ANY);
    expect_rows(&restaurant_thing, VARIANT_ANY);
}

static void the_words_of_errors_are_their_names(void **state)
{
    (void)state;
    assert_int_equal(ERR_WORDS.count, ZP_ERR_COUNT);
    for (size_t i = 0; i < ERR_WORDS.count; i++) {
        assert_string_equal(ERR_WORDS.names[i], zp_err_name((enum zp_err)i));
    }
}

#define with_schema(f) cmocka_unit_test_setup_teardown(f, arena_setup, close_schema)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_schema(commands_are_as_their_schema_says),
        with_schema(events_are_as_their_schema_says),
        test(rows_are_well_formed),
        test(the_words_of_errors_are_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
