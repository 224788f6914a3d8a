/* fake_announce: the announcer's door without its thread: what is handed over waits until the test lets it out. */
#ifndef FAKE_ANNOUNCE_H
#define FAKE_ANNOUNCE_H

#include "announce.h"

struct announcer *fake_announcer(struct marks *marks, size_t turns, size_t records_max);
void fake_announcer_free(struct announcer *announcer);

/* What was handed over and not let out yet: entries of all turns, in order. NULL behind the last. */
const struct entry *fake_announcer_entry(const struct announcer *announcer, size_t i);
size_t fake_announcer_entries(const struct announcer *announcer);
/* Publishes everything that waits to the fake log, as acknowledged, moves the marks and takes the turns back. */
void fake_announcer_publish(struct announcer *announcer);
/* Forgets everything that waits, as a crash would. */
void fake_announcer_lose(struct announcer *announcer);
/* True when a comparison of that partition was asked for; forgets it. */
bool fake_announcer_compared(struct announcer *announcer, int32_t partition);

#endif
