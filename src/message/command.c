/* command: a command as a record of the mailbox, and back.
 *
 * Written by the gateway and the command line, read by workers and replays. Invariant: what message_command_write
 * gives, message_command_read takes, and a struct that it gives has been held against every row. */
#include "envelope.h"
#include "pack.h"

#include <string.h>

/* A menu's event says the same as its command and a little more, and must fit into a record too. */
#define COMMAND_BYTES_MAX (MESSAGE_VALUE_BYTES_MAX - 4096)

static enum zp_err pack_command(const struct command *command, struct arena *arena, const void **ret_value,
                                size_t *ret_len)
{
    __attribute__((cleanup(buffer_finish))) struct buffer value;

    buffer_init(&value, COMMAND_BYTES_MAX);
    thing_pack(&command_thing, command, VARIANT(command->type), &value);
    if (value.err != ZP_OK) {
        return value.err;
    }
    const char *copy = arena_strndup(arena, value.data, value.len);
    if (copy == NULL) {
        return ZP_NO_MEMORY;
    }
    *ret_value = copy;
    *ret_len = value.len;
    return ZP_OK;
}

enum zp_err message_command_write(const struct command *command, const char *traceparent, struct arena *arena,
                                  struct record *ret_record)
{
    ZP_ASSERT((unsigned)command->type < CMD_COUNT);
    struct record record = { .partition = -1, .offset = -1 };
    struct envelope envelope;
    char location[ID_TEXT_SIZE];
    const struct envelope_about about = {
        .id = &command->id, .location_id = &command->location_id, .type = COMMAND_WORDS.names[command->type],
        .source = arena_printf(arena, "/locations/%s/commands", id_format(&command->location_id, location)),
        .schema = "/schemas/" TOPIC_COMMANDS ".json", .at = command->submitted_at,
    };

    enum zp_err err = pack_command(command, arena, &record.value, &record.value_len);
    if (err != ZP_OK) {
        return err;
    }
    const char *trace = arena_strdup(arena, traceparent);
    if (traceparent != NULL && trace == NULL) {
        return ZP_NO_MEMORY;
    }
    envelope_start(&envelope, &about, arena);
    envelope_put_text(&envelope, "traceparent", trace);
    if (!id_is_none(&command->actor.user_id)) {
        envelope_put_id(&envelope, "user_id", &command->actor.user_id);
    }
    if (!id_is_none(&command->redrives)) {
        envelope_put_id(&envelope, "redrives", &command->redrives);
    }
    if (command->redrive_count > 0) {
        envelope_put_int(&envelope, "redrive_count", command->redrive_count);
    }
    err = envelope_finish(&envelope, &command->location_id, &record);
    if (err == ZP_OK) {
        *ret_record = record;
    }
    return err;
}

/* What the headers and the key say must be what the value says. NULL: it is. */
static const char *judge_envelope(const struct record *record, const struct command *command)
{
    struct zp_id id;

    if (!envelope_get_id(record, "ce_id", &id) || !id_equal(&id, &command->id)) {
        return "the header ce_id is not the command's id";
    }
    struct zp_id redrives = ID_NONE;
    int64_t count = 0;
    (void)envelope_get_id(record, "redrives", &redrives);
    (void)envelope_get_int(record, "redrive_count", &count);
    if (!id_equal(&redrives, &command->redrives) || count != command->redrive_count) {
        return "the headers redrives and redrive_count are not the command's";
    }
    return envelope_key_fits(record, &command->location_id) ? NULL : "the key is not the location's id";
}

enum zp_err message_command_read(const struct record *record, struct arena *arena, struct command *ret_command,
                                 const char **ret_why)
{
    struct command command = { .if_match = AMOUNT_ABSENT };
    unsigned type;

    if (!envelope_get_word(record, "ce_type", &COMMAND_WORDS, &type)) {
        *ret_why = "the header ce_type names no command";
        return ZP_MALFORMED;
    }
    command.type = (enum command_type)type;
    enum zp_err err = thing_unpack(&command_thing, VARIANT(type), record->value, record->value_len, arena, &command,
                                   ret_why);
    if (err != ZP_OK) {
        return err;
    }
    const char *why = judge_envelope(record, &command);
    if (why != NULL) {
        *ret_why = why;
        return ZP_MALFORMED;
    }
    *ret_command = command;
    return ZP_OK;
}

struct zp_id message_record_user(const struct record *record)
{
    struct zp_id id = ID_NONE;
    return envelope_get_id(record, "user_id", &id) ? id : ID_NONE;
}

bool message_key_is_foreign(const struct record *record)
{
    struct zp_id location_id;
    return envelope_get_id(record, "partitionkey", &location_id) && !envelope_key_fits(record, &location_id);
}

struct zp_id message_redrive_id(const struct zp_id *location_id, const struct zp_id *parked_id)
{
    static const char purpose[] = "zapora redrive";
    uint8_t digest[16];
    const struct crypto_part parts[] = {
        { purpose, sizeof(purpose) }, { parked_id->bytes, sizeof(parked_id->bytes) },
    };
    crypto_blake2b(digest, sizeof(digest), NULL, 0, parts, ZP_COUNT(parts));
    return id_for_location(location_id, digest);
}

static void put_length(uint8_t bytes[8], size_t len)
{
    for (int i = 7; i >= 0; i--, len >>= 8) {
        bytes[i] = (uint8_t)len;
    }
}

struct zp_id message_record_id(const struct record *record)
{
    struct zp_id id, location_id = ID_NONE;

    if (envelope_get_id(record, "ce_id", &id) && !id_is_none(&id)) {
        return id;
    }
    uint8_t digest[16], key_len[8];
    put_length(key_len, record->key_len); /* so that no byte can move from the key to the value */
    const struct crypto_part parts[] = {
        { key_len, sizeof(key_len) }, { record->key, record->key_len }, { record->value, record->value_len },
    };
    crypto_blake2b(digest, sizeof(digest), NULL, 0, parts, ZP_COUNT(parts));
    if (!id_parse(record->key, record->key_len, &location_id)) {
        location_id = ID_NONE;
    }
    return id_for_location(&location_id, digest);
}
