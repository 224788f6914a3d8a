/* An event as bytes and as a record: what stands around it, and what is not believed of it. */
#include "support.h"

#define UUID_LOCATION "0193f0a1-5c3e-8711-9abc-def012345602"
#define UUID_COMMAND "0193f0a1-5c3e-8711-9abc-def012345604"
#define UUID_USER "0193f0a1-5c3e-8711-9abc-def012345603"
#define UUID_OTHER "0193f0a1-5c3e-8711-9abc-def0123456ff"
#define HASH_TEXT "deadbeef00000000000000000000000000000000000000000000000000000000"

/* A record around the sample; its value lies in the test's arena. */
static struct record sample_record(enum event_type type)
{
    struct buffer value;
    struct record record;

    sample_event_bytes(type, &value);
    const void *copy = arena_strndup(&arena, value.data, value.len);
    assert_int_equal(message_event_write(sample_event(type), sample_meta(), 7, copy, value.len, &arena, &record),
                     ZP_OK);
    buffer_finish(&value);
    return record;
}

static void expect_header(const struct record *record, const char *name, const char *want)
{
    const struct header *header = record_header(record, name);

    if (header == NULL || header->len != strlen(want) || memcmp(header->value, want, header->len) != 0) {
        fail_msg("%s is not \"%s\"", name, want);
    }
}

static void an_event_stands_in_cloudevents_headers(void **state)
{
    (void)state;
    struct record record = sample_record(EV_ORDER_STARTED);

    expect_header(&record, "ce_specversion", "1.0");
    expect_header(&record, "ce_id", UUID_COMMAND);
    expect_header(&record, "ce_type", "order_started");
    expect_header(&record, "ce_source", "/locations/" UUID_LOCATION);
    expect_header(&record, "ce_time", "2026-01-02T15:04:05.678Z");
    expect_header(&record, "ce_dataschema", "/schemas/orders.events.v1.json");
    expect_header(&record, "content-type", "application/vnd.msgpack");
    expect_header(&record, "partitionkey", UUID_LOCATION);
    expect_header(&record, "command_id", UUID_COMMAND);
    expect_header(&record, "command_offset", "4711");
    expect_header(&record, "command_type", "order_start");
    expect_header(&record, "user_id", UUID_USER);
    expect_header(&record, "fingerprint", "0001020304050607f8f9fafbfcfdfeff");
    expect_header(&record, "sequence", "124");
    expect_header(&record, "hash", HASH_TEXT);
    assert_int_equal(record.header_count, 15);
    assert_memory_equal(record.key, UUID_LOCATION, 36);
    assert_int_equal(record.partition, 7);
}

static void what_has_no_seq_has_no_place_in_the_chain(void **state)
{
    (void)state;
    struct record record = sample_record(EV_COMMAND_REFUSED);

    assert_null(record_header(&record, "sequence"));
    assert_null(record_header(&record, "hash"));
}

static void what_is_parked_may_belong_nowhere(void **state)
{
    (void)state;
    struct event_meta meta = *sample_meta(), read_meta;
    struct buffer value;
    struct record record;
    struct event event;
    const char *why = NULL;

    meta.command_type = CMD_COUNT;
    sample_event_bytes(EV_COMMAND_PARKED, &value);
    assert_int_equal(message_event_write(sample_event(EV_COMMAND_PARKED), &meta, 7, value.data, value.len, &arena,
                                         &record), ZP_OK);
    assert_int_equal(record.key_len, 0);
    assert_null(record_header(&record, "partitionkey"));
    assert_null(record_header(&record, "command_type"));
    assert_int_equal(message_event_read(&record, &arena, &event, &read_meta, &why), ZP_OK);
    assert_true(id_is_none(&event.location_id));
    assert_null(event.by);
    assert_int_equal(read_meta.command_type, CMD_COUNT);
    buffer_finish(&value);
}

static void each_record_reads_as_it_was(void **state)
{
    (void)state;
    for (enum event_type type = 0; type < EV_COUNT; type++) {
        struct record record = sample_record(type);
        struct event event;
        struct event_meta meta;
        const char *why = NULL;

        if (message_event_read(&record, &arena, &event, &meta, &why) != ZP_OK) {
            fail_msg("%s: %s", EVENT_WORDS.names[type], why);
        }
        assert_true(thing_same(&event_thing, VARIANT(type), sample_event(type), &event));
        assert_int_equal(meta.command_offset, 4711);
        assert_int_equal(meta.command_type, CMD_ORDER_START);
        assert_true(id_equal(&meta.user_id, &sample_meta()->user_id));
        assert_memory_equal(meta.fingerprint, sample_meta()->fingerprint, sizeof(meta.fingerprint));
        static const uint8_t no_hash[HASH_SIZE];
        assert_memory_equal(meta.hash, event.seq == 0 ? no_hash : sample_meta()->hash, HASH_SIZE);
    }
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static const struct row {
    const char *name;
    enum event_type type;
    const char *pointer, *json; /* the edit; NULL takes away */
    const char *why;            /* NULL: still an event */
} rows[] = {
    { "an unknown name is a field of the future", EV_ORDER_PLACED, "/order/lines/0/course", "[{\"a\":1}]", NULL },
    { "another type's payload is skipped", EV_ORDER_PLACED, "/menu", "17", NULL },
    { "an order without a currency", EV_ORDER_REJECTED, "/order/currency", NULL, NULL },
    { "a line without a name", EV_ORDER_REJECTED, "/order/lines/0/name", NULL, NULL },
    { "an order of nobody", EV_ORDER_PLACED, "/order/owner", NULL, NULL },
    { "an order not yet promised", EV_ORDER_PLACED, "/order/promised_at", NULL, NULL },
    { "an amount below 0, for it was reckoned", EV_ORDER_PLACED, "/order/total", "-1", NULL },
    { "a refusal that names no order", EV_COMMAND_REFUSED, "/order_id", NULL, NULL },

    { "no type", EV_ORDER_PLACED, "/type", NULL, "the value is no map with the type of an event" },
    { "an unknown type", EV_ORDER_PLACED, "/type", "\"order_eaten\"", "the value is no map with the type of an event" },
    { "a type that is a number", EV_ORDER_PLACED, "/type", "1", "the value is no map with the type of an event" },
    { "no seq", EV_ORDER_PLACED, "/seq", NULL, "/seq: this is required" },
    { "a seq of 0", EV_ORDER_PLACED, "/seq", "0", "/seq: must be from 1 to 9223372036854775807" },
    { "a seq where none is", EV_COMMAND_REFUSED, "/seq", "1", "/seq: must be from 0 to 0" },
    { "no time", EV_ORDER_PLACED, "/at", NULL, "/at: this is required" },
    { "no location", EV_COMMAND_REFUSED, "/location_id", NULL, "/location_id: this is required" },
    { "no order id", EV_ORDER_PLACED, "/order_id", NULL, "/order_id: this is required" },
    { "no command", EV_ORDER_PLACED, "/command_id", NULL, "/command_id: this is required" },
    { "nobody", EV_ORDER_PLACED, "/by", NULL, "/by: this is required" },
    { "somebody who is a huge number", EV_ORDER_PLACED, "/by", "{\"$uint\":\"18446744073709551615\"}",
      "/by: must be a string" },
    { "no order", EV_ORDER_PLACED, "/order", NULL, "/order: this is required" },
    { "an order that is a list", EV_ORDER_PLACED, "/order", "[]", "/order: must be a map" },
    { "an order without lines", EV_ORDER_PLACED, "/order/lines", NULL, "/order/lines: this is required" },
    { "an order without a fingerprint", EV_ORDER_PLACED, "/order/fingerprint", NULL,
      "/order/fingerprint: this is required" },
    { "a state that is none", EV_ORDER_PLACED, "/order/status", "\"eaten\"",
      "/order/status: must be one of none, submitted, rejected, scheduled, placed, accepted, preparing, ready, "
      "completed, cancelled, expired" },
    { "a line's state that is none", EV_ORDER_PLACED, "/order/lines/1/status", "\"eaten\"",
      "/order/lines/1/status: must be one of new, held, fired, cooking, ready, served, voided" },
    { "a total in words", EV_ORDER_PLACED, "/order/lines/1/total", "\"12\"",
      "/order/lines/1/total: must be an integer" },
    { "a total that means none", EV_ORDER_PLACED, "/order/total", "-9223372036854775808",
      "/order/total: must be from -9223372036854775807 to 9223372036854775807" },
    { "a reason without a code", EV_ORDER_REJECTED, "/order/reasons/1/code", NULL,
      "/order/reasons/1/code: this is required" },
    { "a refusal for no error", EV_COMMAND_REFUSED, "/err", NULL, "/err: this is required" },
    { "no settings", EV_LOCATION_SET, "/settings", NULL, "/settings: this is required" },
    { "no version of the menu", EV_MENU_ITEM_SET, "/menu_version", NULL, "/menu_version: this is required" },
};

static void each_field_is_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        struct record record = sample_record(row->type);
        struct event event;
        const char *why = NULL;
        size_t len;
        const void *value = value_edit(record.value, record.value_len, row->pointer, row->json, &len);

        enum zp_err err = message_event_decode(value, len, &arena, &event, &why);
        if (row->why == NULL ? err != ZP_OK : err != ZP_MALFORMED || strcmp(why, row->why) != 0) {
            fail_msg("%s: %s, %s", row->name, zp_err_name(err), why == NULL ? "" : why);
        }
    }
}

static void the_type_is_found_wherever_it_stands(void **state)
{
    (void)state;
    struct record record = sample_record(EV_MENU_ITEM_SET);
    struct event event;
    const char *why = NULL;
    size_t len, moved_len;
    const void *without = value_edit(record.value, record.value_len, "/type", NULL, &len);
    const void *moved = value_edit(without, len, "/type", "\"menu_item_set\"", &moved_len); /* now it is the last */

    assert_int_equal(message_event_decode(moved, moved_len, &arena, &event, &why), ZP_OK);
    assert_true(thing_same(&event_thing, VARIANT(EV_MENU_ITEM_SET), sample_event(EV_MENU_ITEM_SET), &event));
}

/* ---- headers ------------------------------------------------------------------------------------------- */

static void headers_and_key_are_judged(void **state)
{
    (void)state;
    static const struct { const char *name, *header, *text, *why; } bad[] = {
        { "no type",            "ce_type", NULL,          "the header ce_type is not the event's type" },
        { "another type",       "ce_type", "order_ready", "the header ce_type is not the event's type" },
        { "no command",         "command_id", NULL,       "the header command_id is not the event's" },
        { "another command",    "command_id", UUID_OTHER, "the header command_id is not the event's" },
        { "the type of another event", "ce_type", "order_readied", "the header ce_type is not the event's type" },
        { "an offset in letters", "command_offset", "1a",  "the header command_offset is no number" },
        { "no offset",          "command_offset", NULL,   "the header command_offset is no number" },
        { "an empty offset",    "command_offset", "",     "the header command_offset is no number" },
        { "a negative offset",  "command_offset", "-1",   "the header command_offset is no number" },
        { "a blank offset",     "command_offset", " 1",   "the header command_offset is no number" },
        { "an endless offset",  "command_offset", "9999999999999999999", "the header command_offset is no number" },
        { "no user",            "user_id", NULL,          "the header user_id is no UUID" },
        { "a user's name",      "user_id", "anna",        "the header user_id is no UUID" },
        { "no fingerprint",     "fingerprint", NULL,      "the header fingerprint is not 16 bytes of hex" },
        { "a short fingerprint", "fingerprint", "00",     "the header fingerprint is not 16 bytes of hex" },
        { "an unknown command type", "command_type", "order_eat", "the header command_type names no command" },
        { "no sequence",        "sequence", NULL,         "the header sequence is not the event's seq" },
        { "another sequence",   "sequence", "125",        "the header sequence is not the event's seq" },
        { "no hash",            "hash", NULL,             "the header hash is not 32 bytes of hex" },
        { "a hash with a hole", "hash", "zz" HASH_TEXT,   "the header hash is not 32 bytes of hex" },
    };
    for (size_t i = 0; i < ZP_COUNT(bad); i++) {
        struct record record = sample_record(EV_ORDER_STARTED);
        struct event event;
        struct event_meta meta;
        const char *why = NULL;

        record = record_with_header(&record, bad[i].header, bad[i].text);
        enum zp_err err = message_event_read(&record, &arena, &event, &meta, &why);
        if (err != ZP_MALFORMED || strcmp(why, bad[i].why) != 0) {
            fail_msg("%s: %s, %s", bad[i].name, zp_err_name(err), why);
        }
    }
    struct record record = sample_record(EV_ORDER_STARTED);
    struct event event;
    struct event_meta meta;
    const char *why = NULL;
    record.key = UUID_OTHER;
    assert_int_equal(message_event_read(&record, &arena, &event, &meta, &why), ZP_MALFORMED);
    assert_string_equal(why, "the key is not the location's id");
}

/* ---- what an event tells of its command ------------------------------------------------------------------------- */

/* The table of commands says "refused" of a placement that the actor rejected, and "applied" of a kitchen's step. */
static void an_actor_s_rejection_refuses_its_command(void **state)
{
    (void)state;
    struct event event = *sample_event(EV_ORDER_REJECTED);
    struct outcome outcome = message_event_outcome(&event, sample_meta(), 3);
    assert_int_equal(outcome.err, ZP_INVALID);
    assert_int_equal(outcome.seq, event.seq);
    assert_int_equal(outcome.partition, 3);
    assert_ptr_equal(outcome.reasons, event.order.reasons);
    assert_int_equal(outcome.reason_count, 2);

    event.by = "kitchen";
    outcome = message_event_outcome(&event, sample_meta(), 3);
    assert_int_equal(outcome.err, ZP_OK);
    assert_int_equal(outcome.reason_count, 0);

    outcome = message_event_outcome(sample_event(EV_ORDER_PLACED), sample_meta(), 3);
    assert_int_equal(outcome.err, ZP_OK);
    assert_int_equal(outcome.reason_count, 0);
}

/* ---- other people's words ------------------------------------------------------------------------------ */

/* A server's error message may hold anything; an event that could not be read again would stop its partition for
 * ever. */
static void any_detail_can_be_read_again(void **state)
{
    (void)state;
    char endless[3 * 1100 + 1];
    static const struct { const char *name, *detail, *read; } details[] = {
        { "nothing",                 "",                        "" },
        { "half a character",        "caf\xc3",                 "caf?" },
        { "control characters",      "a\r\n\tb\x01\x7f\xc2\x85", "a?\n\tb???" },
        { "no UTF-8 at all",         "\xff\xfe\x80",            "???" },
        { "a surrogate",             "\xed\xa0\x80",            "???" },
        { "what stands before them", "\xed\x9f\xbb",            "\xed\x9f\xbb" },
        { "an emoji that is cut off", "a\xf0\x9f\x8d",          "a???" },
        { "everything that is fine", "ä€🍕\n\t\"\\",            "ä€🍕\n\t\"\\" },
    };

    for (size_t i = 0; i < ZP_COUNT(details) + 1; i++) {
        bool is_endless = i == ZP_COUNT(details);
        struct reason reason = { .code = "parked", .detail = is_endless ? endless : details[i].detail };
        struct event event = *sample_event(EV_COMMAND_PARKED), read;
        struct buffer value;
        const char *why = NULL;

        for (size_t c = 0; c < 1100; c++) {
            memcpy(endless + 3 * c, "€", 4);
        }
        event.reasons = &reason;
        event.reason_count = 1;
        buffer_init(&value, MESSAGE_VALUE_BYTES_MAX);
        message_event_encode(&event, &value);
        if (message_event_decode(value.data, value.len, &arena, &read, &why) != ZP_OK) {
            fail_msg("%s: %s", is_endless ? "endless" : details[i].name, why);
        }
        if (is_endless) {
            assert_int_equal(strlen(read.reasons[0].detail), 3 * 1000);
        } else {
            assert_string_equal(read.reasons[0].detail, details[i].read);
        }
        buffer_finish(&value);
    }
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        test(an_event_stands_in_cloudevents_headers),
        test(what_has_no_seq_has_no_place_in_the_chain),
        test(what_is_parked_may_belong_nowhere),
        test(each_record_reads_as_it_was),
        test(each_field_is_judged),
        test(the_type_is_found_wherever_it_stands),
        test(headers_and_key_are_judged),
        test(an_actor_s_rejection_refuses_its_command),
        test(any_detail_can_be_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
