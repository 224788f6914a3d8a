/* fake_live: the worker's side of the live room's door over heads in memory, for tests of the announcer. */
#ifndef FAKE_LIVE_H
#define FAKE_LIVE_H

#include "zapora/live.h"

#define FAKE_HEADS_MAX 2048
#define FAKE_NOTES_MAX 4096

struct fake_cache {
    struct { struct zp_id location_id; struct live_head head; } heads[FAKE_HEADS_MAX];
    size_t head_count;
    /* What was told, in order. */
    struct { struct zp_id command_id; enum event_type type; enum zp_err err; int64_t seq; } notes[FAKE_NOTES_MAX];
    size_t note_count;
    bool is_down;
    int refills;
    int64_t connections;
    int heads_asked;
    void (*_Atomic after_heads)(void); /* called once, when heads have been read */
};

extern struct fake_cache cache;

void fake_cache_open(void);
/* The head that the cache has of a location; false: none. */
bool fake_cache_head(const struct zp_id *location_id, struct live_head *ret_head);
void fake_cache_set(const struct zp_id *location_id, const struct live_head *head);
int fake_cache_heads_asked(void);

#endif
