/* quota.h: how many event streams there may be: in all, for one user, for one location. */
#ifndef ZAPORA_GATEWAY_QUOTA_H
#define ZAPORA_GATEWAY_QUOTA_H

#include "zapora/base.h"

struct quota;

struct quota_limits { int64_t streams, user_streams, location_streams; };

/* ZP_NO_MEMORY. One for the gateway, thread-safe. */
enum zp_err quota_create(const struct quota_limits *limits, struct quota **ret_quota) ZP_MUST_CHECK;
void quota_destroy(struct quota *quota); /* NULL is fine */
/* Counts a stream in. ZP_BUSY: there are too many in all, or of the location; ZP_LIMITED: of the user; nothing is
 * counted then. */
enum zp_err quota_take(struct quota *quota, const struct zp_id *user_id, const struct zp_id *location_id) ZP_MUST_CHECK;
/* Counts it out again. */
void quota_give(struct quota *quota, const struct zp_id *user_id, const struct zp_id *location_id);

#endif
