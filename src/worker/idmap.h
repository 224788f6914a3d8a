/* A map from ids to pointers for the life of one turn; all memory is the turn's arena. */
#ifndef ZAPORA_WORKER_IDMAP_H
#define ZAPORA_WORKER_IDMAP_H

#include "zapora/base.h"

struct idmap_slot { struct zp_id id; void *value; };
struct idmap { struct idmap_slot *slots; size_t mask; size_t count; };

/* Room for `count_max` ids, at half load. ZP_OK or ZP_NO_MEMORY. */
enum zp_err idmap_init(struct idmap *map, size_t count_max, struct arena *arena) ZP_MUST_CHECK;
/* The value under an id, or NULL. */
void *idmap_get(const struct idmap *map, const struct zp_id *id);
/* Sets or replaces. Our own bug to put more than count_max. */
void idmap_put(struct idmap *map, const struct zp_id *id, void *value);

#endif
