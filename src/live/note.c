/* note: a struct live_note as bytes.
 *
 * Called by the worker's side to tell and by the hub to hear. Invariants: a note knows its own length, and the order's
 * JSON, which stands inside of the event's, is stored once. Event types and errors go by their words, so that programs
 * of different versions understand each other; a word that is not known makes the note unreadable, and whoever reads it
 * falls back to the database. */
#include "note.h"

#include <string.h>

/* The layout. Integers are big-endian.
 *      0  "ZN1" and the kind's letter          96  ids: location, order, command, owner (16 each)
 *      4  length of the whole                 160  lengths and places in the texts: json, order's place, order,
 *      8  chain hash after the event               reasons (4 each)
 *     40  version, seq (8 each)               176  lengths of the two words (1 each)
 *     56  event: mark of the hash before;     178  the type's word, the error's name, json, the order if it does not
 *         -1: none                                 lie inside of json, reasons
 *     64  head: seq, board hash, open
 *         count, at (8 each) */
enum { LENGTH_AT = 4, IDS_AT = 96, TEXTS_AT = 160, WORDS_AT = 176, FIXED_BYTES = 178 };

static const char magic[3] = { 'Z', 'N', '1' };

static const char letters[NOTE_KIND_COUNT] = {
#define X(name, letter) [NOTE_##name] = letter,
    NOTE_KINDS(X)
#undef X
};

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void put(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    }
}

static const char *type_word(enum event_type type)
{
    return (size_t)type < EVENT_WORDS.count ? EVENT_WORDS.names[type] : "";
}

/* Where the order's JSON lies inside of the event's; false when it is a text of its own. */
static bool order_inside(const struct live_note *note, size_t *ret_at)
{
    uintptr_t json = (uintptr_t)note->json, order = (uintptr_t)note->order_json;
    if (note->json_len == 0 || order < json || order + note->order_json_len > json + note->json_len) {
        return false;
    }
    *ret_at = order - json;
    return true;
}

size_t live_note_size(const struct note_frame *frame)
{
    const struct live_note *note = &frame->note;
    size_t at;
    return FIXED_BYTES + strlen(type_word(note->type)) + strlen(zp_err_name(note->err)) + note->json_len +
           (order_inside(note, &at) ? 0 : note->order_json_len) + note->reasons_json_len;
}

static void put_numbers(const struct note_frame *frame, uint8_t *fixed)
{
    const struct live_note *note = &frame->note;
    int64_t before = frame->kind != NOTE_EVENT || note->before == 0 ? -1 : note->before;
    const uint64_t numbers[] = {
        (uint64_t)note->version,  (uint64_t)note->seq,   (uint64_t)before,
        (uint64_t)note->head.seq, note->head.board_hash, (uint64_t)note->head.open_count,
        (uint64_t)note->head.at,
    };
    for (size_t i = 0; i < ZP_COUNT(numbers); i++) {
        put(fixed + NOTE_VERSION_AT + 8 * i, numbers[i], 8);
    }
    const struct zp_id *ids[] = { &note->location_id, &note->order_id, &note->command_id, &note->owner };
    for (size_t i = 0; i < ZP_COUNT(ids); i++) {
        memcpy(fixed + IDS_AT + i * sizeof(ids[i]->bytes), ids[i]->bytes, sizeof(ids[i]->bytes));
    }
}

void live_note_encode(const struct note_frame *frame, struct buffer *out)
{
    const struct live_note *note = &frame->note;
    const char *type = type_word(note->type), *err = zp_err_name(note->err);
    uint8_t fixed[FIXED_BYTES] = { 0 };
    size_t order_at = note->order_json_len == 0 ? 0 : note->json_len;
    bool inside = note->order_json_len > 0 && order_inside(note, &order_at);
    memcpy(fixed, magic, sizeof(magic));
    fixed[sizeof(magic)] = (uint8_t)letters[frame->kind];
    put(fixed + LENGTH_AT, live_note_size(frame), 4);
    memcpy(fixed + NOTE_HASH_AT, note->head.hash, HASH_SIZE);
    put_numbers(frame, fixed);
    const size_t texts[] = { note->json_len, order_at, note->order_json_len, note->reasons_json_len };
    for (size_t i = 0; i < ZP_COUNT(texts); i++) {
        put(fixed + TEXTS_AT + 4 * i, texts[i], 4);
    }
    fixed[WORDS_AT] = (uint8_t)strlen(type);
    fixed[WORDS_AT + 1] = (uint8_t)strlen(err);
    buffer_append(out, fixed, sizeof(fixed));
    buffer_puts(out, type);
    buffer_puts(out, err);
    buffer_append(out, note->json, note->json_len);
    if (!inside) {
        buffer_append(out, note->order_json, note->order_json_len);
    }
    buffer_append(out, note->reasons_json, note->reasons_json_len);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static uint64_t get(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static bool get_kind(const uint8_t *bytes, enum note_kind *ret_kind)
{
    const char *at = memchr(letters, bytes[sizeof(magic)], sizeof(letters));
    if (at == NULL || memcmp(bytes, magic, sizeof(magic)) != 0) {
        return false;
    }
    *ret_kind = (enum note_kind)(at - letters);
    return true;
}

static bool get_numbers(const uint8_t *bytes, struct note_frame *frame)
{
    struct live_note *note = &frame->note;
    int64_t before;
    int64_t *numbers[] = { &note->version,         &note->seq,    &before, &note->head.seq, NULL /* unsigned */,
                           &note->head.open_count, &note->head.at };
    for (size_t i = 0; i < ZP_COUNT(numbers); i++) {
        uint64_t value = get(bytes + NOTE_VERSION_AT + 8 * i, 8);
        if (numbers[i] == NULL) {
            note->head.board_hash = value;
            continue;
        }
        *numbers[i] = (int64_t)value;
        if (*numbers[i] < (numbers[i] == &before ? -1 : 0)) {
            return false;
        }
    }
    if (frame->kind == NOTE_EVENT ? before == 0 : before >= 0) {
        return false;
    }
    note->before = before < 0 ? 0 : before;
    memcpy(note->head.hash, bytes + NOTE_HASH_AT, HASH_SIZE);
    struct zp_id *ids[] = { &note->location_id, &note->order_id, &note->command_id, &note->owner };
    for (size_t i = 0; i < ZP_COUNT(ids); i++) {
        memcpy(ids[i]->bytes, bytes + IDS_AT + i * sizeof(ids[i]->bytes), sizeof(ids[i]->bytes));
    }
    return true;
}

/* The type's word and the error's name, which must be known. */
static bool get_words(const char *text, size_t type_len, size_t err_len, struct live_note *note)
{
    char word[UINT8_MAX + 1];
    memcpy(word, text, type_len);
    word[type_len] = '\0';
    int type = type_len == 0 ? EV_COUNT : words_find(&EVENT_WORDS, word);
    if (type < 0 || strlen(word) != type_len) {
        return false;
    }
    memcpy(word, text + type_len, err_len);
    word[err_len] = '\0';
    enum zp_err err = zp_err_from_name(word);
    if (strlen(word) != err_len || strcmp(zp_err_name(err), word) != 0) {
        return false;
    }
    note->type = (enum event_type)type;
    note->err = err;
    return true;
}

static const char *text_or_null(const char *text, size_t len)
{
    return len == 0 ? NULL : text;
}

/* The texts, whose lengths must make up the rest exactly. */
static bool get_texts(const uint8_t *bytes, size_t len, struct live_note *note)
{
    size_t type_len = bytes[WORDS_AT], err_len = bytes[WORDS_AT + 1];
    size_t json_len = get(bytes + TEXTS_AT, 4), order_at = get(bytes + TEXTS_AT + 4, 4);
    size_t order_len = get(bytes + TEXTS_AT + 8, 4), reasons_len = get(bytes + TEXTS_AT + 12, 4);
    bool inside = order_len > 0 && order_at + order_len <= json_len;
    if (!inside && order_at != (order_len == 0 ? 0 : json_len)) {
        return false;
    }
    if (len != FIXED_BYTES + type_len + err_len + json_len + (inside ? 0 : order_len) + reasons_len) {
        return false;
    }
    const char *text = (const char *)bytes + FIXED_BYTES;
    if (!get_words(text, type_len, err_len, note)) {
        return false;
    }
    const char *json = text + type_len + err_len;
    const char *reasons = json + json_len + (inside ? 0 : order_len);
    note->json = text_or_null(json, json_len);
    note->json_len = json_len;
    note->order_json = text_or_null(json + order_at, order_len);
    note->order_json_len = order_len;
    note->reasons_json = text_or_null(reasons, reasons_len);
    note->reasons_json_len = reasons_len;
    return true;
}

/* What each kind must hold. */
static bool makes_sense(const struct note_frame *frame)
{
    const struct live_note *note = &frame->note;
    bool has_type = note->type != EV_COUNT;
    switch (frame->kind) {
    case NOTE_EVENT:
        return has_type && note->seq > 0 && note->head.seq == note->seq && note->json != NULL;
    case NOTE_WORD:
        return has_type;
    case NOTE_ORDER:
        return !has_type && note->json == NULL && note->order_json != NULL;
    default:
        return !has_type && note->json == NULL && note->order_json == NULL && note->reasons_json == NULL;
    }
}

bool live_note_decode(const void *bytes, size_t len, struct note_frame *ret_frame)
{
    struct note_frame frame = { .kind = NOTE_KIND_COUNT };
    if (len < FIXED_BYTES || len > NOTE_BYTES_MAX || get((const uint8_t *)bytes + LENGTH_AT, 4) != len ||
        !get_kind(bytes, &frame.kind) || !get_numbers(bytes, &frame) || !get_texts(bytes, len, &frame.note) ||
        !makes_sense(&frame)) {
        return false;
    }
    *ret_frame = frame;
    return true;
}
