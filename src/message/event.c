/* event: what happened, as the bytes that are hashed, journalled and published, and as a record of the log.
 *
 * Written by workers, read by workers, gateways, replays and verify. Invariant: an event always gives the same
 * bytes, and reads back as it was. */
#include "envelope.h"
#include "pack.h"

#include <string.h>

/* What has a seq has a place in its location's chain. */
static bool is_journalled(const struct event *event)
{
    return event->seq != 0;
}

void message_event_encode(const struct event *event, struct buffer *out)
{
    ZP_ASSERT((unsigned)event->type < EV_COUNT);
    thing_pack(&event_thing, event, VARIANT(event->type), out);
}

/* The type says which rows a value has, so it is looked up first, wherever it stands. */
static bool find_type(const void *value, size_t len, enum event_type *ret_type)
{
    const char *text;
    size_t text_len;

    if (!map_find_text(value, len, "type", &text, &text_len)) {
        return false;
    }
    for (size_t i = 0; i < EVENT_WORDS.count; i++) {
        if (strlen(EVENT_WORDS.names[i]) == text_len && memcmp(EVENT_WORDS.names[i], text, text_len) == 0) {
            *ret_type = (enum event_type)i;
            return true;
        }
    }
    return false;
}

enum zp_err message_event_decode(const void *value, size_t len, struct arena *arena, struct event *ret_event,
                                 const char **ret_why)
{
    struct event event = { .type = EV_COUNT };
    enum event_type type;

    if (!find_type(value, len, &type)) {
        *ret_why = "the value is no map with the type of an event";
        return ZP_MALFORMED;
    }
    enum zp_err err = thing_unpack(&event_thing, VARIANT(type), value, len, arena, &event, ret_why);
    if (err == ZP_OK) {
        *ret_event = event;
    }
    return err;
}

/* ---- records --------------------------------------------------------------------------------------------- */

enum zp_err message_event_write(const struct event *event, const struct event_meta *meta, int32_t partition,
                                const void *value, size_t value_len, struct arena *arena, struct record *ret_record)
{
    struct record record = { .partition = partition, .offset = -1, .value = value, .value_len = value_len };
    struct envelope envelope;
    char location[ID_TEXT_SIZE];
    const struct envelope_about about = {
        .id = &event->command_id, .location_id = &event->location_id, .type = EVENT_WORDS.names[event->type],
        .source = arena_printf(arena, "/locations/%s", id_format(&event->location_id, location)),
        .schema = "/schemas/" TOPIC_EVENTS ".json", .at = event->at,
    };

    envelope_start(&envelope, &about, arena);
    envelope_put_id(&envelope, "command_id", &event->command_id);
    envelope_put_int(&envelope, "command_offset", meta->command_offset);
    if (meta->command_type != CMD_COUNT) {
        envelope_put_text(&envelope, "command_type", COMMAND_WORDS.names[meta->command_type]);
    }
    envelope_put_id(&envelope, "user_id", &meta->user_id);
    envelope_put_hex(&envelope, "fingerprint", meta->fingerprint, sizeof(meta->fingerprint));
    if (is_journalled(event)) {
        envelope_put_int(&envelope, "sequence", event->seq);
        envelope_put_hex(&envelope, "hash", meta->hash, sizeof(meta->hash));
    }
    enum zp_err err = envelope_finish(&envelope, &event->location_id, &record);
    if (err == ZP_OK) {
        *ret_record = record;
    }
    return err;
}

/* Fills meta from the headers. NULL, or what is wrong with them. */
static const char *read_meta(const struct record *record, const struct event *event, struct event_meta *meta)
{
    int64_t seq = 0;
    unsigned type = CMD_COUNT;

    if (!envelope_get_int(record, "command_offset", &meta->command_offset)) {
        return "the header command_offset is no number";
    }
    if (!envelope_get_id(record, "user_id", &meta->user_id)) {
        return "the header user_id is no UUID";
    }
    if (!envelope_get_hex(record, "fingerprint", meta->fingerprint, sizeof(meta->fingerprint))) {
        return "the header fingerprint is not 16 bytes of hex";
    }
    if (record_header(record, "command_type") != NULL &&
        !envelope_get_word(record, "command_type", &COMMAND_WORDS, &type)) {
        return "the header command_type names no command";
    }
    meta->command_type = (enum command_type)type;
    if (!is_journalled(event)) {
        return NULL;
    }
    if (!envelope_get_int(record, "sequence", &seq) || seq != event->seq) {
        return "the header sequence is not the event's seq";
    }
    return envelope_get_hex(record, "hash", meta->hash, sizeof(meta->hash))
        ? NULL : "the header hash is not 32 bytes of hex";
}

/* What headers and key say twice must be what the value says. NULL: it is. */
static const char *judge_envelope(const struct record *record, const struct event *event)
{
    struct zp_id id;
    unsigned type;

    if (!envelope_get_word(record, "ce_type", &EVENT_WORDS, &type) || type != event->type) {
        return "the header ce_type is not the event's type";
    }
    if (!envelope_get_id(record, "command_id", &id) || !id_equal(&id, &event->command_id)) {
        return "the header command_id is not the event's";
    }
    return id_is_none(&event->location_id) || envelope_key_fits(record, &event->location_id)
        ? NULL : "the key is not the location's id";
}

enum zp_err message_event_read(const struct record *record, struct arena *arena, struct event *ret_event,
                               struct event_meta *ret_meta, const char **ret_why)
{
    struct event_meta meta = { .command_offset = -1 };
    struct event event;

    enum zp_err err = message_event_decode(record->value, record->value_len, arena, &event, ret_why);
    if (err != ZP_OK) {
        return err;
    }
    const char *why = judge_envelope(record, &event);
    if (why == NULL) {
        why = read_meta(record, &event, &meta);
    }
    if (why != NULL) {
        *ret_why = why;
        return ZP_MALFORMED;
    }
    *ret_event = event;
    *ret_meta = meta;
    return ZP_OK;
}

struct outcome message_event_outcome(const struct event *event, const struct event_meta *meta, int32_t partition)
{
    struct outcome outcome = {
        .command_id = event->command_id, .location_id = event->location_id, .order_id = event->order_id,
        .user_id = meta->user_id, .type = meta->command_type, .partition = partition,
        .offset = meta->command_offset, .at = event->at, .err = event->err, .seq = event->seq,
        .reasons = event->reasons, .reason_count = event->reason_count,
    };
    memcpy(outcome.fingerprint, meta->fingerprint, sizeof(outcome.fingerprint));
    if (event->type == EV_ORDER_REJECTED && strcmp(event->by, "actor") == 0) {
        outcome.err = ZP_INVALID;
        outcome.reasons = event->order.reasons;
        outcome.reason_count = event->order.reason_count;
    }
    return outcome;
}
