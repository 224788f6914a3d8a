/* support: a Redis to test against, a client of the tests' own, and a hub with its loop.
 *
 * ZAPORA_TEST_REDIS names a server; without it every test that uses it is skipped, loudly. Locations are fresh ones, so
 * that nothing of anybody else is touched. */
#ifndef TESTS_LIVE_SUPPORT_H
#define TESTS_LIVE_SUPPORT_H

#include "../../unit/live/support.h"

#include <hiredis/hiredis.h>
#include <sys/types.h>

#include "keys.h"
#include "marks.h"
#include "note.h"

/* The shared server, or NULL after a word on stderr. */
const char *shared_uri(void);
#define NEEDS_REDIS() do { if (shared_uri() == NULL) { skip(); } } while (0)

/* ---- a client of the tests' own --------------------------------------------------------------------------------- */

redisContext *client_open(const char *uri);
/* One command in hiredis' format (%b: bytes and their number); an error reply fails the test. The caller frees the
 * reply. */
redisReply *client_ask(redisContext *client, const char *format, ...);
/* The same, only for its effect or its number. */
int64_t client_do(redisContext *client, const char *format, ...);
/* True when the reply is that text. */
bool client_says(redisContext *client, const char *want, const char *format, ...);
/* The next message of a subscribed client, read as a note; fails after 10 s. The caller frees *ret_reply. */
struct note_frame client_hear(redisContext *client, redisReply **ret_reply);
/* Subscribes a client of its own to a location. */
redisContext *client_listen(const char *uri, const struct zp_id *location_id);

/* ---- the worker's side ------------------------------------------------------------------------------------------ */

struct live_push *push_open(const char *uri, int64_t timeout_ms);
/* Pushes the events first … last of a history as one item; returns the item's result. */
int push_events(struct live_push *push, const struct history *history, int64_t first, int64_t last);
/* The head as Redis has it; false when there is none. */
bool push_head(struct live_push *push, const struct zp_id *location_id, struct live_head *ret_head);
/* Puts an event into Redis as a push does, but nobody is told: a lost SPUBLISH. */
void push_silently(redisContext *client, const struct history *history, int64_t seq);
/* Replaces what Redis has by the history, whatever is there. */
void refill_all(struct live_push *push, const struct history *history);
/* The same with a stream that begins with the event `first`. */
void refill_from(struct live_push *push, const struct history *history, int64_t first);

/* ---- the gateway's side ----------------------------------------------------------------------------------------- */

struct ears {
    struct reactor reactor;
    struct live_hub *hub;
};

struct ears *ears_open(const char *uri, const struct live_hub_settings *settings);
void ears_close(struct ears *ears);
void ears_turn(struct ears *ears);
/* Lets the loop run until the condition holds; fails after 20 s. */
#define WAIT_FOR(ears, condition) \
    do { \
        const int64_t until_us = clock_mono_us() + 20000000; \
        while (!(condition)) { \
            if (clock_mono_us() > until_us) { \
                fail_msg("waited in vain for %s", #condition); \
            } \
            ears_turn(ears); \
        } \
    } while (0)

extern const struct live_hub_settings hub_settings; /* roomy */

/* ---- a server of one's own -------------------------------------------------------------------------------------- */

struct server {
    pid_t pid; /* 0: not running */
    int port;
    char dir[64], uri[64];
};

/* False, after a word on stderr, when there is no redis-server to start. */
bool server_start(struct server *server);
/* Starts it again on the same port, empty. */
void server_restart(struct server *server);
void server_kill(struct server *server);
void server_signal(struct server *server, int signal);
void server_finish(struct server *server);
#define NEEDS_SERVER(server) do { if (!server_start(server)) { skip(); } } while (0)

#endif
