/* Golden vectors: the bytes of one full example of each command and each event. What is in the log stays there for
 * ever, so these files never change: when a field is added, its new example gets a new file, and the old ones must
 * still be read. */
#include "support.h"

#include <ctype.h>
#include <msgpack.h>

/* A vector: hex digits, anywhere broken by white space. */
static const uint8_t *golden_read(const char *name, size_t *ret_len)
{
    size_t text_len, digits = 0;
    const char *text = repo_file_read(GOLDEN_DIR, arena_printf(&arena, "%s.hex", name), &text_len);
    char *hex = arena_alloc(&arena, text_len + 1);
    uint8_t *bytes = arena_alloc(&arena, text_len);

    for (size_t i = 0; i < text_len; i++) {
        if (!isspace((unsigned char)text[i])) {
            hex[digits++] = text[i];
        }
    }
    *ret_len = digits / 2;
    if (!crypto_unhex(hex, digits, bytes, *ret_len)) {
        fail_msg("%s.hex is not hex", name);
    }
    return bytes;
}

static void expect_golden(const char *name, const void *value, size_t len)
{
    size_t want_len;
    const uint8_t *want = golden_read(name, &want_len);

    if (len != want_len || memcmp(value, want, len) != 0) {
        char *hex = test_malloc(2 * len + 1);
        print_error("%s\n", crypto_hex(value, len, hex));
        test_free(hex);
        fail_msg("%s: other bytes than the golden ones", name);
    }
}

/* msgpack-c, which is not what we read with, must see the same: one map, and nothing behind it. */
static void expect_library_agrees(const void *value, size_t len)
{
    msgpack_unpacked unpacked;
    size_t end = 0;

    msgpack_unpacked_init(&unpacked);
    assert_int_equal(msgpack_unpack_next(&unpacked, value, len, &end), MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(end, len);
    assert_int_equal(unpacked.data.type, MSGPACK_OBJECT_MAP);
    msgpack_unpacked_destroy(&unpacked);
}

static void commands_are_the_golden_bytes(void **state)
{
    (void)state;
    for (enum command_type type = 0; type < CMD_COUNT; type++) {
        const struct command *sample = sample_command(type);
        struct command read;
        struct record record;
        const char *why = NULL;

        assert_int_equal(message_command_write(sample, NULL, &arena, &record), ZP_OK);
        expect_golden(arena_printf(&arena, "command_%s", COMMAND_WORDS.names[type]), record.value, record.value_len);
        expect_library_agrees(record.value, record.value_len);
        assert_int_equal(message_command_read(&record, &arena, &read, &why), ZP_OK);
        assert_int_equal(read.type, type);
        assert_true(thing_same(&command_thing, VARIANT(type), sample, &read));
    }
}

/* A field that came later has its own example, and is read back from it. */
static void a_redrive_is_the_golden_bytes(void **state)
{
    (void)state;
    struct command read;
    struct record record;
    const char *why = NULL;

    assert_int_equal(message_command_write(sample_redrive(), NULL, &arena, &record), ZP_OK);
    expect_golden("command_order_place_redrive", record.value, record.value_len);
    expect_library_agrees(record.value, record.value_len);
    record.value = golden_read("command_order_place_redrive", &record.value_len);
    assert_int_equal(message_command_read(&record, &arena, &read, &why), ZP_OK);
    assert_true(thing_same(&command_thing, VARIANT(CMD_ORDER_PLACE), sample_redrive(), &read));
    assert_int_equal(read.redrive_count, 2);
}

static void golden_commands_are_read(void **state)
{
    (void)state;
    for (enum command_type type = 0; type < CMD_COUNT; type++) {
        struct command read;
        struct record record;
        const char *why = NULL;

        assert_int_equal(message_command_write(sample_command(type), NULL, &arena, &record), ZP_OK);
        record.value = golden_read(arena_printf(&arena, "command_%s", COMMAND_WORDS.names[type]), &record.value_len);
        assert_int_equal(message_command_read(&record, &arena, &read, &why), ZP_OK);
        assert_true(thing_same(&command_thing, VARIANT(type), sample_command(type), &read));
    }
}

static void events_are_the_golden_bytes(void **state)
{
    (void)state;
    for (enum event_type type = 0; type < EV_COUNT; type++) {
        struct buffer value;

        sample_event_bytes(type, &value);
        expect_golden(arena_printf(&arena, "event_%s", EVENT_WORDS.names[type]), value.data, value.len);
        expect_library_agrees(value.data, value.len);
        buffer_finish(&value);
    }
}

static void golden_events_are_read(void **state)
{
    (void)state;
    for (enum event_type type = 0; type < EV_COUNT; type++) {
        struct event read;
        const char *why = NULL;
        size_t len;
        const uint8_t *value = golden_read(arena_printf(&arena, "event_%s", EVENT_WORDS.names[type]), &len);

        assert_int_equal(message_event_decode(value, len, &arena, &read, &why), ZP_OK);
        assert_int_equal(read.type, type);
        assert_true(thing_same(&event_thing, VARIANT(type), sample_event(type), &read));
    }
}

/* All golden events that have a seq, one after the other, as 1, 2, 3, …: the chain is over their bytes. */
static void the_chain_over_golden_events_is_golden(void **state)
{
    (void)state;
    uint8_t hash[HASH_SIZE] = { 0 };
    int64_t seq = 0;

    for (enum event_type type = 0; type < EV_COMMAND_REFUSED; type++) {
        size_t len;
        const uint8_t *value = golden_read(arena_printf(&arena, "event_%s", EVENT_WORDS.names[type]), &len);
        seq++;
        location_chain(hash, seq, type, SAMPLE_AT + seq, value, len);
    }
    expect_golden("chain", hash, sizeof(hash));
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        test(commands_are_the_golden_bytes),
        test(a_redrive_is_the_golden_bytes),
        test(golden_commands_are_read),
        test(events_are_the_golden_bytes),
        test(golden_events_are_read),
        test(the_chain_over_golden_events_is_golden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
