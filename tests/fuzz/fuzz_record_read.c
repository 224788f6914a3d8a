/* Any key, headers and value as a record of the log: CloudEvents' headers stand beside the value, so both decoders see
 * all of it. What is believed must be written to a record that reads back the same.
 *
 * The input is a record as made_up.h cuts it. */
#include "made_up.h"

static const char *const names[] = {
    "ce_id", "ce_type", "ce_source", "ce_time", "ce_specversion", "ce_dataschema", "partitionkey", "traceparent",
    "content-type", "sequence", "command_id", "command_offset", "command_type", "user_id", "fingerprint", "hash",
    "ce_id ", "", /* two that nobody looks for */
    "redrives", "redrive_count",
};

static void must_be_a_command(const struct record *record, struct arena *arena)
{
    struct command command, read;
    struct record again;
    const char *why = NULL;
    enum zp_err err = message_command_read(record, arena, &command, &why);
    MUST(err == ZP_OK || (err == ZP_MALFORMED && why != NULL && *why != '\0'));
    if (err == ZP_OK) {
        MUST(message_command_write(&command, NULL, arena, &again) == ZP_OK);
        MUST(message_command_read(&again, arena, &read, &why) == ZP_OK);
        MUST(id_equal(&read.id, &command.id) && read.type == command.type && read.if_match == command.if_match);
        MUST(id_equal(&read.redrives, &command.redrives) && read.redrive_count == command.redrive_count);
    }
}

static void must_be_an_event(const struct record *record, struct arena *arena)
{
    struct event event, read;
    struct event_meta meta, read_meta;
    struct record again;
    const char *why = NULL;
    enum zp_err err = message_event_read(record, arena, &event, &meta, &why);
    MUST(err == ZP_OK || (err == ZP_MALFORMED && why != NULL && *why != '\0'));
    if (err == ZP_OK) {
        MUST(message_event_write(&event, &meta, 7, record->value, record->value_len, arena, &again) == ZP_OK);
        MUST(message_event_read(&again, arena, &read, &read_meta, &why) == ZP_OK);
        MUST(read.type == event.type && read.seq == event.seq && read.at == event.at);
        MUST(read_meta.command_offset == meta.command_offset && read_meta.command_type == meta.command_type);
        MUST(memcmp(read_meta.hash, meta.hash, HASH_SIZE) == 0 && id_equal(&read_meta.user_id, &meta.user_id));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct header headers[HEADERS_MAX];
    struct made_up made_up = { data, data + size };
    struct arena arena;
    crypto_start();
    arena_init(&arena, (size_t)32 * 1024 * 1024);
    struct record record = made_up_record(&made_up, names, ZP_COUNT(names), &arena, headers);
    struct zp_id id = message_record_id(&record);
    MUST(!id_is_none(&id));
    must_be_a_command(&record, &arena);
    must_be_an_event(&record, &arena);
    arena_finish(&arena);
    return 0;
}
