/* claims.h: the two JSON objects inside of a token, between token.c and claims.c. */
#ifndef ZAPORA_GATEWAY_CLAIMS_H
#define ZAPORA_GATEWAY_CLAIMS_H

#include "token.h"

#define TOKEN_ISSUER "zapora"
#define TOKEN_AUDIENCE "zapora-api"
#define TOKEN_CLOCK_SKEW_S 60 /* how far `iat` may lie ahead: clocks of two gateways differ */

/* The header must hold alg HS256, this kid, perhaps typ JWT, and nothing else. NULL when it does, else why not. */
const char *claims_judge_header(struct text json, const char *kid);
/* The payload's claims. NULL when they are good at now_s, else why not. */
const char *claims_judge_payload(struct text json, int64_t now_s, struct principal *ret_principal);
/* The payload of a new token as JSON, owned by the caller (free); NULL without memory. */
char *claims_write(const struct principal *principal, int64_t now_s, bool with_names);

#endif
