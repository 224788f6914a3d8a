/* What a replay needs besides reading: which commands stood there before, and CSV. */
#ifndef ZAPORA_CLI_REPLAY_SEEN_H
#define ZAPORA_CLI_REPLAY_SEEN_H

#include "zapora/base.h"

/* Remembers the last one to two million ids: a retry comes soon after the first, so a bounded memory is enough. */
struct replay_seen { struct zp_id *young, *old; size_t count; };

/* True when the id was met before; remembers it. Without memory nothing is remembered. */
bool replay_seen_before(struct replay_seen *seen, const struct zp_id *id);
void replay_seen_finish(struct replay_seen *seen);

#define REPLAY_CSV_HEADING "topic,partition,offset,seq,type,at,location_id,order_id,command_id,data"
/* A line of a replay as CSV (RFC 4180): its members in the heading's order, the data as one quoted field of JSON. */
void replay_csv_line(const char *json, size_t len, struct buffer *out);

#endif
