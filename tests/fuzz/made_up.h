/* made_up: a record cut out of a fuzz target's input, for decoders that look at headers and key too.
 *
 * The input is a list of headers (how many; which name, length, bytes), the key (length, bytes), then the value. */
#ifndef TEST_FUZZ_MADE_UP_H
#define TEST_FUZZ_MADE_UP_H

#include "fuzz.h"

#define HEADERS_MAX 24

/* What is left of the input. */
struct made_up { const uint8_t *at, *end; };

static inline uint8_t made_up_byte(struct made_up *from)
{
    return from->at < from->end ? *from->at++ : 0;
}

/* A length and so many bytes, or as many as there are; copied, so that a read past their end is seen. */
static inline void *made_up_bytes(struct made_up *from, struct arena *arena, size_t *ret_len)
{
    size_t len = made_up_byte(from), left = (size_t)(from->end - from->at);
    if (len > left) {
        len = left;
    }
    void *bytes = arena_alloc(arena, len);
    MUST(bytes != NULL);
    if (len > 0) {
        memcpy(bytes, from->at, len);
    }
    from->at += len;
    *ret_len = len;
    return bytes;
}

/* Its headers have these names, any of them, any number of times. */
static inline struct record made_up_record(struct made_up *from, const char *const *names, size_t name_count,
                                           struct arena *arena, struct header headers[HEADERS_MAX])
{
    struct record record = { .partition = 7, .offset = 9, .timestamp_us = 1, .headers = headers };
    record.header_count = made_up_byte(from) % HEADERS_MAX;
    for (size_t i = 0; i < record.header_count; i++) {
        headers[i].name = names[made_up_byte(from) % name_count];
        headers[i].value = made_up_bytes(from, arena, &headers[i].len);
        if (headers[i].len == 0) {
            headers[i].value = NULL; /* as a header without a value comes from the log */
        }
    }
    record.key = made_up_bytes(from, arena, &record.key_len);
    record.value = from->at;
    record.value_len = (size_t)(from->end - from->at);
    return record;
}

#endif
