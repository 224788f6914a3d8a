/* wraps_base: memory, of the C library, of arenas and of buffers, and files. */
#include "wraps.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the C library ---- */

WRAP(void *, malloc, (size_t size), (size), (errno = ENOMEM, NULL))
WRAP(void *, calloc, (size_t count, size_t size), (count, size), (errno = ENOMEM, NULL))
WRAP(void *, realloc, (void *memory, size_t size), (memory, size), (errno = ENOMEM, NULL))
WRAP(char *, strdup, (const char *text), (text), (errno = ENOMEM, NULL))
WRAP(FILE *, fopen64, (const char *path, const char *mode), (path, mode), (errno = EMFILE, NULL))
WRAP(ssize_t, read, (int fd, void *data, size_t len), (fd, data, len), (errno = EIO, -1))
WRAP(int, fstat64, (int fd, struct stat64 *facts), (fd, facts), (errno = EIO, -1))
WRAP(int, scandir64, (const char *dir, struct dirent64 ***entries, int (*fits)(const struct dirent64 *),
                      int (*order)(const struct dirent64 **, const struct dirent64 **)),
     (dir, entries, fits, order), (errno = ENOMEM, -1))
WRAP(DIR *, opendir, (const char *path), (path), (errno = EMFILE, NULL))
WRAP(int, ferror, (FILE *file), (file), 1)

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    ZP_ASSERT((flags & O_CREAT) == 0); /* then there would be a third argument */
    if (TORTURE_FAILS("open")) {
        errno = EMFILE;
        return -1;
    }
    return __real_open64(path, flags);
}

/* ---- arenas ---- */

WRAP(void *, arena_alloc, (struct arena *arena, size_t bytes), (arena, bytes), NULL)
WRAP(void *, arena_array, (struct arena *arena, size_t count, size_t size), (arena, count, size), NULL)
WRAP(char *, arena_strndup, (struct arena *arena, const char *text, size_t len), (arena, text, len), NULL)

char *__real_arena_strdup(struct arena *arena, const char *text);
char *__wrap_arena_strdup(struct arena *arena, const char *text);
char *__wrap_arena_strdup(struct arena *arena, const char *text)
{
    return text == NULL || TORTURE_FAILS("arena_strdup") ? NULL : __real_arena_strdup(arena, text);
}

char *__wrap_arena_printf(struct arena *arena, const char *fmt, ...) ZP_PRINTF(2, 3);
char *__wrap_arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    char text[4096];
    if (TORTURE_FAILS("arena_printf")) {
        return NULL;
    }
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    ZP_ASSERT(len >= 0 && (size_t)len < sizeof(text));
    return __real_arena_strndup(arena, text, (size_t)len);
}

/* ---- buffers: a failure is kept as their first error ---- */

static bool buffer_fails(struct buffer *buf, const char *function, const void *caller)
{
    if (buf->err == ZP_OK && torture_fails(function, caller)) {
        buf->err = ZP_NO_MEMORY;
        return true;
    }
    return false;
}

#define WRAP_BUFFER(name, params, args) \
    void __real_##name params; \
    FITS(name) \
    void __wrap_##name params; \
    void __wrap_##name params \
    { \
        if (!buffer_fails(buf, #name, __builtin_return_address(0))) { \
            __real_##name args; \
        } \
    }

WRAP_BUFFER(buffer_append, (struct buffer *buf, const void *data, size_t len), (buf, data, len))
WRAP_BUFFER(buffer_puts, (struct buffer *buf, const char *text), (buf, text))
WRAP_BUFFER(buffer_putc, (struct buffer *buf, char c), (buf, c))
WRAP_BUFFER(buffer_put_int, (struct buffer *buf, int64_t value), (buf, value))

void __wrap_buffer_printf(struct buffer *buf, const char *fmt, ...) ZP_PRINTF(2, 3);
void __wrap_buffer_printf(struct buffer *buf, const char *fmt, ...)
{
    va_list args;
    char text[4096];
    if (buffer_fails(buf, "buffer_printf", __builtin_return_address(0))) {
        return;
    }
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    ZP_ASSERT(len >= 0 && (size_t)len < sizeof(text));
    __real_buffer_append(buf, text, (size_t)len);
}
