/* Which documents are read at once, and that the tree would give the same of them. */
#include "json.h"
#include "support.h"

#define LINE "{\"item_id\":\"burger\",\"quantity\":1}"
#define WITH(members) "{\"type\":\"pickup\",\"lines\":[" LINE "]," members "}"
#define LINES(elements) "{\"type\":\"pickup\",\"lines\":" elements "}"
#define ITEM(members) "{\"items\":[{\"id\":\"a\",\"name\":\"A\",\"price\":1" members "}]}"
#define DIGITS_18 "123456789012345678"

static const struct thing *const place = &place_request_thing, *const menu = &menu_thing;

static const struct row {
    const char *name;
    const struct thing *const *thing;
    const char *body;
    bool is_plain;
} rows[] = {
    { "the least", &place, LINES("[" LINE "]"), true },
    { "lists in lists", &place,
      LINES("[" LINE ",{\"options\":[{\"option_id\":\"b\"},{\"quantity\":3,\"option_id\":\"c\"}],\"item_id\":\"a\","
            "\"note\":\"no ], no }, no \xE2\x82\xAC\",\"quantity\":2}," LINE "]"), true },
    { "white space everywhere", &place,
      " \t\r\n{ \"type\" : \"pickup\" ,\n\"lines\" : [ " LINE " , " LINE " ] ,\"customer\":{ } } \r\n", true },
    { "an empty part", &place, WITH("\"customer\":{}"), true },
    { "a number", &place, WITH("\"tip\":100"), true },
    { "zero", &place, WITH("\"tip\":0"), true },
    { "true and false", &menu, ITEM(",\"available\":true},{\"id\":\"b\",\"name\":\"B\",\"price\":0,"
                                    "\"available\":false"), true },
    { "empty lists", &menu, ITEM(",\"allergens\":[],\"option_groups\":[ ]"), true },
    { "a list of texts", &menu, ITEM(",\"allergens\":[\"milk\",\"nuts\"]"), true },
    { "no items", &menu, "{\"items\":[]}", true },
    { "18 digits", &menu, "{\"items\":[],\"version\":" DIGITS_18 "}", true },

    { "nothing", &place, "", false },
    { "no object", &place, "[]", false },
    { "an empty object", &place, "{}", false },
    { "cut off in a name", &place, "{\"typ", false },
    { "cut off behind a name", &place, "{\"type\"", false },
    { "cut off before a value", &place, "{\"type\":", false },
    { "cut off in a word", &menu, ITEM(",\"available\":tru"), false },
    { "cut off at a word", &menu, "{\"items\":[{\"available\":fal", false },
    { "cut off in a text of a list", &menu, "{\"items\":[{\"allergens\":[\"mil", false },
    { "cut off in a list", &place, "{\"lines\":[" LINE, false },
    { "cut off behind a list", &place, "{\"type\":\"pickup\",\"lines\":[" LINE "]", false },
    { "something behind it", &place, LINES("[" LINE "]") "x", false },
    { "a comma too many", &place, LINES("[" LINE "],"), false },
    { "a comma too many in a list", &place, LINES("[" LINE ",]"), false },
    { "no comma", &place, LINES("[" LINE LINE "]"), false },
    { "a number before the end of a list", &place, LINES("[" LINE " 1]"), false },
    { "a number before a comma", &place, LINES("[" LINE " 1," LINE "]"), false },
    { "no value in a list", &place, LINES("[," LINE "]"), false },
    { "an object for a list", &place, LINES("{}"), false },
    { "a list for an object", &place, WITH("\"customer\":[]"), false },
    { "a list that ends like an object", &place, LINES("[" LINE "}"), false },
    { "a text for a number", &place, WITH("\"tip\":\"1\""), false },
    { "a number for a text", &place, WITH("\"note\":1"), false },
    { "a word for a text", &place, WITH("\"note\":true"), false },
    { "another word for a text", &place, WITH("\"note\":false"), false },
    { "a name without a colon", &place, "{\"type\" \"pickup\"}", false },
    { "a name without a row", &place, WITH("\"sauce\":1"), false },
    { "the beginning of a name", &place, WITH("\"not\":\"x\""), false },
    { "a name twice", &place, WITH("\"tip\":1,\"tip\":1"), false },
    { "a name that must not be given", &place, WITH("\"scheduled_for\":\"now\""), false },
    { "too few in a list", &place, LINES("[]"), false },
    { "what must be given is not", &place, "{\"type\":\"pickup\"}", false },
    { "no slug", &place, LINES("[{\"item_id\":\"a],}\",\"quantity\":1}]"), false },
    { "out of bounds", &place, WITH("\"tip\":-1"), false },
    { "an escape", &place, WITH("\"note\":\"a\\nb\""), false },
    { "an escaped quote in a list", &place, LINES("[{\"item_id\":\"a\",\"quantity\":1,\"note\":\"\\\"\"}]"), false },
    { "a raw newline before a quote", &place, WITH("\"note\":\"a\n\""), false },
    { "bad UTF-8", &place, WITH("\"note\":\"\xC3(\""), false },
    { "null", &place, WITH("\"note\":null"), false },
    { "a fraction", &place, WITH("\"tip\":1.0"), false },
    { "an exponent", &place, WITH("\"tip\":1e2"), false },
    { "a leading zero", &place, WITH("\"tip\":01"), false },
    { "a sign alone", &place, WITH("\"tip\":-"), false },
    { "a sign apart", &place, WITH("\"tip\":- 0"), false },
    { "19 digits", &menu, "{\"items\":[],\"version\":1" DIGITS_18 "}", false },
    { "a word with a tail", &menu, ITEM(",\"available\":trues"), false },
    { "half a word", &menu, ITEM(",\"available\":fals"), false },
};

static void *read_by_tree(const struct thing *thing, const char *body, size_t len)
{
    struct reason_list faults = { .count = 0 };
    void *self = arena_alloc(&arena, thing->size);

    assert_non_null(self);
    assert_int_equal(json_read_tree(&JSON_ROOT(*thing), body, len, &arena, self, &faults), ZP_OK);
    return self;
}

static void plain_is_read_as_the_tree_reads_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        const struct thing *thing = *rows[i].thing;
        size_t len = strlen(rows[i].body);
        void *self = arena_alloc(&arena, thing->size);
        assert_non_null(self);

        bool is_plain = json_read_plain(&JSON_ROOT(*thing), rows[i].body, len, &arena, self) == ZP_OK;
        if (is_plain != rows[i].is_plain) {
            fail_msg("%s: %s", rows[i].name, is_plain ? "was read at once" : "was left to the tree");
        }
        if (is_plain && !thing_same(thing, VARIANT_ANY, self, read_by_tree(thing, rows[i].body, len))) {
            fail_msg("%s: the tree reads it otherwise", rows[i].name);
        }
    }
}

static void a_sign_is_heeded(void **state)
{
    (void)state;
    static const struct field field = { .kind = FIELD_INT, .min = -1000, .max = 1000 };
    static const struct { const char *body; int64_t want; } cases[] = { { "-1000", -1000 }, { " -0 ", 0 }, { "7", 7 } };

    for (size_t i = 0; i < ZP_COUNT(cases); i++) {
        int64_t number = 99;
        assert_int_equal(json_read_plain(&field, cases[i].body, strlen(cases[i].body), &arena, &number), ZP_OK);
        assert_int_equal(number, cases[i].want);
    }
}

static void a_document_that_was_begun_is_read_by_the_tree(void **state)
{
    (void)state;
    static const char body[] = WITH("\"tip\":5,\"customer\":{\"name\":\"A\"},\"note\":\"a\\tb\"");
    struct reason_list faults = { .count = 0 };
    struct place_request request = { .location_id = ID_NONE };

    assert_int_equal(json_read(&JSON_ROOT(place_request_thing), body, sizeof(body) - 1, &arena, &request, &faults),
                     ZP_OK);
    assert_true(thing_same(place, VARIANT_ANY, &request, read_by_tree(place, body, sizeof(body) - 1)));
    assert_string_equal(request.placement.note, "a\tb");
    assert_string_equal(request.placement.customer.name, "A");
}

static void no_memory_is_no_fault_of_the_document(void **state)
{
    (void)state;
    static const char body[] = LINES("[" LINE "]");
    struct reason_list faults = { .count = 0 };
    struct place_request request = { .location_id = ID_NONE };
    struct arena none;

    arena_init(&none, 1);
    assert_int_equal(json_read(&JSON_ROOT(place_request_thing), body, sizeof(body) - 1, &none, &request, &faults),
                     ZP_NO_MEMORY);
    assert_int_equal(faults.count, 0);
    arena_finish(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(plain_is_read_as_the_tree_reads_it),
        test(a_sign_is_heeded),
        test(a_document_that_was_begun_is_read_by_the_tree),
        test(no_memory_is_no_fault_of_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
