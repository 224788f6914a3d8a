/* shared: a note that was heard, with its bytes, held by whoever still needs it. One thread. */
#ifndef ZAPORA_LIVE_SHARED_H
#define ZAPORA_LIVE_SHARED_H

#include "note.h"

struct live_shared {
    int64_t holders;
    size_t bytes;            /* of the whole allocation, for ceilings */
    struct note_frame frame; /* borrows from data; frame.note.shared is this */
    char data[];
};

/* A copy of the bytes, read; held once. NULL when they are not a note or there is no memory. */
struct live_shared *live_shared_read(const void *bytes, size_t len);
struct live_shared *live_shared_hold(struct live_shared *shared);
/* NULL is fine. */
void live_shared_release(struct live_shared *shared);

#endif
