/* identity.h: how a command gets its id and its fingerprint (DESIGN.md, "Identity of commands"). */
#ifndef ZAPORA_GATEWAY_IDENTITY_H
#define ZAPORA_GATEWAY_IDENTITY_H

#include "text.h"
#include "zapora/base.h"

#define IDENTITY_KEY_SIZE 32

/* The id of a request that carries an Idempotency-Key: the same for the same five parts, on every gateway with this
 * key. */
struct zp_id identity_of(const uint8_t key[IDENTITY_KEY_SIZE], const struct zp_id *principal, const char *method,
                         struct text path, const struct zp_id *location_id, struct text idempotency_key);
/* What tells two requests with the same key apart: the body's bytes as sent, and the If-Match that changes its
 * meaning. */
void identity_fingerprint(const uint8_t key[IDENTITY_KEY_SIZE], struct text body, struct text if_match,
                          uint8_t ret_fingerprint[16]);
/* One secret file gives several keys: BLAKE2b-256(purpose), keyed by it. */
void identity_derive(const uint8_t *secret, size_t len, const char *purpose, uint8_t ret_key[IDENTITY_KEY_SIZE]);

#endif
