/* Dead letters: what is said of a parked record, what the record itself may say to deceive, and what was done about
 * it. */
#include "support.h"

#define UUID_PARKED "0193f0a1-5c3e-8711-9abc-def012345604"

static const struct letter full = {
    .command_id = { { 1, 0x93, 0xf0, 0xa1, 0x5c, 0x3e, 0x87, 0x11, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x34, 0x56, 4 } },
    .partition = 17, .offset = 4711, .class = LETTER_FAILED, .error = "SQLSTATE 22012", .attempts = 2,
    .first_at = SAMPLE_AT, .last_at = SAMPLE_AT + 1000000,
};

static struct record parked_record(void)
{
    struct record record;

    assert_int_equal(message_command_write(sample_redrive(), "00-4bf9-00f0-01", &arena, &record), ZP_OK);
    record.partition = 17;
    return record;
}

static struct record write_letter(const struct letter *letter, const struct record *dead)
{
    struct record record;

    assert_int_equal(message_letter_write(letter, dead, &arena, &record), ZP_OK);
    record.timestamp_us = SAMPLE_AT + 2000000;
    return record;
}

static void a_letter_is_read_as_it_was_written(void **state)
{
    (void)state;
    const struct record dead = parked_record(), record = write_letter(&full, &dead);
    struct letter read;

    assert_int_equal(message_letter_read(&record, &arena, &read), ZP_OK);
    assert_true(id_equal(&read.command_id, &full.command_id));
    assert_int_equal(read.partition, 17);
    assert_int_equal(read.offset, 4711);
    assert_int_equal(read.class, LETTER_FAILED);
    assert_string_equal(read.error, "SQLSTATE 22012");
    assert_int_equal(read.attempts, 2);
    assert_int_equal(read.first_at, SAMPLE_AT);
    assert_int_equal(read.last_at, SAMPLE_AT + 1000000);
    assert_int_equal(read.parked_at, SAMPLE_AT + 2000000);
    assert_int_equal(read.redrive_count, 2); /* the record's own headers came along */
    assert_true(id_equal(&read.redrives, &sample_redrive()->redrives));
    assert_non_null(record_header(&record, "traceparent"));
    assert_ptr_equal(record.value, dead.value);
    assert_int_equal(record.partition, 17);
}

static void an_error_that_quotes_anything_is_text(void **state)
{
    (void)state;
    const struct record dead = parked_record();
    struct letter letter = full, read;
    letter.error = "a\xff" "b \xe2\x82 \xe2\x82\xac \x1b[2J";
    const struct record record = write_letter(&letter, &dead);
    assert_int_equal(message_letter_read(&record, &arena, &read), ZP_OK);
    assert_string_equal(read.error, "a?b ?? \xe2\x82\xac ?[2J");
    const struct record older = record_with_header(&record, "error", "a\xff" "b");
    assert_int_equal(message_letter_read(&older, &arena, &read), ZP_OK);
    assert_string_equal(read.error, "a?b");
}

static void assert_unknown(const struct letter *letter)
{
    assert_int_equal(letter->class, LETTER_CLASS_COUNT);
    assert_string_equal(letter->error, "");
    assert_int_equal(letter->attempts, 0);
    assert_int_equal(letter->first_at, 0);
    assert_int_equal(letter->last_at, 0);
}

static void what_is_not_known_is_read_as_unknown(void **state)
{
    (void)state;
    const struct record dead = { .partition = 3 };
    const struct letter bare = { .command_id = full.command_id, .partition = 3, .offset = 0,
                                 .class = LETTER_CLASS_COUNT, .error = NULL };
    const struct record record = write_letter(&bare, &dead);
    struct letter read;

    assert_int_equal(message_letter_read(&record, &arena, &read), ZP_OK);
    assert_unknown(&read);
    assert_true(id_is_none(&read.redrives));
}

static struct record without_what_may_be_unknown(struct record record)
{
    static const char *const names[] = { "error_class", "error", "attempts", "first_at", "last_at" };
    for (size_t i = 0; i < ZP_COUNT(names); i++) {
        record = record_with_header(&record, names[i], NULL);
    }
    return record;
}

static void a_letter_that_says_less_is_read_too(void **state)
{
    (void)state;
    const struct record dead = { .partition = 17 };
    const struct record record = without_what_may_be_unknown(write_letter(&full, &dead));
    struct letter read;

    assert_int_equal(message_letter_read(&record, &arena, &read), ZP_OK);
    assert_int_equal(read.offset, 4711);
    assert_unknown(&read);
}

static const struct oddity { const char *name, *header, *text; } oddities[] = {
    { "a class of the future",         "error_class", "too_hot" },
    { "a class that only starts so",   "error_class", "undecodable2" },
    { "attempts in words",             "attempts",    "two" },
    { "attempts below 0",              "attempts",    "-2" },
    { "a time that is no time",        "first_at",    "yesterday" },
    { "a last time that is no time",   "last_at",     "2026-02-30T00:00:00Z" },
    { "a time before 1970",            "last_at",     "1969-12-31T23:59:59.000Z" },
};

/* A letter that can be found is not lost for a fact that can't be read. */
static void what_cannot_be_read_is_not_known(void **state)
{
    (void)state;
    const struct record dead = { .partition = 17 }, good = write_letter(&full, &dead);

    for (size_t i = 0; i < ZP_COUNT(oddities); i++) {
        const struct record record = record_with_header(&good, oddities[i].header, oddities[i].text);
        struct letter read;
        bool is_read = message_letter_read(&record, &arena, &read) == ZP_OK;
        int unknown = !is_read ? 0 : (read.class == LETTER_CLASS_COUNT) + (read.attempts == 0) + (read.first_at == 0) +
                                     (read.last_at == 0);
        if (unknown != 1) {
            fail_msg("%s: read %d, and %d facts are unknown", oddities[i].name, is_read, unknown);
        }
    }
}

static void a_redrive_says_which_and_the_how_manieth(void **state)
{
    (void)state;
    static const char *const names[] = { "redrives", "redrive_count" };
    const struct record dead = parked_record(), good = write_letter(&full, &dead);

    for (size_t i = 0; i < ZP_COUNT(names); i++) {
        const struct record record = record_with_header(&good, names[i], NULL);
        struct letter read;
        assert_int_equal(message_letter_read(&record, &arena, &read), ZP_OK);
        assert_true(id_is_none(&read.redrives));
        assert_int_equal(read.redrive_count, 0);
    }
}

/* What was parked may carry any headers: a letter's own say who it is. */
static void a_parked_record_cannot_speak_for_its_letter(void **state)
{
    (void)state;
    struct header lies[] = {
        { "settlement", "discarded", 9 },      { "origin_offset", "1", 1 },          { "error_class", "misplaced", 9 },
        { "letter_id", "nobody", 6 },          { "origin_partition", "2", 1 },       { "attempts", "99", 2 },
    };
    const struct record dead = { .partition = 17, .headers = lies, .header_count = ZP_COUNT(lies) };
    const struct record record = write_letter(&full, &dead);
    struct letter read;
    struct settlement settlement;

    assert_int_equal(message_letter_read(&record, &arena, &read), ZP_OK);
    assert_int_equal(read.offset, 4711);
    assert_int_equal(read.partition, 17);
    assert_int_equal(read.class, LETTER_FAILED);
    assert_int_equal(read.attempts, 2);
    assert_int_equal(message_settlement_read(&record, &arena, &settlement), ZP_MALFORMED);
}

/* A regression: what a letter did not know was left out, and the parked record's header of that name was believed. */
static void a_parked_record_cannot_fill_in_what_its_letter_leaves_open(void **state)
{
    (void)state;
    struct header lies[] = {
        { "error_class", "misplaced", 9 }, { "error", "all is well", 11 }, { "attempts", "99", 2 },
        { "first_at", "2026-01-02T15:04:05.678Z", 24 }, { "last_at", "2026-01-02T15:04:05.678Z", 24 },
    };
    const struct record dead = { .partition = 17, .headers = lies, .header_count = ZP_COUNT(lies) };
    const struct letter bare = { .command_id = full.command_id, .partition = 17, .offset = 4711,
                                 .class = LETTER_CLASS_COUNT };
    const struct record record = write_letter(&bare, &dead);
    struct letter read;

    assert_int_equal(message_letter_read(&record, &arena, &read), ZP_OK);
    assert_unknown(&read);
}

static const struct damage { const char *name, *header, *text; } damages[] = {
    { "no place in the mailbox",      "origin_offset",    NULL },
    { "a place that is no number",    "origin_offset",    "12a" },
    { "a negative place",             "origin_offset",    "-1" },
    { "a place beyond all integers",  "origin_offset",    "9999999999999999999" },
    { "no partition",                 "origin_partition", NULL },
    { "a partition beyond all",       "origin_partition", "4294967296" },
    { "no id",                        "letter_id",        NULL },
    { "an id that is none",           "letter_id",        "0193f0a1" },
    { "no topic",                     "origin_topic",     NULL },
};

static void what_is_no_letter_is_not_read_as_one(void **state)
{
    (void)state;
    const struct record dead = { .partition = 17 }, good = write_letter(&full, &dead);

    for (size_t i = 0; i < ZP_COUNT(damages); i++) {
        const struct record record = record_with_header(&good, damages[i].header, damages[i].text);
        struct letter read;
        if (message_letter_read(&record, &arena, &read) != ZP_MALFORMED) {
            fail_msg("%s: taken for a letter", damages[i].name);
        }
    }
}

static void the_first_header_says_what_a_record_is(void **state)
{
    (void)state;
    const struct record dead = { .partition = 17 }, good = write_letter(&full, &dead);
    const struct record bare = { .partition = 17 };
    struct record late = record_with_header(&good, "origin_topic", NULL);
    struct letter letter;
    struct settlement settlement;

    late = record_with_header(&late, "origin_topic", TOPIC_COMMANDS); /* behind everything else */
    assert_int_equal(late.header_count, good.header_count);
    assert_int_equal(message_letter_read(&late, &arena, &letter), ZP_MALFORMED);
    assert_int_equal(message_letter_read(&bare, &arena, &letter), ZP_MALFORMED);
    assert_int_equal(message_settlement_read(&bare, &arena, &settlement), ZP_MALFORMED);
}

static void a_settlement_is_read_as_it_was_written(void **state)
{
    (void)state;
    const struct settlement discarded = { .kind = SETTLEMENT_DISCARDED, .partition = 17, .offset = 4711,
                                          .who = "ana", .reason = "a test order" };
    struct settlement redriven = discarded, read;
    struct letter letter;
    struct record record;

    assert_int_equal(message_settlement_write(&discarded, &arena, &record), ZP_OK);
    assert_int_equal(record.partition, 17); /* behind its letter */
    assert_int_equal(message_settlement_read(&record, &arena, &read), ZP_OK);
    assert_int_equal(read.kind, SETTLEMENT_DISCARDED);
    assert_int_equal(read.offset, 4711);
    assert_string_equal(read.who, "ana");
    assert_string_equal(read.reason, "a test order");
    assert_true(id_is_none(&read.redrive_id));
    assert_int_equal(message_letter_read(&record, &arena, &letter), ZP_MALFORMED);

    redriven.kind = SETTLEMENT_REDRIVEN;
    redriven.redrive_id = full.command_id;
    redriven.reason = NULL;
    assert_int_equal(message_settlement_write(&redriven, &arena, &record), ZP_OK);
    assert_int_equal(message_settlement_read(&record, &arena, &read), ZP_OK);
    assert_int_equal(read.kind, SETTLEMENT_REDRIVEN);
    assert_true(id_equal(&read.redrive_id, &full.command_id));
    assert_null(read.reason);
}

static struct record write_settlement(void)
{
    const struct settlement settlement = { .kind = SETTLEMENT_REDRIVEN, .partition = 17, .offset = 4711, .who = "ana",
                                           .redrive_id = full.command_id, .reason = "the menu was mended" };
    struct record record;

    assert_int_equal(message_settlement_write(&settlement, &arena, &record), ZP_OK);
    return record;
}

static const struct damage settlement_damages[] = {
    { "nothing was done",             "settlement",       NULL },
    { "an empty word",                "settlement",       "" },
    { "a word of the future",         "settlement",       "forgotten" },
    { "a word that only starts so",   "settlement",       "redriven2" },
    { "no place in the mailbox",      "origin_offset",    NULL },
    { "a place that is no number",    "origin_offset",    "0x10" },
    { "no partition",                 "origin_partition", NULL },
    { "a partition beyond all",       "origin_partition", "2147483648" },
};

static void what_is_no_settlement_is_not_read_as_one(void **state)
{
    (void)state;
    const struct record good = write_settlement();

    for (size_t i = 0; i < ZP_COUNT(settlement_damages); i++) {
        const struct damage *damage = &settlement_damages[i];
        const struct record record = record_with_header(&good, damage->header, damage->text);
        struct settlement read;
        if (message_settlement_read(&record, &arena, &read) != ZP_MALFORMED) {
            fail_msg("%s: taken for a settlement", damage->name);
        }
    }
}

static void a_settlement_may_say_no_more_than_what_was_done(void **state)
{
    (void)state;
    static const char *const names[] = { "redrive_id", "who", "reason" };
    struct record record = write_settlement();
    struct settlement read;

    for (size_t i = 0; i < ZP_COUNT(names); i++) {
        record = record_with_header(&record, names[i], NULL);
    }
    assert_int_equal(message_settlement_read(&record, &arena, &read), ZP_OK);
    assert_int_equal(read.kind, SETTLEMENT_REDRIVEN);
    assert_true(id_is_none(&read.redrive_id));
    assert_string_equal(read.who, "");
    assert_null(read.reason);
}

static void a_letter_is_redriven_under_one_id(void **state)
{
    (void)state;
    const struct zp_id *location_id = &sample_redrive()->location_id;
    struct zp_id other = full.command_id;
    const struct zp_id id = message_redrive_id(location_id, &full.command_id);

    assert_true(id_prefix(&id) == id_location_prefix(location_id));
    assert_false(id_equal(&id, &full.command_id));
    struct zp_id again = message_redrive_id(location_id, &full.command_id);
    assert_true(id_equal(&id, &again));
    other.bytes[15]++;
    again = message_redrive_id(location_id, &other);
    assert_false(id_equal(&id, &again));
    again = message_redrive_id(location_id, &id); /* of the redrive, when it is parked, too */
    assert_false(id_equal(&id, &again));
}

static void a_foreign_key_is_seen(void **state)
{
    (void)state;
    struct record record = parked_record();

    assert_false(message_key_is_foreign(&record));
    record.key = UUID_PARKED;
    assert_true(message_key_is_foreign(&record));
    record.key_len = 0;
    assert_true(message_key_is_foreign(&record));
    record = record_with_header(&record, "partitionkey", NULL);
    assert_false(message_key_is_foreign(&record)); /* nobody knows whose it is */
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        test(a_letter_is_read_as_it_was_written),
        test(an_error_that_quotes_anything_is_text),
        test(what_is_not_known_is_read_as_unknown),
        test(a_letter_that_says_less_is_read_too),
        test(what_cannot_be_read_is_not_known),
        test(a_redrive_says_which_and_the_how_manieth),
        test(a_parked_record_cannot_speak_for_its_letter),
        test(a_parked_record_cannot_fill_in_what_its_letter_leaves_open),
        test(what_is_no_letter_is_not_read_as_one),
        test(the_first_header_says_what_a_record_is),
        test(a_settlement_is_read_as_it_was_written),
        test(what_is_no_settlement_is_not_read_as_one),
        test(a_settlement_may_say_no_more_than_what_was_done),
        test(a_letter_is_redriven_under_one_id),
        test(a_foreign_key_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
