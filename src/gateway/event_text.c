/* event_text: an event in the form of a stream, made once for all the streams of a loop that tell it.
 *
 * Called by location_stream.c; stream.c holds a text while h2o sends it. The hub tells an event to one stream after the
 * other, so keeping the last text is enough. Invariant: a text never changes once it is made. */
#include "event_text.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES_MAX 128 /* id, event and the words before the data */

static struct event_text *make(const struct live_note *note)
{
    static const char end[] = "\n\n";
    char head[HEAD_BYTES_MAX];
    int head_len = snprintf(head, sizeof(head), "id: %lld\nevent: %s\ndata: ", (long long)note->seq,
                            EVENT_WORDS.names[note->type]);
    ZP_ASSERT(head_len > 0 && head_len < HEAD_BYTES_MAX); /* a number and one of our words */
    size_t len = (size_t)head_len + note->json_len + sizeof(end) - 1;
    struct event_text *text = malloc(sizeof(*text) + len);
    if (text == NULL) {
        return NULL;
    }
    *text = (struct event_text){ .refs = 1, .len = len };
    memcpy(text->bytes, head, (size_t)head_len);
    memcpy(text->bytes + head_len, note->json, note->json_len);
    memcpy(text->bytes + len - (sizeof(end) - 1), end, sizeof(end) - 1);
    return text;
}

static bool is_last(const struct event_texts *texts, const struct live_note *note)
{
    return texts->last != NULL && texts->seq == note->seq && id_equal(&texts->location_id, &note->location_id) &&
           memcmp(texts->hash, note->head.hash, HASH_SIZE) == 0;
}

struct event_text *event_text_of(struct event_texts *texts, const struct live_note *note)
{
    if (!is_last(texts, note)) {
        event_texts_finish(texts);
        texts->last = make(note);
        texts->location_id = note->location_id;
        texts->seq = note->seq;
        memcpy(texts->hash, note->head.hash, HASH_SIZE);
    }
    return texts->last;
}

struct event_text *event_text_hold(struct event_text *text)
{
    text->refs++;
    return text;
}

void event_text_release(struct event_text *text)
{
    if (text != NULL && --text->refs == 0) {
        free(text);
    }
}

void event_texts_finish(struct event_texts *texts)
{
    event_text_release(texts->last);
    texts->last = NULL;
}
