/* Any record of the dead letters as a settlement. What is believed must be written to one that reads back the same, and
 * is never a letter at the same time.
 *
 * The input is a record as made_up.h cuts it. */
#include "made_up.h"

static const char *const names[] = {
    "settlement", "origin_partition", "origin_offset", "redrive_id", "who", "reason", "origin_topic", "letter_id",
};

static bool texts_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void must_read_back(const struct settlement *settlement, struct arena *arena)
{
    struct record again;
    struct settlement read;
    struct letter letter;

    MUST(message_settlement_write(settlement, arena, &again) == ZP_OK);
    MUST(again.partition == settlement->partition && again.key == NULL && again.value == NULL);
    MUST(message_settlement_read(&again, arena, &read) == ZP_OK);
    MUST(read.kind == settlement->kind && id_equal(&read.redrive_id, &settlement->redrive_id));
    MUST(read.partition == settlement->partition && read.offset == settlement->offset);
    MUST(texts_same(read.who, settlement->who) && texts_same(read.reason, settlement->reason));
    MUST(message_letter_read(&again, arena, &letter) == ZP_MALFORMED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct header headers[HEADERS_MAX];
    struct made_up made_up = { data, data + size };
    struct settlement settlement;
    struct letter letter;
    struct arena arena;

    crypto_start();
    arena_init(&arena, (size_t)32 * 1024 * 1024);
    struct record record = made_up_record(&made_up, names, ZP_COUNT(names), &arena, headers);
    enum zp_err err = message_settlement_read(&record, &arena, &settlement);
    MUST(err == ZP_OK || err == ZP_MALFORMED);
    if (err == ZP_OK) {
        MUST(settlement.kind < SETTLEMENT_KIND_COUNT && settlement.who != NULL);
        MUST(settlement.partition >= 0 && settlement.offset >= 0 && settlement.at == record.timestamp_us);
        must_read_back(&settlement, &arena);
        MUST(message_letter_read(&record, &arena, &letter) == ZP_MALFORMED);
    }
    arena_finish(&arena);
    return 0;
}
