/* catch_up: how a place finds out what it missed. */
#ifndef ZAPORA_LIVE_CATCH_UP_H
#define ZAPORA_LIVE_CATCH_UP_H

#include "place.h"

/* Takes the next step towards live: looks at the head, reads from the stream, or tells that it is live. */
void live_catch_up(struct place *place);
/* The same from the loop: looks at the head again when it is time to. */
void live_place_look(struct place *place);
/* Begins again at that head; `tell`: the watchers' history was replaced, or they were live before Redis knew of any. */
void live_place_restart(struct place *place, const struct live_head *head, bool tell);

#endif
