/* request: what comes in as JSON: requests, restaurant files, and the database's own documents.
 *
 * Called by the gateway, the command line and the store. Invariant: a result is untouched unless the whole document is
 * right; the rows say what that is. */
#include "json.h"

enum zp_err message_place_parse(const char *body, size_t len, struct arena *arena, struct placement *ret_placement,
                                struct zp_id *ret_location_id, struct reason_list *faults)
{
    struct place_request request = { .location_id = ID_NONE };

    enum zp_err err = json_read(&JSON_ROOT(place_request_thing), body, len, arena, &request, faults);
    if (err == ZP_OK) {
        *ret_placement = request.placement;
        *ret_location_id = request.location_id;
    }
    return err;
}

enum zp_err message_step_parse(const char *body, size_t len, struct arena *arena, const char **ret_reason,
                               struct reason_list *faults)
{
    struct step_request request = { .reason = NULL };
    enum zp_err err = ZP_OK;

    if (len > 0) {
        err = json_read(&JSON_ROOT(step_request_thing), body, len, arena, &request, faults);
    }
    if (err == ZP_OK) {
        *ret_reason = request.reason;
    }
    return err;
}

enum zp_err message_login_parse(const char *body, size_t len, struct arena *arena, struct credentials *ret_credentials,
                                struct reason_list *faults)
{
    struct credentials credentials = { .email = NULL };

    enum zp_err err = json_read(&JSON_ROOT(credentials_thing), body, len, arena, &credentials, faults);
    if (err == ZP_OK) {
        *ret_credentials = credentials;
    }
    return err;
}

enum zp_err message_restaurant_parse(const char *body, size_t len, struct arena *arena,
                                     struct restaurant *ret_restaurant, struct reason_list *faults)
{
    struct restaurant restaurant = { .location_id = ID_NONE };

    enum zp_err err = json_read(&JSON_ROOT(restaurant_thing), body, len, arena, &restaurant, faults);
    if (err == ZP_OK) {
        *ret_restaurant = restaurant;
    }
    return err;
}

/* ---- the database's documents: nobody reads their faults ----------------------------------------------- */

enum zp_err message_menu_doc_parse(const char *json, size_t len, struct arena *arena, struct menu *ret_menu)
{
    struct reason_list faults = { .count = 0 };
    struct menu menu = { .version = 0 };

    enum zp_err err = json_read(&JSON_ROOT(menu_thing), json, len, arena, &menu, &faults);
    if (err == ZP_OK) {
        *ret_menu = menu;
    }
    return err;
}

enum zp_err message_settings_parse(const char *json, size_t len, struct arena *arena,
                                   struct location_settings *ret_settings)
{
    struct reason_list faults = { .count = 0 };
    struct location_settings settings = { .name = NULL };

    enum zp_err err = json_read(&JSON_ROOT(location_settings_thing), json, len, arena, &settings, &faults);
    if (err == ZP_OK) {
        *ret_settings = settings;
    }
    return err;
}

enum zp_err message_reasons_parse(const char *json, size_t len, struct arena *arena, struct reason **ret_reasons,
                                  size_t *ret_count)
{
    struct reason_list faults = { .count = 0 };
    struct reason_doc doc = { .reasons = NULL };

    enum zp_err err = json_read(&reasons_field, json, len, arena, &doc, &faults);
    if (err == ZP_OK) {
        *ret_reasons = doc.reasons;
        *ret_count = doc.reason_count;
    }
    return err;
}

enum zp_err message_options_parse(const char *json, size_t len, struct arena *arena, struct order_option **ret_options,
                                  size_t *ret_count)
{
    struct reason_list faults = { .count = 0 };
    struct option_doc doc = { .options = NULL };

    enum zp_err err = json_read(&options_field, json, len, arena, &doc, &faults);
    if (err == ZP_OK) {
        *ret_options = doc.options;
        *ret_count = doc.option_count;
    }
    return err;
}
