/* journal_look: what PostgreSQL has of a location behind a cursor.
 *
 * Called by location_stream, on a helper thread; it is judged on the loop's. Invariant: the head is read first, and
 * the journal only grows: so a head beyond a cursor without a next event says that the event is not kept. The other
 * way round an order that is committed between the two reads would say so, too, and its screen would skip it. */
#include "journal_look.h"

#include "zapora/message.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 200

static struct live_cursor cursor_after(int64_t seq, const uint8_t hash[HASH_SIZE])
{
    struct live_head head = { .seq = seq };
    memcpy(head.hash, hash, HASH_SIZE);
    return live_cursor_at(&head);
}

static enum zp_err look_at_head(struct store *store, const struct zp_id *location_id, struct live_cursor *ret_head)
{
    struct location *location = NULL;
    enum zp_err err = store_location_get(store, location_id, &location);
    if (err == ZP_OK) {
        *ret_head = cursor_after(location->seq, location->hash);
        location_finish(location);
        free(location);
    }
    return err;
}

/* Reads the event at the cursor itself, to see whether the journal's history is the cursor's. */
static enum zp_err look_at_cursor(struct store *store, const struct zp_id *location_id,
                                  const struct live_cursor *after, struct arena *arena, bool *ret_other)
{
    struct batch_event *row = NULL;
    size_t count = 0;
    if (!after->hash_known || after->seq == 0) {
        return ZP_OK;
    }
    enum zp_err err = store_events_after(store, location_id, after->seq - 1, 1, 1, arena, &row, &count);
    if (err == ZP_OK && count == 1 && row->seq == after->seq) {
        *ret_other = !live_cursor_has(after, row->hash);
    }
    return err;
}

static bool put_event(const struct batch_event *row, struct arena *arena, struct buffer *out)
{
    struct event event;
    const char *why;
    if (message_event_decode(row->value, row->value_len, arena, &event, &why) != ZP_OK) {
        return false;
    }
    buffer_printf(out, "id: %lld\nevent: %s\ndata: ", (long long)row->seq, EVENT_WORDS.names[row->type]);
    message_event_json(&event, out, NULL);
    buffer_puts(out, "\n\n");
    return true;
}

enum zp_err journal_look(struct store *store, const struct zp_id *location_id, const struct live_cursor *after,
                         size_t bytes_max, struct arena *arena, struct buffer *out, struct journal_found *ret_found)
{
    struct journal_found found = { .first = 0 };
    struct batch_event *rows = NULL;
    size_t count = 0;
    enum zp_err err = look_at_head(store, location_id, &found.head);
    if (err == ZP_OK) {
        err = look_at_cursor(store, location_id, after, arena, &found.other);
    }
    if (err == ZP_OK) {
        err = store_events_after(store, location_id, after->seq, EVENTS_MAX, bytes_max, arena, &rows, &count);
    }
    if (err != ZP_OK) {
        return err;
    }
    for (size_t i = 0; i < count && put_event(&rows[i], arena, out); i++) {
        found.first = i == 0 ? rows[i].seq : found.first;
        found.last = cursor_after(rows[i].seq, rows[i].hash);
    }
    *ret_found = found;
    return ZP_OK;
}

enum journal_verdict journal_judge(const struct live_cursor *after, const struct journal_found *found, bool caught_up)
{
    if (found->other) {
        return JOURNAL_OTHER;
    }
    if (found->first == after->seq + 1) {
        return JOURNAL_GOES_ON;
    }
    if (after->seq <= found->head.seq) {
        return after->seq == found->head.seq ? JOURNAL_ENDS : JOURNAL_NOT_KEPT;
    }
    return caught_up ? JOURNAL_BEYOND : JOURNAL_LAGS;
}
