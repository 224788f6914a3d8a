/* Any bytes as a note on a location's channel, and as an entry of its stream. What is read is written the same. */
#include "fuzz.h"

#include "note.h"
#include "shared.h"

static void must_lie_within(const char *text, size_t len, const uint8_t *data, size_t size)
{
    MUST((text == NULL) == (len == 0));
    MUST(text == NULL || ((const uint8_t *)text >= data && (const uint8_t *)text + len <= data + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct note_frame frame;
    struct live_shared *shared = live_shared_read(data, size);
    MUST(live_note_decode(data, size, &frame) == (shared != NULL));
    if (shared != NULL) {
        struct buffer out;
        must_lie_within(frame.note.json, frame.note.json_len, data, size);
        must_lie_within(frame.note.order_json, frame.note.order_json_len, data, size);
        must_lie_within(frame.note.reasons_json, frame.note.reasons_json_len, data, size);
        buffer_init(&out, NOTE_BYTES_MAX);
        MUST(live_note_size(&frame) == size);
        live_note_encode(&frame, &out);
        MUST(out.err == ZP_OK && out.len == size && memcmp(out.data, data, size) == 0);
        buffer_finish(&out);
    }
    live_shared_release(shared);
    return 0;
}
