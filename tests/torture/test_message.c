/* Every message written and read, every document parsed and shown, with each call failing once. What is read is
 * compared with what was written, so a message that was read with a piece missing shows. */
#include "torture.h"

#include "../unit/message/support.h"

#include "fields.h"
#include "rows.h"

static struct record record;    /* what is read */
static struct record written[(int)CMD_COUNT > (int)EV_COUNT ? (int)CMD_COUNT : (int)EV_COUNT]; /* without a failure */
static struct buffer value, out;
static struct command command;
static struct event event;
static struct event_meta meta;
static const char *why;
static unsigned type;
static bool is_given; /* that run's result may be looked at */

static void open_room(void)
{
    (void)arena_setup(NULL);
    buffer_init(&out, 8 * MESSAGE_VALUE_BYTES_MAX);
    memset(&command, 0xaa, sizeof(command));
    memset(&event, 0xaa, sizeof(event));
    why = NULL;
}

static void close_room(void)
{
    buffer_finish(&out);
    buffer_finish(&value);
    (void)arena_teardown(NULL);
}

static bool is_untouched(const void *thing, size_t size)
{
    const unsigned char *bytes = thing;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0xaa) {
            return false;
        }
    }
    return true;
}

/* ---- commands: all types one after the other, so that each field of each is met ---------------------------------- */

static enum zp_err commands_are_written(void)
{
    enum zp_err err = ZP_OK;
    for (type = 0; type < CMD_COUNT && err == ZP_OK; type++) {
        err = message_command_write(sample_command((enum command_type)type),
                                    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &arena, &record);
        size_t headers = written[type].header_count + 1; /* and traceparent */
        is_given = err == ZP_OK && record.header_count == headers && record.key_len == 36;
        if (err == ZP_OK && !is_given) {
            return ZP_INTERNAL;
        }
    }
    return err;
}

static void open_written_commands(void)
{
    open_room();
    for (type = 0; type < CMD_COUNT; type++) {
        assert_int_equal(message_command_write(sample_command((enum command_type)type), NULL, &arena, &written[type]),
                         ZP_OK);
    }
}

static enum zp_err commands_are_read(void)
{
    for (type = 0; type < CMD_COUNT; type++) {
        torture_pause();
        memset(&command, 0xaa, sizeof(command));
        torture_resume();
        enum zp_err err = message_command_read(&written[type], &arena, &command, &why);
        if (err != ZP_OK) {
            return err;
        }
        torture_pause();
        bool same = thing_same(&command_thing, VARIANT(type), &command, sample_command((enum command_type)type));
        torture_resume();
        if (!same) {
            return ZP_INTERNAL;
        }
    }
    return ZP_OK;
}

static bool command_is_whole(enum zp_err err)
{
    return err == ZP_OK || is_untouched(&command, sizeof(command));
}

/* A fault is told with its place and its limits: memory too. */
static enum zp_err a_wrong_command_is_read(void)
{
    static const uint8_t wrong[] = "\x82\xa2id\xd9\x24" "01901640-0000-7000-8000-000000000001"
                                   "\xa5" "actor" "\x81\xa4" "role" "\x01";
    const struct record bad = { .key = "x", .key_len = 1, .value = wrong, .value_len = sizeof(wrong) - 1,
                                .headers = written[0].headers, .header_count = written[0].header_count };
    return message_command_read(&bad, &arena, &command, &why);
}

static bool is_told_why(enum zp_err err)
{
    return is_untouched(&command, sizeof(command)) && (err != ZP_MALFORMED || (why != NULL && *why != '\0'));
}

/* ---- dead letters ------------------------------------------------------------------------------------------------ */

static const struct letter parked = {
    .partition = 17, .offset = 4711, .class = LETTER_FAILED, .error = "SQLSTATE 22012", .attempts = 2,
    .first_at = SAMPLE_AT, .last_at = SAMPLE_AT,
};
static const struct settlement settled = {
    .kind = SETTLEMENT_REDRIVEN, .partition = 17, .offset = 4711, .redrive_id = { { 1 } }, .who = "ana",
    .reason = "the menu was mended",
};
static struct letter letter;
static struct settlement settlement;

/* written[0] is a letter, written[1] what was done about it. */
static void open_letters(void)
{
    struct record dead;

    open_room();
    memset(&record, 0xaa, sizeof(record));
    memset(&letter, 0xaa, sizeof(letter));
    memset(&settlement, 0xaa, sizeof(settlement));
    assert_int_equal(message_command_write(sample_redrive(), NULL, &arena, &dead), ZP_OK);
    assert_int_equal(message_letter_write(&parked, &dead, &arena, &written[0]), ZP_OK);
    assert_int_equal(message_settlement_write(&settled, &arena, &written[1]), ZP_OK);
}

static enum zp_err a_letter_is_written(void)
{
    return message_letter_write(&parked, &written[1], &arena, &record);
}

static enum zp_err a_settlement_is_written(void)
{
    return message_settlement_write(&settled, &arena, &record);
}

static bool record_is_whole(enum zp_err err)
{
    return err == ZP_OK ? record.header_count >= written[1].header_count : is_untouched(&record, sizeof(record));
}

static enum zp_err a_letter_is_read(void)
{
    return message_letter_read(&written[0], &arena, &letter);
}

static bool letter_is_whole(enum zp_err err)
{
    return err == ZP_OK ? strcmp(letter.error, parked.error) == 0 : is_untouched(&letter, sizeof(letter));
}

static enum zp_err a_settlement_is_read(void)
{
    return message_settlement_read(&written[1], &arena, &settlement);
}

static bool settlement_is_whole(enum zp_err err)
{
    return err == ZP_OK ? strcmp(settlement.who, settled.who) == 0 && strcmp(settlement.reason, settled.reason) == 0
                        : is_untouched(&settlement, sizeof(settlement));
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static enum zp_err events_are_encoded(void)
{
    for (type = 0; type < EV_COUNT; type++) {
        buffer_reset(&out);
        message_event_encode(sample_event((enum event_type)type), &out);
        if (out.err != ZP_OK) {
            return out.err;
        }
        message_event_json(sample_event((enum event_type)type), &out, NULL);
        message_replay_event_json(&record, sample_event((enum event_type)type), &out);
        if (out.err != ZP_OK) {
            return out.err;
        }
    }
    return ZP_OK;
}

static void open_written_events(void)
{
    open_room();
    for (type = 0; type < EV_COUNT; type++) {
        struct buffer bytes;
        sample_event_bytes((enum event_type)type, &bytes);
        const char *copy = arena_strndup(&arena, bytes.data, bytes.len);
        assert_int_equal(message_event_write(sample_event((enum event_type)type), sample_meta(), 7, copy, bytes.len,
                                             &arena, &written[type]),
                         ZP_OK);
        buffer_finish(&bytes);
    }
}

static enum zp_err events_are_written(void)
{
    enum zp_err err = ZP_OK;
    for (type = 0; type < EV_COUNT && err == ZP_OK; type++) {
        err = message_event_write(sample_event((enum event_type)type), sample_meta(), 7, "v", 1, &arena, &record);
        if (err == ZP_OK && record.header_count != written[type].header_count) {
            return ZP_INTERNAL;
        }
    }
    return err;
}

static enum zp_err events_are_read(void)
{
    for (type = 0; type < EV_COUNT; type++) {
        torture_pause();
        memset(&event, 0xaa, sizeof(event));
        torture_resume();
        enum zp_err err = message_event_read(&written[type], &arena, &event, &meta, &why);
        if (err != ZP_OK) {
            return err;
        }
        torture_pause();
        bool same = thing_same(&event_thing, VARIANT(type), &event, sample_event((enum event_type)type));
        torture_resume();
        if (!same) {
            return ZP_INTERNAL;
        }
    }
    return ZP_OK;
}

static bool event_is_whole(enum zp_err err)
{
    return err == ZP_OK || is_untouched(&event, sizeof(event));
}

/* ---- JSON out ---------------------------------------------------------------------------------------------------- */

static enum zp_err everything_is_shown(void)
{
    const struct command *place = sample_command(CMD_ORDER_PLACE), *set = sample_command(CMD_LOCATION_SET);
    const struct menu *menu = &sample_event(EV_MENU_SET)->menu;
    const struct event *refused = sample_event(EV_COMMAND_REFUSED);
    const struct outcome outcome = { .err = ZP_CONFLICT, .reasons = refused->reasons,
                                     .reason_count = refused->reason_count };
    buffer_reset(&out);
    message_order_json(&sample_event(EV_ORDER_CANCELLED)->order, &out);
    message_submitted_json(place, &out);
    message_replay_command_json(&record, place, &out);
    message_menu_json(&place->location_id, &set->settings, menu, &out);
    message_menu_item_json(&menu->items[0], &out);
    message_menu_doc_json(menu, &out);
    message_settings_json(&set->settings, &out);
    message_outcome_json(&outcome, &out);
    return out.err;
}

/* ---- JSON in ----------------------------------------------------------------------------------------------------- */

static struct reason_list faults;

#define PARSE(function, text, result, parse, ...) \
    static result function##_result; \
    static enum zp_err function(void) \
    { \
        static const char body[] = text; \
        faults.count = 0; \
        return parse(body, sizeof(body) - 1, &arena, &function##_result, __VA_ARGS__); \
    }

static struct zp_id location;
static size_t count;

PARSE(an_order, "{\"location_id\":\"01901640-0000-7000-8000-000000000001\",\"type\":\"delivery\",\"lines\":[{"
      "\"item_id\":\"burger\",\"quantity\":2,\"options\":[{\"option_id\":\"cheese\",\"quantity\":1}],\"note\":\"n\"}],"
      "\"customer\":"
      "{\"name\":\"Z\",\"phone\":\"+49 30\",\"address\":\"a\"},\"note\":\"x\",\"tip\":1,\"expected_total\":2}",
      struct placement, message_place_parse, &location, &faults)
PARSE(an_order_with_an_escape, "{\"type\":\"pickup\",\"lines\":[{\"item_id\":\"a\",\"quantity\":1},{\"item_id\":\"b\","
      "\"quantity\":1,\"options\":[{\"option_id\":\"c\"}]}],\"note\":\"a\\tb\"}", struct placement, message_place_parse,
      &location, &faults)
PARSE(an_order_with_faults, "{\"type\":\"x\",\"lines\":[{\"quantity\":0,\"x\":1},{\"item_id\":\"A\"}],\"tip\":-1,"
      "\"y\":{}}", struct placement, message_place_parse, &location, &faults)
PARSE(an_order_that_overflows, "{\"tip\":99999999999999999999,\"lines\":[]}", struct placement, message_place_parse,
      &location, &faults)
PARSE(an_order_that_is_no_json, "{\"type\":\"pickup\",\"lines\":[{]}", struct placement, message_place_parse, &location,
      &faults)
PARSE(an_order_too_deep, "{\"a\":[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]}", struct placement, message_place_parse,
      &location, &faults)
PARSE(a_step, "{\"reason\":\"late\"}", const char *, message_step_parse, &faults)
PARSE(a_login, "{\"email\":\"a@b.c\",\"password\":\"secret\"}", struct credentials, message_login_parse, &faults)
PARSE(a_restaurant, "{\"location\":{\"location_id\":\"01901640-0000-7000-8000-000000000001\",\"name\":\"P\","
      "\"currency\":\"EUR\",\"prices_include_tax\":true,\"auto_accept\":true,\"prep_minutes\":20,\"delivery_fee\":1},"
      "\"menu\":"
      "{\"items\":[{\"id\":\"a\",\"name\":\"A\",\"price\":1,\"tax_rate_bp\":0,\"available\":true,"
      "\"allergens\":[\"x\"]}]}}",
      struct restaurant, message_restaurant_parse, &faults)
PARSE(reasons, "[{\"code\":\"a\",\"pointer\":\"/b\",\"detail\":\"c\"}]", struct reason *, message_reasons_parse, &count)
PARSE(options, "[{\"option_id\":\"a\",\"name\":\"b\",\"price\":1,\"quantity\":2}]", struct order_option *,
      message_options_parse, &count)

static enum zp_err a_menu(void)
{
    static const char body[] = "{\"version\":3,\"items\":[]}";
    static struct menu menu;
    return message_menu_doc_parse(body, sizeof(body) - 1, &arena, &menu);
}

static enum zp_err settings(void)
{
    static const char body[] = "{\"name\":\"P\",\"currency\":\"EUR\",\"prices_include_tax\":true,\"auto_accept\":true,"
                               "\"prep_minutes\":20,\"delivery_fee\":1}";
    static struct location_settings read;
    return message_settings_parse(body, sizeof(body) - 1, &arena, &read);
}

static bool faults_fit(enum zp_err err)
{
    bool has_fault = faults.count > 0;
    return err == ZP_NO_MEMORY || has_fault == (err != ZP_OK);
}

#define ROW(function, open, holds, want) { #function, open, function, holds, close_room, 0, ZP_##want }

static const struct torture rows[] = {
    ROW(commands_are_written, open_written_commands, NULL, OK),
    ROW(commands_are_read, open_written_commands, command_is_whole, OK),
    ROW(a_wrong_command_is_read, open_written_commands, is_told_why, MALFORMED),
    ROW(a_letter_is_written, open_letters, record_is_whole, OK),
    ROW(a_letter_is_read, open_letters, letter_is_whole, OK),
    ROW(a_settlement_is_written, open_letters, record_is_whole, OK),
    ROW(a_settlement_is_read, open_letters, settlement_is_whole, OK),
    ROW(events_are_encoded, open_room, NULL, OK),
    ROW(events_are_written, open_written_events, NULL, OK),
    ROW(events_are_read, open_written_events, event_is_whole, OK),
    ROW(everything_is_shown, open_room, NULL, OK),
    ROW(an_order, open_room, faults_fit, OK),
    ROW(an_order_with_an_escape, open_room, faults_fit, OK),
    ROW(an_order_with_faults, open_room, faults_fit, INVALID),
    ROW(an_order_that_overflows, open_room, faults_fit, INVALID),
    ROW(an_order_that_is_no_json, open_room, faults_fit, MALFORMED),
    ROW(an_order_too_deep, open_room, faults_fit, MALFORMED),
    ROW(a_step, open_room, faults_fit, OK),
    ROW(a_login, open_room, faults_fit, OK),
    ROW(a_restaurant, open_room, faults_fit, OK),
    ROW(reasons, open_room, NULL, OK),
    ROW(options, open_room, NULL, OK),
    ROW(a_menu, open_room, NULL, OK),
    ROW(settings, open_room, NULL, OK),
};

int main(void)
{
    return torture_main("message", rows, ZP_COUNT(rows));
}
