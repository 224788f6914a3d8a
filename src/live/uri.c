/* uri: reads redis://[[user]:password@]host[:port][,host[:port]…][/db].
 *
 * Called by both sides when they are created. Invariant: a sentence about a fault never repeats the URI, since it may
 * hold a password. */
#include "uri.h"

#include <stdlib.h>
#include <string.h>

#define SCHEME   "redis://"
#define DB_MAX   999999
#define PORT_MAX 65535

static enum zp_err refuse(char why[LIVE_WHY_SIZE], const char *sentence)
{
    (void)snprintf(why, LIVE_WHY_SIZE, "%s", sentence);
    return ZP_INVALID;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
    return at == NULL ? -1 : (int)(at - digits);
}

/* Copies a part with %XX undone. False when it does not fit, holds a bad escape, a NUL or a control character. */
static bool take(const char *from, size_t len, char *to, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)from[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_digit(from[i + 1]) : -1;
            int low = i + 2 < len ? hex_digit(from[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (unsigned char)(high * 16 + low);
            i += 2;
        }
        if (c < 0x20 || c == 0x7f || used + 1 >= size) {
            return false;
        }
        to[used++] = (char)c;
    }
    to[used] = '\0';
    return true;
}

/* One to six digits up to max, the whole part. */
static bool take_number(const char *from, size_t len, int64_t max, int64_t *ret_value)
{
    int64_t value = 0;
    if (len == 0 || len > 6) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (from[i] < '0' || from[i] > '9') {
            return false;
        }
        value = value * 10 + (from[i] - '0');
    }
    if (value > max) {
        return false;
    }
    *ret_value = value;
    return true;
}

static enum zp_err take_credentials(const char *from, size_t len, struct live_uri *uri, char why[LIVE_WHY_SIZE])
{
    const char *colon = memchr(from, ':', len);
    if (colon == NULL) {
        return refuse(why, "the Redis URI names a user without a password; a password alone is written :password@host");
    }
    if (!take(from, (size_t)(colon - from), uri->user, sizeof(uri->user))) {
        return refuse(why, "the user of the Redis URI is too long or has a bad escape");
    }
    if (!take(colon + 1, len - (size_t)(colon + 1 - from), uri->password, sizeof(uri->password)) ||
        uri->password[0] == '\0') {
        return refuse(why, "the password of the Redis URI is empty, too long or has a bad escape");
    }
    return ZP_OK;
}

static enum zp_err take_place(const char *from, size_t len, struct live_address *address, char why[LIVE_WHY_SIZE])
{
    const char *host = from, *end = from + len, *host_end;
    if (len > 0 && *from == '[') {
        host = from + 1;
        host_end = memchr(host, ']', len - 1);
        if (host_end == NULL) {
            return refuse(why, "the address in the Redis URI has no closing bracket");
        }
        from = host_end + 1;
    } else {
        host_end = memchr(from, ':', len);
        host_end = host_end == NULL ? end : host_end;
        from = host_end;
    }
    if (host_end == host || !take(host, (size_t)(host_end - host), address->host, sizeof(address->host))) {
        return refuse(why, "the host of the Redis URI is missing, too long or has a bad escape");
    }
    int64_t port = 6379;
    if (from < end &&
        (*from != ':' || !take_number(from + 1, (size_t)(end - from - 1), PORT_MAX, &port) || port == 0)) {
        return refuse(why, "the port of the Redis URI must be a number from 1 to 65535");
    }
    (void)snprintf(address->port, sizeof(address->port), "%u", (unsigned)(port & 0xffff));
    return ZP_OK;
}

/* One host, or those of a cluster, with commas between. */
static enum zp_err take_places(const char *from, size_t len, struct live_uri *uri, char why[LIVE_WHY_SIZE])
{
    const char *end = from + len;
    for (bool more = true; more;) {
        const char *comma = memchr(from, ',', (size_t)(end - from));
        more = comma != NULL;
        if (uri->seed_count == URI_SEEDS_MAX) {
            return refuse(why, "the Redis URI names more than 16 hosts; some of a cluster's are enough");
        }
        enum zp_err err = take_place(from, (size_t)((more ? comma : end) - from), &uri->seeds[uri->seed_count], why);
        if (err != ZP_OK) {
            return err;
        }
        uri->seed_count++;
        from = more ? comma + 1 : end;
    }
    memcpy(uri->host, uri->seeds[0].host, sizeof(uri->host));
    memcpy(uri->port, uri->seeds[0].port, sizeof(uri->port));
    return ZP_OK;
}

enum zp_err live_uri_parse(const char *text, struct live_uri *ret_uri, char why[LIVE_WHY_SIZE])
{
    struct live_uri uri = { .db = 0 };
    if (text == NULL || strncmp(text, SCHEME, strlen(SCHEME)) != 0) {
        return refuse(why, "the Redis URI must begin with redis:// (TLS is not spoken)");
    }
    text += strlen(SCHEME);
    if (strpbrk(text, "?#") != NULL) {
        return refuse(why, "the Redis URI takes no ? and no #; inside a password write %3F and %23");
    }
    const char *slash = strchr(text, '/');
    size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
    const char *at = memrchr(text, '@', len);
    if (at != NULL) {
        enum zp_err err = take_credentials(text, (size_t)(at - text), &uri, why);
        if (err != ZP_OK) {
            return err;
        }
        len -= (size_t)(at + 1 - text);
        text = at + 1;
    }
    enum zp_err err = take_places(text, len, &uri, why);
    if (err != ZP_OK) {
        return err;
    }
    if (slash != NULL && slash[1] != '\0' && !take_number(slash + 1, strlen(slash + 1), DB_MAX, &uri.db)) {
        return refuse(why, "the database of the Redis URI must be a number");
    }
    if (uri.seed_count > 1 && uri.db != 0) {
        return refuse(why, "a Redis cluster has no databases: the URI of several hosts ends with /0 or none");
    }
    *ret_uri = uri;
    return ZP_OK;
}
