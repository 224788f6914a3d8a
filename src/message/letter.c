/* letter: what stands around a parked record in the dead letters, and the record that says what was done about it.
 *
 * Letters are written by workers and read by the command line, which writes settlements. Invariant: the first header of
 * either says which of the two it is, and all of a letter's own headers stand before what the parked record brought
 * along, which may be anything. What is not known stands there empty: left out, the parked record's would be read. */
#include "envelope.h"

#include "text.h"

#include <string.h>

#define LETTER_HEADERS 9 /* of ours */

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
    ZP_ASSERT(class < LETTER_CLASS_COUNT);
    return details[class];
}

static bool starts_with(const struct record *record, const char *name)
{
    return record->header_count > 0 && strcmp(record->headers[0].name, name) == 0;
}

/* A copy that is text, whatever the bytes were: an error may quote what was parked. NULL: no memory. */
static char *as_text(struct arena *arena, const char *bytes, size_t len)
{
    char *text = arena_alloc(arena, len + 1);
    if (text != NULL) {
        text[text_repair(bytes, len, len, text)] = '\0';
    }
    return text;
}

/* A header's text in the arena; untouched without the header. False: without memory. */
static bool get_text(const struct record *record, const char *name, struct arena *arena, const char **ret_text)
{
    const struct header *header = record_header(record, name);
    if (header == NULL) {
        return true;
    }
    const char *text = as_text(arena, header->value, header->len);
    if (text != NULL) {
        *ret_text = text;
    }
    return text != NULL;
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

static void put_known_int(struct envelope *envelope, const char *name, int64_t value)
{
    if (value > 0) {
        envelope_put_int(envelope, name, value);
    } else {
        envelope_put_text(envelope, name, "");
    }
}

static void put_known_time(struct envelope *envelope, const char *name, int64_t at)
{
    if (at > 0) {
        envelope_put_time(envelope, name, at);
    } else {
        envelope_put_text(envelope, name, "");
    }
}

static void put_error(struct envelope *envelope, const char *error)
{
    const char *text = error == NULL ? "" : as_text(envelope->arena, error, strlen(error));
    if (text == NULL) {
        envelope->err = ZP_NO_MEMORY;
    } else {
        envelope_put_text(envelope, "error", text);
    }
}

static void put_about(struct envelope *envelope, const struct letter *letter)
{
    envelope_put_text(envelope, "origin_topic", TOPIC_COMMANDS);
    envelope_put_int(envelope, "origin_partition", letter->partition);
    envelope_put_int(envelope, "origin_offset", letter->offset);
    envelope_put_id(envelope, "letter_id", &letter->command_id);
    envelope_put_text(envelope, "error_class", letter->class < LETTER_CLASS_COUNT ? classes[letter->class] : "");
    put_error(envelope, letter->error);
    put_known_int(envelope, "attempts", letter->attempts);
    put_known_time(envelope, "first_at", letter->first_at);
    put_known_time(envelope, "last_at", letter->last_at);
}

enum zp_err message_letter_write(const struct letter *letter, const struct record *dead, struct arena *arena,
                                 struct record *ret_record)
{
    struct header *headers = arena_array(arena, LETTER_HEADERS + dead->header_count, sizeof(*headers));
    struct envelope envelope = { .arena = arena, .headers = headers, .err = headers == NULL ? ZP_NO_MEMORY : ZP_OK };

    put_about(&envelope, letter);
    if (envelope.err != ZP_OK) {
        return envelope.err;
    }
    ZP_ASSERT(envelope.count == LETTER_HEADERS);
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
    struct letter letter = { .class = LETTER_CLASS_COUNT, .error = "", .parked_at = record->timestamp_us };
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
    if (!get_text(record, "error", arena, &letter.error)) {
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
    struct settlement settlement = { .who = "", .at = record->timestamp_us };
    unsigned kind;

    if (!starts_with(record, "settlement") || !envelope_get_word(record, "settlement", &SETTLEMENT_WORDS, &kind) ||
        !get_origin(record, &settlement.partition, &settlement.offset)) {
        return ZP_MALFORMED;
    }
    settlement.kind = (enum settlement_kind)kind;
    if (!envelope_get_id(record, "redrive_id", &settlement.redrive_id)) {
        settlement.redrive_id = ID_NONE;
    }
    if (!get_text(record, "who", arena, &settlement.who) || !get_text(record, "reason", arena, &settlement.reason)) {
        return ZP_NO_MEMORY;
    }
    *ret_settlement = settlement;
    return ZP_OK;
}
