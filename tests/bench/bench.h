/* What the bench's programs share besides their connections. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

/* On the monotonic clock. */
int64_t bench_now_us(void);
/* Says what, and errno's word, and exits with 1. */
_Noreturn void bench_die(const char *what);
/* The first line of a file, without its end. */
void bench_read_line(const char *path, char *line, size_t size);
/* The lines of a file, at most `max`, each owned by the caller; gives their number. */
size_t bench_read_lines(const char *path, char **lines, size_t max);

#endif
