/* journal_look.h: what PostgreSQL has of a location behind a cursor, and what that means for who holds the cursor. */
#ifndef ZAPORA_GATEWAY_JOURNAL_LOOK_H
#define ZAPORA_GATEWAY_JOURNAL_LOOK_H

#include "zapora/live.h"
#include "zapora/store.h"

/* The events' text, ready to be sent, is in the caller's buffer. */
struct journal_found {
    int64_t first;           /* seq; 0: none */
    struct live_cursor last; /* after the last of them */
    struct live_cursor head; /* not newer than what was found */
    bool other;              /* its history is not the cursor's */
};

enum journal_verdict {
    JOURNAL_GOES_ON,  /* with the events that were found */
    JOURNAL_ENDS,     /* at the cursor */
    JOURNAL_LAGS,     /* it may have been put back, and get there once its partition has caught up */
    JOURNAL_OTHER,    /* the cursor is of a history that was replaced */
    JOURNAL_BEYOND,   /* the cursor is of no history */
    JOURNAL_NOT_KEPT, /* what follows the cursor is not there any more, or can't be read */
    JOURNAL_VERDICT_COUNT
};

/* Reads what follows a cursor: some events and at most bytes_max of their values, but always the first. Blocks; the
 * buffer's own error is the caller's to look at. */
enum zp_err journal_look(struct store *store, const struct zp_id *location_id, const struct live_cursor *after,
                         size_t bytes_max, struct arena *arena, struct buffer *out,
                         struct journal_found *ret_found) ZP_MUST_CHECK;
/* caught_up: the partition's owner vouched that nothing waits in the mailbox. */
enum journal_verdict journal_judge(const struct live_cursor *after, const struct journal_found *found, bool caught_up);

#endif
