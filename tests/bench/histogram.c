/* Owns the mapping between microseconds and slots. Invariant: slot_of is monotonic and value_of is a slot's upper
 * end. */
#include "histogram.h"

static int slot_of(int64_t us)
{
    uint64_t v = us < 0 ? 0 : (uint64_t)us;
    if (v < HISTOGRAM_SUB) {
        return (int)v;
    }
    int power = 63 - __builtin_clzll(v) - 6; /* so that v >> power lies in 64 … 127 */
    int slot = HISTOGRAM_SUB + (power - 1) * (HISTOGRAM_SUB / 2) + (int)((v >> power) - HISTOGRAM_SUB / 2);
    return slot < HISTOGRAM_SLOTS ? slot : HISTOGRAM_SLOTS - 1;
}

static int64_t value_of(int slot)
{
    if (slot < HISTOGRAM_SUB) {
        return slot;
    }
    int power = (slot - HISTOGRAM_SUB) / (HISTOGRAM_SUB / 2) + 1;
    int64_t step = (slot - HISTOGRAM_SUB) % (HISTOGRAM_SUB / 2) + HISTOGRAM_SUB / 2;
    return ((step + 1) << power) - 1;
}

void histogram_add(struct histogram *histogram, int64_t us)
{
    histogram->slots[slot_of(us)]++;
    histogram->count++;
    if (us > histogram->max_us) {
        histogram->max_us = us;
    }
}

int64_t histogram_at(const struct histogram *histogram, double fraction)
{
    uint64_t wanted = (uint64_t)((double)histogram->count * fraction), seen = 0;
    for (int i = 0; i < HISTOGRAM_SLOTS; i++) {
        seen += histogram->slots[i];
        if (seen > wanted || (seen == histogram->count && seen > 0)) {
            int64_t value = value_of(i);
            return value < histogram->max_us ? value : histogram->max_us;
        }
    }
    return 0;
}

void histogram_print(const struct histogram *histogram, FILE *out)
{
    fprintf(out, "{\"count\":%llu,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_ms\":%.3f}",
            (unsigned long long)histogram->count, (double)histogram_at(histogram, 0.5) / 1e3,
            (double)histogram_at(histogram, 0.99) / 1e3, (double)histogram_at(histogram, 0.999) / 1e3,
            (double)histogram->max_us / 1e3);
}
