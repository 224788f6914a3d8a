/* Owns the bytes of one connection. Invariant: at most one request is under way, so an answer starts at in[0]. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool client_connect(struct client *client, int port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int one = 1;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    client->in_len = 0;
    return client->fd >= 0 &&
           setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
           connect(client->fd, (struct sockaddr *)&to, sizeof to) == 0;
}

bool client_send(struct client *client)
{
    client->in_len = 0;
    for (client->out_sent = 0;
         client->out_sent < client->out_len;) { /* under 8 KiB into an empty socket: never blocks for long */
        ssize_t sent =
            send(client->fd, client->out + client->out_sent, client->out_len - client->out_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return false;
        }
        client->out_sent += sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

static long content_length(const char *head, size_t len)
{
    static const char name[] = "\r\ncontent-length:";
    for (size_t i = 0; i + sizeof name < len; i++) {
        if (head[i] == '\r' && strncasecmp(head + i, name, sizeof name - 1) == 0) {
            return strtol(head + i + sizeof name - 1, NULL, 10);
        }
    }
    return -1;
}

int client_read(struct client *client, struct answer *ret_answer)
{
    if (client->in == NULL && (client->in = malloc(CLIENT_IN_MAX)) == NULL) {
        return -1;
    }
    ssize_t got = recv(client->fd, client->in + client->in_len, CLIENT_IN_MAX - 1 - client->in_len, MSG_DONTWAIT);
    if (got <= 0) {
        return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    }
    client->in_len += (size_t)got;
    client->in[client->in_len] = '\0';
    const char *end = memmem(client->in, client->in_len, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }
    size_t head_len = (size_t)(end - client->in) + 4;
    long body_len = content_length(client->in, head_len);
    int status = atoi(client->in + 9);
    if (body_len < 0 && status != 304) {
        return -1; /* the gateway frames its answers by Content-Length */
    }
    body_len = body_len < 0 ? 0 : body_len;
    if (client->in_len < head_len + (size_t)body_len) {
        return 0;
    }
    *ret_answer = (struct answer){ status, client->in + head_len, (size_t)body_len };
    return 1;
}

void client_close(struct client *client)
{
    if (client->fd >= 0) {
        close(client->fd);
    }
    client->fd = -1;
}
