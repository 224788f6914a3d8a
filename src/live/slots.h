/* slots: which slot of a cluster a key is in, which key a command is about, where a redirect leads. No I/O. */
#ifndef ZAPORA_LIVE_SLOTS_H
#define ZAPORA_LIVE_SLOTS_H

#include "uri.h"

#include <hiredis/hiredis.h>

#define SLOT_COUNT       16384
#define SLOT_NONE        (-1) /* of a command without a key */
#define SLOT_SERVERS_MAX 64   /* primaries of a cluster */
#define SLOT_UNSERVED    UINT8_MAX

/* Who has which slots. */
struct slot_map {
    struct live_address servers[SLOT_SERVERS_MAX];
    size_t server_count;
    uint8_t server_of[SLOT_COUNT]; /* a place in servers, or SLOT_UNSERVED */
};

/* "MOVED 3999 host:port": the slot is there from now on. "ASK …": this one command is to be sent there. */
struct redirect {
    bool once;
    int slot;
    struct live_address address; /* host "": that of who said so */
};

int live_slot_of(const char *key, size_t len);
/* The length of the first command in bytes that live_request has written, and its key's slot. 0: it is not whole. */
size_t live_slot_command(const char *bytes, size_t len, int *ret_slot);
/* False when the error is no redirect. */
bool live_redirect_read(const char *error, struct redirect *ret_redirect);
/* The answer to CLUSTER SLOTS, as `asked` gave it. False when it can't be read, or leaves a slot to nobody. */
bool live_slot_map_read(const redisReply *reply, const struct live_address *asked, struct slot_map *ret_map);
bool live_address_equal(const struct live_address *a, const struct live_address *b);

#endif
