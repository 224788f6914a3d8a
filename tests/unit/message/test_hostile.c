/* What is not a message: cut off, flipped, blown up, out of memory. Nothing of it may crash, or be believed. */
#include "support.h"

#include <stdio.h>

static struct record sample_record(enum command_type type)
{
    struct record record;

    assert_int_equal(message_command_write(sample_command(type), NULL, &arena, &record), ZP_OK);
    return record;
}

/* A copy that ends where its memory ends, so that the sanitizer sees a read behind it. */
static void *exactly(const void *bytes, size_t len)
{
    void *copy = malloc(len == 0 ? 1 : len);

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    return copy;
}

static enum zp_err read_command(const struct record *record, const void *value, size_t len, struct command *ret_command)
{
    struct arena own;
    void *copy = exactly(value, len);
    struct record cut = record_with(record, copy, len);
    const char *why = NULL;

    arena_init(&own, ARENA_BYTES);
    enum zp_err err = message_command_read(&cut, &own, ret_command, &why);
    assert_true(err == ZP_OK || (err == ZP_MALFORMED && why != NULL && *why != '\0'));
    arena_finish(&own);
    free(copy);
    return err;
}

static enum zp_err decode_event(const void *value, size_t len)
{
    struct arena own;
    void *copy = exactly(value, len);
    const char *why = NULL;
    struct event event;

    arena_init(&own, ARENA_BYTES);
    enum zp_err err = message_event_decode(copy, len, &own, &event, &why);
    assert_true(err == ZP_OK || (err == ZP_MALFORMED && why != NULL && *why != '\0'));
    if (err == ZP_OK) { /* what is believed can be written, and is believed again */
        struct buffer again;
        buffer_init(&again, MESSAGE_VALUE_BYTES_MAX);
        message_event_encode(&event, &again);
        assert_int_equal(again.err, ZP_OK);
        assert_int_equal(message_event_decode(again.data, again.len, &own, &event, &why), ZP_OK);
        buffer_finish(&again);
    }
    arena_finish(&own);
    free(copy);
    return err;
}

static void a_command_cut_anywhere_is_malformed(void **state)
{
    (void)state;
    for (enum command_type type = 0; type < CMD_COUNT; type++) {
        struct record record = sample_record(type);
        struct command command;
        for (size_t cut = 0; cut < record.value_len; cut++) {
            if (read_command(&record, record.value, cut, &command) != ZP_MALFORMED) {
                fail_msg("%s cut to %zu bytes", COMMAND_WORDS.names[type], cut);
            }
        }
    }
}

static void an_event_cut_anywhere_is_malformed(void **state)
{
    (void)state;
    for (enum event_type type = 0; type < EV_COUNT; type++) {
        struct buffer value;
        sample_event_bytes(type, &value);
        for (size_t cut = 0; cut < value.len; cut++) {
            if (decode_event(value.data, cut) != ZP_MALFORMED) {
                fail_msg("%s cut to %zu bytes", EVENT_WORDS.names[type], cut);
            }
        }
        buffer_finish(&value);
    }
}

static const uint8_t flips[] = { 0x01, 0x20, 0x80, 0xff };

static void a_flipped_byte_never_crashes_a_command(void **state)
{
    (void)state;
    for (enum command_type type = 0; type < CMD_COUNT; type++) {
        struct record record = sample_record(type);
        struct command command;
        uint8_t *bytes = (uint8_t *)arena_strndup(&arena, record.value, record.value_len);
        size_t refused = 0;

        for (size_t i = 0; i < record.value_len * ZP_COUNT(flips); i++) {
            bytes[i / ZP_COUNT(flips)] ^= flips[i % ZP_COUNT(flips)];
            refused += read_command(&record, bytes, record.value_len, &command) == ZP_MALFORMED;
            bytes[i / ZP_COUNT(flips)] ^= flips[i % ZP_COUNT(flips)];
        }
        assert_true(refused > record.value_len); /* most flips hit a head, a name or an id */
    }
}

static void a_flipped_byte_never_crashes_an_event(void **state)
{
    (void)state;
    for (enum event_type type = 0; type < EV_COUNT; type++) {
        struct buffer value;
        size_t refused = 0;

        sample_event_bytes(type, &value);
        for (size_t i = 0; i < value.len * ZP_COUNT(flips); i++) {
            value.data[i / ZP_COUNT(flips)] ^= (char)flips[i % ZP_COUNT(flips)];
            refused += decode_event(value.data, value.len) == ZP_MALFORMED;
            value.data[i / ZP_COUNT(flips)] ^= (char)flips[i % ZP_COUNT(flips)];
        }
        assert_true(refused > value.len);
        buffer_finish(&value);
    }
}

/* ---- bombs ------------------------------------------------------------------------------------------------ */

static void five_bytes_reserve_nothing(void **state)
{
    (void)state;
    static const struct { const char *name; uint8_t bytes[12]; size_t len; } bombs[] = {
        { "a map of 268435455 pairs",     { 0xdf, 0x0f, 0xff, 0xff, 0xff }, 5 },
        { "a list of 4294967295",         { 0xdd, 0xff, 0xff, 0xff, 0xff }, 5 },
        { "a map of 65535 pairs",         { 0xde, 0xff, 0xff }, 3 },
        { "a text of 4 GiB",              { 0xdb, 0xff, 0xff, 0xff, 0xff }, 5 },
        { "a list inside of a known row", { 0x81, 0xa5, 'a', 'c', 't', 'o', 'r', 0xdd, 0xff, 0xff, 0xff, 0xff }, 12 },
        { "a map inside of another row",  { 0x81, 0xa4, 'm', 'e', 'n', 'u', 0xdf, 0x0f, 0xff, 0xff, 0xff }, 11 },
    };
    for (size_t i = 0; i < ZP_COUNT(bombs); i++) {
        struct record record = sample_record(CMD_MENU_SET);
        size_t before = arena.used_bytes;
        struct event event;
        struct command command;
        const char *why = NULL;

        assert_int_equal(message_event_decode(bombs[i].bytes, bombs[i].len, &arena, &event, &why), ZP_MALFORMED);
        record = record_with(&record, bombs[i].bytes, bombs[i].len);
        if (message_command_read(&record, &arena, &command, &why) != ZP_MALFORMED || arena.used_bytes - before > 512) {
            fail_msg("%s", bombs[i].name);
        }
    }
}

static void a_list_takes_no_more_than_its_bytes_pay_for(void **state)
{
    (void)state;
    uint8_t value[4096] = { 0x81, 0xa4, 'm', 'e', 'n', 'u', 0x81, 0xa5, 'i', 't', 'e', 'm', 's', 0xdc, 2000 >> 8,
        2000 & 0xff };
    struct record record = sample_record(CMD_MENU_SET);
    struct command command;
    const char *why = NULL;
    size_t before = arena.used_bytes;

    record = record_with(&record, value, sizeof(value));
    assert_int_equal(message_command_read(&record, &arena, &command, &why), ZP_MALFORMED);
    assert_string_equal(why, "/menu/items/0: must be a map");
    assert_true(arena.used_bytes - before < 2000 * sizeof(struct menu_item) + 1024);
}

/* A value with one name that no row has, and lists of that depth below it. */
static size_t put_nest(uint8_t *value, size_t depth)
{
    size_t len = 0;

    value[len++] = 0x81;
    value[len++] = 0xa1;
    value[len++] = 'x';
    memset(value + len, 0x91, depth);
    value[len + depth - 1] = 0x90;
    return len + depth;
}

static void nesting_ends_at_sixteen(void **state)
{
    (void)state;
    static const struct { size_t lists; const char *why; } rows[] = {
        { 15, "/id: this is required" }, /* with the map around it the sixteenth: fine, and skipped */
        { 16, "/x: this is not msgpack, or it is cut off, or nested too deeply" },
        { 17, "/x: this is not msgpack, or it is cut off, or nested too deeply" },
        { 4000, "/x: this is not msgpack, or it is cut off, or nested too deeply" },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        uint8_t value[4096];
        struct record record = sample_record(CMD_ORDER_START);
        struct command command;
        const char *why = NULL;

        record = record_with(&record, value, put_nest(value, rows[i].lists));
        assert_int_equal(message_command_read(&record, &arena, &command, &why), ZP_MALFORMED);
        assert_string_equal(why, rows[i].why);
    }
}

/* ---- memory ------------------------------------------------------------------------------------------------ */

/* Runs an attempt with every ceiling from 0 on, until one is enough; each before that must say that memory is
 * missing. */
static void with_every_ceiling(const char *name, enum zp_err (*attempt)(struct arena *own))
{
    for (size_t ceiling = 0; ceiling < 256 * 1024; ceiling += 16) {
        struct arena own;
        arena_init(&own, ceiling);
        enum zp_err err = attempt(&own);
        arena_finish(&own);
        if (err == ZP_OK) {
            assert_true(ceiling > 0);
            return;
        }
        if (err != ZP_NO_MEMORY) {
            fail_msg("%s with %zu bytes: %s", name, ceiling, zp_err_name(err));
        }
    }
    fail_msg("%s never had enough", name);
}

static enum zp_err try_write(struct arena *own)
{
    struct record record = { .offset = 42 };
    enum zp_err err = message_command_write(sample_command(CMD_ORDER_PLACE), "00-trace", own, &record);
    assert_true(err == ZP_OK || record.offset == 42);
    return err;
}

static enum zp_err try_read(struct arena *own)
{
    struct record record = sample_record(CMD_ORDER_PLACE);
    struct command command = { .if_match = 42 };
    const char *why = NULL;
    enum zp_err err = message_command_read(&record, own, &command, &why);
    assert_true(err == ZP_OK || command.if_match == 42);
    return err;
}

static enum zp_err try_event(struct arena *own)
{
    struct buffer value;
    struct record record = { .offset = 42 };
    struct event event = { .seq = 42 };
    struct event_meta meta = { .command_offset = 42 };
    const char *why = NULL;

    sample_event_bytes(EV_ORDER_REJECTED, &value);
    enum zp_err err = message_event_write(sample_event(EV_ORDER_REJECTED), sample_meta(), 3, value.data, value.len,
                                          own, &record);
    if (err == ZP_OK) {
        err = message_event_read(&record, own, &event, &meta, &why);
        assert_true(err == ZP_OK || (event.seq == 42 && meta.command_offset == 42));
    } else {
        assert_int_equal(record.offset, 42);
    }
    buffer_finish(&value);
    return err;
}

static enum zp_err try_malformed(struct arena *own)
{
    static const uint8_t value[] = { 0x81, 0xa2, 'i', 'd', 0x01 };
    struct record record = sample_record(CMD_ORDER_START);
    struct command command;
    const char *why = NULL;

    record = record_with(&record, value, sizeof(value));
    enum zp_err err = message_command_read(&record, own, &command, &why);
    return err == ZP_MALFORMED ? ZP_OK : err; /* it is the words that take memory here */
}

static enum zp_err try_place(struct arena *own)
{
    static const char body[] = "{\"type\":\"pickup\",\"lines\":[{\"item_id\":\"a\",\"quantity\":1,\"note\":\"n\","
                               "\"options\":[{\"option_id\":\"o\"}]}],\"customer\":{\"name\":\"Z\"},\"note\":\"x\"}";
    struct placement placement = { .tip = 42 };
    struct zp_id location = ID_NONE;
    struct reason_list faults = { .count = 0 };
    enum zp_err err = message_place_parse(body, sizeof(body) - 1, own, &placement, &location, &faults);
    assert_true(err == ZP_OK || placement.tip == 42);
    return err;
}

static enum zp_err try_faults(struct arena *own)
{
    static const char body[] = "{\"type\":\"no\",\"lines\":[{\"item_id\":\"\",\"quantity\":99999999999999999999}],"
        "\"x\":1}";
    struct placement placement;
    struct zp_id location;
    struct reason_list faults = { .count = 0 };
    enum zp_err err = message_place_parse(body, sizeof(body) - 1, own, &placement, &location, &faults);
    return err == ZP_INVALID && faults.count == 4 ? ZP_OK : err;
}

static void no_memory_is_said_and_nothing_is_left_behind(void **state)
{
    (void)state;
    static const struct { const char *name; enum zp_err (*attempt)(struct arena *own); } rows[] = {
        { "writing a command", try_write }, { "reading a command", try_read }, { "an event there and back", try_event },
        { "a malformed command", try_malformed }, { "a placement", try_place }, { "a bad placement", try_faults },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        with_every_ceiling(rows[i].name, rows[i].attempt);
    }
}

static void a_buffer_that_is_full_says_so(void **state)
{
    (void)state;
    struct buffer whole;

    sample_event_bytes(EV_ORDER_PLACED, &whole);
    for (size_t ceiling = 0; ceiling < whole.len; ceiling++) {
        struct buffer small;
        buffer_init(&small, ceiling);
        message_event_encode(sample_event(EV_ORDER_PLACED), &small);
        assert_int_equal(small.err, ZP_TOO_LARGE);
        buffer_finish(&small);
    }
    buffer_finish(&whole);
}

static void a_command_beyond_a_record_is_too_large(void **state)
{
    (void)state;
    static struct menu_item items[MENU_ITEMS_MAX];
    struct command command = *sample_command(CMD_MENU_SET);
    struct record record = { .offset = 42 };
    char text[MENU_DESCRIPTION_CHARS_MAX + 1] = "";

    memset(text, 'x', MENU_DESCRIPTION_CHARS_MAX);
    for (size_t i = 0; i < MENU_ITEMS_MAX; i++) {
        items[i] = (struct menu_item){ .id = "a", .name = "A", .description = text };
    }
    command.menu.items = items;
    command.menu.item_count = MENU_ITEMS_MAX;
    assert_int_equal(message_command_write(&command, NULL, &arena, &record), ZP_TOO_LARGE);
    assert_int_equal(record.offset, 42);
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        test(a_command_cut_anywhere_is_malformed),
        test(an_event_cut_anywhere_is_malformed),
        test(a_flipped_byte_never_crashes_a_command),
        test(a_flipped_byte_never_crashes_an_event),
        test(five_bytes_reserve_nothing),
        test(a_list_takes_no_more_than_its_bytes_pay_for),
        test(nesting_ends_at_sixteen),
        test(no_memory_is_said_and_nothing_is_left_behind),
        test(a_buffer_that_is_full_says_so),
        test(a_command_beyond_a_record_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
