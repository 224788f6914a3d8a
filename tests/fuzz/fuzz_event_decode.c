/* Any bytes as the value of an event. What is believed must be seen by msgpack-c too, be JSON when it is shown, and be
 * encoded to bytes that read back the same. */
#include "fuzz.h"

#include <msgpack.h>

static void must_be_seen_by_the_library(const uint8_t *data, size_t size)
{
    msgpack_unpacked unpacked;
    size_t end = 0;

    msgpack_unpacked_init(&unpacked);
    MUST(msgpack_unpack_next(&unpacked, (const char *)data, size, &end) == MSGPACK_UNPACK_SUCCESS);
    MUST(end == size && unpacked.data.type == MSGPACK_OBJECT_MAP);
    msgpack_unpacked_destroy(&unpacked);
}

static void must_read_back(const struct event *event, struct arena *arena)
{
    struct buffer value, again;
    struct event read;
    const char *why = NULL;

    buffer_init(&value, 2 * MESSAGE_VALUE_BYTES_MAX);
    buffer_init(&again, 2 * MESSAGE_VALUE_BYTES_MAX);
    message_event_encode(event, &value);
    MUST(value.err == ZP_OK);
    MUST(message_event_decode(value.data, value.len, arena, &read, &why) == ZP_OK);
    message_event_encode(&read, &again);
    MUST(value.len == again.len && memcmp(value.data, again.data, value.len) == 0);
    buffer_finish(&value);
    buffer_finish(&again);
}

static void must_be_shown(const struct event *event)
{
    const struct record record = { .partition = 0 };
    struct buffer out;
    size_t order_at = 0;

    buffer_init(&out, 8 * MESSAGE_VALUE_BYTES_MAX);
    message_replay_event_json(&record, event, &out);
    must_be_json(&out);
    message_event_json(event, &out, &order_at);
    if (order_at > 0) { /* the order stands alone, up to the event's last brace */
        out.data[--out.len] = '\0';
        json_t *order = json_loadb(out.data + order_at, out.len - order_at, JSON_REJECT_DUPLICATES, NULL);
        MUST(order != NULL);
        json_decref(order);
        buffer_putc(&out, '}');
    }
    must_be_json(&out);
    buffer_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event event;
    struct arena arena;
    const char *why = NULL;

    arena_init(&arena, (size_t)32 * 1024 * 1024);
    enum zp_err err = message_event_decode(data, size, &arena, &event, &why);
    MUST(err == ZP_OK || (err == ZP_MALFORMED && why != NULL && *why != '\0'));
    if (err == ZP_OK) {
        must_be_seen_by_the_library(data, size);
        must_read_back(&event, &arena);
        must_be_shown(&event);
    }
    arena_finish(&arena);
    return 0;
}
