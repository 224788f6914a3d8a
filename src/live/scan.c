/* scan: reads values that are a line of words with one space between them.
 *
 * Called by the decoders of heads, ticks and receipts. Invariant: what was printed reads back; anything else, a byte
 * left over or missing, breaks the scan. */
#include "scan.h"

#include <string.h>

#define DIGITS_MAX 19

void live_scan_init(struct scan *scan, const char *text, size_t len)
{
    *scan = (struct scan){ .at = text, .end = text + len, .first = true };
}

/* Steps over the space that stands before every word but the first. */
static bool step(struct scan *scan)
{
    if (!scan->broken && !scan->first) {
        scan->broken = scan->at == scan->end || *scan->at != ' ';
        scan->at += !scan->broken;
    }
    scan->first = false;
    return !scan->broken;
}

const char *live_scan_word(struct scan *scan, size_t *ret_len)
{
    *ret_len = 0;
    if (!step(scan)) {
        return "";
    }
    const char *word = scan->at;
    const char *space = memchr(word, ' ', (size_t)(scan->end - word));
    scan->at = space == NULL ? scan->end : space;
    scan->broken = scan->at == word;
    *ret_len = (size_t)(scan->at - word);
    return word;
}

static bool parse_int(const char *word, size_t len, int64_t *ret_value)
{
    bool negative = len > 0 && word[0] == '-';
    word += negative;
    len -= negative;
    if (len == 0 || len > DIGITS_MAX || (word[0] == '0' && (len > 1 || negative))) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        if (word[i] < '0' || word[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(word[i] - '0');
    }
    if (value > INT64_MAX) {
        return false;
    }
    *ret_value = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

int64_t live_scan_int(struct scan *scan, int64_t min, int64_t max)
{
    size_t len;
    const char *word = live_scan_word(scan, &len);
    int64_t value = 0;
    if (scan->broken || !parse_int(word, len, &value) || value < min || value > max) {
        scan->broken = true;
        return 0;
    }
    return value;
}

void live_scan_hex(struct scan *scan, void *ret_bytes, size_t len)
{
    size_t word_len;
    const char *word = live_scan_word(scan, &word_len);
    if (!scan->broken && (word_len != 2 * len || !crypto_unhex(word, word_len, ret_bytes, len))) {
        scan->broken = true;
    }
}

void live_scan_id(struct scan *scan, struct zp_id *ret_id)
{
    size_t len;
    const char *word = live_scan_word(scan, &len);
    if (!scan->broken && !id_parse(word, len, ret_id)) {
        scan->broken = true;
    }
}

const char *live_scan_rest(struct scan *scan, size_t *ret_len)
{
    *ret_len = 0;
    if (scan->broken || scan->at == scan->end || !step(scan)) {
        return NULL;
    }
    const char *rest = scan->at;
    *ret_len = (size_t)(scan->end - rest);
    scan->at = scan->end;
    scan->broken = *ret_len == 0;
    return rest;
}

bool live_scan_done(const struct scan *scan)
{
    return !scan->broken && scan->at == scan->end;
}
