/* The router to a cluster of Redis servers with each call failing once: whatever it was that failed, every call ends
 * once, and what was busy is done when it is asked again. */
#include "torture.h"

#include "fake_cluster.h"

#include "router.h"

#define PATIENCE_US 10000000

static struct router router;

static struct asked {
    struct call call; /* first */
    int ends;
    enum zp_err err;
    char text[256];
} asked;

static void on_reply(struct call *call, redisReply *reply)
{
    (void)call;
    size_t len = strlen(asked.text);
    (void)snprintf(asked.text + len, sizeof(asked.text) - len, "%s;", reply->str);
    freeReplyObject(reply);
}

static void on_end(struct call *call, enum zp_err err)
{
    (void)call;
    asked.ends++;
    asked.err = err;
}

static void turn(void)
{
    torture_pause();
    world_turn();
    torture_resume();
    reactor_turn(&world.reactor, 0);
    live_router_tick(&router, clock_mono_us());
    for (size_t i = 0; i < router.node_count; i++) {
        router.nodes[i]->connection.retry_at_us = 0; /* what a backoff is for is no question here */
    }
    router.ask_at_us = 0;
}

static bool comes_up(void)
{
    int64_t until_us = clock_mono_us() + PATIENCE_US;
    while (!router.is_whole && clock_mono_us() < until_us) {
        turn();
    }
    return router.is_whole;
}

/* What its owner does: it asks where it can, and again where nobody answered. */
static enum zp_err ask(void)
{
    static const char *const keys[] = { "{a}", "{b}", "{c}" };
    struct buffer *out = live_router_out(&router);
    for (size_t i = 0; i < ZP_COUNT(keys); i++) {
        live_request(out, 2);
        live_request_text(out, "GET");
        live_request_text(out, keys[i]);
    }
    live_request(out, 1);
    live_request_text(out, "PING");
    if (out->err != ZP_OK) {
        buffer_reset(out);
        return ZP_BUSY;
    }
    asked = (struct asked){ .call = { .wanted = ZP_COUNT(keys) + 1, .on_reply = on_reply, .on_end = on_end } };
    live_router_send(&router, &asked.call);
    if (asked.ends != 0) {
        return ZP_INTERNAL; /* from inside of the sending */
    }
    int64_t until_us = clock_mono_us() + PATIENCE_US;
    while (asked.ends == 0 && clock_mono_us() < until_us) {
        turn();
    }
    return asked.ends == 1 ? asked.err : ZP_INTERNAL;
}

static enum zp_err ask_until_answered(const char *want)
{
    int64_t until_us = clock_mono_us() + PATIENCE_US;
    enum zp_err err = ZP_BUSY;
    while (err == ZP_BUSY && clock_mono_us() < until_us) {
        err = comes_up() ? ask() : ZP_INTERNAL;
    }
    return err == ZP_OK && strcmp(asked.text, want) != 0 ? ZP_INTERNAL : err;
}

static enum zp_err with_router(enum zp_err (*run)(void))
{
    router = (struct router){ .uri = &world.uri, .reactor = &world.lent, .timeout_us = 50000 };
    enum zp_err err = live_router_init(&router, 1 << 20);
    if (err == ZP_OK) {
        err = run();
        live_router_finish(&router);
    }
    return reactor_watched(&world.reactor) == 0 ? err : ZP_INTERNAL;
}

static enum zp_err ask_each(void)
{
    return ask_until_answered("2 GET {a};0 GET {b};1 GET {c};PONG;");
}

static enum zp_err commands_are_answered(void)
{
    return with_router(ask_each);
}

static char redirect[64];

static const char *sends_away(int number, const char *command)
{
    const char *word = strcmp(command, "GET {a}") == 0 && number == 2   ? "MOVED 15495"
                       : strcmp(command, "GET {b}") == 0 && number == 0 ? "ASK 3300"
                                                                        : NULL;
    (void)snprintf(redirect, sizeof(redirect), "-%s 127.0.0.1:%d\r\n", word == NULL ? "" : word, world.servers[1].port);
    return word == NULL ? NULL : redirect;
}

static enum zp_err ask_sent_away(void)
{
    return ask_until_answered("1 GET {a};1 GET {b};1 GET {c};PONG;");
}

static enum zp_err redirects_are_followed(void)
{
    world.answer = sends_away;
    return with_router(ask_sent_away);
}

/* The map has the third server, which the setting does not name. */
static void open_world(void)
{
    world_begin();
}

static void open_moved(void)
{
    world_begin();
    world.owner[2] = 1;
}

static const struct torture rows[] = {
    { "commands are answered", open_world, commands_are_answered, NULL, world_end, ERR(NO_MEMORY) | ERR(BUSY), ZP_OK },
    { "redirects are followed", open_moved, redirects_are_followed, NULL, world_end, ERR(NO_MEMORY) | ERR(BUSY),
      ZP_OK },
};

int main(void)
{
    return torture_main("live: a cluster", rows, ZP_COUNT(rows));
}
