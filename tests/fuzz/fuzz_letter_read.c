/* Any record of the dead letters as a letter. What is believed must be written to a letter that reads back the same,
 * and nothing that the parked record brings along may change what is said of it.
 *
 * The input is a record as made_up.h cuts it. */
#include "made_up.h"

static const char *const names[] = {
    "origin_topic", "origin_partition", "origin_offset", "letter_id", "error_class", "error", "attempts", "first_at",
    "last_at", "redrives", "redrive_count", "settlement", "traceparent", "ce_id",
};

/* Headers have times in milliseconds. */
static bool same_time(int64_t a, int64_t b)
{
    return a / 1000 == b / 1000;
}

static void must_be_same(const struct letter *a, const struct letter *b)
{
    MUST(id_equal(&a->command_id, &b->command_id) && a->partition == b->partition && a->offset == b->offset);
    MUST(a->class == b->class && strcmp(a->error, b->error) == 0 && a->attempts == b->attempts);
    MUST(same_time(a->first_at, b->first_at) && same_time(a->last_at, b->last_at));
}

static void must_be_in_bounds(const struct letter *letter)
{
    MUST(letter->class <= LETTER_CLASS_COUNT && letter->error != NULL);
    MUST(letter->partition >= 0 && letter->offset >= 0 && letter->attempts >= 0);
    MUST(letter->first_at >= 0 && letter->last_at >= 0 && letter->redrive_count >= 0);
}

static void must_read_back(const struct letter *letter, const struct record *dead, struct arena *arena)
{
    struct record again;
    struct letter read;
    struct settlement settlement;

    MUST(message_letter_write(letter, dead, arena, &again) == ZP_OK);
    MUST(message_letter_read(&again, arena, &read) == ZP_OK);
    must_be_same(letter, &read);
    MUST(message_settlement_read(&again, arena, &settlement) == ZP_MALFORMED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct header headers[HEADERS_MAX];
    struct made_up made_up = { data, data + size };
    struct letter letter, unknown = { .command_id = { { 1 } }, .class = LETTER_CLASS_COUNT, .error = "" };
    struct settlement settlement;
    struct arena arena;

    crypto_start();
    arena_init(&arena, (size_t)32 * 1024 * 1024);
    struct record record = made_up_record(&made_up, names, ZP_COUNT(names), &arena, headers);
    enum zp_err err = message_letter_read(&record, &arena, &letter);
    MUST(err == ZP_OK || err == ZP_MALFORMED);
    if (err == ZP_OK) {
        must_be_in_bounds(&letter);
        must_read_back(&letter, &record, &arena);
        MUST(message_settlement_read(&record, &arena, &settlement) == ZP_MALFORMED);
    }
    must_read_back(&unknown, &record, &arena);
    arena_finish(&arena);
    return 0;
}
