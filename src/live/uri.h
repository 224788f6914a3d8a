/* uri: where a Redis is and how to get in. */
#ifndef ZAPORA_LIVE_URI_H
#define ZAPORA_LIVE_URI_H

#include "zapora/live.h"

#define URI_HOST_SIZE     256
#define URI_PORT_SIZE     6
#define URI_USER_SIZE     129
#define URI_PASSWORD_SIZE 513
#define URI_SEEDS_MAX     16

struct live_address {
    char host[URI_HOST_SIZE]; /* name or address, without brackets */
    char port[URI_PORT_SIZE]; /* decimal */
};

struct live_uri {
    char host[URI_HOST_SIZE];         /* name or address, without brackets */
    char port[URI_PORT_SIZE];         /* decimal */
    char user[URI_USER_SIZE];         /* "" for the default user */
    char password[URI_PASSWORD_SIZE]; /* "" for none; never shown */
    int64_t db;
    struct live_address seeds[URI_SEEDS_MAX]; /* all hosts as written; the first one is host and port, too */
    size_t seed_count;                        /* more than one: a cluster */
};

/* Reads redis://[[user]:password@]host[:port][,host[:port]…][/db]. ZP_OK, or ZP_INVALID with a sentence that holds no
 * secret. */
enum zp_err live_uri_parse(const char *text, struct live_uri *ret_uri, char why[LIVE_WHY_SIZE]) ZP_MUST_CHECK;

#endif
