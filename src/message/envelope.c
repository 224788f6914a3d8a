/* envelope: CloudEvents 1.0 in binary mode, as headers of a Kafka record.
 *
 * Called by commands and events. Invariant: every text of a header lies in the record's arena or lives for ever. */
#include "envelope.h"

#include <string.h>

const struct header *record_header(const struct record *record, const char *name)
{
    for (size_t i = 0; i < record->header_count; i++) {
        if (strcmp(record->headers[i].name, name) == 0) {
            return &record->headers[i];
        }
    }
    return NULL;
}

/* ---- writing ---------------------------------------------------------------------------------------------- */

static void put(struct envelope *envelope, const char *name, const char *text, size_t len)
{
    if (text == NULL) {
        envelope->err = ZP_NO_MEMORY;
    }
    if (envelope->err == ZP_OK) {
        ZP_ASSERT(envelope->count < ENVELOPE_HEADERS_MAX);
        envelope->headers[envelope->count++] = (struct header){ .name = name, .value = text, .len = len };
    }
}

void envelope_put_text(struct envelope *envelope, const char *name, const char *text)
{
    if (text != NULL) {
        put(envelope, name, text, strlen(text));
    }
}

void envelope_put_int(struct envelope *envelope, const char *name, int64_t value)
{
    const char *text = arena_printf(envelope->arena, "%lld", (long long)value);
    put(envelope, name, text, text == NULL ? 0 : strlen(text));
}

void envelope_put_id(struct envelope *envelope, const char *name, const struct zp_id *id)
{
    char *text = arena_alloc(envelope->arena, ID_TEXT_SIZE);
    put(envelope, name, text == NULL ? NULL : id_format(id, text), ID_TEXT_SIZE - 1);
}

void envelope_put_hex(struct envelope *envelope, const char *name, const void *bytes, size_t len)
{
    char *text = arena_alloc(envelope->arena, 2 * len + 1);
    put(envelope, name, text == NULL ? NULL : crypto_hex(bytes, len, text), 2 * len);
}

void envelope_put_time(struct envelope *envelope, const char *name, int64_t at)
{
    char *text = arena_alloc(envelope->arena, TIME_TEXT_SIZE);
    put(envelope, name, text == NULL ? NULL : time_format(at, text), TIME_TEXT_SIZE - 1);
}

void envelope_start(struct envelope *envelope, const struct envelope_about *about, struct arena *arena)
{
    *envelope = (struct envelope){ .arena = arena };
    envelope->headers = arena_array(arena, ENVELOPE_HEADERS_MAX, sizeof(*envelope->headers));
    envelope->err = envelope->headers == NULL ? ZP_NO_MEMORY : ZP_OK;
    envelope_put_text(envelope, "ce_specversion", "1.0");
    envelope_put_id(envelope, "ce_id", about->id);
    envelope_put_text(envelope, "ce_type", about->type);
    put(envelope, "ce_source", about->source, about->source == NULL ? 0 : strlen(about->source));
    envelope_put_time(envelope, "ce_time", about->at);
    envelope_put_text(envelope, "ce_dataschema", about->schema);
    envelope_put_text(envelope, "content-type", "application/vnd.msgpack");
    if (!id_is_none(about->location_id)) {
        envelope_put_id(envelope, "partitionkey", about->location_id);
    }
}

enum zp_err envelope_finish(struct envelope *envelope, const struct zp_id *location_id, struct record *ret_record)
{
    char *key = NULL;

    if (envelope->err == ZP_OK && !id_is_none(location_id)) {
        key = arena_alloc(envelope->arena, ID_TEXT_SIZE);
        envelope->err = key == NULL ? ZP_NO_MEMORY : ZP_OK;
    }
    if (envelope->err != ZP_OK) {
        return envelope->err;
    }
    ret_record->key = key == NULL ? NULL : id_format(location_id, key);
    ret_record->key_len = key == NULL ? 0 : ID_TEXT_SIZE - 1;
    ret_record->headers = envelope->headers;
    ret_record->header_count = envelope->count;
    return ZP_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

bool envelope_get_int(const struct record *record, const char *name, int64_t *ret_value)
{
    const struct header *header = record_header(record, name);
    uint64_t value = 0;

    if (header == NULL || header->len == 0 || header->len > 18) { /* 18 digits: far from overflow */
        return false;
    }
    for (size_t i = 0; i < header->len; i++) {
        char c = ((const char *)header->value)[i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(c - '0');
    }
    *ret_value = (int64_t)value;
    return true;
}

bool envelope_get_id(const struct record *record, const char *name, struct zp_id *ret_id)
{
    const struct header *header = record_header(record, name);
    return header != NULL && id_parse(header->value, header->len, ret_id);
}

bool envelope_get_hex(const struct record *record, const char *name, void *ret_bytes, size_t len)
{
    const struct header *header = record_header(record, name);
    return header != NULL && crypto_unhex(header->value, header->len, ret_bytes, len);
}

bool envelope_get_word(const struct record *record, const char *name, const struct words *words, unsigned *ret_value)
{
    const struct header *header = record_header(record, name);

    for (size_t i = 0; header != NULL && i < words->count; i++) {
        if (strlen(words->names[i]) == header->len && memcmp(words->names[i], header->value, header->len) == 0) {
            *ret_value = (unsigned)i;
            return true;
        }
    }
    return false;
}

bool envelope_key_fits(const struct record *record, const struct zp_id *location_id)
{
    char text[ID_TEXT_SIZE];

    id_format(location_id, text);
    return record->key_len == ID_TEXT_SIZE - 1 && memcmp(record->key, text, ID_TEXT_SIZE - 1) == 0;
}
