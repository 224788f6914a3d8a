/* wraps_system: what the kernel is asked for: sockets, waiting, threads, counters, limits. A socket fails because the
 * process or the kernel is short of something, because the peer has gone, or only for a while. */
#include "wraps.h"

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- sockets: made ---- */

WRAP(int, socket, (int family, int type, int protocol), (family, type, protocol), (errno = EMFILE, -1))
WRAP(int, bind, (int fd, const struct sockaddr *address, socklen_t len), (fd, address, len), (errno = EADDRINUSE, -1))
WRAP(int, listen, (int fd, int backlog), (fd, backlog), (errno = EADDRINUSE, -1))
WRAP(int, connect, (int fd, const struct sockaddr *address, socklen_t len), (fd, address, len),
     (errno = ENETUNREACH, -1))
WRAP(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t len), (fd, level, name, value, len),
     (errno = ENOBUFS, -1))
WRAP(int, getsockname, (int fd, struct sockaddr *address, socklen_t *len), (fd, address, len), (errno = ENOBUFS, -1))
/* The peer has gone: whoever reads or waits hears of that, too. */
WRAP(int, shutdown, (int fd, int how), (fd, how), (__real_shutdown(fd, SHUT_RDWR), errno = ENOTCONN, -1))
WRAP(int, getaddrinfo, (const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret_found),
     (host, port, hints, ret_found), EAI_MEMORY)

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
FITS(getsockopt)
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    if (TORTURE_FAILS("getsockopt")) {
        errno = ENOBUFS;
        return -1;
    }
    if (name == SO_ERROR && TORTURE_FAILS("getsockopt, the connect was refused")) {
        memcpy(value, &(int){ ECONNREFUSED }, sizeof(int));
        return 0;
    }
    return __real_getsockopt(fd, level, name, value, len);
}

/* ---- sockets: used ---- */

ssize_t __real_send(int fd, const void *data, size_t len, int flags);
FITS(send)
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
    if (TORTURE_FAILS("send")) {
        errno = ECONNRESET;
        return -1;
    }
    if (TORTURE_FAILS("send, later")) {
        errno = EAGAIN;
        return -1;
    }
    bool is_cut = TORTURE_FAILS("send, one byte");
    return __real_send(fd, data, is_cut ? 1 : len, flags);
}

ssize_t __real_recv(int fd, void *data, size_t len, int flags);
FITS(recv)
ssize_t __wrap_recv(int fd, void *data, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t len, int flags)
{
    if (TORTURE_FAILS("recv")) {
        errno = ECONNRESET;
        return -1;
    }
    if (TORTURE_FAILS("recv, later")) {
        errno = EINTR;
        return -1;
    }
    if (TORTURE_FAILS("recv, the end")) {
        return 0;
    }
    bool is_cut = TORTURE_FAILS("recv, one byte");
    return __real_recv(fd, data, is_cut ? 1 : len, flags);
}

/* ---- waiting, threads, counters, limits ---- */

WRAP(int, poll, (struct pollfd *fds, nfds_t count, int timeout_ms), (fds, count, timeout_ms), (errno = ENOMEM, -1))
WRAP(int, eventfd, (unsigned count, int flags), (count, flags), (errno = EMFILE, -1))
WRAP(int, signalfd, (int fd, const sigset_t *signals, int flags), (fd, signals, flags), (errno = EMFILE, -1))
WRAP(int, getrlimit64, (__rlimit_resource_t what, struct rlimit64 *limit), (what, limit), (errno = EFAULT, -1))
WRAP(int, setrlimit64, (__rlimit_resource_t what, const struct rlimit64 *limit), (what, limit), (errno = EPERM, -1))

struct beginning { void *(*run)(void *); void *arg; };

static void *run_followed(void *arg)
{
    const struct beginning beginning = *(struct beginning *)arg;
    free(arg);
    torture_enter();
    return beginning.run(beginning.arg);
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg);
FITS(pthread_create)
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
    if (TORTURE_FAILS("pthread_create")) {
        return EAGAIN;
    }
    if (!torture_follows()) {
        return __real_pthread_create(thread, attributes, run, arg);
    }
    torture_pause();
    struct beginning *beginning = malloc(sizeof(*beginning));
    torture_resume();
    ZP_ASSERT(beginning != NULL);
    *beginning = (struct beginning){ run, arg };
    return __real_pthread_create(thread, attributes, run_followed, beginning);
}

/* A counter's only failure is that it is full: then it is readable. */
ssize_t __real_write(int fd, const void *data, size_t len);
FITS(write)
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    static const uint64_t full = UINT64_MAX - 1;
    if (!TORTURE_FAILS("write")) {
        return __real_write(fd, data, len);
    }
    errno = EIO;
    if (len == sizeof(full)) {
        errno = __real_write(fd, &full, sizeof(full)) < 0 ? errno : EAGAIN;
    }
    return -1;
}
