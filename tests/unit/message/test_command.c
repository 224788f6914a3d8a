/* A command as a record: what stands around it, and what is not believed of it. */
#include "support.h"

#define UUID_LOCATION "0193f0a1-5c3e-8711-9abc-def012345602"
#define UUID_COMMAND "0193f0a1-5c3e-8711-9abc-def012345604"
#define UUID_OTHER "0193f0a1-5c3e-8711-9abc-def0123456ff"
#define TEXT_500 TEXT_100 TEXT_100 TEXT_100 TEXT_100 TEXT_100
#define TEXT_100 "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"

static struct record sample_record(enum command_type type)
{
    struct record record;

    assert_int_equal(message_command_write(sample_command(type), NULL, &arena, &record), ZP_OK);
    return record;
}

static void expect_header(const struct record *record, const char *name, const char *want)
{
    const struct header *header = record_header(record, name);

    if (header == NULL || header->len != strlen(want) || memcmp(header->value, want, header->len) != 0) {
        fail_msg("%s is not \"%s\"", name, want);
    }
}

static void a_command_stands_in_cloudevents_headers(void **state)
{
    (void)state;
    struct record record;

    assert_int_equal(message_command_write(sample_command(CMD_ORDER_START), "00-4bf9-00f0-01", &arena, &record), ZP_OK);
    expect_header(&record, "ce_specversion", "1.0");
    expect_header(&record, "ce_id", UUID_COMMAND);
    expect_header(&record, "ce_type", "order_start");
    expect_header(&record, "ce_source", "/locations/" UUID_LOCATION "/commands");
    expect_header(&record, "ce_time", "2026-01-02T15:04:05.678Z");
    expect_header(&record, "ce_dataschema", "/schemas/orders.commands.v1.json");
    expect_header(&record, "content-type", "application/vnd.msgpack");
    expect_header(&record, "partitionkey", UUID_LOCATION);
    expect_header(&record, "traceparent", "00-4bf9-00f0-01");
    expect_header(&record, "user_id", "0193f0a1-5c3e-8711-9abc-def012345603");
    assert_int_equal(record.header_count, 10);
    assert_int_equal(record.key_len, 36);
    assert_memory_equal(record.key, UUID_LOCATION, 36);
    assert_int_equal(record.partition, -1);
    assert_int_equal(record.offset, -1);
}

static void without_a_trace_there_is_no_header_for_it(void **state)
{
    (void)state;
    struct record record = sample_record(CMD_ORDER_START);

    assert_null(record_header(&record, "traceparent"));
    assert_int_equal(record.header_count, 9);
}

static void a_redrive_says_so_beside_its_value(void **state)
{
    (void)state;
    struct record record;

    assert_int_equal(message_command_write(sample_redrive(), NULL, &arena, &record), ZP_OK);
    expect_header(&record, "redrives", "0193f0a1-5c3e-8711-9abc-def012345601");
    expect_header(&record, "redrive_count", "2");
    assert_null(record_header(&(struct record){ .header_count = 0 }, "redrives"));
}

/* ---- what is optional ---------------------------------------------------------------------------------------- */

static void what_is_left_out_has_its_default(void **state)
{
    (void)state;
    struct command sparse = { .type = CMD_ORDER_PLACE, .if_match = AMOUNT_ABSENT, .submitted_at = SAMPLE_AT };
    struct placement_line line = { .item_id = "a", .quantity = 1 };
    struct command read;
    struct record record;
    const char *why = NULL;

    sparse.id = sparse.order_id = sample_command(CMD_ORDER_PLACE)->id;
    sparse.location_id = sample_command(CMD_ORDER_PLACE)->location_id;
    sparse.actor.role = ROLE_SYSTEM; /* which is no user */
    sparse.placement = (struct placement){ .lines = &line, .line_count = 1, .expected_total = AMOUNT_ABSENT };
    assert_int_equal(message_command_write(&sparse, NULL, &arena, &record), ZP_OK);
    assert_int_equal(message_command_read(&record, &arena, &read, &why), ZP_OK);
    assert_true(thing_same(&command_thing, VARIANT(CMD_ORDER_PLACE), &sparse, &read));
    assert_null(read.reason);
    assert_null(read.placement.customer.name);
    assert_null(read.placement.lines[0].note);
    assert_int_equal(read.placement.expected_total, AMOUNT_ABSENT);
}

static const struct row {
    const char *name;
    enum command_type type;
    const char *pointer, *json; /* the edit; NULL takes away */
    const char *why;            /* NULL: still a command */
} rows[] = {
    { "an unknown name is a field of the future", CMD_ORDER_START, "/courier", "{\"x\":[1,2,{\"y\":null}]}", NULL },
    { "another type's payload is skipped", CMD_ORDER_START, "/placement", "17", NULL },
    { "a step may go without a reason", CMD_ORDER_START, "/reason", NULL, NULL },
    { "nil is not given", CMD_ORDER_START, "/reason", "null", NULL },
    { "a default for an option's quantity", CMD_ORDER_PLACE, "/placement/lines/0/options/0/quantity", NULL, NULL },
    { "no options", CMD_ORDER_PLACE, "/placement/lines/0/options", NULL, NULL },
    { "no customer", CMD_ORDER_PLACE, "/placement/customer", NULL, NULL },
    { "500 characters", CMD_ORDER_PLACE, "/placement/note", "\"" TEXT_500 "\"", NULL },

    { "no id", CMD_ORDER_START, "/id", NULL, "/id: this is required" },
    { "nil for an id", CMD_ORDER_START, "/id", "null", "/id: this is required" },
    { "the id that is none", CMD_ORDER_START, "/id", "\"00000000-0000-0000-0000-000000000000\"",
      "/id: must be a UUID" },
    { "an id that is no UUID", CMD_ORDER_START, "/order_id", "\"17\"", "/order_id: must be a UUID" },
    { "another id than the header's", CMD_ORDER_START, "/id", "\"" UUID_OTHER "\"",
      "the header ce_id is not the command's id" },
    { "another location than the key's", CMD_ORDER_START, "/location_id", "\"" UUID_OTHER "\"",
      "the key is not the location's id" },
    { "no order", CMD_ORDER_START, "/order_id", NULL, "/order_id: this is required" },
    { "no actor", CMD_ORDER_START, "/actor", NULL, "/actor: this is required" },
    { "an actor that is no map", CMD_ORDER_START, "/actor", "[]", "/actor: must be a map" },
    { "a role nobody has", CMD_ORDER_START, "/actor/role", "\"root\"",
      "/actor/role: must be one of customer, kitchen, manager, admin, system" },
    { "a role that only starts like one", CMD_ORDER_START, "/actor/role", "\"admin2\"",
      "/actor/role: must be one of customer, kitchen, manager, admin, system" },
    { "a location that is no id", CMD_ORDER_START, "/actor/locations/1", "7",
      "/actor/locations/1: must be a UUID as a string" },
    { "nil among the locations", CMD_ORDER_START, "/actor/locations/1", "null",
      "/actor/locations/1: this is required" },
    { "locations that are no list", CMD_ORDER_START, "/actor/locations", "{}",
      "/actor/locations: must be an array of UUIDs" },
    { "a short fingerprint", CMD_ORDER_START, "/fingerprint", "{\"$bin\":\"0011\"}", "/fingerprint: must be bytes" },
    { "a fingerprint as text", CMD_ORDER_START, "/fingerprint", "\"0123456789abcdef\"", "/fingerprint: must be bytes" },
    { "a version below 0", CMD_ORDER_START, "/if_match", "-1", "/if_match: must be from 0 to 9223372036854775807" },
    { "the version that means none", CMD_ORDER_START, "/if_match", "-9223372036854775808",
      "/if_match: must be from 0 to 9223372036854775807" },
    { "a version beyond int64", CMD_ORDER_START, "/if_match", "{\"$uint\":\"18446744073709551615\"}",
      "/if_match: must be from 0 to 9223372036854775807" },
    { "a time before 1970", CMD_ORDER_START, "/submitted_at", "-1",
      "/submitted_at: must be from 0 to 253402300799999999" },
    { "a time after 9999", CMD_ORDER_START, "/submitted_at", "253402300800000000",
      "/submitted_at: must be from 0 to 253402300799999999" },
    { "a time as text", CMD_ORDER_START, "/submitted_at", "\"2026-01-02T15:04:05.678Z\"",
      "/submitted_at: must be a time" },
    { "a reason that is too long", CMD_ORDER_START, "/reason", "\"" TEXT_500 "1\"",
      "/reason: must have at most 500 characters" },
    { "a NUL in a text", CMD_ORDER_START, "/reason", "\"a\\u0000b\"",
      "/reason: must be UTF-8 text without control characters other than newline and tab" },
    { "a control character", CMD_ORDER_START, "/reason", "\"a\\u001bb\"",
      "/reason: must be UTF-8 text without control characters other than newline and tab" },
    { "text that is bytes", CMD_ORDER_START, "/reason", "{\"$bin\":\"41\"}", "/reason: must be a string" },
    { "no placement", CMD_ORDER_PLACE, "/placement", NULL, "/placement: this is required" },
    { "no lines", CMD_ORDER_PLACE, "/placement/lines", "[]", "/placement/lines: must have at least 1" },
    { "a line that is no map", CMD_ORDER_PLACE, "/placement/lines/1", "7", "/placement/lines/1: must be a map" },
    { "a quantity of 0", CMD_ORDER_PLACE, "/placement/lines/1/quantity", "0",
      "/placement/lines/1/quantity: must be from 1 to 999" },
    { "a quantity of 1000", CMD_ORDER_PLACE, "/placement/lines/1/quantity", "1000",
      "/placement/lines/1/quantity: must be from 1 to 999" },
    { "a quantity of 1.0", CMD_ORDER_PLACE, "/placement/lines/1/quantity", "1.0",
      "/placement/lines/1/quantity: must be an integer" },
    { "a quantity of true", CMD_ORDER_PLACE, "/placement/lines/1/quantity", "true",
      "/placement/lines/1/quantity: must be an integer" },
    { "an item with blanks", CMD_ORDER_PLACE, "/placement/lines/0/item_id", "\"a burger\"",
      "/placement/lines/0/item_id: must hold nothing but lower-case letters, digits, '-' and '_'" },
    { "an item without a name", CMD_ORDER_PLACE, "/placement/lines/0/item_id", "\"\"",
      "/placement/lines/0/item_id: must have at least 1 characters" },
    { "a type that is none", CMD_ORDER_PLACE, "/placement/type", "\"drone\"",
      "/placement/type: must be one of pickup, dine_in, delivery" },
    { "a negative tip", CMD_ORDER_PLACE, "/placement/tip", "-1", "/placement/tip: must be from 0 to 100000000000" },
    { "no settings", CMD_LOCATION_SET, "/settings", NULL, "/settings: this is required" },
    { "a number for a truth", CMD_LOCATION_SET, "/settings/auto_accept", "1",
      "/settings/auto_accept: must be true or false" },
    { "a currency of two letters", CMD_LOCATION_SET, "/settings/currency", "\"EU\"",
      "/settings/currency: must have at least 3 characters" },
    { "no menu", CMD_MENU_SET, "/menu", NULL, "/menu: this is required" },
    { "an allergen without a name", CMD_MENU_SET, "/menu/items/0/allergens/1", "\"\"",
      "/menu/items/0/allergens/1: must have at least 1 characters" },
    { "an option's price in words", CMD_MENU_SET, "/menu/items/0/option_groups/0/options/1/price", "\"free\"",
      "/menu/items/0/option_groups/0/options/1/price: must be an integer" },
    { "no item", CMD_MENU_ITEM_SET, "/item", NULL, "/item: this is required" },
};

static void each_field_is_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        struct record record = sample_record(row->type);
        struct command command;
        const char *why = NULL;
        size_t len;
        const void *value = value_edit(record.value, record.value_len, row->pointer, row->json, &len);

        record = record_with(&record, value, len);
        enum zp_err err = message_command_read(&record, &arena, &command, &why);
        if (row->why == NULL ? err != ZP_OK : err != ZP_MALFORMED || strcmp(why, row->why) != 0) {
            fail_msg("%s: %s, %s", row->name, zp_err_name(err), why == NULL ? "" : why);
        }
    }
}

/* ---- maps that no encoder of ours would write --------------------------------------------------------------- */

static void odd_maps_are_refused(void **state)
{
    (void)state;
    static const struct { const char *name, *hex, *why; } odd[] = {
        { "no map",                         "c0",                   "must be a map" },
        { "a list",                         "9181a26964",           "must be a map" },
        { "an empty value",                 "",                     "this is not msgpack, or it is cut off" },
        { "a map of nothing",               "80",                   "/id: this is required" },
        { "a name that is a number",        "810102",               "names must be strings" },
        { "a name that is bytes",           "81c402696402",         "names must be strings" },
        { "a known name twice",             "82a6726561736f6ea0a6726561736f6ea0",
          "/reason: this field stands here twice" },
        { "a known name twice, first nil",  "82a6726561736f6ec0a6726561736f6ea0",
          "/reason: this field stands here twice" },
        { "an unknown name twice",          "82a17801a17802",
          "/x: no field has this name, and it stands here twice or is one of too many" },
        { "a name that is no text",         "81a4610a62ff01",       "/id: this is required" },
        { "a text that is not UTF-8",       "81a6726561736f6ea2c328",
          "/reason: must be UTF-8 text without control characters other than newline and tab" },
        { "a surrogate in a text",          "81a6726561736f6ea3eda080",
          "/reason: must be UTF-8 text without control characters other than newline and tab" },
    };
    for (size_t i = 0; i < ZP_COUNT(odd); i++) {
        struct record record = sample_record(CMD_ORDER_START);
        struct command command;
        const char *why = NULL;
        size_t len = strlen(odd[i].hex) / 2;
        uint8_t *value = arena_alloc(&arena, len);

        assert_true(crypto_unhex(odd[i].hex, 2 * len, value, len));
        record = record_with(&record, value, len);
        enum zp_err err = message_command_read(&record, &arena, &command, &why);
        if (err != ZP_MALFORMED || strcmp(why, odd[i].why) != 0) {
            fail_msg("%s: %s, %s", odd[i].name, zp_err_name(err), why);
        }
    }
}

static void bytes_left_over_are_refused(void **state)
{
    (void)state;
    struct record record = sample_record(CMD_ORDER_START);
    char *longer = arena_strndup(&arena, record.value, record.value_len + 1);
    struct command command;
    const char *why = NULL;

    longer[record.value_len] = (char)0xc0;
    record = record_with(&record, longer, record.value_len + 1);
    assert_int_equal(message_command_read(&record, &arena, &command, &why), ZP_MALFORMED);
    assert_string_equal(why, "bytes are left over behind the value");
}

/* 64 unknown names are a newer writer, 65 are not. */
static void unknown_names_are_counted(void **state)
{
    (void)state;
    for (unsigned count = 64; count <= 65; count++) {
        struct record record = sample_record(CMD_ORDER_START);
        struct command command;
        const char *why = NULL;
        uint8_t value[512] = { 0xde, 0, (uint8_t)count };
        size_t len = 3;

        for (unsigned i = 0; i < count; i++) {
            value[len++] = 0xa2;
            value[len++] = 'x';
            value[len++] = (uint8_t)('!' + i);
            value[len++] = 0xc0;
        }
        record = record_with(&record, value, len);
        assert_int_equal(message_command_read(&record, &arena, &command, &why), ZP_MALFORMED);
        assert_string_equal(why, count == 64 ? "/id: this is required"
                                             : "/xa: no field has this name, and it stands here twice or is one of "
                                               "too many");
    }
}

/* What is wrong ends up in an event, as a reason's detail: it must not carry what an event can't. */
static void why_is_text_whatever_the_names_were(void **state)
{
    (void)state;
    static const uint8_t value[] = { 0x82, 0xa4, 'a', 0x01, 0x00, 0xff, 0x01, 0xa4, 'a', 0x01, 0x00, 0xff, 0x01 };
    struct record record = sample_record(CMD_ORDER_START);
    struct command command;
    const char *why = NULL;

    record = record_with(&record, value, sizeof(value));
    assert_int_equal(message_command_read(&record, &arena, &command, &why), ZP_MALFORMED);
    assert_string_equal(why, "/a: no field has this name, and it stands here twice or is one of too many");
}

/* ---- headers and key ---------------------------------------------------------------------------------------- */

static void headers_and_key_are_judged(void **state)
{
    (void)state;
    static const struct { const char *name, *header, *text, *why; } bad[] = {
        { "no type",          "ce_type", NULL,            "the header ce_type names no command" },
        { "an empty type",    "ce_type", "",              "the header ce_type names no command" },
        { "an unknown type",  "ce_type", "order_eat",     "the header ce_type names no command" },
        { "an event's type",  "ce_type", "order_started", "the header ce_type names no command" },
        { "another type",     "ce_type", "order_place",   "/placement: this is required" },
        { "no id",            "ce_id",   NULL,            "the header ce_id is not the command's id" },
        { "an id of another", "ce_id",   UUID_OTHER,      "the header ce_id is not the command's id" },
        { "an id that is none", "ce_id", "17",            "the header ce_id is not the command's id" },
    };
    for (size_t i = 0; i < ZP_COUNT(bad); i++) {
        struct record record = sample_record(CMD_ORDER_START);
        struct command command;
        const char *why = NULL;

        record = record_with_header(&record, bad[i].header, bad[i].text);
        enum zp_err err = message_command_read(&record, &arena, &command, &why);
        if (err != ZP_MALFORMED || strcmp(why, bad[i].why) != 0) {
            fail_msg("%s: %s, %s", bad[i].name, zp_err_name(err), why);
        }
    }
}

/* Who reads only headers sees redrives too: what they say must be what the command is. */
static void the_headers_of_a_redrive_are_judged(void **state)
{
    (void)state;
    static const struct { const char *name; bool is_redrive; const char *header, *text; } bad[] = {
        { "not what it redrives",                 true,  "redrives", NULL },
        { "it redrives another",                  true,  "redrives", UUID_OTHER },
        { "it redrives what is no id",            true,  "redrives", "17" },
        { "not the how manieth",                  true,  "redrive_count", NULL },
        { "another count",                        true,  "redrive_count", "3" },
        { "a count that is no number",            true,  "redrive_count", "two" },
        { "no redrive that says that it is one",  false, "redrives", UUID_OTHER },
        { "no redrive that counts",               false, "redrive_count", "1" },
    };
    for (size_t i = 0; i < ZP_COUNT(bad); i++) {
        struct record record = sample_record(CMD_ORDER_PLACE);
        struct command command;
        const char *why = NULL;

        if (bad[i].is_redrive) {
            assert_int_equal(message_command_write(sample_redrive(), NULL, &arena, &record), ZP_OK);
        }
        assert_int_equal(message_command_read(&record, &arena, &command, &why), ZP_OK);
        record = record_with_header(&record, bad[i].header, bad[i].text);
        enum zp_err err = message_command_read(&record, &arena, &command, &why);
        if (err != ZP_MALFORMED ||
            strcmp(why, "the headers redrives and redrive_count are not the command's") != 0) {
            fail_msg("%s: %s, %s", bad[i].name, zp_err_name(err), why);
        }
    }
}

/* A regression: a count without what it counts was written to the value alone, and its reader refused it. */
static void whatever_counts_redrives_is_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct command odd = *sample_redrive(), read;
        struct record record;
        const char *why = NULL;

        odd.redrives = (i & 1) == 0 ? ID_NONE : odd.redrives;
        odd.redrive_count = (i & 2) == 0 ? 0 : odd.redrive_count;
        assert_int_equal(message_command_write(&odd, NULL, &arena, &record), ZP_OK);
        assert_int_equal(message_command_read(&record, &arena, &read, &why), ZP_OK);
        assert_true(id_equal(&read.redrives, &odd.redrives));
        assert_int_equal(read.redrive_count, odd.redrive_count);
    }
}

static void the_key_is_the_location_exactly(void **state)
{
    (void)state;
    static const char *const keys[] = { "", UUID_OTHER, UUID_LOCATION "x", "0193F0A1-5C3E-8711-9ABC-DEF012345602" };
    for (size_t i = 0; i < ZP_COUNT(keys); i++) {
        struct record record = sample_record(CMD_ORDER_START);
        struct command command;
        const char *why = NULL;

        record.key = keys[i];
        record.key_len = strlen(keys[i]);
        assert_int_equal(message_command_read(&record, &arena, &command, &why), ZP_MALFORMED);
        assert_string_equal(why, "the key is not the location's id");
    }
}

/* ---- who asked ----------------------------------------------------------------------------------------------- */

static void a_record_that_is_not_read_says_who_asked(void **state)
{
    (void)state;
    static const struct { const char *name, *text; bool says; } rows_of_users[] = {
        { "a user",               "0193f0a1-5c3e-8711-9abc-def012345603",  true },
        { "nobody",               NULL,                                    false },
        { "an empty header",      "",                                      false },
        { "what is no id",        "root",                                  false },
        { "an id and more",       "0193f0a1-5c3e-8711-9abc-def012345603x", false },
        { "an id that is cut off", "0193f0a1-5c3e-8711-9abc-def01234560",  false },
        { "digits that are none", "0193f0a1-5c3e-8711-9abc-def01234560g",  false },
    };
    for (size_t i = 0; i < ZP_COUNT(rows_of_users); i++) {
        struct record record = sample_record(CMD_ORDER_START);

        record = record_with_header(&record, "user_id", rows_of_users[i].text);
        record = record_with(&record, "garbage", 7);
        struct zp_id id = message_record_user(&record);
        if (!id_equal(&id, rows_of_users[i].says ? &sample_command(CMD_ORDER_START)->actor.user_id : &ID_NONE)) {
            fail_msg("%s: taken for somebody else", rows_of_users[i].name);
        }
    }
}

/* ---- the id of a record -------------------------------------------------------------------------------------- */

static void a_record_is_known_by_its_command(void **state)
{
    (void)state;
    struct record record = sample_record(CMD_ORDER_START);
    struct zp_id id = message_record_id(&record);

    assert_true(id_equal(&id, &sample_command(CMD_ORDER_START)->id));
}

static void a_record_without_an_id_is_known_by_its_bytes(void **state)
{
    (void)state;
    struct record record = sample_record(CMD_ORDER_START), other;
    struct record bare = record_with_header(&record, "ce_id", NULL);
    struct zp_id id = message_record_id(&bare), again = message_record_id(&bare), none;

    assert_true(id_equal(&id, &again));
    assert_int_equal(id.bytes[6] >> 4, 8);  /* UUIDv8 */
    assert_int_equal(id.bytes[8] >> 6, 2);
    assert_true(id_prefix(&id) == id_location_prefix(&sample_command(CMD_ORDER_START)->location_id));
    other = record_with(&bare, "x", 1);
    again = message_record_id(&other);
    assert_false(id_equal(&id, &again));
    other = record_with_header(&record, "ce_id", "not a UUID");
    again = message_record_id(&other);
    assert_true(id_equal(&id, &again));
    other = record_with_header(&record, "ce_id", "00000000-0000-0000-0000-000000000000");
    again = message_record_id(&other);
    assert_true(id_equal(&id, &again));
    other = (struct record){ .key = NULL };
    none = message_record_id(&other);
    assert_false(id_is_none(&none));
    struct record ab = { .key = "ab", .key_len = 2, .value = "c", .value_len = 1 };
    struct record abc = { .key = "a", .key_len = 1, .value = "bc", .value_len = 2 };
    id = message_record_id(&ab);
    again = message_record_id(&abc);
    assert_false(id_equal(&id, &again));
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        test(a_command_stands_in_cloudevents_headers),
        test(without_a_trace_there_is_no_header_for_it),
        test(a_redrive_says_so_beside_its_value),
        test(what_is_left_out_has_its_default),
        test(each_field_is_judged),
        test(odd_maps_are_refused),
        test(bytes_left_over_are_refused),
        test(unknown_names_are_counted),
        test(why_is_text_whatever_the_names_were),
        test(headers_and_key_are_judged),
        test(the_headers_of_a_redrive_are_judged),
        test(whatever_counts_redrives_is_read_back),
        test(the_key_is_the_location_exactly),
        test(a_record_that_is_not_read_says_who_asked),
        test(a_record_is_known_by_its_command),
        test(a_record_without_an_id_is_known_by_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
