/* fuzz: what the fuzz targets share. Each has one function, run by libFuzzer with inputs it makes up, and by the
 * unit tests with those that were kept in corpus/.
 *
 *     CC=clang-14 CFLAGS=-fsanitize=fuzzer-no-link meson setup build-fuzz -Db_sanitize=address,undefined \
 *         -Db_lundef=false
 *     ninja -C build-fuzz tests/unit/message/fuzz_place_parse
 *     build-fuzz/tests/unit/message/fuzz_place_parse -max_total_time=120 tests/fuzz/corpus/place_parse
 *
 * A command's input starts with a byte that says its type; the rest of it, and all of the others, is what is read. */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include "zapora/message.h"

#include <jansson.h>
#include <string.h>

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
