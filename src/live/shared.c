/* shared: a note that was heard, with its bytes.
 *
 * Called by the hub, which keeps notes in rings and hands them to many streams without copying. Invariant: the bytes
 * live as long as somebody holds them, and never change. */
#include "shared.h"

#include <stdlib.h>
#include <string.h>

struct live_shared *live_shared_read(const void *bytes, size_t len)
{
    struct note_frame frame;
    if (!live_note_decode(bytes, len, &frame)) {
        return NULL;
    }
    struct live_shared *shared = malloc(sizeof(*shared) + len);
    if (shared == NULL) {
        return NULL;
    }
    memcpy(shared->data, bytes, len);
    /* Decoded again where it will stay, so that its texts are borrowed from the copy. */
    bool again = live_note_decode(shared->data, len, &shared->frame);
    ZP_ASSERT(again);
    shared->holders = 1;
    shared->bytes = sizeof(*shared) + len;
    shared->frame.note.shared = shared;
    return shared;
}

struct live_shared *live_shared_hold(struct live_shared *shared)
{
    ZP_ASSERT(shared->holders > 0);
    shared->holders++;
    return shared;
}

void live_shared_release(struct live_shared *shared)
{
    if (shared == NULL) {
        return;
    }
    ZP_ASSERT(shared->holders > 0);
    if (--shared->holders == 0) {
        free(shared);
    }
}

void live_note_hold(const struct live_note *note)
{
    ZP_ASSERT(note->shared != NULL);
    (void)live_shared_hold(note->shared);
}

void live_note_release(const struct live_note *note)
{
    live_shared_release(note->shared);
}
