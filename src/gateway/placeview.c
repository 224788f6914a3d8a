/* placeview: one load of all locations, with their menus rendered once for all requests.
 *
 * Made by the places thread, read by every loop. Invariant: after placeview_load nothing in it changes but the count
 * of its holders. */
#include "placeview.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MENU_JSON_BYTES_MAX ((size_t)16 * 1024 * 1024)

static void free_locations(struct location **locations, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        location_finish(locations[i]);
        free(locations[i]);
    }
    free(locations);
}

static void view_free(struct places_view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        location_finish(view->places[i].location);
        free(view->places[i].location);
        free(view->places[i].menu_json);
    }
    free(view->places);
    free(view->by_prefix);
    free(view);
}

/* "v<version>-<hash>": the version for people, the hash because settings change the answer too. */
static void name_menu(struct place *place)
{
    uint8_t digest[16];
    char hex[2 * 8 + 1];
    const struct crypto_part part = { place->menu_json, place->menu_json_len };
    crypto_blake2b(digest, sizeof(digest), NULL, 0, &part, 1);
    (void)snprintf(place->etag, sizeof(place->etag), "\"v%lld-%s\"", (long long)place->location->menu.version,
                   crypto_hex(digest, 8, hex));
}

static enum zp_err fill_place(struct place *place, struct location *location)
{
    struct buffer json;
    buffer_init(&json, MENU_JSON_BYTES_MAX);
    message_menu_json(&location->id, &location->settings, &location->menu, &json);
    if (json.err != ZP_OK) {
        enum zp_err err = json.err;
        buffer_finish(&json);
        return err;
    }
    *place = (struct place){
        .location = location,
        .prefix = id_location_prefix(&location->id),
        .partition = bus_partition_of_location(&location->id),
        .menu_json = json.data,
        .menu_json_len = json.len,
    };
    name_menu(place);
    return ZP_OK;
}

static int compare_ids(const void *a, const void *b)
{
    const struct place *first = a, *second = b;
    return id_compare(&first->location->id, &second->location->id);
}

static int compare_prefixes(const void *a, const void *b)
{
    const struct place *const *first = a, *const *second = b;
    return (*first)->prefix < (*second)->prefix ? -1 : (*first)->prefix > (*second)->prefix;
}

/* Takes over the locations it has filled places for: view->count of them. */
static enum zp_err fill(struct places_view *view, struct location **locations, size_t count)
{
    view->places = calloc(count + 1, sizeof(*view->places));
    view->by_prefix = calloc(count + 1, sizeof(struct place *));
    if (view->places == NULL || view->by_prefix == NULL) {
        return ZP_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        enum zp_err err = fill_place(&view->places[i], locations[i]);
        if (err != ZP_OK) {
            return err;
        }
        view->count++;
    }
    qsort(view->places, count, sizeof(*view->places), compare_ids);
    for (size_t i = 0; i < count; i++) {
        view->by_prefix[i] = &view->places[i];
    }
    qsort(view->by_prefix, count, sizeof(struct place *), compare_prefixes);
    return ZP_OK;
}

enum zp_err placeview_load(struct store *store, int64_t number, struct places_view **ret_view)
{
    struct location **locations = NULL;
    size_t count = 0;
    enum zp_err err = store_locations_list(store, &locations, &count);
    if (err != ZP_OK) {
        return err;
    }
    struct places_view *view = calloc(1, sizeof(*view));
    if (view == NULL) {
        free_locations(locations, count);
        return ZP_NO_MEMORY;
    }
    atomic_store(&view->refs, 1);
    view->number = number;
    err = fill(view, locations, count);
    if (err != ZP_OK) {
        for (size_t i = view->count; i < count; i++) {
            location_finish(locations[i]);
            free(locations[i]);
        }
        free(locations);
        view_free(view);
        return err;
    }
    free(locations);
    *ret_view = view;
    return ZP_OK;
}

/* Holders only count; the cast is the one place where a view is not const. */
void places_view_hold(const struct places_view *view)
{
    atomic_fetch_add(&((struct places_view *)view)->refs, 1);
}

void places_view_release(const struct places_view *view)
{
    if (view != NULL && atomic_fetch_sub(&((struct places_view *)view)->refs, 1) == 1) {
        view_free((struct places_view *)view);
    }
}

const struct place *places_find(const struct places_view *view, const struct zp_id *location_id)
{
    size_t low = 0, high = view == NULL ? 0 : view->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = id_compare(location_id, &view->places[middle].location->id);
        if (order == 0) {
            return &view->places[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

const struct place *places_find_prefix(const struct places_view *view, uint64_t prefix)
{
    size_t low = 0, high = view == NULL ? 0 : view->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view->by_prefix[middle]->prefix == prefix) {
            return view->by_prefix[middle];
        }
        if (prefix < view->by_prefix[middle]->prefix) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}
