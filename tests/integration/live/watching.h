/* watching: a watcher that remembers what it was told, and checks what must hold of it always. */
#ifndef TESTS_LIVE_WATCHING_H
#define TESTS_LIVE_WATCHING_H

#include "support.h"

struct watching {
    struct live_watcher watcher; /* first */
    int lives, losts, resets, notes, words;
    int64_t last_seq;            /* of the newest event told */
    int64_t skipped;             /* events that were never told */
    int64_t repeated;
    struct live_head reset_head;
    struct live_note last;       /* its texts are not kept */
    bool live;
};

static inline void watching_note(struct live_watcher *watcher, const struct live_note *note)
{
    struct watching *watching = (struct watching *)watcher;
    watching->last = *note;
    if (note->json == NULL) {
        watching->words++;
        return;
    }
    watching->notes++;
    if (watching->last_seq > 0 && note->seq > watching->last_seq + 1) {
        watching->skipped += note->seq - watching->last_seq - 1;
    }
    watching->repeated += note->seq <= watching->last_seq;
    watching->last_seq = note->seq;
    assert_int_equal(note->json[note->json_len - 1], '}');
}

static inline void watching_live(struct live_watcher *watcher)
{
    struct watching *watching = (struct watching *)watcher;
    assert_false(watching->live);
    watching->live = true;
    watching->lives++;
}

static inline void watching_lost(struct live_watcher *watcher)
{
    struct watching *watching = (struct watching *)watcher;
    assert_true(watching->live);
    watching->live = false;
    watching->losts++;
}

static inline void watching_reset(struct live_watcher *watcher, const struct live_head *head)
{
    struct watching *watching = (struct watching *)watcher;
    watching->resets++;
    watching->reset_head = *head;
    watching->last_seq = head->seq;
}

static inline void watching_begin(struct watching *watching, struct ears *ears, const struct zp_id *location_id,
                                  struct zp_id only)
{
    *watching = (struct watching){
        .watcher = { .on_note = watching_note, .on_live = watching_live, .on_lost = watching_lost,
                     .on_reset = watching_reset, .only = only },
    };
    assert_int_equal(live_hub_watch(ears->hub, location_id, &watching->watcher), ZP_OK);
    assert_int_equal(watching->lives, 0);
}

#endif
