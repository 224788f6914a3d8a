/* fields.h: what stands in a request's header fields, judged one field at a time. */
#ifndef ZAPORA_GATEWAY_FIELDS_H
#define ZAPORA_GATEWAY_FIELDS_H

#include "text.h"
#include "zapora/base.h"

#define IDEMPOTENCY_KEY_CHARS_MAX 255
#define REQUEST_ID_CHARS_MAX 64
#define WAIT_SECONDS_MAX 30

/* Idempotency-Key: the key without its quotes, if it has some: `"k"` and `k` are the same key. Visible ASCII, 1–255. */
bool field_idempotency_key(struct text value, struct text *ret_key);
/* Prefer: the seconds of its first well-formed wait=N, at most WAIT_SECONDS_MAX; 0 without one. As RFC 7240 wants it,
 * what is not understood is ignored. */
int64_t field_prefer_wait(struct text value);
/* If-Match of a step: one strong "N", or * for any. AMOUNT_ABSENT (in order.h) stands for *. */
bool field_if_match(struct text value, int64_t *ret_version);
/* If-None-Match: is this entity tag (with its quotes) among those listed? * names all. */
bool field_none_match(struct text value, const char *etag);
/* The version that an If-None-Match names when it holds a single "N", weak or not. */
bool field_version(struct text value, int64_t *ret_version);
/* Last-Event-ID, or the query's form of it: a location's seq. */
bool field_cursor(struct text value, int64_t *ret_seq);
/* Authorization: the token of the scheme Bearer, whose name has no case. */
bool field_bearer(struct text value, struct text *ret_token);
/* X-Request-Id: 1–64 of letters, digits, dot, underscore and dash. */
bool field_request_id_fits(struct text value);
/* Content-Type: application/json, with any parameters. */
bool field_is_json(struct text value);
/* traceparent of W3C, version 00. */
bool field_traceparent_fits(struct text value);
/* A whole number of digits only, from 0 to max. */
bool field_number(struct text value, int64_t max, int64_t *ret_number);

#endif
