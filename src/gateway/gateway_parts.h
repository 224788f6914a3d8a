/* gateway_parts.h: what all threads of the gateway share. Filled by gateway.c before the first loop starts, then
 * only read; each part guards itself. */
#ifndef ZAPORA_GATEWAY_PARTS_H
#define ZAPORA_GATEWAY_PARTS_H

#include "cursor.h"
#include "identity.h"
#include "token.h"
#include "zapora/gateway.h"
#include "zapora/store.h"

#define LOOPS_MAX 64

struct jobs;
struct loop;
struct places;
struct publisher;
struct quota;

struct gateway {
    const struct gateway_settings *settings; /* borrowed from main */
    struct token_key token_key;
    uint8_t id_key[IDENTITY_KEY_SIZE];       /* names commands */
    uint8_t fingerprint_key[IDENTITY_KEY_SIZE];
    uint8_t cursor_key[CURSOR_KEY_SIZE];
    size_t connections_max;                  /* for each loop: as the setting says, or as the descriptors allow */
    struct jobs *jobs;
    struct places *places;
    struct publisher *publisher;
    struct quota *quota;                     /* of event streams */
    struct loop *loops[LOOPS_MAX];
    size_t loop_count;
    _Atomic bool draining;
    _Atomic int64_t hurry_at_us;             /* of a drain, on clock_mono_us: waits end */
};

/* How each of its threads asks PostgreSQL. */
struct store_settings gateway_store_settings(const struct gateway_settings *settings, const char *application,
                                             int64_t statement_timeout_ms);

#endif
