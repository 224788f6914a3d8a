/* envelope: what stands around a value in the log: key and headers. Private to this room. */
#ifndef MESSAGE_ENVELOPE_H
#define MESSAGE_ENVELOPE_H

#include "zapora/message.h"

#define ENVELOPE_HEADERS_MAX 16

/* Gathers a record's headers. It keeps its first error and then does nothing. */
struct envelope {
    struct arena *arena;
    struct header *headers; /* in the arena */
    size_t count;
    enum zp_err err;        /* ZP_OK or ZP_NO_MEMORY */
};

/* What CloudEvents want of every message; text is borrowed for the record's life. */
struct envelope_about {
    const struct zp_id *id, *location_id;
    const char *type, *source, *schema;
    int64_t at;
};

void envelope_start(struct envelope *envelope, const struct envelope_about *about, struct arena *arena);
/* Text is borrowed; NULL leaves the header out. */
void envelope_put_text(struct envelope *envelope, const char *name, const char *text);
void envelope_put_int(struct envelope *envelope, const char *name, int64_t value);
void envelope_put_id(struct envelope *envelope, const char *name, const struct zp_id *id);
void envelope_put_time(struct envelope *envelope, const char *name, int64_t at);
void envelope_put_hex(struct envelope *envelope, const char *name, const void *bytes, size_t len);
/* Fills key and headers of a record; ID_NONE gives no key. */
enum zp_err envelope_finish(struct envelope *envelope, const struct zp_id *location_id,
                            struct record *ret_record) ZP_MUST_CHECK;

/* Reading: false when the header is missing or is not what it should be. */
bool envelope_get_int(const struct record *record, const char *name, int64_t *ret_value);
bool envelope_get_id(const struct record *record, const char *name, struct zp_id *ret_id);
bool envelope_get_hex(const struct record *record, const char *name, void *ret_bytes, size_t len);
bool envelope_get_word(const struct record *record, const char *name, const struct words *words, unsigned *ret_value);
/* True when the key is this location's text. */
bool envelope_key_fits(const struct record *record, const struct zp_id *location_id);

#endif
