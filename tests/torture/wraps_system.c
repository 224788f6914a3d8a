/* wraps_system: what the kernel is asked for: waiting. */
#include "wraps.h"

#include <poll.h>

WRAP(int, poll, (struct pollfd *fds, nfds_t count, int timeout_ms), (fds, count, timeout_ms), (errno = ENOMEM, -1))
