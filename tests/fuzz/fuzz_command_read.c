/* Any bytes as the value of a command, after a byte that says its type. What is believed must be written to bytes that
 * read back the same. */
#include "fuzz.h"

#include "pack.h"

static struct header text_header(const char *name, const char *text, size_t len)
{
    return (struct header){ .name = name, .value = text, .len = len };
}

/* The record that a writer of this value would make: id and key are taken from it. */
static struct record record_around(enum command_type type, const uint8_t *value, size_t len, struct header headers[2])
{
    const char *id = "", *location = "";
    size_t id_len = 0, location_len = 0;

    (void)map_find_text(value, len, "id", &id, &id_len);
    (void)map_find_text(value, len, "location_id", &location, &location_len);
    headers[0] = text_header("ce_type", COMMAND_WORDS.names[type], strlen(COMMAND_WORDS.names[type]));
    headers[1] = text_header("ce_id", id, id_len);
    return (struct record){
        .key = location, .key_len = location_len, .value = value, .value_len = len,
        .headers = headers, .header_count = 2,
    };
}

static void must_read_back(const struct command *command, struct arena *arena)
{
    struct record record, again;
    struct command read;
    struct buffer out;
    const char *why = NULL;

    MUST(message_command_write(command, NULL, arena, &record) == ZP_OK);
    MUST(message_command_read(&record, arena, &read, &why) == ZP_OK);
    MUST(message_command_write(&read, NULL, arena, &again) == ZP_OK);
    MUST(record.value_len == again.value_len && memcmp(record.value, again.value, record.value_len) == 0);
    buffer_init(&out, 8 * MESSAGE_VALUE_BYTES_MAX);
    message_replay_command_json(&record, command, &out);
    must_be_json(&out);
    buffer_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct header headers[2];
    struct command command;
    struct arena arena;
    const char *why = NULL;

    if (size == 0) {
        return 0;
    }
    crypto_start();
    arena_init(&arena, (size_t)32 * 1024 * 1024);
    struct record record = record_around((enum command_type)(data[0] % CMD_COUNT), data + 1, size - 1, headers);
    enum zp_err err = message_command_read(&record, &arena, &command, &why);
    MUST(err == ZP_OK || (err == ZP_MALFORMED && why != NULL && *why != '\0'));
    struct zp_id id = message_record_id(&record);
    MUST(!id_is_none(&id));
    if (err == ZP_OK) {
        must_read_back(&command, &arena);
    }
    arena_finish(&arena);
    return 0;
}
