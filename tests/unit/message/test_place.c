/* POST /orders: what is taken, and the code and pointer of everything that is not. */
#include "support.h"

#include <stdio.h>

#define LINE "{\"item_id\":\"burger\",\"quantity\":1}"
#define WITH_LINE(members) "{\"type\":\"pickup\",\"lines\":[{" members "}]}"
#define WITH(members) "{\"type\":\"pickup\",\"lines\":[" LINE "]," members "}"
#define QUANTITY(value) WITH_LINE("\"item_id\":\"burger\",\"quantity\":" value)
#define NOTE(value) WITH("\"note\":" value)
#define TEXT_100 "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
#define TEXT_200 TEXT_100 TEXT_100
#define TEXT_500 TEXT_200 TEXT_200 TEXT_100
#define EURO_10 "€€€€€€€€€€"
#define EURO_50 EURO_10 EURO_10 EURO_10 EURO_10 EURO_10
#define EURO_500 EURO_50 EURO_50 EURO_50 EURO_50 EURO_50 EURO_50 EURO_50 EURO_50 EURO_50 EURO_50

static const struct row {
    const char *name, *body;
    enum zp_err err;
    const char *faults[10]; /* "code pointer" each, all of them, in this order */
} rows[] = {
    /* ---- orders ---- */
    { "the least", "{\"type\":\"pickup\",\"lines\":[" LINE "]}", ZP_OK, { NULL } },
    { "white space", " \n\t{ \"type\" : \"pickup\" , \"lines\" : [ " LINE " ] } \r\n", ZP_OK, { NULL } },
    { "a location", WITH("\"location_id\":\"0193f0a1-5c3e-8711-9abc-def012345602\""), ZP_OK, { NULL } },
    { "null is as good as not given",
      WITH("\"note\":null,\"customer\":null,\"tip\":null,\"expected_total\":null,\"location_id\":null,"
          "\"scheduled_for\":null"),
      ZP_OK, { NULL } },
    { "the least and the most of everything",
      WITH("\"note\":\"" TEXT_500 "\",\"customer\":{\"name\":\"" TEXT_200 "\",\"phone\":\"123\","
          "\"address\":\"" TEXT_500 "\"},"
           "\"tip\":100000000000,\"expected_total\":0"), ZP_OK, { NULL } },
    { "500 characters of three bytes", NOTE("\"" EURO_500 "\""), ZP_OK, { NULL } },
    { "newline, tab and emoji", NOTE("\"a\\n\\tb \\ud83c\\udf55\""), ZP_OK, { NULL } },
    { "the most of one item", QUANTITY("999"), ZP_OK, { NULL } },
    { "an escaped name", "{\"t\\u0079pe\":\"pickup\",\"lines\":[" LINE "]}", ZP_OK, { NULL } },

    /* ---- not JSON: 400 ---- */
    { "nothing", "", ZP_MALFORMED, { "malformed_json " } },
    { "white space alone", " \n ", ZP_MALFORMED, { "malformed_json " } },
    { "a word", "order", ZP_MALFORMED, { "malformed_json " } },
    { "cut off", "{\"type\":\"pickup\",\"lines\":[" LINE, ZP_MALFORMED, { "malformed_json /lines/0" } },
    { "something behind it", WITH("\"tip\":1") "}", ZP_MALFORMED, { "malformed_json " } },
    { "two documents", "{}{}", ZP_MALFORMED, { "malformed_json " } },
    { "a comma too many", "{\"type\":\"pickup\",}", ZP_MALFORMED, { "malformed_json " } },
    { "a comma too many in a list", "{\"lines\":[" LINE ",]}", ZP_MALFORMED, { "malformed_json /lines" } },
    { "single quotes", "{'type':'pickup'}", ZP_MALFORMED, { "malformed_json " } },
    { "a comment", WITH("\"tip\":1 // much"), ZP_MALFORMED, { "malformed_json /tip" } },
    { "a byte order mark", "\xEF\xBB\xBF{}", ZP_MALFORMED, { "malformed_json " } },
    { "NaN", QUANTITY("NaN"), ZP_MALFORMED, { "malformed_json /lines/0/quantity" } },
    { "a leading zero", QUANTITY("01"), ZP_MALFORMED, { "malformed_json /lines/0/quantity" } },
    { "a plus sign", QUANTITY("+1"), ZP_MALFORMED, { "malformed_json /lines/0/quantity" } },
    { "hexadecimal", QUANTITY("0x10"), ZP_MALFORMED, { "malformed_json /lines/0/quantity" } },
    { "half a fraction", QUANTITY("1."), ZP_MALFORMED, { "malformed_json /lines/0/quantity" } },
    { "a raw newline in a string", NOTE("\"a\nb\""), ZP_MALFORMED, { "malformed_json /note" } },
    { "half a surrogate pair", NOTE("\"\\ud83c\""), ZP_MALFORMED, { "malformed_json /note" } },
    { "the other half", NOTE("\"\\udf55\""), ZP_MALFORMED, { "malformed_json /note" } },
    { "halves the wrong way round", NOTE("\"\\udf55\\ud83c\""), ZP_MALFORMED, { "malformed_json /note" } },
    { "a broken escape", NOTE("\"\\u12g4\""), ZP_MALFORMED, { "malformed_json /note" } },
    { "an escape that is none", NOTE("\"\\x41\""), ZP_MALFORMED, { "malformed_json /note" } },
    { "a name twice", "{\"type\":\"pickup\",\"type\":\"delivery\",\"lines\":[" LINE "]}", ZP_MALFORMED,
      { "duplicate_key /type" } },
    { "a name twice, one of them escaped", "{\"type\":\"pickup\",\"t\\u0079pe\":\"delivery\",\"lines\":[" LINE "]}",
      ZP_MALFORMED,
      { "duplicate_key /t\\u0079pe" } },
    { "a name twice, deep down", "{\"type\":\"pickup\",\"lines\":[" LINE ",{\"item_id\":\"a\",\"item_id\":\"b\"}]}",
      ZP_MALFORMED,
      { "duplicate_key /lines/1/item_id" } },
    { "an unknown name twice", WITH("\"x\":{\"y\":1,\"y\":1}"), ZP_MALFORMED, { "duplicate_key /x/y" } },
    { "a byte that is never UTF-8", NOTE("\"caf\xff\""), ZP_MALFORMED, { "bad_utf8 /note" } },
    { "half a character", NOTE("\"caf\xc3\""), ZP_MALFORMED, { "bad_utf8 /note" } },
    { "an overlong slash", NOTE("\"\xc0\xaf\""), ZP_MALFORMED, { "bad_utf8 /note" } },
    { "a surrogate in UTF-8", NOTE("\"\xed\xa0\x80\""), ZP_MALFORMED, { "bad_utf8 /note" } },
    { "beyond Unicode", NOTE("\"\xf4\x90\x80\x80\""), ZP_MALFORMED, { "bad_utf8 /note" } },
    { "an escaped NUL", NOTE("\"a\\u0000b\""), ZP_MALFORMED, { "nul /note" } },
    { "an escaped NUL in a name", WITH("\"a\\u0000b\":1"), ZP_MALFORMED, { "nul /a\\u0000b" } },

    /* ---- the wrong shape: 422 ---- */
    { "null", "null", ZP_INVALID, { "wrong_type " } },
    { "a number", "17", ZP_INVALID, { "wrong_type " } },
    { "a string", "\"order\"", ZP_INVALID, { "wrong_type " } },
    { "a list", "[]", ZP_INVALID, { "wrong_type " } },
    { "an empty object", "{}", ZP_INVALID, { "required /type", "required /lines" } },
    { "null for what is required", "{\"type\":null,\"lines\":null}", ZP_INVALID,
      { "required /type", "required /lines" } },
    { "an unknown type", "{\"type\":\"drone\",\"lines\":[" LINE "]}", ZP_INVALID, { "unknown_value /type" } },
    { "the type in capitals", "{\"type\":\"PICKUP\",\"lines\":[" LINE "]}", ZP_INVALID, { "unknown_value /type" } },
    { "a type that is a number", "{\"type\":1,\"lines\":[" LINE "]}", ZP_INVALID, { "wrong_type /type" } },
    { "a type that is a fraction", "{\"type\":1.5,\"lines\":[" LINE "]}", ZP_INVALID, { "wrong_type /type" } },
    { "no line", "{\"type\":\"pickup\",\"lines\":[]}", ZP_INVALID, { "too_few /lines" } },
    { "lines that are an object", "{\"type\":\"pickup\",\"lines\":{}}", ZP_INVALID, { "wrong_type /lines" } },
    { "a line that is null", "{\"type\":\"pickup\",\"lines\":[null]}", ZP_INVALID, { "wrong_type /lines/0" } },
    { "a line that is a string", "{\"type\":\"pickup\",\"lines\":[" LINE ",\"burger\"]}", ZP_INVALID,
      { "wrong_type /lines/1" } },
    { "an empty line", "{\"type\":\"pickup\",\"lines\":[{}]}", ZP_INVALID,
      { "required /lines/0/item_id", "required /lines/0/quantity" } },
    { "an unknown field", WITH("\"coupon\":\"X\""), ZP_INVALID, { "unknown_field /coupon" } },
    { "a misspelt field", WITH_LINE("\"item_id\":\"a\",\"qty\":1"), ZP_INVALID,
      { "required /lines/0/quantity", "unknown_field /lines/0/qty" } },
    { "a name in capitals", WITH("\"Note\":\"x\""), ZP_INVALID, { "unknown_field /Note" } },
    { "a name that a pointer escapes", WITH("\"a/b~c\":1"), ZP_INVALID, { "unknown_field /a~1b~0c" } },
    { "a name without letters", WITH("\"\":1"), ZP_INVALID, { "unknown_field /" } },
    { "a name without end", WITH("\"" TEXT_200 "\":1"), ZP_INVALID,
      { "unknown_field /1234567890123456789012345678901234567890123456789012345678901234" } },
    { "a price of the client's own", WITH_LINE("\"item_id\":\"a\",\"quantity\":1,\"unit_price\":1"), ZP_INVALID,
      { "unknown_field /lines/0/unit_price" } },
    { "somebody else's order", WITH("\"owner\":\"x\",\"id\":\"y\""), ZP_INVALID,
      { "unknown_field /owner", "unknown_field /id" } },
    { "a time before there are schedules", WITH("\"scheduled_for\":\"2026-01-02T15:04:05Z\""), ZP_INVALID,
      { "not_supported /scheduled_for" } },
    { "any such time", WITH("\"scheduled_for\":{}"), ZP_INVALID, { "not_supported /scheduled_for" } },

    { "a quantity of 0", QUANTITY("0"), ZP_INVALID, { "out_of_range /lines/0/quantity" } },
    { "a quantity of minus 0", QUANTITY("-0"), ZP_INVALID, { "out_of_range /lines/0/quantity" } },
    { "a quantity of -1", QUANTITY("-1"), ZP_INVALID, { "out_of_range /lines/0/quantity" } },
    { "a quantity of 1000", QUANTITY("1000"), ZP_INVALID, { "out_of_range /lines/0/quantity" } },
    { "a quantity of 10000", QUANTITY("10000"), ZP_INVALID, { "out_of_range /lines/0/quantity" } },
    { "the greatest int64", QUANTITY("9223372036854775807"), ZP_INVALID, { "out_of_range /lines/0/quantity" } },
    { "one more", QUANTITY("9223372036854775808"), ZP_INVALID, { "out_of_range /lines/0/quantity" } },
    { "the least int64", QUANTITY("-9223372036854775808"), ZP_INVALID, { "out_of_range /lines/0/quantity" } },
    { "one less", QUANTITY("-9223372036854775809"), ZP_INVALID, { "out_of_range /lines/0/quantity" } },
    { "a hundred digits", QUANTITY(TEXT_100), ZP_INVALID, { "out_of_range /lines/0/quantity" } },
    { "1.0 is no integer", QUANTITY("1.0"), ZP_INVALID, { "not_an_integer /lines/0/quantity" } },
    { "nor is 1e2", QUANTITY("1e2"), ZP_INVALID, { "not_an_integer /lines/0/quantity" } },
    { "nor 1E0", QUANTITY("1E0"), ZP_INVALID, { "not_an_integer /lines/0/quantity" } },
    { "nor 0.5", QUANTITY("0.5"), ZP_INVALID, { "not_an_integer /lines/0/quantity" } },
    { "nor 1e999, which no double holds", QUANTITY("1e999"), ZP_INVALID, { "not_an_integer /lines/0/quantity" } },
    { "nor 1E999", QUANTITY("1E999"), ZP_INVALID, { "not_an_integer /lines/0/quantity" } },
    { "nor -1e999", QUANTITY("-1e999"), ZP_INVALID, { "not_an_integer /lines/0/quantity" } },
    { "nor 1e-999", QUANTITY("1e-999"), ZP_INVALID, { "not_an_integer /lines/0/quantity" } },
    { "a quantity in words", QUANTITY("\"1\""), ZP_INVALID, { "wrong_type /lines/0/quantity" } },
    { "a quantity of true", QUANTITY("true"), ZP_INVALID, { "wrong_type /lines/0/quantity" } },
    { "a list of quantities", QUANTITY("[1]"), ZP_INVALID, { "wrong_type /lines/0/quantity" } },
    { "huge numbers are found with everything else",
      "{\"type\":\"drone\",\"lines\":[{\"item_id\":\"A\",\"quantity\":99999999999999999999}],\"tip\":1e999,\"x\":1}",
      ZP_INVALID,
      { "unknown_value /type", "not_a_slug /lines/0/item_id", "out_of_range /lines/0/quantity", "not_an_integer /tip",
        "unknown_field /x" } },
    { "digits in a text are no number", WITH("\"note\":\"99999999999999999999\",\"tip\":99999999999999999999"),
      ZP_INVALID,
      { "out_of_range /tip" } },

    { "an item with a blank", WITH_LINE("\"item_id\":\"a burger\",\"quantity\":1"), ZP_INVALID,
      { "not_a_slug /lines/0/item_id" } },
    { "an item with an accent", WITH_LINE("\"item_id\":\"käse\",\"quantity\":1"), ZP_INVALID,
      { "not_a_slug /lines/0/item_id" } },
    { "an item without a name", WITH_LINE("\"item_id\":\"\",\"quantity\":1"), ZP_INVALID,
      { "too_short /lines/0/item_id" } },
    { "an item of 65 letters",
      WITH_LINE("\"item_id\":\"12345678901234567890123456789012345678901234567890123456789012345\","
                                         "\"quantity\":1"), ZP_INVALID, { "too_long /lines/0/item_id" } },
    { "a control character in an item", WITH_LINE("\"item_id\":\"a\\n\",\"quantity\":1"), ZP_INVALID,
      { "not_a_slug /lines/0/item_id" } },
    { "an option's quantity of 0",
      WITH_LINE("\"item_id\":\"a\",\"quantity\":1,\"options\":[{\"option_id\":\"x\",\"quantity\":0}]"),
      ZP_INVALID, { "out_of_range /lines/0/options/0/quantity" } },
    { "an option without an id", WITH_LINE("\"item_id\":\"a\",\"quantity\":1,\"options\":[{}]"), ZP_INVALID,
      { "required /lines/0/options/0/option_id" } },
    { "options as words", WITH_LINE("\"item_id\":\"a\",\"quantity\":1,\"options\":[\"x\"]"), ZP_INVALID,
      { "wrong_type /lines/0/options/0" } },

    { "501 characters", NOTE("\"" TEXT_500 "1\""), ZP_INVALID, { "too_long /note" } },
    { "501 characters of three bytes", NOTE("\"" EURO_500 "€\""), ZP_INVALID, { "too_long /note" } },
    { "a note on a line of 501", WITH_LINE("\"item_id\":\"a\",\"quantity\":1,\"note\":\"" TEXT_500 "1\""), ZP_INVALID,
      { "too_long /lines/0/note" } },
    { "an escape character", NOTE("\"a\\u001b[31m\""), ZP_INVALID, { "bad_text /note" } },
    { "a carriage return", NOTE("\"a\\r\\n\""), ZP_INVALID, { "bad_text /note" } },
    { "DEL", NOTE("\"a\x7f\""), ZP_INVALID, { "bad_text /note" } },
    { "a control character of C1", NOTE("\"a\\u0085\""), ZP_INVALID, { "bad_text /note" } },
    { "a note that is a number", NOTE("17"), ZP_INVALID, { "wrong_type /note" } },
    { "a customer that is a name", WITH("\"customer\":\"Zoë\""), ZP_INVALID, { "wrong_type /customer" } },
    { "a name of 201", WITH("\"customer\":{\"name\":\"" TEXT_200 "1\"}"), ZP_INVALID, { "too_long /customer/name" } },
    { "a phone of 2", WITH("\"customer\":{\"phone\":\"12\"}"), ZP_INVALID, { "too_short /customer/phone" } },
    { "a phone of 41", WITH("\"customer\":{\"phone\":\"12345678901234567890123456789012345678901\"}"), ZP_INVALID,
      { "too_long /customer/phone" } },
    { "an address of 501", WITH("\"customer\":{\"address\":\"" TEXT_500 "1\"}"), ZP_INVALID,
      { "too_long /customer/address" } },
    { "an email nobody asked for", WITH("\"customer\":{\"email\":\"a@b\"}"), ZP_INVALID,
      { "unknown_field /customer/email" } },
    { "a negative tip", WITH("\"tip\":-1"), ZP_INVALID, { "out_of_range /tip" } },
    { "a tip beyond all measure", WITH("\"tip\":100000000001"), ZP_INVALID, { "out_of_range /tip" } },
    { "a negative total", WITH("\"expected_total\":-1"), ZP_INVALID, { "out_of_range /expected_total" } },
    { "the total that means none", WITH("\"expected_total\":-9223372036854775808"), ZP_INVALID,
      { "out_of_range /expected_total" } },
    { "a location that is a name", WITH("\"location_id\":\"berlin\""), ZP_INVALID, { "not_a_uuid /location_id" } },
    { "a location without dashes", WITH("\"location_id\":\"0193f0a15c3e87119abcdef012345602\""), ZP_INVALID,
      { "not_a_uuid /location_id" } },
    { "a location that is a number", WITH("\"location_id\":1"), ZP_INVALID, { "wrong_type /location_id" } },
    { "everything at once",
      "{\"lines\":[" LINE ",{\"item_id\":\"Ä\",\"quantity\":1.5,\"x\":[]},[]],\"customer\":{\"phone\":\"1\"},"
      "\"note\":false,"
      "\"tip\":\"2\",\"y\":{}}", ZP_INVALID,
      { "required /type", "not_a_slug /lines/1/item_id", "not_an_integer /lines/1/quantity", "unknown_field /lines/1/x",
        "wrong_type /lines/2", "too_short /customer/phone", "wrong_type /note", "wrong_type /tip",
        "unknown_field /y" } },
};

static enum zp_err parse(const char *body, size_t len, struct placement *ret_placement, struct reason_list *faults)
{
    struct zp_id location = { { 42 } };
    char *exact = malloc(len == 0 ? 1 : len); /* ends where its memory ends */

    assert_non_null(exact);
    memcpy(exact, body, len);
    enum zp_err err = message_place_parse(exact, len, &arena, ret_placement, &location, faults);
    assert_true(err == ZP_OK || location.bytes[0] == 42);
    free(exact);
    return err;
}

static void each_body_gets_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        struct placement placement = { .tip = 42 };
        struct reason_list faults = { .count = 0 };

        enum zp_err err = parse(row->body, strlen(row->body), &placement, &faults);
        expect_faults(row->name, &faults, row->faults);
        if (err != row->err || (err != ZP_OK && placement.tip != 42)) {
            fail_msg("%s: %s", row->name, zp_err_name(err));
        }
    }
}

static void a_body_fills_the_placement(void **state)
{
    (void)state;
    static const char body[] =
        "{\"location_id\":\"0193F0A1-5C3E-8711-9ABC-DEF012345602\",\"type\":\"delivery\","
        "\"lines\":[{\"item_id\":\"burger\","
        "\"quantity\":2,\"options\":[{\"option_id\":\"extra-cheese\",\"quantity\":2}],\"note\":\"well done\"},"
        "{\"item_id\":\"water\",\"quantity\":1,\"options\":[]}],\"customer\":{\"name\":\"Zo\\u00eb\","
        "\"phone\":\"+49 30 1234\","
        "\"address\":\"Hauptstr. 1\\n10115 Berlin\"},\"note\":\"ring twice\",\"tip\":100,\"expected_total\":3950}";
    struct placement placement;
    struct zp_id location;
    struct reason_list faults = { .count = 0 };

    assert_int_equal(message_place_parse(body, sizeof(body) - 1, &arena, &placement, &location, &faults), ZP_OK);
    assert_true(thing_same(&placement_thing, VARIANT_ANY, &sample_command(CMD_ORDER_PLACE)->placement, &placement));
    assert_true(id_equal(&location, &sample_command(CMD_ORDER_PLACE)->location_id));
}

static void what_is_left_out_has_its_default(void **state)
{
    (void)state;
    static const char body[] = WITH_LINE("\"item_id\":\"a\",\"quantity\":1,\"options\":[{\"option_id\":\"x\"}]");
    struct placement placement;
    struct zp_id location = { { 42 } };
    struct reason_list faults = { .count = 0 };

    assert_int_equal(message_place_parse(body, sizeof(body) - 1, &arena, &placement, &location, &faults), ZP_OK);
    assert_true(id_is_none(&location));
    assert_int_equal(placement.lines[0].options[0].quantity, 1);
    assert_null(placement.lines[0].note);
    assert_null(placement.customer.name);
    assert_null(placement.note);
    assert_int_equal(placement.tip, 0);
    assert_int_equal(placement.expected_total, AMOUNT_ABSENT);
}

/* ---- too many -------------------------------------------------------------------------------------------------- */

static void put_repeated(struct buffer *out, const char *before, const char *each, size_t count, const char *after)
{
    buffer_init(out, MESSAGE_BODY_BYTES_MAX);
    buffer_puts(out, before);
    for (size_t i = 0; i < count; i++) {
        buffer_puts(out, i > 0 ? "," : "");
        buffer_puts(out, each);
    }
    buffer_puts(out, after);
    assert_int_equal(out->err, ZP_OK);
}

static void lists_end_where_they_must(void **state)
{
    (void)state;
    static const struct { const char *name, *before, *each, *after; size_t count; const char *faults[2]; } cases[] = {
        { "100 lines", "{\"type\":\"pickup\",\"lines\":[", LINE, "]}", 100, { NULL } },
        { "101 lines", "{\"type\":\"pickup\",\"lines\":[", LINE, "]}", 101, { "too_many /lines" } },
        { "5000 lines", "{\"type\":\"pickup\",\"lines\":[", LINE, "]}", 5000, { "too_many /lines" } },
        { "50 options", "{\"type\":\"pickup\",\"lines\":[{\"item_id\":\"a\",\"quantity\":1,\"options\":[",
          "{\"option_id\":\"x\"}",
          "]}]}", 50, { NULL } },
        { "51 options", "{\"type\":\"pickup\",\"lines\":[{\"item_id\":\"a\",\"quantity\":1,\"options\":[",
          "{\"option_id\":\"x\"}",
          "]}]}", 51, { "too_many /lines/0/options" } },
    };
    for (size_t i = 0; i < ZP_COUNT(cases); i++) {
        struct placement placement;
        struct reason_list faults = { .count = 0 };
        struct buffer body;

        put_repeated(&body, cases[i].before, cases[i].each, cases[i].count, cases[i].after);
        enum zp_err err = parse(body.data, body.len, &placement, &faults);
        expect_faults(cases[i].name, &faults, cases[i].faults);
        assert_int_equal(err, cases[i].faults[0] == NULL ? ZP_OK : ZP_INVALID);
        buffer_finish(&body);
    }
}

static void a_line_too_many_hides_no_other_fault(void **state)
{
    (void)state;
    static const char *const want[] = { "too_many /lines", "out_of_range /lines/0/quantity", NULL };
    struct placement placement;
    struct reason_list faults = { .count = 0 };
    struct buffer body;

    put_repeated(&body, "{\"type\":\"pickup\",\"lines\":[{\"item_id\":\"a\",\"quantity\":0},", LINE, 100, "]}");
    assert_int_equal(parse(body.data, body.len, &placement, &faults), ZP_INVALID);
    expect_faults("101 lines, the first bad", &faults, want);
    buffer_finish(&body);
}

static void faults_beyond_the_list_take_no_memory(void **state)
{
    (void)state;
    struct placement placement;
    struct reason_list faults = { .count = 0 };
    struct buffer body;

    put_repeated(&body, "{\"type\":\"pickup\",\"lines\":[", "{\"item_id\":\"A\",\"quantity\":0,\"x\":1}", 100, "]}");
    assert_int_equal(parse(body.data, body.len, &placement, &faults), ZP_INVALID);
    assert_int_equal(faults.count, ORDER_REASONS_MAX);
    assert_string_equal(faults.items[63].pointer, "/lines/21/item_id");
    assert_true(arena.used_bytes < 32 * 1024);
    buffer_finish(&body);
}

/* ---- depth --------------------------------------------------------------------------------------------- */

static void nesting_ends_at_sixteen(void **state)
{
    (void)state;
    static const struct { size_t lists; enum zp_err err; const char *fault; } cases[] = {
        { 15, ZP_INVALID, "unknown_field /x" }, /* with the object around it the sixteenth */
        { 16, ZP_MALFORMED, "too_deep /x/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0" },
        { 17, ZP_MALFORMED, "too_deep /x/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0" },
        { 100000, ZP_MALFORMED, "too_deep /x/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0" },
    };
    for (size_t i = 0; i < ZP_COUNT(cases); i++) {
        const char *want[] = { cases[i].fault, NULL };
        struct placement placement;
        struct reason_list faults = { .count = 0 };
        struct buffer body;

        buffer_init(&body, MESSAGE_BODY_BYTES_MAX);
        buffer_puts(&body, "{\"type\":\"pickup\",\"lines\":[" LINE "],\"x\":");
        for (size_t depth = 0; depth < cases[i].lists; depth++) {
            buffer_putc(&body, '[');
        }
        for (size_t depth = 0; depth < cases[i].lists; depth++) {
            buffer_putc(&body, ']');
        }
        buffer_puts(&body, "}");
        assert_int_equal(parse(body.data, body.len, &placement, &faults), cases[i].err);
        expect_faults("depth", &faults, want);
        buffer_finish(&body);
    }
}

static void brackets_in_a_text_are_not_depth(void **state)
{
    (void)state;
    static const char body[] = NOTE("\"[[[[[[[[[[[[[[[[[[[[ \\\" {{{{{{{{{{{{{{{{{{{{ \\\\\"");
    struct placement placement;
    struct reason_list faults = { .count = 0 };

    assert_int_equal(parse(body, sizeof(body) - 1, &placement, &faults), ZP_OK);
}

static void a_raw_nul_is_said_where_it_stands(void **state)
{
    (void)state;
    static const struct { const char *name; const char body[64]; size_t len; const char *fault; } cases[] = {
        { "alone", "\0", 1, "nul " },
        { "behind the body", "{}\0", 3, "nul " },
        { "in a text", "{\"note\":\"a\0b\"}", 14, "nul /note" },
        { "in a name", "{\"no\0te\":\"a\"}", 13, "nul /no" },
    };
    for (size_t i = 0; i < ZP_COUNT(cases); i++) {
        const char *want[] = { cases[i].fault, NULL };
        struct placement placement;
        struct reason_list faults = { .count = 0 };

        assert_int_equal(parse(cases[i].body, cases[i].len, &placement, &faults), ZP_MALFORMED);
        expect_faults(cases[i].name, &faults, want);
    }
}

/* ---- cut off, flipped ---------------------------------------------------------------------------------- */

static void a_body_cut_anywhere_is_malformed(void **state)
{
    (void)state;
    static const char body[] = WITH("\"note\":\"a\\u00e4\\\"€\",\"tip\":100,\"customer\":{\"name\":null}");

    for (size_t cut = 0; cut < sizeof(body) - 1; cut++) {
        struct placement placement;
        struct reason_list faults = { .count = 0 };
        if (parse(body, cut, &placement, &faults) != ZP_MALFORMED || faults.count != 1) {
            fail_msg("cut to %zu bytes", cut);
        }
    }
}

static void a_flipped_byte_never_crashes(void **state)
{
    (void)state;
    char body[] = WITH("\"note\":\"a\\u00e4\\\"€\",\"tip\":100,\"customer\":{\"name\":null},"
        "\"expected_total\":1234567");

    for (size_t i = 0; i < sizeof(body) - 1; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct placement placement;
            struct reason_list faults = { .count = 0 };
            body[i] ^= (char)(1U << bit);
            enum zp_err err = parse(body, sizeof(body) - 1, &placement, &faults);
            assert_true((err == ZP_OK && faults.count == 0) ||
                        ((err == ZP_MALFORMED || err == ZP_INVALID) && faults.count > 0));
            body[i] ^= (char)(1U << bit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(each_body_gets_its_answer),
        test(a_body_fills_the_placement),
        test(what_is_left_out_has_its_default),
        test(lists_end_where_they_must),
        test(a_line_too_many_hides_no_other_fault),
        test(faults_beyond_the_list_take_no_memory),
        test(nesting_ends_at_sixteen),
        test(brackets_in_a_text_are_not_depth),
        test(a_raw_nul_is_said_where_it_stands),
        test(a_body_cut_anywhere_is_malformed),
        test(a_flipped_byte_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
