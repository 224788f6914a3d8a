/* keys: the name of every key and channel, in one place. {L} is the location's hash tag. */
#ifndef ZAPORA_LIVE_KEYS_H
#define ZAPORA_LIVE_KEYS_H

#include "zapora/live.h"

#define KEY_SIZE 96 /* the longest is {L}:order:<id>, 81 characters */

struct key {
    char text[KEY_SIZE]; /* NUL-terminated */
    size_t len;
};

struct key live_key_head(const struct zp_id *location_id);
struct key live_key_events(const struct zp_id *location_id);
struct key live_key_open(const struct zp_id *location_id);
struct key live_key_order(const struct zp_id *location_id, const struct zp_id *order_id);
struct key live_key_channel(const struct zp_id *location_id);
struct key live_key_receipt(const struct zp_id *command_id);
struct key live_key_tick(int32_t partition);

/* The location of a channel's name; false for any other name. */
bool live_key_channel_parse(const char *text, size_t len, struct zp_id *ret_location_id);

#endif
