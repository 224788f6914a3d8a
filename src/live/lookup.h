/* lookup: a host's addresses, without ever holding up the thread that asks. */
#ifndef ZAPORA_LIVE_LOOKUP_H
#define ZAPORA_LIVE_LOOKUP_H

#include "zapora/base.h"

struct addrinfo;
struct lookup;

enum lookup_state { LOOKUP_WAITING, LOOKUP_DONE, LOOKUP_FAILED };

/* Starts to ask; an address in digits is answered at once. NULL: no memory or no thread. */
struct lookup *live_lookup_start(const char *host, const char *port);
/* Where it stands. ret_addresses: borrowed until the drop, at LOOKUP_DONE; ret_why: static, at LOOKUP_FAILED. */
enum lookup_state live_lookup_poll(struct lookup *lookup, const struct addrinfo **ret_addresses, const char **ret_why);
/* Forgets it, also while it is under way. NULL is fine. */
void live_lookup_drop(struct lookup *lookup);

#endif
