/* note: a struct live_note as bytes: one form for the channel, the stream and the orders' snapshots.
 *
 * Why one form: bytes that pass through Redis' Lua are hashed one by one; handing the same string to the stream, the
 * snapshot and the channel costs a quarter less of Redis' time for an order than giving each its own. */
#ifndef ZAPORA_LIVE_NOTE_H
#define ZAPORA_LIVE_NOTE_H

#include "zapora/live.h"

/* What a note is for; the letter stands in its bytes. */
#define NOTE_KINDS(X) \
    X(EVENT, 'E') /* happened: stands in the stream, has the location's next seq */ \
    X(WORD,  'W') /* said to those who wait for its order or command, kept nowhere */ \
    X(ORDER, 'O') /* an order's snapshot without an event: refilled */ \
    X(HEAD,  'H') /* to the hubs: the cache was refilled up to this head */ \
    X(RESET, 'R') /* to the hubs: the history was replaced by one with this head */

enum note_kind {
#define X(name, letter) NOTE_##name,
    NOTE_KINDS(X)
#undef X
    NOTE_KIND_COUNT
};

struct note_frame {
    enum note_kind kind;
    struct live_note note; /* its type is EV_COUNT where there is no event */
};

/* Scripts read these two out of a note's bytes. */
#define NOTE_HASH_AT 8     /* HASH_SIZE bytes: the chain after the event */
#define NOTE_VERSION_AT 40 /* 8 bytes, big-endian: the order's version */

#define NOTE_BYTES_MAX ((size_t)4 * 1024 * 1024)

/* Bytes that live_note_encode will append. */
size_t live_note_size(const struct note_frame *frame);
void live_note_encode(const struct note_frame *frame, struct buffer *out);
/* False for anything that live_note_encode would not write, a byte left over included. Texts are borrowed from
 * bytes. */
bool live_note_decode(const void *bytes, size_t len, struct note_frame *ret_frame);

#endif
