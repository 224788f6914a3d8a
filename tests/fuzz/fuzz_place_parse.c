/* Any bytes as the body of each request. What the gateway lets in a worker must be able to read, and what is wrong
 * with the rest must be fit for an answer. */
#include "fuzz.h"
#include "json.h"

/* What is read at once is what the tree reads. */
static void ways_must_agree(const struct thing *thing, const char *body, size_t size, struct arena *arena)
{
    struct reason_list faults = { .count = 0 };
    struct buffer at_once, by_tree;
    void *self = arena_alloc(arena, thing->size), *again = arena_alloc(arena, thing->size);

    MUST(self != NULL && again != NULL);
    if (json_read_plain(&JSON_ROOT(*thing), body, size, arena, self) != ZP_OK) {
        return;
    }
    MUST(json_read_tree(&JSON_ROOT(*thing), body, size, arena, again, &faults) == ZP_OK);
    buffer_init(&at_once, 4 * MESSAGE_VALUE_BYTES_MAX);
    buffer_init(&by_tree, 4 * MESSAGE_VALUE_BYTES_MAX);
    thing_put_json(thing, self, VARIANT_ANY, &at_once);
    thing_put_json(thing, again, VARIANT_ANY, &by_tree);
    MUST(at_once.err == ZP_OK && at_once.len == by_tree.len);
    MUST(memcmp(at_once.data, by_tree.data, at_once.len) == 0);
    buffer_finish(&at_once);
    buffer_finish(&by_tree);
}

static void must_pass_the_log(struct command *command, struct arena *arena)
{
    struct record record;
    struct command read;
    const char *why = NULL;

    command->id = command->order_id = command->location_id = (struct zp_id){ { 1 } };
    command->if_match = AMOUNT_ABSENT;
    enum zp_err err = message_command_write(command, NULL, arena, &record);
    MUST(err == ZP_OK || err == ZP_TOO_LARGE);
    if (err == ZP_OK) {
        MUST(message_command_read(&record, arena, &read, &why) == ZP_OK);
    }
}

/* Faults become a problem document, and might become an event. */
static void must_be_told(enum zp_err err, const struct reason_list *faults, struct arena *arena)
{
    struct event event = {
        .type = EV_COMMAND_REFUSED, .location_id = { { 1 } }, .command_id = { { 1 } }, .at = 1, .err = err,
    };
    struct buffer out;
    const char *why = NULL;

    MUST(err == ZP_OK ? faults->count == 0 : (err == ZP_MALFORMED || err == ZP_INVALID) && faults->count > 0);
    buffer_init(&out, 4 * MESSAGE_VALUE_BYTES_MAX);
    message_reasons_json(faults->items, faults->count, &out);
    must_be_json(&out);
    event.reasons = (struct reason *)faults->items;
    event.reason_count = faults->count;
    message_event_encode(&event, &out);
    MUST(out.err == ZP_OK);
    MUST(message_event_decode(out.data, out.len, arena, &event, &why) == ZP_OK);
    buffer_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *body = (const char *)data;
    struct command command = { .type = CMD_ORDER_PLACE };
    struct restaurant restaurant;
    struct credentials credentials;
    struct zp_id location;
    struct arena arena;
    enum zp_err err;

    crypto_start();
    arena_init(&arena, (size_t)64 * 1024 * 1024);
    struct reason_list place = { .count = 0 }, step = place, login = place, file = place;
    err = message_place_parse(body, size, &arena, &command.placement, &location, &place);
    must_be_told(err, &place, &arena);
    if (err == ZP_OK) {
        must_pass_the_log(&command, &arena);
    }
    command.type = CMD_ORDER_CANCEL;
    err = message_step_parse(body, size, &arena, &command.reason, &step);
    must_be_told(err, &step, &arena);
    if (err == ZP_OK) {
        must_pass_the_log(&command, &arena);
    }
    ways_must_agree(&place_request_thing, body, size, &arena);
    ways_must_agree(&step_request_thing, body, size, &arena);
    ways_must_agree(&restaurant_thing, body, size, &arena);
    must_be_told(message_login_parse(body, size, &arena, &credentials, &login), &login, &arena);
    err = message_restaurant_parse(body, size, &arena, &restaurant, &file);
    must_be_told(err, &file, &arena);
    if (err == ZP_OK && restaurant.has_menu) {
        command.type = CMD_MENU_SET;
        command.menu = restaurant.menu;
        must_pass_the_log(&command, &arena);
    }
    if (err == ZP_OK && restaurant.has_settings) {
        command.type = CMD_LOCATION_SET;
        command.settings = restaurant.settings;
        must_pass_the_log(&command, &arena);
    }
    arena_finish(&arena);
    return 0;
}
