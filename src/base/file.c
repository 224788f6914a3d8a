/* file: small files read whole, with a ceiling: the settings' file, keys.
 *
 * Called by config. Invariant: what is read is never longer than asked for, and is wiped before it is given up, since
 * it may be a secret. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool say(char *why, size_t why_size, int errnum)
{
    errno = errnum;
    (void)snprintf(why, why_size, "%m");
    return false;
}

/* Reads to the end or until the room is full; -1 with errno. */
static ssize_t read_up_to(int fd, char *data, size_t room)
{
    size_t len = 0;
    while (len < room) {
        ssize_t got = read(fd, data + len, room - len);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        len += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)len;
}

bool file_read(const char *path, size_t max_bytes, char **ret_data, size_t *ret_len, char *why, size_t why_size)
{
    char *data = malloc(max_bytes + 1); /* one byte more than allowed, so that too much is noticed; later the NUL */
    if (data == NULL) {
        return say(why, why_size, ENOMEM);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t len = fd < 0 ? -1 : read_up_to(fd, data, max_bytes + 1);
    int errnum = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (len >= 0 && (size_t)len <= max_bytes) {
        data[len] = '\0';
        *ret_data = data;
        *ret_len = (size_t)len;
        return true;
    }
    crypto_wipe(data, len < 0 ? 0 : (size_t)len);
    free(data);
    if (len < 0) {
        return say(why, why_size, errnum);
    }
    (void)snprintf(why, why_size, "longer than %zu bytes", max_bytes);
    return false;
}

bool file_readable(const char *path, char *why, size_t why_size)
{
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return say(why, why_size, errno);
    }
    int result = fstat(fd, &facts);
    int errnum = result != 0 ? errno : S_ISDIR(facts.st_mode) ? EISDIR : 0;
    (void)close(fd);
    return errnum == 0 || say(why, why_size, errnum);
}
