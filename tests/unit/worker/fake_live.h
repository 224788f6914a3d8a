/* fake_live: the worker's side of the live room's door over heads in memory, for tests of the announcer. */
#ifndef FAKE_LIVE_H
#define FAKE_LIVE_H

#include "zapora/live.h"

#define FAKE_HEADS_MAX 2048
#define FAKE_NOTES_MAX 4096

struct fake_stream_row { int64_t seq; struct zp_id command_id; uint8_t hash[HASH_SIZE]; };
struct fake_ticket { struct zp_id order_id; int64_t version; };

/* What the cache keeps of a location. */
struct fake_place {
    struct zp_id location_id;
    struct live_head head;
    struct fake_stream_row *events; /* owned, seq ascending */
    size_t event_count;
    struct fake_ticket *tickets;    /* owned: what is open, in no order */
    size_t ticket_count;
};

struct fake_cache {
    struct fake_place places[FAKE_HEADS_MAX];
    size_t place_count;
    /* What was told, in order; the oldest are forgotten when there are too many. */
    struct { struct zp_id command_id; enum event_type type; enum zp_err err; int64_t seq; } notes[FAKE_NOTES_MAX];
    size_t note_count;
    _Atomic bool is_down;
    _Atomic bool is_full;        /* takes open orders and events only, as the real one would */
    _Atomic bool takes_nothing;  /* though it answers */
    _Atomic int refills;
    size_t tickets, orders; /* of the last one */
    _Atomic int64_t connections;
    int heads_asked;
    void (*_Atomic after_heads)(void); /* called once, when heads have been read */
    /* Called with the lock held, when something has become visible; may be NULL. */
    void (*on_note)(const struct fake_place *place, const struct live_note *note);
    void (*on_refill)(const struct fake_place *place, bool is_reset);
};

extern struct fake_cache cache;

void fake_cache_open(void);
void fake_cache_close(void);
/* Forgets everything, as a flush would; nobody is told. */
void fake_cache_clear(void);
/* What is kept of a location, or NULL. */
const struct fake_place *fake_cache_place(const struct zp_id *location_id);
/* A copy of everything kept, and the cache as it was then; restoring frees the copy, as forgetting does. */
struct fake_cache *fake_cache_save(void);
void fake_cache_restore(struct fake_cache *copy);
void fake_cache_forget(struct fake_cache *copy);
/* The head that the cache has of a location; false: none. */
bool fake_cache_head(const struct zp_id *location_id, struct live_head *ret_head);
void fake_cache_set(const struct zp_id *location_id, const struct live_head *head);
int fake_cache_heads_asked(void);

#endif
