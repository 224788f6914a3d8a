/* Any bytes as a query string, and each of its values as what routes read out of one: cursors, ids, times, numbers. */
#include "fuzz.h"

#include "cursor.h"
#include "fields.h"
#include "query.h"

static const uint8_t key[CURSOR_KEY_SIZE] = { 1, 2, 3 };

static void judge_value(struct text value)
{
    struct cursor cursor;
    struct zp_id id;
    char text[TIME_TEXT_SIZE > ID_TEXT_SIZE ? TIME_TEXT_SIZE : ID_TEXT_SIZE], page[CURSOR_TEXT_SIZE];
    int64_t number = -1;
    if (cursor_read(value, key, &cursor)) { /* only what we wrote: it must be what we would write */
        MUST(text_is(value, cursor_write(&cursor, key, page)));
    }
    if (id_parse(value.at, value.len, &id)) {
        MUST(strncasecmp(id_format(&id, text), value.at, value.len) == 0);
    }
    if (time_parse(value.at, value.len, &number)) {
        int64_t again = -1;
        MUST(number >= 0);
        (void)time_format(number, text);
        MUST(time_parse(text, strlen(text), &again) && again <= number && number - again < 1000);
    }
    MUST(!field_number(value, 100, &number) || (number >= 0 && number <= 100));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct query_slot slots[] = { { "cursor", NULL }, { "location_id", NULL }, { "updated_since", NULL },
                                  { "limit", NULL } };
    struct reason_list faults = { .count = 0 };
    struct buffer out;
    struct arena arena;
    crypto_start();
    arena_init(&arena, (size_t)1024 * 1024);
    MUST(query_parse((struct text){ (const char *)data, size }, slots, ZP_COUNT(slots), &arena, &faults) == ZP_OK);
    for (size_t i = 0; i < ZP_COUNT(slots); i++) {
        if (slots[i].value != NULL && faults.count == 0) {
            judge_value(query_text(&slots[i]));
        }
    }
    buffer_init(&out, MESSAGE_VALUE_BYTES_MAX);
    message_reasons_json(faults.items, faults.count, &out); /* every fault is fit for an answer */
    must_be_json(&out);
    buffer_finish(&out);
    arena_finish(&arena);
    return 0;
}
