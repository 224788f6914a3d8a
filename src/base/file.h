/* file.h: small files read whole; base's own door, for settings and keys. */
#ifndef ZAPORA_BASE_FILE_H
#define ZAPORA_BASE_FILE_H

#include "zapora/base.h"

/* Reads a file of at most max_bytes. ret_data is owned by the caller (free) and has a NUL after its last byte.
 * Otherwise false, with the reason in why. */
bool file_read(const char *path, size_t max_bytes, char **ret_data, size_t *ret_len, char *why, size_t why_size);
/* Can it be opened for reading, and is it no directory? If not, why. */
bool file_readable(const char *path, char *why, size_t why_size);

#endif
