/* What the bench's programs share: the clock, files of lines, and a way to give up. */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t bench_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

_Noreturn void bench_die(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
    exit(1);
}

void bench_read_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(line, (int)size, file) == NULL) {
        bench_die(path);
    }
    fclose(file);
    line[strcspn(line, "\r\n")] = '\0';
}

size_t bench_read_lines(const char *path, char **lines, size_t max)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0, count = 0;
    ssize_t len;
    if (file == NULL) {
        bench_die(path);
    }
    while (count < max && (len = getline(&line, &size, file)) > 0) {
        line[strcspn(line, "\r\n")] = '\0';
        lines[count++] = strdup(line);
    }
    free(line);
    fclose(file);
    return count;
}
