/* intake: turns requests into commands: POST /orders and the steps of an order.
 *
 * Called through the table of routes. It judges shape, not sense: menu, price, stock, state, roles and ownership are
 * the actor's to judge. Invariant: every fault of a request is told, not only the first. */
#include "handlers.h"
#include "places.h"
#include "submit.h"
#include "zapora/message.h"


/* A request on its way to a command. In the call's arena, as its state, until the submission takes over. */
struct intake {
    struct submission submission; /* first: the call's state is both */
    struct text key;              /* Idempotency-Key, or its stand-in */
    char stand_in[ID_TEXT_SIZE];
    struct zp_id wanted;          /* location_id of the body; none: the only location */
};

/* ---- header fields ---- */

static bool take_content_type(struct call *call)
{
    size_t count;
    struct text type = call_field(call, "content-type", &count);
    if (count == 1 && field_is_json(type)) {
        return true;
    }
    call_problem(call, ZP_UNSUPPORTED, NULL);
    return false;
}

/* A step may come without a key: a fresh UUID then stands in for it. */
static bool take_key(struct call *call, struct intake *intake, bool required)
{
    size_t count;
    struct text field = call_field(call, "idempotency-key", &count);
    if (count == 0 && !required) {
        char text[ID_TEXT_SIZE];
        struct zp_id fresh = id_fresh();
        memcpy(intake->stand_in, id_format(&fresh, text), sizeof(text));
        intake->key = (struct text){ intake->stand_in, sizeof(text) - 1 };
        return true;
    }
    if (count == 1 && field_idempotency_key(field, &intake->key)) {
        intake->submission.has_key = true;
        return true;
    }
    call_problem(
        call, ZP_MALFORMED,
        count == 0 ? "Idempotency-Key is required."
                   : "Idempotency-Key must stand there once, quoted or bare, with 1 to 255 visible ASCII characters.");
    return false;
}

static bool take_if_match(struct call *call, struct intake *intake, struct text *ret_field)
{
    size_t count;
    *ret_field = call_field(call, "if-match", &count);
    intake->submission.command.if_match = AMOUNT_ABSENT;
    if (count == 0 || (count == 1 && field_if_match(*ret_field, &intake->submission.command.if_match))) {
        return true;
    }
    call_problem(call, ZP_MALFORMED, "If-Match must hold one strong entity tag, \"N\", or *.");
    return false;
}

static void take_preferences(struct call *call, struct intake *intake)
{
    size_t count;
    struct text prefer = call_field(call, "prefer", &count);
    struct text parent = call_field(call, "traceparent", &count);
    intake->submission.wait_s = field_prefer_wait(prefer);
    if (count == 1 && field_traceparent_fits(parent)) {
        intake->submission.traceparent = arena_strndup(&call->arena, parent.at, parent.len);
    }
}

static struct intake *begin(struct call *call, enum command_type type)
{
    struct intake *intake = arena_alloc(&call->arena, sizeof(*intake));
    if (intake == NULL) {
        call_problem(call, ZP_NO_MEMORY, NULL);
        return NULL;
    }
    intake->submission.call = call;
    intake->submission.command.type = type;
    intake->submission.command.actor = call->actor;
    call->state = intake;
    return intake;
}

/* Now the location is known: id, fingerprint, partition. */
static void complete(struct call *call, struct intake *intake, const struct place *place)
{
    const uint8_t *key = call->loop->gateway->id_key;
    struct command *command = &intake->submission.command;
    command->location_id = place->location->id;
    command->id = identity_of(key, &call->actor.user_id, call->route->method, call_path(call), &command->location_id,
                              intake->key);
    intake->submission.partition = place->partition;
    if (command->type == CMD_ORDER_PLACE) {
        command->order_id = command->id;
    }
    submit(&intake->submission);
}

/* ---- POST /orders ---- */

/* The location that the body names, or the only one. */
static const struct place *placement_place(const struct call *call, const struct intake *intake)
{
    const struct places_view *view = call->loop->places;
    if (id_is_none(&intake->wanted)) {
        return view != NULL && view->count == 1 ? view->places[0] : NULL;
    }
    return places_find(view, &intake->wanted);
}

static void add_location_fault(const struct intake *intake, struct reason_list *faults)
{
    if (id_is_none(&intake->wanted)) {
        reason_add(faults, "location_required", "/location_id", "There is more than one location: say which.");
    } else {
        reason_add(faults, "location_unknown", "/location_id", "There is no such location.");
    }
}

static void place_again(struct call *call, bool known)
{
    struct intake *intake = call->state;
    struct reason_list faults = { .count = 0 };
    const struct place *place = placement_place(call, intake);
    if (place != NULL) {
        complete(call, intake, place);
    } else if (known) {
        add_location_fault(intake, &faults);
        call_faults(call, ZP_INVALID, &faults);
    } else {
        call_unavailable(call, METRIC_BACKING, "The locations are not known yet; nothing was stored.");
    }
}

void order_post(struct call *call)
{
    struct reason_list faults = { .count = 0 };
    struct text body = call_body(call);
    struct intake *intake = begin(call, CMD_ORDER_PLACE);
    if (intake == NULL || !take_content_type(call) || !take_key(call, intake, true)) {
        return;
    }
    struct command *command = &intake->submission.command;
    take_preferences(call, intake);
    command->if_match = AMOUNT_ABSENT;
    identity_fingerprint(call->loop->gateway->fingerprint_key, body, (struct text){ NULL, 0 }, command->fingerprint);
    enum zp_err err =
        message_place_parse(body.at, body.len, &call->arena, &command->placement, &intake->wanted, &faults);
    const struct place *place = placement_place(call, intake);
    if (err != ZP_OK) {
        call_faults(call, err, &faults);
    } else if (place != NULL) {
        complete(call, intake, place);
    } else if (!places_wait(call, place_again)) {
        call_problem(call, ZP_NO_MEMORY, NULL);
    }
}

/* ---- POST /orders/{id}/… ---- */

static void step_again(struct call *call, bool known)
{
    const struct place *place = places_find_prefix(call->loop->places, id_prefix(&call->id));
    if (place != NULL) {
        complete(call, call->state, place);
    } else if (known) {
        call_problem(call, ZP_NOT_FOUND, NULL); /* no location has orders with such ids */
    } else {
        call_unavailable(call, METRIC_BACKING, "The locations are not known yet; nothing was stored.");
    }
}

void step_post(struct call *call)
{
    struct reason_list faults = { .count = 0 };
    struct text if_match, body = call_body(call);
    struct intake *intake = begin(call, call->route->command);
    if (intake == NULL || (body.len > 0 && !take_content_type(call)) || !take_key(call, intake, false) ||
        !take_if_match(call, intake, &if_match)) {
        return;
    }
    struct command *command = &intake->submission.command;
    take_preferences(call, intake);
    command->order_id = call->id;
    identity_fingerprint(call->loop->gateway->fingerprint_key, body, if_match, command->fingerprint);
    enum zp_err err = message_step_parse(body.at, body.len, &call->arena, &command->reason, &faults);
    const struct place *place = places_find_prefix(call->loop->places, id_prefix(&call->id));
    if (err != ZP_OK) {
        call_faults(call, err, &faults);
    } else if (place != NULL) {
        complete(call, intake, place);
    } else if (!places_wait(call, step_again)) {
        call_problem(call, ZP_NO_MEMORY, NULL);
    }
}
