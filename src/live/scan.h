/* scan: reads values that are a line of words with one space between them, strictly. */
#ifndef ZAPORA_LIVE_SCAN_H
#define ZAPORA_LIVE_SCAN_H

#include "zapora/base.h"

/* A place in a text. Holds its first fault: then every read gives nothing and the end is never reached. */
struct scan {
    const char *at, *end;
    bool first, broken;
};

void live_scan_init(struct scan *scan, const char *text, size_t len);
/* The next word, borrowed from the text. */
const char *live_scan_word(struct scan *scan, size_t *ret_len);
/* A whole decimal number in its shortest form, min ≤ it ≤ max. */
int64_t live_scan_int(struct scan *scan, int64_t min, int64_t max);
/* Exactly len bytes as hex. */
void live_scan_hex(struct scan *scan, void *ret_bytes, size_t len);
void live_scan_id(struct scan *scan, struct zp_id *ret_id);
/* Everything that is left after one space; NULL when nothing is. */
const char *live_scan_rest(struct scan *scan, size_t *ret_len);
/* True when all was read and all of it was good. */
bool live_scan_done(const struct scan *scan);

#endif
