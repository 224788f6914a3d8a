/* Latencies: a histogram of microseconds with under 1 % error, in the manner of HdrHistogram. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

#define HISTOGRAM_SUB 128 /* linear steps in each power of two */
#define HISTOGRAM_SLOTS (HISTOGRAM_SUB * 26)

struct histogram { uint64_t slots[HISTOGRAM_SLOTS]; uint64_t count; int64_t max_us; };

void histogram_add(struct histogram *histogram, int64_t us);
/* The latency that `fraction` of the observations do not exceed, in microseconds; 0 without observations. */
int64_t histogram_at(const struct histogram *histogram, double fraction);
/* {"count":…,"p50_ms":…,"p99_ms":…,"p999_ms":…,"max_ms":…} */
void histogram_print(const struct histogram *histogram, FILE *out);

#endif
