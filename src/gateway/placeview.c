/* placeview: one load of all locations, with their menus rendered once for all requests.
 *
 * Made by the places thread, read by every loop. Invariants: after placeview_load nothing in a view or a place changes
 * but the count of its holders; a place whose mark is the database's is never read or rendered again. */
#include "placeview.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MENU_JSON_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define PLACES_MAX 1000000
#define MARKS_AT_ONCE 1024
#define LOCATIONS_AT_ONCE 64 /* menus are large */

static void location_free(struct location *location)
{
    location_finish(location);
    free(location);
}

static void place_release(struct place *place)
{
    if (atomic_fetch_sub(&place->refs, 1) == 1) {
        location_free(place->location);
        free(place->menu_json);
        free(place);
    }
}

static void view_free(struct places_view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        place_release(view->places[i]);
    }
    free(view->places);
    free(view->by_prefix);
    free(view);
}

/* ---- one place ------------------------------------------------------------------------------------------------- */

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

static enum zp_err render(struct place *place)
{
    struct buffer json;
    buffer_init(&json, MENU_JSON_BYTES_MAX);
    message_menu_json(&place->location->id, &place->location->settings, &place->location->menu, &json);
    if (json.err != ZP_OK) {
        enum zp_err err = json.err;
        buffer_finish(&json);
        return err;
    }
    char *tight = realloc(json.data, json.len + 1); /* it stays for long */
    place->menu_json = tight != NULL ? tight : json.data;
    place->menu_json_len = json.len;
    name_menu(place);
    return ZP_OK;
}

/* Takes over the location, on success only. */
static enum zp_err place_create(struct location *location, int64_t mark, struct place **ret_place)
{
    struct place *place = calloc(1, sizeof(*place));
    if (place == NULL) {
        return ZP_NO_MEMORY;
    }
    atomic_store(&place->refs, 1);
    place->mark = mark;
    place->location = location;
    place->prefix = id_location_prefix(&location->id);
    place->partition = bus_partition_of_location(&location->id);
    enum zp_err err = render(place);
    if (err != ZP_OK) {
        free(place);
        return err;
    }
    *ret_place = place;
    return ZP_OK;
}

/* ---- all of them ----------------------------------------------------------------------------------------------- */

struct loading {
    struct store *store;
    const struct places_view *known; /* NULL: none */
    struct places_view *view;        /* being filled; there is always room for a next place */
    struct store_location_mark wanted[LOCATIONS_AT_ONCE];
    size_t wanted_count;
};

static enum zp_err make_room(struct places_view *view, size_t more)
{
    if (view->count + more > PLACES_MAX) {
        return ZP_TOO_LARGE;
    }
    struct place **places = realloc(view->places, (view->count + more + 1) * sizeof(struct place *));
    if (places == NULL) {
        return ZP_NO_MEMORY;
    }
    view->places = places;
    return ZP_OK;
}

static int64_t wanted_mark(const struct loading *loading, const struct zp_id *id)
{
    size_t i = 0;
    while (i + 1 < loading->wanted_count && !id_equal(&loading->wanted[i].location_id, id)) {
        i++;
    }
    return loading->wanted[i].mark;
}

/* Adds what the database has of the wanted ones. Their marks were read before them: a place that was written in
 * between is read again with the next load. */
static enum zp_err load_wanted(struct loading *loading)
{
    struct location *locations[LOCATIONS_AT_ONCE];
    struct zp_id ids[LOCATIONS_AT_ONCE];
    size_t count = 0;
    for (size_t i = 0; i < loading->wanted_count; i++) {
        ids[i] = loading->wanted[i].location_id;
    }
    enum zp_err err = loading->wanted_count == 0
        ? ZP_OK
        : store_locations_get(loading->store, ids, loading->wanted_count, locations, &count);
    for (size_t i = 0; i < count; i++) {
        struct place *place = NULL;
        if (err == ZP_OK) {
            err = place_create(locations[i], wanted_mark(loading, &locations[i]->id), &place);
        }
        if (err == ZP_OK) {
            loading->view->places[loading->view->count++] = place;
        } else {
            location_free(locations[i]);
        }
    }
    loading->wanted_count = 0;
    return err;
}

static enum zp_err consider(struct loading *loading, const struct store_location_mark *found)
{
    struct place *known = (struct place *)places_find(loading->known, &found->location_id);
    if (known != NULL && known->mark == found->mark) {
        atomic_fetch_add(&known->refs, 1);
        loading->view->places[loading->view->count++] = known;
        return ZP_OK;
    }
    loading->wanted[loading->wanted_count++] = *found;
    return loading->wanted_count == LOCATIONS_AT_ONCE ? load_wanted(loading) : ZP_OK;
}

static enum zp_err load_all(struct loading *loading)
{
    struct store_location_mark *marks = calloc(MARKS_AT_ONCE, sizeof(*marks));
    enum zp_err err = marks == NULL ? ZP_NO_MEMORY : ZP_OK;
    struct zp_id after = ID_NONE;
    size_t count = MARKS_AT_ONCE;
    while (err == ZP_OK && count == MARKS_AT_ONCE) {
        err = store_location_marks(loading->store, &after, MARKS_AT_ONCE, marks, &count);
        if (err == ZP_OK) {
            err = make_room(loading->view, count);
        }
        for (size_t i = 0; err == ZP_OK && i < count; i++) {
            after = marks[i].location_id;
            err = consider(loading, &marks[i]);
        }
        if (err == ZP_OK) {
            err = load_wanted(loading);
        }
    }
    free(marks);
    return err;
}

static int compare_ids(const void *a, const void *b)
{
    const struct place *const *first = a, *const *second = b;
    return id_compare(&(*first)->location->id, &(*second)->location->id);
}

static int compare_prefixes(const void *a, const void *b)
{
    const struct place *const *first = a, *const *second = b;
    return (*first)->prefix < (*second)->prefix ? -1 : (*first)->prefix > (*second)->prefix;
}

static enum zp_err sort(struct places_view *view)
{
    view->by_prefix = calloc(view->count + 1, sizeof(struct place *));
    if (view->by_prefix == NULL) {
        return ZP_NO_MEMORY;
    }
    if (view->count > 0) {
        qsort(view->places, view->count, sizeof(struct place *), compare_ids);
        memcpy(view->by_prefix, view->places, view->count * sizeof(struct place *));
        qsort(view->by_prefix, view->count, sizeof(struct place *), compare_prefixes);
    }
    return ZP_OK;
}

enum zp_err placeview_load(struct store *store, int64_t number, const struct places_view *known,
                           struct places_view **ret_view)
{
    struct places_view *view = calloc(1, sizeof(*view));
    if (view == NULL) {
        return ZP_NO_MEMORY;
    }
    atomic_store(&view->refs, 1);
    view->number = number;
    struct loading loading = { .store = store, .known = known, .view = view };
    enum zp_err err = load_all(&loading);
    if (err == ZP_OK) {
        err = sort(view);
    }
    if (err != ZP_OK) {
        view_free(view);
        return err;
    }
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
        int order = id_compare(location_id, &view->places[middle]->location->id);
        if (order == 0) {
            return view->places[middle];
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
