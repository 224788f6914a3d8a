/* Any bytes as the JSON documents that we keep in the database and in receipts. What is read must be written to JSON
 * that reads back the same. */
#include "fuzz.h"

typedef void writer_fn(const void *thing, size_t count, struct buffer *out);

static void write_reasons(const void *thing, size_t count, struct buffer *out)
{
    message_reasons_json(thing, count, out);
}

static void write_options(const void *thing, size_t count, struct buffer *out)
{
    message_options_json(thing, count, out);
}

static void write_menu(const void *thing, size_t count, struct buffer *out)
{
    (void)count;
    message_menu_doc_json(thing, out);
}

static void write_settings(const void *thing, size_t count, struct buffer *out)
{
    (void)count;
    message_settings_json(thing, out);
}

typedef enum zp_err reader_fn(const char *json, size_t len, struct arena *arena, const void **ret_thing,
                              size_t *ret_count);

static enum zp_err read_reasons(const char *json, size_t len, struct arena *arena, const void **ret_thing,
                                size_t *ret_count)
{
    struct reason *reasons = NULL;
    enum zp_err err = message_reasons_parse(json, len, arena, &reasons, ret_count);
    *ret_thing = reasons;
    return err;
}

static enum zp_err read_options(const char *json, size_t len, struct arena *arena, const void **ret_thing,
                                size_t *ret_count)
{
    struct order_option *options = NULL;
    enum zp_err err = message_options_parse(json, len, arena, &options, ret_count);
    *ret_thing = options;
    return err;
}

static enum zp_err read_menu(const char *json, size_t len, struct arena *arena, const void **ret_thing,
                             size_t *ret_count)
{
    struct menu *menu = arena_alloc(arena, sizeof(*menu));
    MUST(menu != NULL);
    *ret_count = 1;
    *ret_thing = menu;
    return message_menu_doc_parse(json, len, arena, menu);
}

static enum zp_err read_settings(const char *json, size_t len, struct arena *arena, const void **ret_thing,
                                 size_t *ret_count)
{
    struct location_settings *settings = arena_alloc(arena, sizeof(*settings));
    MUST(settings != NULL);
    *ret_count = 1;
    *ret_thing = settings;
    return message_settings_parse(json, len, arena, settings);
}

static const struct { reader_fn *read; writer_fn *write; } documents[] = {
    { read_reasons, write_reasons },
    { read_options, write_options },
    { read_menu, write_menu },
    { read_settings, write_settings },
};

static void must_come_back(size_t which, const void *thing, size_t count, struct arena *arena)
{
    struct buffer first, second;
    const void *read = NULL;
    size_t read_count = 0;
    buffer_init(&first, 8 * MESSAGE_VALUE_BYTES_MAX);
    buffer_init(&second, 8 * MESSAGE_VALUE_BYTES_MAX);
    documents[which].write(thing, count, &first);
    MUST(first.err == ZP_OK);
    MUST(documents[which].read(first.data, first.len, arena, &read, &read_count) == ZP_OK);
    documents[which].write(read, read_count, &second);
    MUST(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    must_be_json(&second);
    buffer_finish(&first);
    buffer_finish(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, (size_t)64 * 1024 * 1024);
    for (size_t i = 0; i < ZP_COUNT(documents); i++) {
        const void *thing = NULL;
        size_t count = 0;
        enum zp_err err = documents[i].read((const char *)data, size, &arena, &thing, &count);
        MUST(err == ZP_OK || err == ZP_MALFORMED || err == ZP_INVALID);
        if (err == ZP_OK) {
            must_come_back(i, thing, count, &arena);
        }
    }
    arena_finish(&arena);
    return 0;
}
