/* listen: opens the sockets that zapora is reached by.
 *
 * Called by ops.c and by the gateway for its own port. Invariant: a descriptor that is returned listens, does not
 * block and is closed on exec; whatever failed, nothing stays open and the reason is a sentence. */
#include "zapora/ops.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST_BYTES_MAX 256
#define PORT_BYTES_MAX 6

static bool is_port(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len < PORT_BYTES_MAX && strspn(text, "0123456789") == len && strtol(text, NULL, 10) <= UINT16_MAX;
}

/* Splits "host:port" or "[v6]:port"; an empty host means every address. */
static bool split(const char *address, char host[HOST_BYTES_MAX], char port[PORT_BYTES_MAX])
{
    const char *colon = strrchr(address, ':');
    const char *start = address;
    const char *end = colon;
    if (colon == NULL) {
        return false;
    }
    if (address[0] == '[') {
        start = address + 1;
        end = colon - 1;
        if (end < start || *end != ']') {
            return false;
        }
    } else if (memchr(address, ':', (size_t)(colon - address)) != NULL) {
        return false; /* an IPv6 address without brackets: which colon is the port's? */
    }
    size_t host_len = (size_t)(end - start);
    if (host_len >= HOST_BYTES_MAX || !is_port(colon + 1)) {
        return false;
    }
    memcpy(host, start, host_len);
    host[host_len] = '\0';
    memcpy(port, colon + 1, strlen(colon + 1) + 1); /* is_port has measured it */
    return true;
}

/* Gives the descriptor, or -1 with errno set. */
static int open_one(const struct addrinfo *info, bool reuse_port)
{
    const int on = 1;
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, info->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        (!reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
        bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0) {
        return fd;
    }
    int error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

int ops_listen(const char *address, bool reuse_port, char *why, size_t why_size)
{
    char host[HOST_BYTES_MAX], port[PORT_BYTES_MAX];
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    if (!split(address, host, port)) {
        (void)snprintf(why, why_size, "\"%.200s\" is not host:port or [v6]:port", address);
        errno = EINVAL;
        return -1;
    }
    int error = getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &found);
    if (error != 0) {
        (void)snprintf(why, why_size, "%.200s: %s", address, gai_strerror(error));
        errno = error == EAI_MEMORY || error == EAI_AGAIN ? EAGAIN : EINVAL;
        return -1;
    }
    int fd = open_one(found, reuse_port); /* the first address only: "localhost" is one place, not two */
    freeaddrinfo(found);
    if (fd < 0) {
        error = errno;
        (void)snprintf(why, why_size, "cannot listen on %.200s: %s", address, strerror(error));
        errno = error;
    }
    return fd;
}
