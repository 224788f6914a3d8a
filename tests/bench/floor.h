/* What the programs of tests/bench/floor share: each does one part of an order's way with a library and nothing else,
 * prints {"count", "seconds", "own_cpu_us_each"} as one line of JSON, and ends with 1 at the first error. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define FLOOR_CHECK(condition, ...) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "floor: %s: ", #condition); \
            fprintf(stderr, __VA_ARGS__); \
            fputc('\n', stderr); \
            exit(1); \
        } \
    } while (0)

struct floor_clock { double wall_s, cpu_s; };

static inline struct floor_clock floor_now(void)
{
    struct timespec wall;
    struct rusage used;
    clock_gettime(CLOCK_MONOTONIC, &wall);
    getrusage(RUSAGE_SELF, &used);
    return (struct floor_clock){
        .wall_s = (double)wall.tv_sec + (double)wall.tv_nsec / 1e9,
        .cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
    };
}

static inline void floor_report(struct floor_clock began, long count)
{
    struct floor_clock now = floor_now();
    printf("{\"count\":%ld,\"seconds\":%.3f,\"own_cpu_us_each\":%.2f}\n", count, now.wall_s - began.wall_s,
           (now.cpu_s - began.cpu_s) * 1e6 / (double)count);
}

#endif
