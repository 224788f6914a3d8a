/* event_text.h: an event in the form of a stream, made once for all the streams of a loop that tell it. */
#ifndef ZAPORA_GATEWAY_EVENT_TEXT_H
#define ZAPORA_GATEWAY_EVENT_TEXT_H

#include "zapora/live.h"

/* Belongs to a loop's thread. Freed with its last reference. */
struct event_text {
    size_t refs;
    size_t len;
    char bytes[]; /* "id: …\nevent: …\ndata: …\n\n" */
};

/* The text that a loop made last, and of which event. All zero at first. */
struct event_texts {
    struct event_text *last;  /* held, or NULL */
    struct zp_id location_id;
    int64_t seq;
    uint8_t hash[HASH_SIZE];  /* the chain after the event: the same one means the same text */
};

/* The text of a note of an event, borrowed until the next call; NULL: no memory. */
struct event_text *event_text_of(struct event_texts *texts, const struct live_note *note);
struct event_text *event_text_hold(struct event_text *text);
/* NULL is fine. */
void event_text_release(struct event_text *text);
void event_texts_finish(struct event_texts *texts);

#endif
