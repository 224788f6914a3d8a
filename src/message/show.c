/* show: commands, events, orders, menus and outcomes as the API shows them.
 *
 * Called by the gateway for answers and by the worker for snapshots and streams. Invariant: the names are the
 * API's and never change; they come from the rows, and what is put here by hand has no row. What is absent is left
 * out: `note`, the members of `customer`, times not yet known. null stands only for the `number` of a refused
 * placement, for the `seq` of what is not in the journal, and for the `order_id` of an outcome or a replay's line
 * that is about no order. */
#include "json.h"

#include "put.h"

void message_order_json(const struct order *order, struct buffer *out)
{
    thing_put_json(&order_thing, order, VARIANT_ANY, out);
}

void message_submitted_json(const struct command *command, struct buffer *out)
{
    PUT(out, "{\"id\":");
    json_put_id(out, &command->order_id);
    PUT(out, ",\"command_id\":");
    json_put_id(out, &command->id);
    PUT(out, ",\"status\":");
    json_put_string(out, ORDER_STATE_WORDS.names[ORDER_SUBMITTED]);
    PUT(out, ",\"version\":0,\"location_id\":");
    json_put_id(out, &command->location_id);
    PUT(out, ",\"submitted_at\":");
    json_put_time(out, command->submitted_at);
    PUT(out, ",");
    json_put_order_links(out, &command->order_id, &command->id);
    PUT(out, "}");
}

void message_event_json(const struct event *event, struct buffer *out, size_t *ret_order_at)
{
    ZP_ASSERT((unsigned)event->type < EV_COUNT);
    size_t order_at = 0;

    PUT(out, "{");
    thing_put_members(&event_thing, event, VARIANT(event->type), APART, out);
    if (event->type <= EV_ORDER_EXPIRED) {
        PUT(out, ",\"order\":");
        order_at = out->len;
        message_order_json(&event->order, out);
    }
    PUT(out, "}");
    if (ret_order_at != NULL) {
        *ret_order_at = order_at;
    }
}

void message_outcome_json(const struct outcome *outcome, struct buffer *out)
{
    PUT(out, "{\"id\":");
    json_put_id(out, &outcome->command_id);
    PUT(out, ",\"status\":");
    json_put_string(out, outcome->err == ZP_OK ? "applied" : "refused");
    PUT(out, ",\"order_id\":");
    json_put_id(out, &outcome->order_id);
    PUT(out, ",\"seq\":");
    json_put_count(out, outcome->seq);
    PUT(out, ",\"reasons\":");
    message_reasons_json(outcome->reasons, outcome->reason_count, out);
    PUT(out, "}");
}

/* ---- menus ------------------------------------------------------------------------------------------------- */

void message_menu_json(const struct zp_id *location_id, const struct location_settings *settings,
                       const struct menu *menu, struct buffer *out)
{
    PUT(out, "{\"location_id\":");
    json_put_id(out, location_id);
    PUT(out, ",\"currency\":");
    json_put_string(out, settings->currency);
    PUT(out, ",");
    thing_put_members(&menu_thing, menu, VARIANT_ANY, 0, out);
    PUT(out, "}");
}

void message_menu_item_json(const struct menu_item *item, struct buffer *out)
{
    thing_put_json(&menu_item_thing, item, VARIANT_ANY, out);
}

/* ---- the database's documents -------------------------------------------------------------------------------- */

void message_menu_doc_json(const struct menu *menu, struct buffer *out)
{
    thing_put_json(&menu_thing, menu, VARIANT_ANY, out);
}

void message_settings_json(const struct location_settings *settings, struct buffer *out)
{
    thing_put_json(&location_settings_thing, settings, VARIANT_ANY, out);
}

void message_reasons_json(const struct reason *reasons, size_t count, struct buffer *out)
{
    const struct reason_doc doc = { .reasons = (struct reason *)reasons, .reason_count = count };
    list_put_json(&reasons_field, &doc, out);
}

void message_options_json(const struct order_option *options, size_t count, struct buffer *out)
{
    const struct option_doc doc = { .options = (struct order_option *)options, .option_count = count };
    list_put_json(&options_field, &doc, out);
}

/* ---- replays ---------------------------------------------------------------------------------------------------- */

/* What a replay's line says of every record; `data` is what the envelope does not say. */
struct replay_line {
    const struct record *record;
    const char *topic, *type;
    int64_t seq, at;
    const struct zp_id *location_id, *order_id, *command_id;
    const struct thing *thing;
    const void *self;
    uint32_t variant;
};

static void put_replay(const struct replay_line *line, struct buffer *out)
{
    PUT(out, "{\"topic\":");
    json_put_string(out, line->topic);
    PUT(out, ",\"partition\":");
    buffer_put_int(out, line->record->partition);
    PUT(out, ",\"offset\":");
    buffer_put_int(out, line->record->offset);
    PUT(out, ",\"seq\":");
    json_put_count(out, line->seq);
    PUT(out, ",\"type\":");
    json_put_string(out, line->type);
    PUT(out, ",\"at\":");
    json_put_time(out, line->at);
    PUT(out, ",\"location_id\":");
    json_put_id(out, line->location_id);
    PUT(out, ",\"order_id\":");
    json_put_id(out, line->order_id);
    PUT(out, ",\"command_id\":");
    json_put_id(out, line->command_id);
    PUT(out, ",\"data\":{");
    thing_put_members(line->thing, line->self, line->variant, ENVELOPE, out);
    PUT(out, "}}");
}

void message_replay_event_json(const struct record *record, const struct event *event, struct buffer *out)
{
    put_replay(&(struct replay_line){
        .record = record, .topic = TOPIC_EVENTS, .type = EVENT_WORDS.names[event->type], .seq = event->seq,
        .at = event->at,
        .location_id = &event->location_id, .order_id = &event->order_id, .command_id = &event->command_id,
        .thing = &event_thing, .self = event, .variant = VARIANT(event->type),
    }, out);
}

void message_replay_command_json(const struct record *record, const struct command *command, struct buffer *out)
{
    put_replay(&(struct replay_line){
        .record = record, .topic = TOPIC_COMMANDS, .type = COMMAND_WORDS.names[command->type],
        .at = record->timestamp_us,
        .location_id = &command->location_id, .order_id = &command->order_id, .command_id = &command->id,
        .thing = &command_thing, .self = command, .variant = VARIANT(command->type),
    }, out);
}
