/* keys: the name of every key and channel.
 *
 * Called by whatever asks Redis for something. Invariant: all keys of a location share its hash tag, so that one script
 * may touch them on a cluster; receipts and ticks stand alone and are never part of a script. */
#include "keys.h"

#include <string.h>

#define CHANNEL_TAIL "}:live"

static struct key of_location(const struct zp_id *location_id, const char *what)
{
    struct key key;
    char id[ID_TEXT_SIZE];
    key.len = (size_t)snprintf(key.text, sizeof(key.text), "{%s}:%s", id_format(location_id, id), what);
    return key;
}

struct key live_key_head(const struct zp_id *location_id)
{
    return of_location(location_id, "head");
}

struct key live_key_events(const struct zp_id *location_id)
{
    return of_location(location_id, "events");
}

struct key live_key_open(const struct zp_id *location_id)
{
    return of_location(location_id, "open");
}

struct key live_key_order(const struct zp_id *location_id, const struct zp_id *order_id)
{
    struct key key;
    char location[ID_TEXT_SIZE], order[ID_TEXT_SIZE];
    key.len = (size_t)snprintf(key.text, sizeof(key.text), "{%s}:order:%s", id_format(location_id, location),
                               id_format(order_id, order));
    return key;
}

struct key live_key_channel(const struct zp_id *location_id)
{
    return of_location(location_id, "live");
}

struct key live_key_receipt(const struct zp_id *command_id)
{
    struct key key;
    char id[ID_TEXT_SIZE];
    key.len = (size_t)snprintf(key.text, sizeof(key.text), "receipt:%s", id_format(command_id, id));
    return key;
}

struct key live_key_tick(int32_t partition)
{
    struct key key;
    key.len = (size_t)snprintf(key.text, sizeof(key.text), "tick:%d", (int)partition);
    return key;
}

bool live_key_channel_parse(const char *text, size_t len, struct zp_id *ret_location_id)
{
    const size_t id_len = ID_TEXT_SIZE - 1;
    return len == 1 + id_len + strlen(CHANNEL_TAIL) && text[0] == '{' &&
           memcmp(text + 1 + id_len, CHANNEL_TAIL, strlen(CHANNEL_TAIL)) == 0 &&
           id_parse(text + 1, id_len, ret_location_id);
}
