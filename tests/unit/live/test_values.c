/* The short values and names in Redis: heads, ticks, receipts, keys, and the commands' protocol. */
#include "support.h"

#include "marks.h"
#include "receipt.h"
#include "request.h"

#define HASH_HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD_TEXT "12 " HASH_HEX " 00000000000000ff 3 1700000000000000"

static void a_head_reads_back(void **state)
{
    (void)state;
    struct live_head head = { .seq = INT64_MAX, .board_hash = UINT64_MAX, .open_count = INT64_MAX, .at = INT64_MAX },
                     got;
    char text[HEAD_TEXT_SIZE], start[HEAD_TEXT_SIZE];
    memset(head.hash, 0xab, HASH_SIZE);
    size_t len = live_head_print(&head, text), start_len = live_head_print_start(head.seq, head.hash, start);
    assert_true(len < HEAD_TEXT_SIZE);
    assert_memory_equal(text, start, start_len);
    assert_true(live_head_parse(text, len, &got));
    assert_true(live_head_same(&got, &head));
    assert_int_equal(got.board_hash, head.board_hash);
    assert_int_equal(got.open_count, head.open_count);
    assert_int_equal(got.at, head.at);
    assert_true(live_head_parse(HEAD_TEXT, strlen(HEAD_TEXT), &got));
    assert_int_equal(got.board_hash, 255);
    for (size_t shorter = 0; shorter < len - 18; shorter++) { /* cut inside of its last number it is another head */
        assert_false(live_head_parse(text, shorter, &got));
    }
}

static void heads_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } rows[] = {
        { "nothing", "" },
        { "a word", "head" },
        { "a blank in front", " " HEAD_TEXT },
        { "a blank behind", HEAD_TEXT " " },
        { "a line end behind", HEAD_TEXT "\n" },
        { "one word more", HEAD_TEXT " 1" },
        { "two blanks", "12  " HASH_HEX " 00000000000000ff 3 1" },
        { "a tab", "12\t" HASH_HEX " 00000000000000ff 3 1" },
        { "a negative seq", "-12 " HASH_HEX " 00000000000000ff 3 1" },
        { "a seq with a leading zero", "012 " HASH_HEX " 00000000000000ff 3 1" },
        { "a seq with a sign", "+12 " HASH_HEX " 00000000000000ff 3 1" },
        { "a seq beyond 63 bits", "9223372036854775808 " HASH_HEX " 00000000000000ff 3 1" },
        { "a seq of twenty digits", "10000000000000000000 " HASH_HEX " 00000000000000ff 3 1" },
        { "a short hash", "12 0011 00000000000000ff 3 1" },
        { "a long hash", "12 " HASH_HEX "00 00000000000000ff 3 1" },
        { "a hash that is no hex",
          "12 zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff 00000000000000ff 3 1" },
        { "a short board hash", "12 " HASH_HEX " ff 3 1" },
        { "a negative count", "12 " HASH_HEX " 00000000000000ff -3 1" },
        { "no time", "12 " HASH_HEX " 00000000000000ff 3" },
        { "an empty time", "12 " HASH_HEX " 00000000000000ff 3 " },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct live_head head = { .seq = 99 };
        print_message("%s\n", rows[i].name);
        assert_false(live_head_parse(rows[i].text, strlen(rows[i].text), &head));
        assert_int_equal(head.seq, 99);
    }
}

static void a_tick_reads_back(void **state)
{
    (void)state;
    const struct live_tick tick = { .partition = 63, .next = 0, .end = INT64_MAX, .asked_at = 1 };
    struct live_tick got;
    char text[TICK_TEXT_SIZE];
    size_t len = live_tick_print(&tick, text);
    assert_true(live_tick_parse(63, text, len, &got));
    assert_memory_equal(&got, &tick, sizeof(tick));
    static const char *const refused[] = { "",       "1",       "1 2",    "1 2 0", "1 2 -3",
                                           "-1 2 3", "1 2 3 4", "1 2 3 ", "a 2 3", "1,2,3" };
    for (size_t i = 0; i < ZP_COUNT(refused); i++) {
        got.next = 5;
        assert_false(live_tick_parse(0, refused[i], strlen(refused[i]), &got));
        assert_int_equal(got.next, 5);
    }
}

static void a_receipt_reads_back(void **state)
{
    (void)state;
    static const char reasons[] = "[{\"code\":\"item_unknown\",\"detail\":\"no such item\"}]";
    for (int err = 0; err < ZP_ERR_COUNT; err++) {
        struct live_receipt receipt = {
            .settled = err % 2 == 1,
            .fingerprint = { 0xde, 0xad },
            .user_id = test_id(1),
            .order_id = test_id(2),
            .location_id = test_id(3),
            .submitted_at = 1700000000000000,
            .err = (enum zp_err)err,
            .seq = err,
            .offset = err - 1,
            .partition = 63,
            .reasons_json = err > 2 ? reasons : NULL,
            .reasons_json_len = err > 2 ? strlen(reasons) : 0,
        };
        struct live_receipt got;
        struct buffer text;
        buffer_init(&text, RECEIPT_BYTES_MAX);
        live_receipt_print(&receipt, &text);
        assert_true(live_receipt_parse(text.data, text.len, &got));
        assert_int_equal(got.settled, receipt.settled);
        assert_memory_equal(got.fingerprint, receipt.fingerprint, sizeof(got.fingerprint));
        assert_true(id_equal(&got.user_id, &receipt.user_id));
        assert_true(id_equal(&got.order_id, &receipt.order_id));
        assert_true(id_equal(&got.location_id, &receipt.location_id));
        assert_int_equal(got.submitted_at, receipt.submitted_at);
        assert_int_equal(got.err, receipt.err);
        assert_int_equal(got.seq, receipt.seq);
        assert_int_equal(got.offset, receipt.offset);
        assert_int_equal(got.partition, receipt.partition);
        assert_int_equal(got.reasons_json_len, receipt.reasons_json_len);
        if (receipt.reasons_json != NULL) {
            assert_memory_equal(got.reasons_json, reasons, strlen(reasons));
        }
        const char *last = strstr(text.data, " 63");
        for (size_t len = 0; len < (size_t)(last - text.data) + 2; len++) {
            assert_false(live_receipt_parse(text.data, len, &got));
        }
        buffer_finish(&text);
    }
}

static void receipts_are_refused(void **state)
{
    (void)state;
#define IDS                                                                                                            \
    "00000000-0000-0000-0000-000000000001 00000000-0000-0000-0000-000000000002 00000000-0000-0000-0000-000000000003"
#define PRINT "00112233445566778899aabbccddeeff"
    static const struct {
        const char *name, *text;
    } rows[] = {
        { "an unknown stage", "lost " PRINT " " IDS " 1 OK 1 2 3" },
        { "half a stage", "pend " PRINT " " IDS " 1 OK 1 2 3" },
        { "a short fingerprint", "pending 0011 " IDS " 1 OK 1 2 3" },
        { "a missing id", "pending " PRINT " 00000000-0000-0000-0000-000000000001 1 OK 1 2 3" },
        { "a time before 1970", "pending " PRINT " " IDS " -1 OK 1 2 3" },
        { "an unknown error", "pending " PRINT " " IDS " 1 FINE 1 2 3" },
        { "half an error", "pending " PRINT " " IDS " 1 CONFLIC 1 2 3" },
        { "an offset below -1", "pending " PRINT " " IDS " 1 OK 1 -2 3" },
        { "a partition beyond 31 bits", "pending " PRINT " " IDS " 1 OK 1 2 2147483648" },
        { "a blank without reasons", "pending " PRINT " " IDS " 1 OK 1 2 3 " },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct live_receipt receipt = { .seq = 99 };
        print_message("%s\n", rows[i].name);
        assert_false(live_receipt_parse(rows[i].text, strlen(rows[i].text), &receipt));
        assert_int_equal(receipt.seq, 99);
    }
}

static void keys_have_their_names(void **state)
{
    (void)state;
    struct zp_id location, order;
    assert_true(id_parse("00000000-0000-0000-0000-00000000000a", 36, &location));
    assert_true(id_parse("00000000-0000-0000-0000-00000000000b", 36, &order));
    const struct {
        struct key key;
        const char *want;
    } rows[] = {
        { live_key_head(&location), "{00000000-0000-0000-0000-00000000000a}:head" },
        { live_key_events(&location), "{00000000-0000-0000-0000-00000000000a}:events" },
        { live_key_open(&location), "{00000000-0000-0000-0000-00000000000a}:open" },
        { live_key_channel(&location), "{00000000-0000-0000-0000-00000000000a}:live" },
        { live_key_order(&location, &order),
          "{00000000-0000-0000-0000-00000000000a}:order:00000000-0000-0000-0000-00000000000b" },
        { live_key_receipt(&order), "receipt:00000000-0000-0000-0000-00000000000b" },
        { live_key_tick(63), "tick:63" },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        assert_string_equal(rows[i].key.text, rows[i].want);
        assert_int_equal(rows[i].key.len, strlen(rows[i].want));
    }
}

static void only_channels_name_a_location(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        { "{00000000-0000-0000-0000-00000000000a}:live", true },
        { "{00000000-0000-0000-0000-00000000000a}:head", false },
        { "{00000000-0000-0000-0000-00000000000a}:live ", false },
        { "{00000000-0000-0000-0000-00000000000a}live", false },
        { "[00000000-0000-0000-0000-00000000000a}:live", false },
        { "{00000000-0000-0000-0000-0000000000zz}:live", false },
        { "{}:live", false },
        { "", false },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct zp_id id = ID_NONE;
        assert_int_equal(live_key_channel_parse(rows[i].text, strlen(rows[i].text), &id), rows[i].good);
        assert_int_equal(id.bytes[15], rows[i].good ? 10 : 0);
    }
}

static void commands_are_in_the_protocol(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 1024);
    live_request(&out, 4);
    live_request_text(&out, "SET");
    live_request_bytes(&out, "a\0\r\nb", 5);
    live_request_int(&out, INT64_MIN);
    live_request_text(&out, "");
    static const char want[] = "*4\r\n$3\r\nSET\r\n$5\r\na\0\r\nb\r\n$20\r\n-9223372036854775808\r\n$0\r\n\r\n";
    assert_int_equal(out.len, sizeof(want) - 1);
    assert_memory_equal(out.data, want, out.len);
    buffer_finish(&out);
}

static void a_cursor_knows_what_follows(void **state)
{
    (void)state;
    static const uint8_t ours[HASH_SIZE] = { 0x81, 2, 3, 4, 5, 6, 7, 8, 9 }, other[HASH_SIZE] = { 0x81, 2, 3 };
    static const struct {
        const char *name;
        int64_t at, seq;
        const uint8_t *hash, *before; /* NULL: not known */
        bool want;
    } rows[] = {
        { "the next one", 4, 5, ours, ours, true },
        { "the next one of a cursor without a hash", 4, 5, NULL, other, true },
        { "the next one, which does not say what it follows", 4, 5, ours, NULL, true },
        { "the first one of all follows from nothing", 0, 1, ours, other, true },
        { "the next one of another history", 4, 5, ours, other, false },
        { "the same one", 4, 4, ours, ours, false },
        { "one too far", 4, 6, ours, ours, false },
        { "one too far, without hashes", 4, 6, NULL, NULL, false },
        { "no event", 4, 0, ours, ours, false },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct live_head head = { .seq = rows[i].at };
        struct live_note note = { .seq = rows[i].seq };
        print_message("%s\n", rows[i].name);
        memcpy(head.hash, rows[i].hash == NULL ? ours : rows[i].hash, HASH_SIZE);
        struct live_cursor cursor = live_cursor_at(&head);
        cursor.hash_known = rows[i].hash != NULL;
        note.before = rows[i].before == NULL ? 0 : live_hash_mark(rows[i].before);
        assert_int_equal(live_cursor_fits(&cursor, &note), rows[i].want);
    }
    assert_int_equal(live_hash_mark(ours), 0x0102030405060708); /* stands in notes: for ever */
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_reads_back),
        cmocka_unit_test(heads_are_refused),
        cmocka_unit_test(a_tick_reads_back),
        cmocka_unit_test(a_cursor_knows_what_follows),
        cmocka_unit_test(a_receipt_reads_back),
        cmocka_unit_test(receipts_are_refused),
        cmocka_unit_test(keys_have_their_names),
        cmocka_unit_test(only_channels_name_a_location),
        cmocka_unit_test(commands_are_in_the_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
