/* menu: GET /menu-items and GET /menu-items/{id}, from memory, for everybody.
 *
 * Called through the table of routes. Invariant: an answer is one load's, held until it has been sent. */
#include "handlers.h"

#include "call.h"
#include "places.h"
#include "query.h"
#include "zapora/message.h"

static const char max_age[] = "public, max-age=5";

/* location_id of the query; the only location when there is one. False: answered. */
static bool take_location(struct call *call, struct zp_id *ret_wanted)
{
    struct query_slot slots[] = { { "location_id", NULL } };
    struct reason_list faults = { .count = 0 };
    enum zp_err err = query_parse(call_query(call), slots, ZP_COUNT(slots), &call->arena, &faults);
    struct text wanted = query_text(&slots[0]);
    *ret_wanted = ID_NONE;
    if (err != ZP_OK) {
        call_problem(call, err, NULL);
        return false;
    }
    if (wanted.at != NULL && !id_parse(wanted.at, wanted.len, ret_wanted)) {
        reason_add(&faults, "not_a_uuid", "?location_id", "A location's id is a UUID.");
    }
    if (wanted.at == NULL && call->loop->places != NULL && call->loop->places->count > 1) {
        reason_add(&faults, "location_required", "?location_id", "There is more than one location: say which.");
    }
    if (faults.count > 0) {
        call_faults(call, ZP_INVALID, &faults);
        return false;
    }
    return true;
}

static const struct place *find(const struct call *call, const struct zp_id *wanted)
{
    const struct places_view *view = call->loop->places;
    if (id_is_none(wanted)) {
        return view != NULL && view->count == 1 ? view->places[0] : NULL;
    }
    return places_find(view, wanted);
}

static void hold_view(struct call *call)
{
    places_view_hold(call->loop->places);
    call->places = call->loop->places;
}

static void show_menu(struct call *call, const struct place *place)
{
    hold_view(call);
    call_header(call, "cache-control", max_age);
    if (!call_not_modified(call, place->etag)) {
        call_answer(call, 200, TYPE_JSON, place->menu_json, place->menu_json_len);
    }
}

static void show_item(struct call *call, const struct place *place)
{
    const char *slug = arena_strndup(&call->arena, call->slug.at, call->slug.len);
    const struct menu_item *item = slug == NULL ? NULL : menu_find(&place->location->menu, slug);
    uint8_t digest[16];
    char hex[2 * 8 + 1];
    if (item == NULL) {
        call_problem(call, ZP_NOT_FOUND, NULL);
        return;
    }
    message_menu_item_json(item, &call->out);
    const struct crypto_part part = { call->out.data, call->out.len };
    crypto_blake2b(digest, sizeof(digest), NULL, 0, &part, 1);
    call_header(call, "cache-control", max_age);
    const char *etag = arena_printf(&call->arena, "\"v%lld-%s\"", (long long)place->location->menu.version,
                                    crypto_hex(digest, 8, hex));
    if (etag == NULL || !call_not_modified(call, etag)) {
        call_answer_out(call, 200);
    }
}

static void show(struct call *call, const struct place *place)
{
    if (call->slug.at != NULL) {
        show_item(call, place);
    } else {
        show_menu(call, place);
    }
}

static void place_again(struct call *call, bool known)
{
    const struct zp_id *wanted = call->state;
    const struct place *place = find(call, wanted);
    if (place != NULL) {
        show(call, place);
    } else if (known) {
        call_problem(call, ZP_NOT_FOUND, NULL);
    } else {
        call_unavailable(call, METRIC_BACKING, "The menus are not loaded yet; try again.");
    }
}

void menu_get(struct call *call)
{
    struct zp_id *wanted = arena_alloc(&call->arena, sizeof(*wanted));
    if (wanted == NULL) {
        call_problem(call, ZP_NO_MEMORY, NULL);
        return;
    }
    call->state = wanted;
    if (!take_location(call, wanted)) {
        return;
    }
    const struct place *place = find(call, wanted);
    if (place != NULL) {
        show(call, place);
    } else if (!places_wait(call, place_again)) {
        call_problem(call, ZP_NO_MEMORY, NULL);
    }
}

void menu_item_get(struct call *call)
{
    menu_get(call); /* the slug tells them apart */
}
