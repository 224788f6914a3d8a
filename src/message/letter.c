/* letter: what stands around a parked record in the dead letters, and the record that says what was done about it.
 *
 * Letters are written by workers and read by the command line, which writes settlements. Invariant: the first header of
 * either says which of the two it is, and stands before all that the parked record brought along, which may be
 * anything. */
#include "envelope.h"

#include <string.h>

#define LETTER_HEADERS_MAX 9 /* of ours */

#define X(name, wire, detail) wire,
static const char *const classes[] = { LETTER_CLASSES(X) };
#undef X
#define X(name, wire, detail) detail,
static const char *const details[] = { LETTER_CLASSES(X) };
#undef X
#define X(name, wire) wire,
static const char *const kinds[] = { SETTLEMENT_KINDS(X) };
#undef X

const struct words LETTER_CLASS_WORDS = { classes, ZP_COUNT(classes) };
const struct words SETTLEMENT_WORDS = { kinds, ZP_COUNT(kinds) };

const char *message_letter_detail(enum letter_class class)
{
    return (unsigned)class < LETTER_CLASS_COUNT ? details[class] : "it could not be processed";
}

static bool starts_with(const struct record *record, const char *name)
{
    return record->header_count > 0 && strcmp(record->headers[0].name, name) == 0;
}

/* A header's text in the arena; NULL without the header or without memory. */
static const char *get_text(const struct record *record, const char *name, struct arena *arena)
{
    const struct header *header = record_header(record, name);
    return header == NULL ? NULL : arena_strndup(arena, header->value == NULL ? "" : header->value, header->len);
}

static int64_t get_time(const struct record *record, const char *name)
{
    const struct header *header = record_header(record, name);
    int64_t at = 0;
    return header != NULL && time_parse(header->value, header->len, &at) ? at : 0;
}

/* Where a record of the mailbox stood. */
static bool get_origin(const struct record *record, int32_t *ret_partition, int64_t *ret_offset)
{
    int64_t partition = -1;
    if (!envelope_get_int(record, "origin_partition", &partition) || partition > INT32_MAX) {
        return false;
    }
    *ret_partition = (int32_t)partition;
    return envelope_get_int(record, "origin_offset", ret_offset);
}

/* ---- letters ------------------------------------------------------------------------------------------------- */

static void put_about(struct envelope *envelope, const struct letter *letter)
{
    envelope_put_text(envelope, "origin_topic", TOPIC_COMMANDS);
    envelope_put_int(envelope, "origin_partition", letter->partition);
    envelope_put_int(envelope, "origin_offset", letter->offset);
    envelope_put_id(envelope, "letter_id", &letter->command_id);
    if ((unsigned)letter->class < LETTER_CLASS_COUNT) {
        envelope_put_text(envelope, "error_class", classes[letter->class]);
    }
    envelope_put_text(envelope, "error", letter->error);
    if (letter->attempts > 0) {
        envelope_put_int(envelope, "attempts", letter->attempts);
    }
    if (letter->first_at > 0) {
        envelope_put_time(envelope, "first_at", letter->first_at);
    }
    if (letter->last_at > 0) {
        envelope_put_time(envelope, "last_at", letter->last_at);
    }
}

enum zp_err message_letter_write(const struct letter *letter, const struct record *dead, struct arena *arena,
                                 struct record *ret_record)
{
    struct header *headers = arena_array(arena, LETTER_HEADERS_MAX + dead->header_count, sizeof(*headers));
    struct envelope envelope = { .arena = arena, .headers = headers, .err = headers == NULL ? ZP_NO_MEMORY : ZP_OK };

    put_about(&envelope, letter);
    if (envelope.err != ZP_OK) {
        return envelope.err;
    }
    ZP_ASSERT(envelope.count <= LETTER_HEADERS_MAX);
    if (dead->header_count > 0) {
        memcpy(headers + envelope.count, dead->headers, dead->header_count * sizeof(*headers));
    }
    *ret_record = *dead;
    ret_record->headers = headers;
    ret_record->header_count = envelope.count + dead->header_count;
    return ZP_OK;
}

enum zp_err message_letter_read(const struct record *record, struct arena *arena, struct letter *ret_letter)
{
    struct letter letter = { .class = LETTER_CLASS_COUNT, .parked_at = record->timestamp_us };
    unsigned class = LETTER_CLASS_COUNT;

    if (!starts_with(record, "origin_topic") || !get_origin(record, &letter.partition, &letter.offset) ||
        !envelope_get_id(record, "letter_id", &letter.command_id)) {
        return ZP_MALFORMED;
    }
    if (envelope_get_word(record, "error_class", &LETTER_CLASS_WORDS, &class)) {
        letter.class = (enum letter_class)class;
    }
    (void)envelope_get_int(record, "attempts", &letter.attempts);
    letter.first_at = get_time(record, "first_at");
    letter.last_at = get_time(record, "last_at");
    if (!envelope_get_id(record, "redrives", &letter.redrives) ||
        !envelope_get_int(record, "redrive_count", &letter.redrive_count)) {
        letter.redrives = ID_NONE;
        letter.redrive_count = 0;
    }
    letter.error = record_header(record, "error") == NULL ? "" : get_text(record, "error", arena);
    if (letter.error == NULL) {
        return ZP_NO_MEMORY;
    }
    *ret_letter = letter;
    return ZP_OK;
}

/* ---- settlements --------------------------------------------------------------------------------------------- */

enum zp_err message_settlement_write(const struct settlement *settlement, struct arena *arena,
                                     struct record *ret_record)
{
    ZP_ASSERT((unsigned)settlement->kind < SETTLEMENT_KIND_COUNT);
    struct header *headers = arena_array(arena, ENVELOPE_HEADERS_MAX, sizeof(*headers));
    struct envelope envelope = { .arena = arena, .headers = headers, .err = headers == NULL ? ZP_NO_MEMORY : ZP_OK };

    envelope_put_text(&envelope, "settlement", kinds[settlement->kind]);
    envelope_put_int(&envelope, "origin_partition", settlement->partition);
    envelope_put_int(&envelope, "origin_offset", settlement->offset);
    if (!id_is_none(&settlement->redrive_id)) {
        envelope_put_id(&envelope, "redrive_id", &settlement->redrive_id);
    }
    envelope_put_text(&envelope, "who", settlement->who);
    envelope_put_text(&envelope, "reason", settlement->reason);
    if (envelope.err != ZP_OK) {
        return envelope.err;
    }
    *ret_record = (struct record){ .partition = settlement->partition, .offset = -1, .headers = headers,
                                   .header_count = envelope.count };
    return ZP_OK;
}

enum zp_err message_settlement_read(const struct record *record, struct arena *arena,
                                    struct settlement *ret_settlement)
{
    struct settlement settlement = { .at = record->timestamp_us };
    unsigned kind;

    if (!starts_with(record, "settlement") || !envelope_get_word(record, "settlement", &SETTLEMENT_WORDS, &kind) ||
        !get_origin(record, &settlement.partition, &settlement.offset)) {
        return ZP_MALFORMED;
    }
    settlement.kind = (enum settlement_kind)kind;
    if (!envelope_get_id(record, "redrive_id", &settlement.redrive_id)) {
        settlement.redrive_id = ID_NONE;
    }
    settlement.who = record_header(record, "who") == NULL ? "" : get_text(record, "who", arena);
    settlement.reason = get_text(record, "reason", arena);
    if (settlement.who == NULL || (settlement.reason == NULL && record_header(record, "reason") != NULL)) {
        return ZP_NO_MEMORY;
    }
    *ret_settlement = settlement;
    return ZP_OK;
}
