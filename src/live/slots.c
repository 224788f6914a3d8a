/* slots: which slot of a cluster a key is in, which key a command is about, where a redirect leads.
 *
 * Called by router. The slots are those of the Redis cluster specification ("Key distribution model"): CRC16 in its
 * XMODEM form (polynomial 0x1021, from 0, not reflected) of the key's tag, modulo 16384. Invariant: nothing that a
 * server says makes us read or write beyond what is there. */
#include "slots.h"

#include <stdlib.h>
#include <string.h>

#define CRC16_POLYNOMIAL 0x1021U

static unsigned crc16(const char *bytes, size_t len)
{
    unsigned crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned)(unsigned char)bytes[i] << 8;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 0x8000U) != 0 ? crc << 1 ^ CRC16_POLYNOMIAL : crc << 1;
        }
        crc &= 0xffffU;
    }
    return crc;
}

/* A tag is what stands between the first { and the next }, unless that is nothing. */
int live_slot_of(const char *key, size_t len)
{
    const char *open = memchr(key, '{', len);
    const char *close = open == NULL ? NULL : memchr(open + 1, '}', len - (size_t)(open + 1 - key));
    if (close != NULL && close > open + 1) {
        return (int)(crc16(open + 1, (size_t)(close - open - 1)) % SLOT_COUNT);
    }
    return (int)(crc16(key, len) % SLOT_COUNT);
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

/* Where the first key of a command stands, 0: it has none. Every other one has it right behind its name. */
static const struct key_row { const char *name; size_t place; } key_rows[] = {
    { "EVAL", 3 }, { "EVALSHA", 3 }, { "FCALL", 3 }, { "FUNCTION", 0 }, { "PING", 0 }, { "SCRIPT", 0 },
};

static size_t key_place(const char *name, size_t len)
{
    for (size_t i = 0; i < ZP_COUNT(key_rows); i++) {
        if (strlen(key_rows[i].name) == len && memcmp(key_rows[i].name, name, len) == 0) {
            return key_rows[i].place;
        }
    }
    return 1;
}

/* "*12\r\n" or "$12\r\n" at *at; moves behind it. SIZE_MAX: it is not there. */
static size_t take_length(const char *bytes, size_t len, char mark, size_t *at)
{
    size_t value = 0, i = *at;
    if (i >= len || bytes[i++] != mark) {
        return SIZE_MAX;
    }
    while (i < len && bytes[i] >= '0' && bytes[i] <= '9' && value < SIZE_MAX / 20) {
        value = value * 10 + (size_t)(bytes[i++] - '0');
    }
    if (i + 2 > len || bytes[i] != '\r' || bytes[i + 1] != '\n') {
        return SIZE_MAX;
    }
    *at = i + 2;
    return value;
}

size_t live_slot_command(const char *bytes, size_t len, int *ret_slot)
{
    size_t at = 0, place = SIZE_MAX;
    int slot = SLOT_NONE;
    size_t words = take_length(bytes, len, '*', &at);
    for (size_t word = 0; words != SIZE_MAX && word < words; word++) {
        size_t word_len = take_length(bytes, len, '$', &at);
        if (word_len == SIZE_MAX || len - at < 2 || word_len > len - at - 2) {
            return 0;
        }
        place = word == 0 ? key_place(bytes + at, word_len) : place;
        if (word > 0 && word == place) {
            slot = live_slot_of(bytes + at, word_len);
        }
        at += word_len + 2;
    }
    if (words == SIZE_MAX) {
        return 0;
    }
    *ret_slot = slot;
    return at;
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

static bool take_text(const char *from, size_t len, char *to, size_t size)
{
    if (len >= size) {
        return false;
    }
    memcpy(to, from, len);
    to[len] = '\0';
    return true;
}

static bool is_port(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && port > 0 && port <= 65535;
}

bool live_address_equal(const struct live_address *a, const struct live_address *b)
{
    return strcmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}

bool live_redirect_read(const char *error, struct redirect *ret_redirect)
{
    struct redirect redirect = { .once = strncmp(error, "ASK ", 4) == 0 };
    if (!redirect.once && strncmp(error, "MOVED ", 6) != 0) {
        return false;
    }
    char *end;
    const char *digits = error + (redirect.once ? 4 : 6);
    long slot = strtol(digits, &end, 10);
    const char *colon = strrchr(error, ':'); /* the last one: an IPv6 address has some of its own */
    if (end == digits || *end != ' ' || slot < 0 || slot >= SLOT_COUNT || colon == NULL || colon < end ||
        !take_text(end + 1, (size_t)(colon - end - 1), redirect.address.host, sizeof(redirect.address.host)) ||
        !take_text(colon + 1, strlen(colon + 1), redirect.address.port, sizeof(redirect.address.port)) ||
        !is_port(redirect.address.port)) {
        return false;
    }
    redirect.slot = (int)slot;
    *ret_redirect = redirect;
    return true;
}

/* ---- the map ----------------------------------------------------------------------------------------------------- */

/* The server's place in the map, added when it is new; SLOT_UNSERVED: there is no room. */
static uint8_t place_of(struct slot_map *map, const struct live_address *address)
{
    for (size_t i = 0; i < map->server_count; i++) {
        if (live_address_equal(&map->servers[i], address)) {
            return (uint8_t)i;
        }
    }
    if (map->server_count == SLOT_SERVERS_MAX) {
        return SLOT_UNSERVED;
    }
    map->servers[map->server_count] = *address;
    return (uint8_t)map->server_count++;
}

/* [host or nil, port, …]: without a host it is the one that answered. */
static bool read_server(const redisReply *reply, const struct live_address *asked, struct live_address *ret_address)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 || reply->element[1]->type != REDIS_REPLY_INTEGER ||
        reply->element[1]->integer < 1 || reply->element[1]->integer > 65535) {
        return false;
    }
    const redisReply *host = reply->element[0];
    *ret_address = *asked;
    if (host->type == REDIS_REPLY_STRING && host->len > 0 && strcmp(host->str, "?") != 0 &&
        !take_text(host->str, host->len, ret_address->host, sizeof(ret_address->host))) {
        return false;
    }
    (void)snprintf(ret_address->port, sizeof(ret_address->port), "%u",
                   (unsigned)(reply->element[1]->integer & 0xffff));
    return true;
}

/* [first slot, last slot, primary, replicas…] */
static bool read_range(const redisReply *reply, const struct live_address *asked, struct slot_map *map)
{
    struct live_address address;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3 || reply->element[0]->type != REDIS_REPLY_INTEGER ||
        reply->element[1]->type != REDIS_REPLY_INTEGER || !read_server(reply->element[2], asked, &address)) {
        return false;
    }
    long long first = reply->element[0]->integer, last = reply->element[1]->integer;
    uint8_t place = place_of(map, &address);
    if (first < 0 || last < first || last >= SLOT_COUNT || place == SLOT_UNSERVED) {
        return false;
    }
    memset(map->server_of + first, place, (size_t)(last - first + 1));
    return true;
}

bool live_slot_map_read(const redisReply *reply, const struct live_address *asked, struct slot_map *ret_map)
{
    struct slot_map map = { .server_count = 0 };
    memset(map.server_of, SLOT_UNSERVED, sizeof(map.server_of));
    bool good = reply->type == REDIS_REPLY_ARRAY;
    for (size_t i = 0; good && i < reply->elements; i++) {
        good = read_range(reply->element[i], asked, &map);
    }
    if (!good || memchr(map.server_of, SLOT_UNSERVED, sizeof(map.server_of)) != NULL) {
        return false;
    }
    *ret_map = map;
    return true;
}
