/* socket: the few system calls of a connection, without signals and without waiting. */
#ifndef ZAPORA_LIVE_SOCKET_H
#define ZAPORA_LIVE_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

struct addrinfo;

/* A descriptor whose connect is under way, or -1 with errno. */
int live_socket_connect(const struct addrinfo *address);
/* How the connect went: 0 or an errno. */
int live_socket_error(int fd);
/* Bytes moved; 0: nothing can be now; -1 with errno, which is 0 when the other side has closed. */
ssize_t live_socket_send(int fd, const void *bytes, size_t len);
ssize_t live_socket_receive(int fd, void *bytes, size_t size);

#endif
