/* fake_live.c: owns the heads in memory; see fake_live.h. Calls are serialised: tests look while the announcer
 * pushes. */
#include "fake_live.h"

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

void fake_cache_open(void)
{
    memset(&cache, 0, sizeof cache);
}

static struct live_head *find(const struct zp_id *location_id)
{
    for (size_t i = 0; i < cache.head_count; i++) {
        if (id_equal(&cache.heads[i].location_id, location_id)) {
            return &cache.heads[i].head;
        }
    }
    return NULL;
}

static struct live_head *claim(const struct zp_id *location_id)
{
    struct live_head *head = find(location_id);
    if (head == NULL) {
        ZP_ASSERT(cache.head_count < FAKE_HEADS_MAX);
        cache.heads[cache.head_count].location_id = *location_id;
        head = &cache.heads[cache.head_count++].head;
        *head = (struct live_head){ .seq = 0 };
    }
    return head;
}

bool fake_cache_head(const struct zp_id *location_id, struct live_head *ret_head)
{
    LOCKED;
    const struct live_head *head = find(location_id);
    if (head != NULL) {
        *ret_head = *head;
    }
    return head != NULL;
}

void fake_cache_set(const struct zp_id *location_id, const struct live_head *head)
{
    LOCKED;
    *claim(location_id) = *head;
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

int64_t live_push_connections(const struct live_push *push)
{
    (void)push;
    LOCKED;
    return cache.connections;
}

static void note(const struct live_note *told)
{
    ZP_ASSERT(cache.note_count < FAKE_NOTES_MAX);
    cache.notes[cache.note_count].command_id = told->command_id;
    cache.notes[cache.note_count].type = told->type;
    cache.notes[cache.note_count].err = told->err;
    cache.notes[cache.note_count++].seq = told->seq;
}

static void push_item(struct live_item *item)
{
    struct live_head *head = claim(&item->location_id);
    const struct live_note *last = &item->notes[item->note_count - 1];
    if (head->seq >= last->seq) {
        item->result = LIVE_ALREADY;
    } else if (head->seq != item->notes[0].seq - 1 || memcmp(head->hash, item->before_hash, HASH_SIZE) != 0) {
        item->result = LIVE_REFILL;
    } else {
        item->result = LIVE_PUSHED;
        *head = last->head;
        for (size_t i = 0; i < item->note_count; i++) {
            note(&item->notes[i]);
        }
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
        note(&refusals[i]);
    }
    return cache.is_down ? ZP_BUSY : ZP_OK;
}

static enum zp_err read_heads(const struct zp_id *locations, size_t count, struct live_head *ret_heads, bool *ret_known)
{
    LOCKED;
    cache.heads_asked++;
    for (size_t i = 0; i < count; i++) {
        const struct live_head *head = find(&locations[i]);
        ret_known[i] = head != NULL;
        ret_heads[i] = head == NULL ? (struct live_head){ .seq = 0 } : *head;
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

enum zp_err live_push_refill(struct live_push *push, const struct live_refill *refill, bool seen_known,
                             const struct live_head *seen, bool *ret_replaced)
{
    (void)push;
    LOCKED;
    if (cache.is_down) {
        return ZP_BUSY;
    }
    const struct live_head *head = find(&refill->location_id);
    *ret_replaced = seen_known
                        ? head != NULL && head->seq == seen->seq && memcmp(head->hash, seen->hash, HASH_SIZE) == 0
                        : head == NULL;
    if (*ret_replaced) {
        *claim(&refill->location_id) = refill->head;
        cache.refills++;
    }
    return ZP_OK;
}
