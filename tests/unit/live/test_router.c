/* The router on three made-up servers: where commands go, what redirects, lost servers and moved slots do to them. */
#include "fake_cluster.h"

#define TIMEOUT_US 2000000
#define WAIT_US    10000000

/* ---- a router and its calls -------------------------------------------------------------------------------------- */

struct probe {
    struct call call; /* first */
    char replies[512];
    enum zp_err err;
    bool ended;
};

static void on_reply(struct call *call, redisReply *reply)
{
    struct probe *probe = (struct probe *)call;
    strcat(probe->replies, reply->str == NULL ? "?" : reply->str);
    strcat(probe->replies, ";");
    freeReplyObject(reply);
}

static void on_end(struct call *call, enum zp_err err)
{
    struct probe *probe = (struct probe *)call;
    assert_false(probe->ended);
    probe->ended = true;
    probe->err = err;
}

static void turn(struct router *a, struct router *b)
{
    world_turn();
    reactor_turn(&world.reactor, 1);
    live_router_tick(a, clock_mono_us());
    if (b != NULL) {
        live_router_tick(b, clock_mono_us());
    }
}

#define UNTIL(condition, a, b)                                    \
    do {                                                          \
        int64_t until_us_ = clock_mono_us() + WAIT_US;            \
        while (!(condition)) {                                    \
            turn(a, b);                                           \
            assert_true(clock_mono_us() < until_us_);             \
        }                                                         \
    } while (0)

static void router_begin(struct router *router)
{
    router->uri = &world.uri;
    router->reactor = &world.lent;
    router->timeout_us = TIMEOUT_US;
    assert_int_equal(live_router_init(router, 1 << 20), ZP_OK);
}

/* Begins, and reaches every primary. */
static void router_whole(struct router *router)
{
    router_begin(router);
    UNTIL(router->is_whole, router, NULL);
}

static int begin(void **state)
{
    (void)state;
    world_begin();
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end();
    return 0;
}

/* {a} is in slot 15495, {b} in 3300, {c} in 7365: servers 2, 0, 1. */
static void ask(struct router *router, struct probe *probe, size_t count, const char *const *keys)
{
    *probe = (struct probe){ .call = { .wanted = count, .on_reply = on_reply, .on_end = on_end } };
    for (size_t i = 0; i < count; i++) {
        struct buffer *out = live_router_out(router);
        live_request(out, 2);
        live_request_text(out, "GET");
        live_request_text(out, keys[i]);
    }
    live_router_send(router, &probe->call);
    assert_false(probe->ended); /* never from inside */
}

static const char *const abc[] = { "{a}", "{b}", "{c}", "{a}2" };

static void commands_go_to_their_servers_and_answers_come_in_order(void **state)
{
    (void)state;
    struct router router = { .on_up = NULL };
    struct probe probe;
    router_whole(&router);
    assert_int_equal(router.connects, 1);
    ask(&router, &probe, 4, abc);
    UNTIL(probe.ended, &router, NULL);
    assert_int_equal(probe.err, ZP_OK);
    assert_string_equal(probe.replies, "2 GET {a};0 GET {b};1 GET {c};2 GET {a}2;");
    assert_string_equal(world.servers[2].heard, "GET {a};GET {a}2;");
    assert_int_equal(live_router_calls(&router), 0);
    live_router_finish(&router);
}

static char redirect_text[64];

static const char *moves_a(int number, const char *command)
{
    (void)snprintf(redirect_text, sizeof(redirect_text), "-MOVED 15495 127.0.0.1:%d\r\n", world.servers[1].port);
    return number == 2 && strcmp(command, "GET {a}") == 0 ? redirect_text : NULL;
}

static void a_moved_slot_is_followed_and_remembered(void **state)
{
    (void)state;
    struct router router = { .on_up = NULL };
    struct probe probe;
    router_whole(&router);
    world.answer = moves_a;
    world.owner[2] = 1; /* as the next map says, too */
    int told = world.maps_told;
    ask(&router, &probe, 4, abc);
    UNTIL(probe.ended, &router, NULL);
    assert_int_equal(probe.err, ZP_OK);
    assert_string_equal(probe.replies, "1 GET {a};0 GET {b};1 GET {c};2 GET {a}2;");
    UNTIL(router.is_whole, &router, NULL);
    assert_true(world.maps_told > told);
    assert_int_equal(router.connects, 2); /* whoever holds heads compares them */
    world.servers[2].heard[0] = '\0';
    ask(&router, &probe, 4, abc);
    UNTIL(probe.ended, &router, NULL);
    assert_string_equal(probe.replies, "1 GET {a};0 GET {b};1 GET {c};1 GET {a}2;");
    assert_string_equal(world.servers[2].heard, "");
    live_router_finish(&router);
}

static const char *moves_a_to_a_new_one(int number, const char *command)
{
    (void)snprintf(redirect_text, sizeof(redirect_text), "-MOVED 15495 127.0.0.1:%d\r\n", world.servers[2].port);
    return number == 1 && strcmp(command, "GET {a}") == 0 ? redirect_text : NULL;
}

/* Asked again at once, the old one would say the same until nobody follows it any more. */
static void a_slot_that_moved_to_a_stranger_waits_for_the_map(void **state)
{
    (void)state;
    struct router router = { .on_up = NULL };
    struct probe probe;
    world.owner[2] = 1;
    router_whole(&router);
    assert_int_equal(router.node_count, 2);
    world.answer = moves_a_to_a_new_one;
    world.owner[2] = 2;
    ask(&router, &probe, 4, abc);
    UNTIL(probe.ended, &router, NULL);
    assert_int_equal(probe.err, ZP_OK);
    assert_string_equal(probe.replies, "2 GET {a};0 GET {b};1 GET {c};1 GET {a}2;");
    assert_string_equal(world.servers[1].heard, "GET {a};GET {c};GET {a}2;");
    live_router_finish(&router);
}

static const char *asks_without_a_host(int number, const char *command)
{
    (void)snprintf(redirect_text, sizeof(redirect_text), "-ASK 15495 :%d\r\n", world.servers[0].port);
    return number == 2 && strcmp(command, "GET {a}") == 0 ? redirect_text : NULL;
}

static void a_redirect_without_a_host_means_that_of_who_said_so(void **state)
{
    (void)state;
    struct router router = { .on_up = NULL };
    struct probe probe;
    router_whole(&router);
    world.answer = asks_without_a_host;
    ask(&router, &probe, 1, abc);
    UNTIL(probe.ended, &router, NULL);
    assert_string_equal(probe.replies, "0 GET {a};");
    live_router_finish(&router);
}

static const char *asks_for_a_elsewhere(int number, const char *command)
{
    (void)snprintf(redirect_text, sizeof(redirect_text), "-ASK 15495 127.0.0.1:%d\r\n", world.servers[2].port);
    return number == 1 && strcmp(command, "GET {a}") == 0 ? redirect_text : NULL;
}

/* A server that is given its first slots. */
static void an_asked_command_finds_a_server_that_has_no_slot_yet(void **state)
{
    (void)state;
    struct router router = { .on_up = NULL };
    struct probe probe;
    world.owner[2] = 1;
    router_whole(&router);
    world.answer = asks_for_a_elsewhere;
    ask(&router, &probe, 2, abc);
    UNTIL(probe.ended, &router, NULL);
    assert_int_equal(probe.err, ZP_OK);
    assert_string_equal(probe.replies, "2 GET {a};0 GET {b};");
    UNTIL(router.node_count == 2, &router, NULL); /* it is not kept */
    assert_int_equal(router.connects, 1);
    ask(&router, &probe, 1, abc); /* ends while it waits */
    UNTIL(router.node_count == 3, &router, NULL);
    live_router_finish(&router);
    assert_true(probe.ended);
    assert_int_equal(probe.err, ZP_BUSY);
}

static void a_server_that_nobody_reaches_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    struct router router = { .on_up = NULL };
    struct probe probe;
    world.owner[2] = 1;
    router_whole(&router);
    world.answer = asks_for_a_elsewhere;
    world_kill(2);
    ask(&router, &probe, 2, abc);
    UNTIL(router.node_count == 3, &router, NULL);
    live_router_tick(&router, clock_mono_us() + 2 * TIMEOUT_US);
    assert_true(probe.ended);
    assert_int_equal(probe.err, ZP_BUSY);
    live_router_finish(&router);
}

static const char *asks_for_a(int number, const char *command)
{
    (void)snprintf(redirect_text, sizeof(redirect_text), "-ASK 15495 127.0.0.1:%d\r\n", world.servers[0].port);
    return number == 2 && strcmp(command, "GET {a}") == 0 ? redirect_text : NULL;
}

static void an_asked_command_goes_there_once(void **state)
{
    (void)state;
    struct router router = { .on_up = NULL };
    struct probe probe;
    router_whole(&router);
    world.answer = asks_for_a;
    int told = world.maps_told;
    for (int i = 0; i < 2; i++) {
        world.servers[0].heard[0] = world.servers[2].heard[0] = '\0';
        ask(&router, &probe, 2, abc);
        UNTIL(probe.ended, &router, NULL);
        assert_string_equal(probe.replies, "0 GET {a};0 GET {b};");
        assert_string_equal(world.servers[0].heard, "GET {b};ASKING;GET {a};");
        assert_string_equal(world.servers[2].heard, "GET {a};");
    }
    assert_int_equal(world.maps_told, told);
    assert_int_equal(router.connects, 1);
    live_router_finish(&router);
}

static const char *moves_for_ever(int number, const char *command)
{
    (void)snprintf(redirect_text, sizeof(redirect_text), "-MOVED 15495 127.0.0.1:%d\r\n",
                   world.servers[number == 2 ? 1 : 2].port);
    return strcmp(command, "GET {a}") == 0 ? redirect_text : NULL;
}

static void redirects_without_end_end(void **state)
{
    (void)state;
    struct router router = { .on_up = NULL };
    struct probe probe;
    router_whole(&router);
    world.answer = moves_for_ever;
    ask(&router, &probe, 2, abc);
    UNTIL(probe.ended, &router, NULL);
    assert_int_equal(probe.err, ZP_OK);
    assert_int_equal(strncmp(probe.replies, "MOVED 15495 ", 12), 0); /* the error is the answer */
    live_router_finish(&router);
}

static void a_lost_server_costs_its_own_commands(void **state)
{
    (void)state;
    struct router router = { .on_up = NULL };
    struct probe probe;
    router_whole(&router);
    world_kill(2);
    UNTIL(!router.is_whole, &router, NULL);
    assert_true(live_router_is_up(&router));
    assert_true(live_router_why(&router)[0] != '\0');
    ask(&router, &probe, 2, abc + 1);
    UNTIL(probe.ended, &router, NULL);
    assert_int_equal(probe.err, ZP_OK);
    assert_string_equal(probe.replies, "0 GET {b};1 GET {c};");
    ask(&router, &probe, 4, abc); /* the first one is lost: the others are done all the same */
    UNTIL(probe.ended, &router, NULL);
    assert_int_equal(probe.err, ZP_BUSY);
    assert_string_equal(probe.replies, "");
    assert_string_equal(world.servers[1].heard, "GET {c};GET {c};");
    ask(&router, &probe, 1, abc); /* nothing of it can be sent */
    UNTIL(probe.ended, &router, NULL);
    assert_int_equal(probe.err, ZP_BUSY);
    world.owner[2] = 0; /* another one takes over */
    UNTIL(router.is_whole, &router, NULL);
    assert_int_equal(router.connects, 2);
    ask(&router, &probe, 4, abc);
    UNTIL(probe.ended, &router, NULL);
    assert_string_equal(probe.replies, "0 GET {a};0 GET {b};1 GET {c};0 GET {a}2;");
    live_router_finish(&router);
}

static void what_has_no_key_goes_to_every_server(void **state)
{
    (void)state;
    struct router router = { .on_up = NULL };
    struct probe probe = { .call = { .wanted = 1, .on_reply = on_reply, .on_end = on_end } };
    router_whole(&router);
    live_request(live_router_out(&router), 3);
    live_request_text(live_router_out(&router), "SCRIPT");
    live_request_text(live_router_out(&router), "LOAD");
    live_request_text(live_router_out(&router), "x");
    live_router_send(&router, &probe.call);
    UNTIL(probe.ended, &router, NULL);
    assert_int_equal(probe.err, ZP_OK);
    for (size_t i = 0; i < SERVERS; i++) {
        UNTIL(world.servers[i].heard[0] != '\0', &router, NULL);
        assert_string_equal(world.servers[i].heard, "SCRIPT LOAD x;");
    }
    live_router_finish(&router);
}

static void a_call_ends_with_its_router(void **state)
{
    (void)state;
    struct router router = { .on_up = NULL };
    struct probe probe;
    router_whole(&router);
    ask(&router, &probe, 4, abc);
    live_router_finish(&router);
    assert_true(probe.ended);
    assert_int_equal(probe.err, ZP_BUSY);
}

/* ---- subscribing ------------------------------------------------------------------------------------------------- */

static int ups, downs;

static void on_up(struct router *router)
{
    ups++;
    for (size_t i = 0; i < 3; i++) {
        struct buffer *out = live_router_out(router);
        live_request(out, 2);
        live_request_text(out, "SSUBSCRIBE");
        live_request_text(out, abc[i]);
        live_router_send(router, NULL);
    }
}

static void on_down(struct router *router)
{
    (void)router;
    downs++;
}

static void on_message(struct router *router, redisReply *reply)
{
    (void)router;
    freeReplyObject(reply);
}

static void whoever_subscribes_begins_anew_when_a_part_is_lost(void **state)
{
    (void)state;
    struct router guide = { .on_up = NULL };
    struct router router = { .on_up = on_up, .on_down = on_down, .on_message = on_message, .guide = &guide };
    ups = downs = 0;
    router_begin(&guide);
    router_begin(&router);
    UNTIL(router.is_whole && guide.is_whole, &guide, &router);
    UNTIL(world.servers[0].heard[0] && world.servers[1].heard[0] && world.servers[2].heard[0], &guide, &router);
    assert_string_equal(world.servers[0].heard, "SSUBSCRIBE {b};");
    assert_string_equal(world.servers[2].heard, "SSUBSCRIBE {a};");
    int accepted = world.servers[0].accepted;
    world_kill(2);
    world.owner[2] = 1;
    UNTIL(downs == 1 && ups == 2, &guide, &router);
    assert_int_equal(world.servers[0].accepted, accepted + 1); /* what it had subscribed there is given up, too */
    UNTIL(strstr(world.servers[1].heard, "SSUBSCRIBE {a};") != NULL, &guide, &router);
    assert_string_equal(world.servers[0].heard, "SSUBSCRIBE {b};SSUBSCRIBE {b};");
    live_router_doom(&router, "a channel has moved");
    assert_int_equal(downs, 2);
    UNTIL(ups == 3, &guide, &router);
    live_router_finish(&router);
    live_router_finish(&guide);
    assert_int_equal(downs, 2); /* an end is no loss */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commands_go_to_their_servers_and_answers_come_in_order, begin, end),
        cmocka_unit_test_setup_teardown(a_moved_slot_is_followed_and_remembered, begin, end),
        cmocka_unit_test_setup_teardown(a_slot_that_moved_to_a_stranger_waits_for_the_map, begin, end),
        cmocka_unit_test_setup_teardown(a_redirect_without_a_host_means_that_of_who_said_so, begin, end),
        cmocka_unit_test_setup_teardown(an_asked_command_goes_there_once, begin, end),
        cmocka_unit_test_setup_teardown(an_asked_command_finds_a_server_that_has_no_slot_yet, begin, end),
        cmocka_unit_test_setup_teardown(a_server_that_nobody_reaches_is_not_waited_for_for_ever, begin, end),
        cmocka_unit_test_setup_teardown(redirects_without_end_end, begin, end),
        cmocka_unit_test_setup_teardown(a_lost_server_costs_its_own_commands, begin, end),
        cmocka_unit_test_setup_teardown(what_has_no_key_goes_to_every_server, begin, end),
        cmocka_unit_test_setup_teardown(a_call_ends_with_its_router, begin, end),
        cmocka_unit_test_setup_teardown(whoever_subscribes_begins_anew_when_a_part_is_lost, begin, end),
    };
    return cmocka_run_group_tests_name("live: router", tests, NULL, NULL);
}
