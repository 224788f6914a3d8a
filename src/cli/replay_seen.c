/* Owns the replay's memory of ids and its CSV form.
 * Invariant: a generation is at most half full, so a probe always ends; two generations are kept. */
#include "replay_seen.h"

#include <stdlib.h>
#include <string.h>

#define GENERATION_IDS (1u << 20)
#define GENERATION_SLOTS (2 * GENERATION_IDS)

static struct zp_id *slot_of(struct zp_id *slots, const struct zp_id *id)
{
    uint64_t hash;
    memcpy(&hash, id->bytes + 8, sizeof hash);
    for (size_t i = (size_t)(hash ^ (hash >> 29)) % GENERATION_SLOTS;; i = (i + 1) % GENERATION_SLOTS) {
        if (id_is_none(&slots[i]) || id_equal(&slots[i], id)) {
            return &slots[i];
        }
    }
}

static void age(struct replay_seen *seen)
{
    struct zp_id *old = seen->old;
    seen->old = seen->young;
    seen->young = old == NULL ? calloc(GENERATION_SLOTS, sizeof *old) : memset(old, 0, GENERATION_SLOTS * sizeof *old);
    seen->count = 0;
}

bool replay_seen_before(struct replay_seen *seen, const struct zp_id *id)
{
    if (seen->young == NULL || seen->count == GENERATION_IDS) {
        age(seen);
        if (seen->young == NULL) {
            return false;
        }
    }
    struct zp_id *slot = slot_of(seen->young, id);
    if (!id_is_none(slot) || (seen->old != NULL && !id_is_none(slot_of(seen->old, id)))) {
        return true;
    }
    *slot = *id;
    seen->count++;
    return false;
}

void replay_seen_finish(struct replay_seen *seen)
{
    free(seen->young);
    free(seen->old);
    *seen = (struct replay_seen){ 0 };
}

/* ---- CSV --------------------------------------------------------------------------------------------------- */

/* Copies a quoted field: every quote doubled. */
static void put_quoted(const char *text, size_t len, struct buffer *out)
{
    buffer_putc(out, '"');
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"') {
            buffer_putc(out, '"');
        }
        buffer_putc(out, text[i]);
    }
    buffer_putc(out, '"');
}

/* The members before `data` are numbers, null and strings without escapes: our own words, ids and times. */
void replay_csv_line(const char *json, size_t len, struct buffer *out)
{
    static const char before_data[] = ",\"data\":";
    const char *data = memmem(json, len, before_data, sizeof before_data - 1);
    const char *end = data == NULL ? json + len : data;
    bool first = true;
    for (const char *at = memchr(json, ':', len); at != NULL && at < end; at = memchr(at, ':', (size_t)(end - at))) {
        const char *value = at + 1 + (at[1] == '"');
        size_t value_len = at[1] == '"' ? strcspn(value, "\"") : strcspn(value, ",}");
        if (!first) {
            buffer_putc(out, ',');
        }
        first = false;
        if (!(value_len == 4 && memcmp(value, "null", 4) == 0)) {
            buffer_append(out, value, value_len);
        }
        at = value + value_len;
    }
    buffer_putc(out, ',');
    if (data != NULL) {
        const char *text = data + sizeof before_data - 1;
        put_quoted(text, (size_t)(json + len - 1 - text), out);
    }
}
