/* socket: the few system calls of a connection.
 *
 * Called by connections only. Invariant: no call waits, none raises SIGPIPE. */
#include "socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

int live_socket_connect(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS) {
        int code = errno;
        (void)close(fd);
        errno = code;
        return -1;
    }
    return fd;
}

int live_socket_error(int fd)
{
    int code = 0;
    socklen_t size = sizeof(code);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno;
}

static bool is_later(int code)
{
    return code == EAGAIN || code == EWOULDBLOCK || code == EINTR;
}

ssize_t live_socket_send(int fd, const void *bytes, size_t len)
{
    ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
    return sent < 0 && is_later(errno) ? 0 : sent;
}

ssize_t live_socket_receive(int fd, void *bytes, size_t size)
{
    ssize_t got = recv(fd, bytes, size, 0);
    if (got == 0) {
        errno = 0;
        return -1;
    }
    return got < 0 && is_later(errno) ? 0 : got;
}
