/* watchers: who is told what, while they come and go. */
#ifndef ZAPORA_LIVE_WATCHERS_H
#define ZAPORA_LIVE_WATCHERS_H

#include "place.h"

void live_watcher_link(struct live_watcher *watcher, struct place *place);
/* Fine for one that is not linked. */
void live_watcher_unlink(struct live_watcher *watcher);

/* The location's next event: to those of the whole location and to those who wait for its order or command. */
void live_watchers_event(struct place *place, const struct live_note *note);
/* To the latter only. */
void live_watchers_word(struct place *place, const struct live_note *note);
/* To all of the place; live and lost only to those who were told the opposite last. */
void live_watchers_live(struct place *place);
void live_watchers_lost(struct place *place);
void live_watchers_reset(struct place *place, const struct live_head *head);

#endif
