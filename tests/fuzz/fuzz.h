/* fuzz: what the fuzz targets share. Each has one function, run by libFuzzer with inputs it makes up, and by the
 * unit tests with those that were kept in corpus/.
 *
 *     tests/run fuzz --seconds 60 place_parse
 *
 * Where an input is more than what is read, the target's head says how it is cut up. */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include "zapora/message.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process when it does not hold, with the arguments of ZP_ASSERT. */
#define MUST(cond) ZP_ASSERT(cond)

/* What we show must be JSON. Empties the buffer. */
static inline void must_be_json(struct buffer *out)
{
    json_t *json = json_loadb(out->data, out->len, JSON_REJECT_DUPLICATES, NULL);

    MUST(out->err == ZP_OK);
    MUST(json != NULL);
    json_decref(json);
    buffer_reset(out);
}

#endif
