/* fake_live.c: owns the heads in memory; see fake_live.h. Calls are serialised: tests look while the announcer
 * pushes. */
#include "fake_live.h"
#include "zapora/planted.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct live_push { int unused; };

struct fake_cache cache;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void unlock(int *held)
{
    (void)held;
    pthread_mutex_unlock(&lock);
}

#define LOCKED __attribute__((cleanup(unlock), unused)) int held = pthread_mutex_lock(&lock)

static void place_free(struct fake_place *place)
{
    free(place->events);
    free(place->tickets);
    place->events = NULL;
    place->tickets = NULL;
    place->event_count = place->ticket_count = 0;
}

static void places_free(struct fake_cache *of)
{
    for (size_t i = 0; i < of->place_count; i++) {
        place_free(&of->places[i]);
    }
    of->place_count = 0;
}

void fake_cache_open(void)
{
    memset(&cache, 0, sizeof cache);
}

void fake_cache_close(void)
{
    places_free(&cache);
}

void fake_cache_clear(void)
{
    LOCKED;
    places_free(&cache);
}

static void *copy_array(const void *from, size_t bytes)
{
    void *to = malloc(bytes + 1);
    ZP_ASSERT(to != NULL);
    return bytes == 0 ? to : memcpy(to, from, bytes);
}

struct fake_cache *fake_cache_save(void)
{
    LOCKED;
    struct fake_cache *copy = malloc(sizeof *copy);
    ZP_ASSERT(copy != NULL);
    copy->place_count = cache.place_count;
    for (size_t i = 0; i < cache.place_count; i++) {
        struct fake_place *place = &copy->places[i];
        *place = cache.places[i];
        place->events = copy_array(place->events, place->event_count * sizeof *place->events);
        place->tickets = copy_array(place->tickets, place->ticket_count * sizeof *place->tickets);
    }
    return copy;
}

void fake_cache_restore(struct fake_cache *copy)
{
    LOCKED;
    places_free(&cache);
    cache.place_count = copy->place_count;
    memcpy(cache.places, copy->places, copy->place_count * sizeof *copy->places);
    free(copy);
}

void fake_cache_forget(struct fake_cache *copy)
{
    if (copy != NULL) {
        places_free(copy);
        free(copy);
    }
}

static struct fake_place *find(const struct zp_id *location_id)
{
    for (size_t i = 0; i < cache.place_count; i++) {
        if (id_equal(&cache.places[i].location_id, location_id)) {
            return &cache.places[i];
        }
    }
    return NULL;
}

const struct fake_place *fake_cache_place(const struct zp_id *location_id)
{
    LOCKED;
    return find(location_id);
}

static struct fake_place *claim(const struct zp_id *location_id)
{
    struct fake_place *place = find(location_id);
    if (place == NULL) {
        ZP_ASSERT(cache.place_count < FAKE_HEADS_MAX);
        place = &cache.places[cache.place_count++];
        *place = (struct fake_place){ .location_id = *location_id };
    }
    return place;
}

bool fake_cache_head(const struct zp_id *location_id, struct live_head *ret_head)
{
    LOCKED;
    const struct fake_place *place = find(location_id);
    if (place != NULL) {
        *ret_head = place->head;
    }
    return place != NULL;
}

void fake_cache_set(const struct zp_id *location_id, const struct live_head *head)
{
    LOCKED;
    claim(location_id)->head = *head;
}

int fake_cache_heads_asked(void)
{
    LOCKED;
    return cache.heads_asked;
}

enum zp_err live_push_create(const struct live_settings *settings, struct live_push **ret_push, char why[LIVE_WHY_SIZE])
{
    (void)settings, (void)why;
    *ret_push = calloc(1, sizeof **ret_push);
    return *ret_push == NULL ? ZP_NO_MEMORY : ZP_OK;
}

void live_push_destroy(struct live_push *push)
{
    free(push);
}

const char *live_push_trouble(const struct live_push *push)
{
    (void)push;
    return "";
}

bool live_push_is_full(const struct live_push *push)
{
    (void)push;
    return cache.is_full;
}

int64_t live_push_connections(const struct live_push *push)
{
    (void)push;
    LOCKED;
    return cache.connections;
}

static void note(const struct fake_place *place, const struct live_note *told)
{
    if (cache.note_count == FAKE_NOTES_MAX) {
        cache.note_count = 0;
    }
    cache.notes[cache.note_count].command_id = told->command_id;
    cache.notes[cache.note_count].type = told->type;
    cache.notes[cache.note_count].err = told->err;
    cache.notes[cache.note_count++].seq = told->seq;
    if (cache.on_note != NULL) {
        cache.on_note(place, told);
    }
}

static void add_event(struct fake_place *place, const struct live_note *told)
{
    place->events = realloc(place->events, (place->event_count + 1) * sizeof *place->events);
    ZP_ASSERT(place->events != NULL);
    struct fake_stream_row *row = &place->events[place->event_count++];
    *row = (struct fake_stream_row){ .seq = told->seq, .command_id = told->command_id };
    memcpy(row->hash, told->head.hash, HASH_SIZE);
}

static void set_ticket(struct fake_place *place, const struct zp_id *order_id, int64_t version, bool is_open)
{
    size_t i = 0;
    while (i < place->ticket_count && !id_equal(&place->tickets[i].order_id, order_id)) {
        i++;
    }
    if (!is_open) {
        if (i < place->ticket_count) {
            place->tickets[i] = place->tickets[--place->ticket_count];
        }
        return;
    }
    if (i == place->ticket_count) {
        place->tickets = realloc(place->tickets, (place->ticket_count + 1) * sizeof *place->tickets);
        ZP_ASSERT(place->tickets != NULL);
        place->ticket_count++;
    }
    place->tickets[i] = (struct fake_ticket){ *order_id, version };
}

static const struct fake_stream_row *event_of(const struct fake_place *place, int64_t seq)
{
    for (size_t i = 0; i < place->event_count; i++) {
        if (place->events[i].seq == seq) {
            return &place->events[i];
        }
    }
    return NULL;
}

static bool same_hash(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, HASH_SIZE) == 0;
}

/* Where a push begins, as the script of live decides it: the first note that is new, or -1 when the history differs;
 * note_count: all of it is there. */
static int64_t first_new(const struct fake_place *place, const struct live_item *item)
{
    int64_t first = item->notes[0].seq, count = (int64_t)item->note_count;
    if (PLANTED(PUSH_WITHOUT_HEAD)) {
        return 0;
    }
    if (place == NULL) {
        return first == 1 ? 0 : -1;
    }
    int64_t at = place->head.seq;
    if (at == first - 1 && same_hash(place->head.hash, item->before_hash)) {
        return 0;
    }
    if (at < first) {
        return -1;
    }
    if (at < first + count) {
        return same_hash(item->notes[at - first].head.hash, place->head.hash) ? at - first + 1 : -1;
    }
    const struct live_note *last = &item->notes[count - 1];
    const struct fake_stream_row *row = event_of(place, last->seq);
    return row != NULL && same_hash(row->hash, last->head.hash) ? count : -1;
}

static void push_item(struct live_item *item)
{
    int64_t from = first_new(find(&item->location_id), item);
    item->result = from < 0 ? LIVE_REFILL : from == (int64_t)item->note_count ? LIVE_ALREADY : LIVE_PUSHED;
    if (item->result != LIVE_PUSHED) {
        return;
    }
    struct fake_place *place = claim(&item->location_id);
    for (size_t i = (size_t)from; i < item->note_count; i++) {
        const struct live_note *told = &item->notes[i];
        add_event(place, told);
        if (!id_is_none(&told->order_id)) {
            set_ticket(place, &told->order_id, told->version, item->open[i]);
        }
        place->head = told->head;
    }
    for (size_t i = (size_t)from; i < item->note_count; i++) {
        note(place, &item->notes[i]);
    }
}

enum zp_err live_push_items(struct live_push *push, struct live_item *items, size_t item_count,
                            const struct live_note *refusals, size_t refusal_count,
                            const struct outcome *outcomes, size_t outcome_count)
{
    (void)push, (void)outcomes, (void)outcome_count;
    LOCKED;
    for (size_t i = 0; !cache.is_down && i < item_count; i++) {
        push_item(&items[i]);
    }
    for (size_t i = 0; !cache.is_down && i < refusal_count; i++) {
        note(find(&refusals[i].location_id), &refusals[i]);
    }
    return cache.is_down ? ZP_BUSY : ZP_OK;
}

static enum zp_err read_heads(const struct zp_id *locations, size_t count, struct live_head *ret_heads, bool *ret_known)
{
    LOCKED;
    cache.heads_asked++;
    for (size_t i = 0; i < count; i++) {
        const struct fake_place *place = find(&locations[i]);
        ret_known[i] = place != NULL;
        ret_heads[i] = place == NULL ? (struct live_head){ .seq = 0 } : place->head;
    }
    return cache.is_down ? ZP_BUSY : ZP_OK;
}

enum zp_err live_push_heads(struct live_push *push, const struct zp_id *locations, size_t count,
                            struct live_head *ret_heads, bool *ret_known)
{
    (void)push;
    enum zp_err err = read_heads(locations, count, ret_heads, ret_known);
    void (*after_heads)(void) = cache.after_heads;
    cache.after_heads = NULL;
    if (after_heads != NULL) {
        after_heads();
    }
    return err;
}

/* True when streams that stand at `seen` can't simply go on. */
static bool is_other_history(const struct live_refill *refill, const struct live_head *seen)
{
    if (refill->head.seq <= seen->seq) {
        return refill->head.seq != seen->seq || !same_hash(refill->head.hash, seen->hash);
    }
    for (size_t i = 0; i < refill->event_count; i++) {
        if (refill->events[i].seq == seen->seq) {
            return !same_hash(refill->events[i].head.hash, seen->hash);
        }
    }
    return false;
}

static bool is_as_seen(const struct fake_place *place, bool seen_known, const struct live_head *seen)
{
    if (PLANTED(REFILL_WITHOUT_HEAD)) {
        return true;
    }
    return seen_known ? place != NULL && place->head.seq == seen->seq && same_hash(place->head.hash, seen->hash)
                      : place == NULL;
}

static void replace(struct fake_place *place, const struct live_refill *refill)
{
    place_free(place);
    for (size_t i = 0; i < refill->event_count; i++) {
        add_event(place, &refill->events[i]);
    }
    for (size_t i = 0; i < refill->order_count; i++) {
        set_ticket(place, &refill->orders[i].id, refill->orders[i].version, true);
    }
    place->head = refill->head;
}

enum zp_err live_push_refill(struct live_push *push, const struct live_refill *refill, bool seen_known,
                             const struct live_head *seen, bool *ret_replaced)
{
    (void)push;
    LOCKED;
    if (cache.is_down || cache.takes_nothing) {
        return ZP_BUSY;
    }
    *ret_replaced = is_as_seen(find(&refill->location_id), seen_known, seen);
    if (*ret_replaced) {
        bool is_reset = seen_known && is_other_history(refill, seen);
        replace(claim(&refill->location_id), refill);
        cache.refills++;
        if (cache.on_refill != NULL) {
            cache.on_refill(find(&refill->location_id), is_reset);
        }
        cache.tickets = refill->ticket_count;
        cache.orders = refill->order_count;
    }
    return ZP_OK;
}
