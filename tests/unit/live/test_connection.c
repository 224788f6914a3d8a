/* The connection: greets, answers each call once and in order, gives up in time. The server is a socket of this
 * test. */
#include "support.h"

#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_US 10000000 /* longer than any test: what is to time out gets another clock */

/* ---- the scene -------------------------------------------------------------------------------------------------- */

struct scene {
    struct reactor reactor;
    struct live_reactor lent;
    struct live_uri uri;
    struct connection connection;
    int listener, peer; /* -1: nobody has connected */
    int ups, downs, messages;
};

static void on_up(struct connection *connection)
{
    ((struct scene *)connection->owner)->ups++;
}

static void on_down(struct connection *connection)
{
    ((struct scene *)connection->owner)->downs++;
}

static void on_message(struct connection *connection, redisReply *reply)
{
    ((struct scene *)connection->owner)->messages++;
    freeReplyObject(reply);
}

static int listen_somewhere(char port[URI_PORT_SIZE])
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(port, URI_PORT_SIZE, "%u", (unsigned)ntohs(address.sin_port));
    return fd;
}

static struct scene *scene_create(const char *credentials)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    char port[URI_PORT_SIZE], text[128], why[LIVE_WHY_SIZE];
    assert_non_null(scene);
    scene->listener = listen_somewhere(port);
    scene->peer = -1;
    (void)snprintf(text, sizeof(text), "redis://%s127.0.0.1:%s/0", credentials, port);
    assert_int_equal(live_uri_parse(text, &scene->uri, why), ZP_OK);
    scene->lent = reactor_lend(&scene->reactor);
    scene->connection.uri = &scene->uri;
    scene->connection.reactor = &scene->lent;
    scene->connection.timeout_us = TIMEOUT_US;
    scene->connection.owner = scene;
    scene->connection.on_up = on_up;
    scene->connection.on_down = on_down;
    live_connection_init(&scene->connection, 1 << 20);
    return scene;
}

static void scene_destroy(struct scene *scene)
{
    live_connection_finish(&scene->connection);
    assert_int_equal(reactor_watched(&scene->reactor), 0);
    if (scene->peer >= 0) {
        close(scene->peer);
    }
    close(scene->listener);
    free(scene);
}

static void turn(struct scene *scene)
{
    live_connection_tick(&scene->connection, clock_mono_us());
    reactor_turn(&scene->reactor, 1);
}

/* Waits until the client has sent exactly that. */
static void expect(struct scene *scene, const char *want)
{
    char got[1024];
    size_t len = 0;
    while (len < strlen(want)) {
        turn(scene);
        if (scene->peer < 0) {
            scene->peer = accept4(scene->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            continue;
        }
        ssize_t more = recv(scene->peer, got + len, sizeof(got) - len, 0);
        assert_true(more > 0 || (more < 0 && errno == EAGAIN));
        len += more > 0 ? (size_t)more : 0;
    }
    assert_int_equal(len, strlen(want));
    assert_memory_equal(got, want, len);
}

static void say(struct scene *scene, const char *text)
{
    assert_int_equal(send(scene->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void hang_up(struct scene *scene)
{
    close(scene->peer);
    scene->peer = -1;
}

static void until(struct scene *scene, enum connection_state state)
{
    while (scene->connection.state != state) {
        turn(scene);
    }
}

#define PING "*1\r\n$4\r\nPING\r\n"

static void come_up(struct scene *scene)
{
    expect(scene, PING);
    say(scene, "+PONG\r\n");
    until(scene, CONNECTION_UP);
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

static int ends; /* numbers them */

struct probe {
    struct call call; /* first */
    int replies, ended, place;
    enum zp_err err;
    char last[32];
    struct scene *asks_again;
};

static void on_reply(struct call *call, redisReply *taken)
{
    REPLY_CLEANUP redisReply *reply = taken;
    struct probe *probe = (struct probe *)call;
    probe->replies++;
    (void)snprintf(probe->last, sizeof(probe->last), "%s", reply->str == NULL ? "" : reply->str);
}

static void on_end(struct call *call, enum zp_err err)
{
    struct probe *probe = (struct probe *)call;
    probe->ended++;
    probe->err = err;
    probe->place = ends++;
    if (probe->asks_again != NULL) {
        assert_false(live_connection_is_up(&probe->asks_again->connection));
    }
}

static void ask(struct scene *scene, struct probe *probe, size_t replies)
{
    *probe = (struct probe){ .call = { .wanted = replies, .on_reply = on_reply, .on_end = on_end } };
    for (size_t i = 0; i < replies; i++) {
        live_request(&scene->connection.out, 1);
        live_request_text(&scene->connection.out, "GET");
    }
    live_connection_send(&scene->connection, &probe->call);
    assert_int_equal(probe->replies + probe->ended, 0);
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void greetings(void **state)
{
    (void)state;
    static const struct {
        const char *name, *credentials, *sent, *reply, *why; /* why NULL: it comes up */
    } rows[] = {
        { "plainly", "", PING, "+PONG\r\n", NULL },
        { "with a password", ":pw@", "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n" PING, "+OK\r\n+PONG\r\n", NULL },
        { "with a user", "hub:pw@", "*3\r\n$4\r\nAUTH\r\n$3\r\nhub\r\n$2\r\npw\r\n" PING, "+OK\r\n+PONG\r\n", NULL },
        { "a wrong password", ":pw@", "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n" PING, "-WRONGPASS no\r\n-NOAUTH no\r\n",
          "WRONGPASS no" },
        { "a password is wanted", "", PING, "-NOAUTH Authentication required.\r\n", "NOAUTH" },
        { "still loading", "", PING, "-LOADING Redis is loading\r\n", "LOADING" },
        { "not Redis", "", PING, "HTTP/1.1 400 Bad Request\r\n", "Protocol error" },
        { "more than was asked for", "", PING, "+PONG\r\n+PONG\r\n", "nobody asked" },
        { "a broken length", "", PING, "$-9\r\n", "" },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct scene *scene = scene_create(rows[i].credentials);
        print_message("%s\n", rows[i].name);
        expect(scene, rows[i].sent);
        assert_int_equal(scene->ups, 0);
        say(scene, rows[i].reply);
        until(scene, rows[i].why == NULL ? CONNECTION_UP : CONNECTION_DOWN);
        if (rows[i].why == NULL) {
            assert_int_equal(scene->ups, 1);
            assert_int_equal(scene->connection.connects, 1);
            assert_string_equal(scene->connection.why, "");
        } else {
            assert_non_null(strstr(scene->connection.why, rows[i].why));
            assert_non_null(strstr(scene->connection.why, scene->uri.port));
            assert_true(scene->connection.retry_at_us > clock_mono_us() - 1000000);
        }
        scene_destroy(scene);
    }
}

static void a_database_is_selected(void **state)
{
    (void)state;
    struct scene *scene = scene_create("");
    scene->uri.db = 7;
    expect(scene, "*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n" PING);
    say(scene, "+OK\r\n+PONG\r\n");
    until(scene, CONNECTION_UP);
    scene_destroy(scene);
}

static void replies_find_their_calls(void **state)
{
    (void)state;
    struct scene *scene = scene_create("");
    struct probe one, three, last;
    ends = 0;
    come_up(scene);
    ask(scene, &one, 1);
    ask(scene, &three, 3);
    ask(scene, &last, 1);
    assert_int_equal(scene->connection.call_count, 3);
    expect(scene, "*1\r\n$3\r\nGET\r\n*1\r\n$3\r\nGET\r\n*1\r\n$3\r\nGET\r\n*1\r\n$3\r\nGET\r\n*1\r\n$3\r\nGET\r\n");
    /* Byte by byte, so that every reply arrives in pieces. */
    static const char text[] = "$3\r\none\r\n:1\r\n$-1\r\n$5\r\nthree\r\n-ERR no\r\n";
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        say(scene, (char[]){ text[i], '\0' });
        turn(scene);
    }
    while (last.ended == 0) {
        turn(scene);
    }
    assert_int_equal(one.replies, 1);
    assert_string_equal(one.last, "one");
    assert_int_equal(three.replies, 3);
    assert_string_equal(three.last, "three");
    assert_string_equal(last.last, "ERR no");
    assert_int_equal(one.ended + three.ended + last.ended, 3);
    assert_true(one.place == 0 && three.place == 1 && last.place == 2);
    assert_true(one.err == ZP_OK && three.err == ZP_OK && last.err == ZP_OK);
    assert_int_equal(scene->connection.call_count, 0);
    scene_destroy(scene);
}

static void a_lost_connection_ends_every_call_once(void **state)
{
    (void)state;
    static const struct {
        const char *name, *reply; /* NULL: hangs up */
    } rows[] = {
        { "hung up", NULL },
        { "broken protocol", "?\r\n" },
        { "half a reply, then hung up", "$100\r\nabc" },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct scene *scene = scene_create("");
        struct probe probes[5];
        print_message("%s\n", rows[i].name);
        ends = 0;
        come_up(scene);
        for (size_t p = 0; p < ZP_COUNT(probes); p++) {
            ask(scene, &probes[p], p == 1 ? 2 : 1);
            probes[p].asks_again = p > 1 ? scene : NULL;
        }
        reactor_turn(&scene->reactor, 100);
        say(scene, "+a\r\n+b\r\n"); /* the first call and half of the second */
        while (probes[1].replies == 0) {
            turn(scene);
        }
        if (rows[i].reply != NULL) {
            say(scene, rows[i].reply);
        }
        if (rows[i].reply == NULL || rows[i].reply[0] == '$') {
            hang_up(scene);
        }
        while (probes[4].ended == 0) {
            turn(scene);
        }
        for (int p = 0; p < 5; p++) {
            assert_int_equal(probes[p].ended, 1);
            assert_int_equal(probes[p].place, p);
            assert_int_equal(probes[p].err, p == 0 ? ZP_OK : ZP_BUSY);
        }
        assert_int_equal(scene->downs, 1);
        assert_int_equal(scene->connection.call_count, 0);
        scene_destroy(scene);
    }
}

static void silence_is_given_up(void **state)
{
    (void)state;
    struct scene *scene = scene_create("");
    struct probe probes[2];
    come_up(scene);
    ask(scene, &probes[0], 1);
    ask(scene, &probes[1], 1);
    int64_t now_us = clock_mono_us();
    live_connection_tick(&scene->connection, now_us + TIMEOUT_US - 1000000);
    assert_int_equal(probes[0].ended, 0);
    live_connection_tick(&scene->connection, now_us + TIMEOUT_US + 1000000);
    assert_int_equal(probes[0].ended + probes[1].ended, 2);
    assert_true(probes[0].err == ZP_BUSY && probes[1].err == ZP_BUSY);
    assert_int_equal(scene->connection.state, CONNECTION_DOWN);
    assert_non_null(strstr(scene->connection.why, "in time"));
    scene_destroy(scene);
}

/* The loop was held up beyond the deadline, but the answer is there. */
static void an_answer_that_waited_for_the_loop_counts(void **state)
{
    (void)state;
    struct scene *scene = scene_create("");
    struct probe probe;
    come_up(scene);
    ask(scene, &probe, 1);
    reactor_turn(&scene->reactor, 100);
    say(scene, "+late\r\n");
    struct pollfd polled = { .fd = scene->connection.fd, .events = POLLIN };
    assert_int_equal(poll(&polled, 1, 10000), 1);
    live_connection_tick(&scene->connection, clock_mono_us() + TIMEOUT_US + 1000000);
    assert_int_equal(probe.ended, 1);
    assert_int_equal(probe.err, ZP_OK);
    assert_string_equal(probe.last, "late");
    assert_int_equal(scene->connection.state, CONNECTION_UP);
    scene_destroy(scene);
}

static void a_greeting_has_a_deadline(void **state)
{
    (void)state;
    struct scene *scene = scene_create("");
    expect(scene, PING);
    live_connection_tick(&scene->connection, clock_mono_us() + TIMEOUT_US + 1000000);
    assert_int_equal(scene->connection.state, CONNECTION_DOWN);
    assert_int_equal(scene->ups, 0);
    assert_int_equal(scene->downs, 0);
    scene_destroy(scene);
}

static void a_quiet_connection_is_asked_if_it_lives(void **state)
{
    (void)state;
    for (int subscribes = 0; subscribes < 2; subscribes++) {
        struct scene *scene = scene_create("");
        scene->connection.keepalive_us = 1000000;
        scene->connection.on_message = subscribes ? on_message : NULL;
        come_up(scene);
        int64_t now_us = clock_mono_us();
        live_connection_tick(&scene->connection, now_us + 2000000);
        live_connection_tick(&scene->connection, now_us + 2100000);
        expect(scene, PING); /* once */
        say(scene, subscribes ? "*2\r\n$4\r\npong\r\n$0\r\n\r\n" : "+PONG\r\n");
        int64_t heard_us = scene->connection.heard_us;
        while (scene->connection.heard_us == heard_us) {
            turn(scene);
        }
        turn(scene);
        assert_int_equal(scene->messages, subscribes);
        assert_int_equal(scene->connection.state, CONNECTION_UP);
        now_us = clock_mono_us();
        live_connection_tick(&scene->connection, now_us + 2000000);
        live_connection_tick(&scene->connection, now_us + 4000000 + TIMEOUT_US);
        assert_int_equal(scene->connection.state, CONNECTION_DOWN);
        scene_destroy(scene);
    }
}

static void retries_back_off(void **state)
{
    (void)state;
    struct scene *scene = scene_create("");
    close(scene->listener); /* nobody listens there now */
    int64_t now_us = clock_mono_us(), last_wait_us = 0;
    for (int attempt = 0; attempt < 8; attempt++) {
        live_connection_tick(&scene->connection, now_us);
        for (int i = 0; i < 1000 && scene->connection.state != CONNECTION_DOWN; i++) {
            reactor_turn(&scene->reactor, 10);
        }
        assert_int_equal(scene->connection.state, CONNECTION_DOWN);
        assert_non_null(strstr(scene->connection.why, "refused"));
        int64_t wait_us = scene->connection.backoff_us;
        assert_true(wait_us >= last_wait_us && wait_us <= 1000000);
        last_wait_us = wait_us;
        now_us = scene->connection.retry_at_us;
        live_connection_tick(&scene->connection, now_us - 1);
        assert_int_equal(scene->connection.state, CONNECTION_DOWN);
    }
    assert_int_equal(last_wait_us, 1000000);
    scene->listener = dup(0);
    scene_destroy(scene);
}

static void it_comes_up_again(void **state)
{
    (void)state;
    struct scene *scene = scene_create("");
    come_up(scene);
    hang_up(scene);
    until(scene, CONNECTION_DOWN);
    come_up(scene);
    assert_int_equal(scene->ups, 2);
    assert_int_equal(scene->downs, 1);
    assert_int_equal(scene->connection.connects, 2);
    scene_destroy(scene);
}

/* A name that nobody knows, however long the system's resolver takes to say so, and an end in the middle of it. */
static void names_are_looked_up_aside(void **state)
{
    (void)state;
    for (int patient = 0; patient < 2; patient++) {
        struct scene *scene = scene_create("");
        (void)snprintf(scene->uri.host, sizeof(scene->uri.host), "nobody.invalid");
        live_connection_tick(&scene->connection, clock_mono_us());
        for (int i = 0; patient && i < 20000 && scene->connection.state == CONNECTION_LOOKING_UP; i++) {
            turn(scene);
        }
        if (patient) {
            assert_int_equal(scene->connection.state, CONNECTION_DOWN);
            assert_non_null(strstr(scene->connection.why, "nobody.invalid"));
        }
        scene_destroy(scene);
    }
}

static void localhost_is_found(void **state)
{
    (void)state;
    struct scene *scene = scene_create("");
    (void)snprintf(scene->uri.host, sizeof(scene->uri.host), "localhost"); /* perhaps ::1 first, where nobody listens */
    come_up(scene);
    scene_destroy(scene);
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greetings),
        cmocka_unit_test(a_database_is_selected),
        cmocka_unit_test(replies_find_their_calls),
        cmocka_unit_test(a_lost_connection_ends_every_call_once),
        cmocka_unit_test(silence_is_given_up),
        cmocka_unit_test(an_answer_that_waited_for_the_loop_counts),
        cmocka_unit_test(a_greeting_has_a_deadline),
        cmocka_unit_test(a_quiet_connection_is_asked_if_it_lives),
        cmocka_unit_test(retries_back_off),
        cmocka_unit_test(it_comes_up_again),
        cmocka_unit_test(names_are_looked_up_aside),
        cmocka_unit_test(localhost_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
