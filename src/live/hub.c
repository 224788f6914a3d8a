/* hub: one for each event-loop thread of a gateway: made, driven, ended.
 *
 * Owned by the gateway's thread. Two connections: one for commands, one that subscribes. Invariants: everything happens
 * on the loop's thread; nobody is called back from inside of the call that asked; what is waited for has a deadline. */
#include "hub.h"

#include "catch_up.h"
#include "question.h"
#include "watchers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define OUT_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define KEEPALIVE_US  1000000

static void on_wake(void *arg, bool readable, bool writable)
{
    struct live_hub *hub = arg;
    uint64_t count;
    (void)writable;
    if (readable && read(hub->wake_fd, &count, sizeof(count)) == (ssize_t)sizeof(count)) {
        live_question_tell_settled(hub);
    }
}

static void notes_up(struct router *router)
{
    live_places_up(router->owner);
}

static void notes_down(struct router *router)
{
    live_places_down(router->owner);
}

static bool is_word(const redisReply *reply, const char *word)
{
    return reply->type == REDIS_REPLY_STRING && strcmp(reply->str, word) == 0;
}

/* [ssubscribe, channel, count], [smessage, channel, bytes]; a keepalive's answer and the like are passed over. */
static void notes_message(struct router *router, redisReply *taken)
{
    REPLY_CLEANUP redisReply *reply = taken;
    struct zp_id location_id;
    if (reply->type == REDIS_REPLY_ERROR) {
        live_router_doom(router, reply->str);
        return;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || reply->element[1]->type != REDIS_REPLY_STRING ||
        !live_key_channel_parse(reply->element[1]->str, reply->element[1]->len, &location_id)) {
        return;
    }
    struct place *place = live_place_find(router->owner, &location_id);
    if (place == NULL) {
        return;
    }
    if (is_word(reply->element[0], "ssubscribe")) {
        live_place_confirmed(place);
    } else if (is_word(reply->element[0], "sunsubscribe") && place->hearing == PLACE_HEARD) {
        live_router_doom(router, "a channel has moved"); /* nobody here gave it up */
    } else if (is_word(reply->element[0], "smessage") && reply->element[2]->type == REDIS_REPLY_STRING) {
        live_place_note(place, reply->element[2]->str, reply->element[2]->len);
    }
}

static enum zp_err init_router(struct live_hub *hub, struct router *router)
{
    router->uri = &hub->uri;
    router->reactor = &hub->reactor;
    router->timeout_us = hub->settings.timeout_ms * 1000;
    router->keepalive_us = KEEPALIVE_US;
    router->owner = hub;
    return live_router_init(router, OUT_BYTES_MAX);
}

static enum zp_err init_routers(struct live_hub *hub, char why[LIVE_WHY_SIZE])
{
    hub->notes.on_up = notes_up;
    hub->notes.on_down = notes_down;
    hub->notes.on_message = notes_message;
    hub->notes.guide = hub->uri.seed_count > 1 ? &hub->commands : NULL;
    enum zp_err err = init_router(hub, &hub->commands);
    err = err == ZP_OK ? init_router(hub, &hub->notes) : err;
    if (err != ZP_OK) {
        live_router_finish(&hub->commands);
        (void)snprintf(why, LIVE_WHY_SIZE, "no memory");
    }
    return err;
}

static enum zp_err watch_wake(struct live_hub *hub, char why[LIVE_WHY_SIZE])
{
    hub->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (hub->wake_fd >= 0) {
        hub->wake_handle = hub->reactor.watch(hub->reactor.loop, hub->wake_fd, on_wake, hub);
    }
    if (hub->wake_handle == NULL) {
        (void)snprintf(why, LIVE_WHY_SIZE, "cannot watch an eventfd: %s", strerror(errno));
        return ZP_NO_MEMORY;
    }
    hub->reactor.want(hub->wake_handle, true, false);
    return ZP_OK;
}

static void hub_free(struct live_hub *hub)
{
    if (hub->wake_handle != NULL) {
        hub->reactor.unwatch(hub->wake_handle);
    }
    if (hub->wake_fd >= 0) {
        (void)close(hub->wake_fd);
    }
    crypto_wipe(&hub->uri, sizeof(hub->uri));
    free(hub);
}

enum zp_err live_hub_create(const struct live_hub_settings *settings, const struct live_reactor *reactor,
                            struct live_hub **ret_hub, char why[LIVE_WHY_SIZE])
{
    struct live_hub *hub = calloc(1, sizeof(*hub));
    if (hub == NULL) {
        (void)snprintf(why, LIVE_WHY_SIZE, "no memory");
        return ZP_NO_MEMORY;
    }
    hub->settings = *settings;
    hub->settings.uri = NULL;
    hub->reactor = *reactor;
    hub->wake_fd = -1;
    hub->settled_end = &hub->settled;
    hub->now_us = clock_mono_us();
    enum zp_err err = live_uri_parse(settings->uri, &hub->uri, why);
    if (err == ZP_OK) {
        err = watch_wake(hub, why);
    }
    if (err == ZP_OK) {
        err = init_routers(hub, why);
    }
    if (err != ZP_OK) {
        hub_free(hub);
        return err;
    }
    live_router_tick(&hub->commands, hub->now_us);
    live_router_tick(&hub->notes, hub->now_us);
    *ret_hub = hub;
    return ZP_OK;
}

void live_hub_destroy(struct live_hub *hub)
{
    if (hub == NULL) {
        return;
    }
    ZP_ASSERT(hub->walking == 0);
    hub->closing = true;
    live_router_finish(&hub->notes);
    live_router_finish(&hub->commands);
    while (hub->settled != NULL) {
        for (struct question *question = hub->settled; question != NULL; question = question->next) {
            question->err = ZP_BUSY;
        }
        live_question_tell_settled(hub);
    }
    live_places_finish(hub);
    hub_free(hub);
}

void live_hub_tick(struct live_hub *hub, int64_t mono_us)
{
    hub->now_us = mono_us;
    live_router_tick(&hub->commands, mono_us);
    live_router_tick(&hub->notes, mono_us);
    live_places_tick(hub);
}

bool live_hub_connected(const struct live_hub *hub)
{
    return live_router_is_up(&hub->commands) && live_router_is_up(&hub->notes);
}

const char *live_hub_trouble(const struct live_hub *hub)
{
    return live_router_why(live_router_is_up(&hub->commands) ? &hub->notes : &hub->commands);
}

/* ---- being told ------------------------------------------------------------------------------------------------- */

static void greet(struct question *question, enum zp_err err)
{
    struct place *place = live_place_find(question->hub, &question->location_id);
    if (err == ZP_OK && place != NULL && place->live) {
        live_watchers_live(place);
    }
}

enum zp_err live_hub_watch(struct live_hub *hub, const struct zp_id *location_id, struct live_watcher *watcher)
{
    struct place *place = hub->closing ? NULL : live_place_open(hub, location_id);
    if (place == NULL) {
        return ZP_BUSY;
    }
    live_watcher_link(watcher, place);
    if (place->live) {
        struct question *question = live_question_create(hub, greet);
        question->location_id = *location_id;
        live_question_settle(question, ZP_OK);
    }
    return ZP_OK;
}

void live_hub_unwatch(struct live_watcher *watcher)
{
    live_watcher_unlink(watcher);
}

bool live_hub_is_live(struct live_hub *hub, const struct zp_id *location_id)
{
    const struct place *place = live_place_find(hub, location_id);
    return place != NULL && place->live;
}
