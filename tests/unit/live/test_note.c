/* Notes as bytes: what is written reads back, and nothing else reads at all. */
#include "support.h"

#include "shared.h"

static struct note_frame frame_of(enum note_kind kind)
{
    static const char json[] = "{\"seq\":7,\"order\":{\"id\":1}}";
    static const char apart[] = "{\"id\":2}", reasons[] = "[{\"code\":\"x\"}]";
    struct note_frame frame = {
        .kind = kind,
        .note = {
            .location_id = test_id(1),
            .type = EV_COUNT,
            .head = { .seq = 7, .hash = { 1, 2, 3 }, .board_hash = UINT64_MAX - 1, .open_count = 3, .at = INT64_MAX },
        },
    };
    struct live_note *note = &frame.note;
    switch (kind) {
    case NOTE_EVENT:
        note->type = EV_ORDER_PLACED;
        note->before = INT64_MAX;
        note->seq = 7;
        note->version = 1;
        note->order_id = test_id(2);
        note->command_id = test_id(3);
        note->owner = test_id(4);
        note->json = json;
        note->json_len = strlen(json);
        note->order_json = strstr(json, "{\"id\"");
        note->order_json_len = strlen("{\"id\":1}");
        break;
    case NOTE_WORD:
        note->type = EV_COMMAND_REFUSED;
        note->err = ZP_CONFLICT;
        note->order_id = test_id(2);
        note->command_id = test_id(3);
        note->reasons_json = reasons;
        note->reasons_json_len = strlen(reasons);
        break;
    case NOTE_ORDER:
        note->order_id = test_id(2);
        note->version = INT64_MAX;
        note->order_json = apart;
        note->order_json_len = strlen(apart);
        break;
    default:
        break;
    }
    return frame;
}

static void encode(const struct note_frame *frame, struct buffer *out)
{
    buffer_init(out, NOTE_BYTES_MAX);
    live_note_encode(frame, out);
    assert_int_equal(out->err, ZP_OK);
    assert_int_equal(out->len, live_note_size(frame));
}

static void assert_text(const char *got, size_t got_len, const char *want, size_t want_len)
{
    assert_int_equal(got_len, want_len);
    if (want_len == 0) {
        assert_null(got);
    } else {
        assert_memory_equal(got, want, want_len);
    }
}

static void assert_same(const struct note_frame *got, const struct note_frame *want)
{
    assert_int_equal(got->kind, want->kind);
    assert_int_equal(got->note.before, want->note.before);
    assert_true(id_equal(&got->note.location_id, &want->note.location_id));
    assert_true(id_equal(&got->note.order_id, &want->note.order_id));
    assert_true(id_equal(&got->note.command_id, &want->note.command_id));
    assert_true(id_equal(&got->note.owner, &want->note.owner));
    assert_int_equal(got->note.type, want->note.type);
    assert_int_equal(got->note.err, want->note.err);
    assert_int_equal(got->note.seq, want->note.seq);
    assert_int_equal(got->note.before, want->note.before);
    assert_int_equal(got->note.version, want->note.version);
    assert_int_equal(got->note.head.seq, want->note.head.seq);
    assert_memory_equal(got->note.head.hash, want->note.head.hash, HASH_SIZE);
    assert_int_equal(got->note.head.board_hash, want->note.head.board_hash);
    assert_int_equal(got->note.head.open_count, want->note.head.open_count);
    assert_int_equal(got->note.head.at, want->note.head.at);
    assert_text(got->note.json, got->note.json_len, want->note.json, want->note.json_len);
    assert_text(got->note.order_json, got->note.order_json_len, want->note.order_json, want->note.order_json_len);
    assert_text(got->note.reasons_json, got->note.reasons_json_len, want->note.reasons_json,
                want->note.reasons_json_len);
}

static void every_kind_reads_back(void **state)
{
    (void)state;
    for (int kind = 0; kind < NOTE_KIND_COUNT; kind++) {
        const struct note_frame frame = frame_of((enum note_kind)kind);
        struct note_frame got;
        struct buffer bytes;
        encode(&frame, &bytes);
        assert_true(live_note_decode(bytes.data, bytes.len, &got));
        assert_same(&got, &frame);
        buffer_finish(&bytes);
    }
}

static void every_event_and_error_reads_back(void **state)
{
    (void)state;
    for (int i = 0; i < EV_COUNT || i < ZP_ERR_COUNT; i++) {
        struct note_frame frame = frame_of(NOTE_WORD), got;
        struct buffer bytes;
        frame.note.type = (enum event_type)(i % EV_COUNT);
        frame.note.err = (enum zp_err)(i % ZP_ERR_COUNT);
        encode(&frame, &bytes);
        assert_true(live_note_decode(bytes.data, bytes.len, &got));
        assert_same(&got, &frame);
        buffer_finish(&bytes);
    }
}

static void an_order_inside_of_the_event_is_stored_once(void **state)
{
    (void)state;
    struct note_frame inside = frame_of(NOTE_EVENT), apart = inside, got;
    struct buffer small, large;
    char copy[64];
    memcpy(copy, inside.note.order_json, inside.note.order_json_len);
    apart.note.order_json = copy;
    encode(&inside, &small);
    encode(&apart, &large);
    assert_int_equal(large.len - small.len, inside.note.order_json_len);
    assert_true(live_note_decode(small.data, small.len, &got));
    assert_ptr_equal(got.note.order_json, got.note.json + (inside.note.order_json - inside.note.json));
    assert_true(live_note_decode(large.data, large.len, &got));
    assert_same(&got, &inside);
    buffer_finish(&small);
    buffer_finish(&large);
}

/* Scripts read these places: they are for ever. */
static void hash_and_version_stand_where_scripts_look(void **state)
{
    (void)state;
    struct note_frame frame = frame_of(NOTE_EVENT);
    struct buffer bytes;
    frame.note.version = 0x0102030405060708;
    encode(&frame, &bytes);
    assert_memory_equal(bytes.data + 8, frame.note.head.hash, HASH_SIZE);
    assert_memory_equal(bytes.data + 40, "\1\2\3\4\5\6\7\10", 8);
    buffer_finish(&bytes);
}

/* What is not all of it, or more than it, is refused. Copied to its exact size, so that a byte too far is seen. */
static void every_other_length_is_refused(void **state)
{
    (void)state;
    for (int kind = 0; kind < NOTE_KIND_COUNT; kind++) {
        const struct note_frame frame = frame_of((enum note_kind)kind);
        struct note_frame got;
        struct buffer bytes;
        encode(&frame, &bytes);
        for (size_t len = 0; len <= bytes.len + 3; len++) {
            char *exact = calloc(1, len + 1);
            assert_non_null(exact);
            memcpy(exact, bytes.data, len < bytes.len ? len : bytes.len);
            char *tight = realloc(exact, len == 0 ? 1 : len);
            assert_int_equal(live_note_decode(tight, len, &got), len == bytes.len);
            free(tight);
        }
        buffer_finish(&bytes);
    }
}

/* Whatever single byte is changed: it is refused, or it is what encoding it again would give. */
static void a_changed_byte_is_refused_or_is_another_note(void **state)
{
    (void)state;
    size_t refused = 0;
    for (int kind = 0; kind < NOTE_KIND_COUNT; kind++) {
        const struct note_frame frame = frame_of((enum note_kind)kind);
        struct buffer bytes;
        encode(&frame, &bytes);
        for (size_t at = 0; at < bytes.len; at++) {
            const char was = bytes.data[at];
            for (int value = 0; value < 256; value++) {
                struct note_frame got;
                struct buffer again;
                bytes.data[at] = (char)value;
                if (!live_note_decode(bytes.data, bytes.len, &got)) {
                    refused++;
                    continue;
                }
                encode(&got, &again);
                assert_int_equal(again.len, bytes.len);
                assert_memory_equal(again.data, bytes.data, bytes.len);
                buffer_finish(&again);
            }
            bytes.data[at] = was;
        }
        buffer_finish(&bytes);
    }
    assert_true(refused > 10000);
}

static void notes_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    enum change {
        NO_SEQ, NO_JSON, OTHER_HEAD, NO_TYPE, NO_ORDER, WITH_TYPE, WITH_JSON, WITH_REASONS, NEGATIVE_SEQ,
        NEGATIVE_VERSION, NEGATIVE_OPEN, NEGATIVE_MARK,
    };
    static const struct {
        const char *name;
        enum note_kind kind;
        enum change change;
    } rows[] = {
        { "an event without a seq", NOTE_EVENT, NO_SEQ },
        { "an event without its JSON", NOTE_EVENT, NO_JSON },
        { "an event whose head is another", NOTE_EVENT, OTHER_HEAD },
        { "an event without a type", NOTE_EVENT, NO_TYPE },
        { "an event with a negative seq", NOTE_EVENT, NEGATIVE_SEQ },
        { "a word without a type", NOTE_WORD, NO_TYPE },
        { "a word with a negative version", NOTE_WORD, NEGATIVE_VERSION },
        { "a snapshot without an order", NOTE_ORDER, NO_ORDER },
        { "a snapshot with a type", NOTE_ORDER, WITH_TYPE },
        { "a snapshot with an event", NOTE_ORDER, WITH_JSON },
        { "an event with a negative mark", NOTE_EVENT, NEGATIVE_MARK },
        { "a head with an event", NOTE_HEAD, WITH_JSON },
        { "a head with reasons", NOTE_HEAD, WITH_REASONS },
        { "a head with a negative count", NOTE_HEAD, NEGATIVE_OPEN },
        { "a reset with a type", NOTE_RESET, WITH_TYPE },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct note_frame frame = frame_of(rows[i].kind), got = { .note.version = 5 };
        struct live_note *note = &frame.note;
        struct buffer bytes;
        switch (rows[i].change) {
        case NO_SEQ: note->seq = note->head.seq = 0; break;
        case NO_JSON: note->json_len = 0; break;
        case OTHER_HEAD: note->head.seq++; break;
        case NO_TYPE: note->type = EV_COUNT; break;
        case NO_ORDER: note->order_json_len = 0; break;
        case WITH_TYPE: note->type = EV_MENU_SET; break;
        case WITH_JSON: note->json = "{}"; note->json_len = 2; break;
        case WITH_REASONS: note->reasons_json = "[]"; note->reasons_json_len = 2; break;
        case NEGATIVE_SEQ: note->seq = note->head.seq = -7; break;
        case NEGATIVE_VERSION: note->version = -1; break;
        case NEGATIVE_OPEN: note->head.open_count = -1; break;
        case NEGATIVE_MARK: note->before = -2; break;
        }
        print_message("%s\n", rows[i].name);
        encode(&frame, &bytes);
        assert_false(live_note_decode(bytes.data, bytes.len, &got));
        assert_int_equal(got.note.version, 5);
        buffer_finish(&bytes);
    }
}

static void a_shared_note_lives_as_long_as_it_is_held(void **state)
{
    (void)state;
    const struct note_frame frame = frame_of(NOTE_EVENT);
    struct buffer bytes;
    encode(&frame, &bytes);
    struct live_shared *shared = live_shared_read(bytes.data, bytes.len);
    assert_non_null(shared);
    memset(bytes.data, 'x', bytes.len);
    buffer_finish(&bytes);
    const struct live_note copy = shared->frame.note;
    live_note_hold(&copy);
    live_shared_release(shared);
    assert_memory_equal(copy.json, frame.note.json, frame.note.json_len);
    assert_memory_equal(copy.order_json, frame.note.order_json, frame.note.order_json_len);
    live_note_release(&copy);
    assert_null(live_shared_read("ZN1E", 4));
    live_shared_release(NULL);
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_reads_back),
        cmocka_unit_test(every_event_and_error_reads_back),
        cmocka_unit_test(an_order_inside_of_the_event_is_stored_once),
        cmocka_unit_test(hash_and_version_stand_where_scripts_look),
        cmocka_unit_test(every_other_length_is_refused),
        cmocka_unit_test(a_changed_byte_is_refused_or_is_another_note),
        cmocka_unit_test(notes_that_make_no_sense_are_refused),
        cmocka_unit_test(a_shared_note_lives_as_long_as_it_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
