/* The fake cluster of the router's tests: see fake_cluster.h. */
#include "fake_cluster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

struct world world;

static void serve_begin(struct server *server)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    int on = 1;
    address.sin_port = htons((uint16_t)server->port);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &len), 0);
    server->port = ntohs(address.sin_port);
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        server->clients[i] = -1;
    }
}

static void hang_up(struct server *server, size_t client)
{
    (void)close(server->clients[client]);
    server->clients[client] = -1;
    redisReaderFree(server->readers[client]);
}

static void serve_end(struct server *server)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (server->clients[i] >= 0) {
            hang_up(server, i);
        }
    }
    if (server->listener >= 0) {
        (void)close(server->listener);
    }
    server->listener = -1;
}

static const char *map_text(void)
{
    static char text[1024];
    static const int bounds[SERVERS + 1] = { 0, 5461, 10923, SLOT_COUNT };
    size_t len = (size_t)snprintf(text, sizeof(text), "*%d\r\n", SERVERS);
    for (int i = 0; i < SERVERS; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "*3\r\n:%d\r\n:%d\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n",
                                bounds[i], bounds[i + 1] - 1, world.servers[world.owner[i]].port);
    }
    world.maps_told++;
    return text;
}

static const char *usual(int number, const char *command)
{
    static char text[256];
    if (strcmp(command, "CLUSTER SLOTS") == 0) {
        return map_text();
    }
    if (strcmp(command, "PING") == 0) {
        return "+PONG\r\n";
    }
    (void)snprintf(text, sizeof(text), "+%d %s\r\n", number, command);
    return text;
}

static void words_of(const redisReply *reply, char *text, size_t size)
{
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < reply->elements; i++) {
        len += (size_t)snprintf(text + len, size - len, "%s%s", i == 0 ? "" : " ", reply->element[i]->str);
        assert_true(len < size);
    }
}

static void answer(struct server *server, size_t client, const redisReply *reply)
{
    char command[512];
    int number = (int)(server - world.servers);
    words_of(reply, command, sizeof(command));
    const char *text = world.answer == NULL ? NULL : world.answer(number, command);
    text = text == NULL ? usual(number, command) : text;
    if (strcmp(command, "PING") != 0 && strcmp(command, "CLUSTER SLOTS") != 0) {
        strcat(server->heard, command);
        strcat(server->heard, ";");
        assert_true(strlen(server->heard) < sizeof(server->heard) - sizeof(command));
    }
    ssize_t sent = send(server->clients[client], text, strlen(text), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) { /* it has left since it asked */
        hang_up(server, client);
    } else {
        assert_int_equal(sent, strlen(text));
    }
}

static void serve_client(struct server *server, size_t client)
{
    char bytes[4096];
    ssize_t got = recv(server->clients[client], bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got == 0) {
        hang_up(server, client);
    }
    if (got <= 0) {
        return;
    }
    void *reply = NULL;
    assert_int_equal(redisReaderFeed(server->readers[client], bytes, (size_t)got), REDIS_OK);
    while (server->clients[client] >= 0 && redisReaderGetReply(server->readers[client], &reply) == REDIS_OK &&
           reply != NULL) {
        answer(server, client, reply);
        freeReplyObject(reply);
    }
}

static void serve(struct server *server)
{
    int client = server->listener < 0 ? -1 : accept(server->listener, NULL, NULL), on = 1;
    if (client >= 0) {
        server->accepted++;
        assert_int_equal(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    }
    for (size_t i = 0; client >= 0 && i < CLIENTS_MAX; i++) {
        if (server->clients[i] < 0) {
            server->clients[i] = client;
            server->readers[i] = redisReaderCreate();
            client = -1;
        }
    }
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (server->clients[i] >= 0) {
            serve_client(server, i);
        }
    }
}

void world_begin(void)
{
    char text[128], why[LIVE_WHY_SIZE];
    world = (struct world){ .owner = { 0, 1, 2 } };
    for (size_t i = 0; i < SERVERS; i++) {
        serve_begin(&world.servers[i]);
    }
    (void)snprintf(text, sizeof(text), "redis://127.0.0.1:%d,127.0.0.1:%d", world.servers[0].port,
                   world.servers[1].port);
    assert_int_equal(live_uri_parse(text, &world.uri, why), ZP_OK);
    world.lent = reactor_lend(&world.reactor);
}

void world_end(void)
{
    for (size_t i = 0; i < SERVERS; i++) {
        serve_end(&world.servers[i]);
    }
    assert_int_equal(reactor_watched(&world.reactor), 0);
}

void world_kill(int server)
{
    serve_end(&world.servers[server]);
}

void world_turn(void)
{
    for (size_t i = 0; i < SERVERS; i++) {
        serve(&world.servers[i]);
    }
}
