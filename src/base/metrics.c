/* metrics: the numbers of this process in Prometheus' text format 0.0.4.
 *
 * Every room registers its rows once at start; any thread counts; the operations listener prints. Invariant: the rows
 * of one name stand together in one table, since the format wants one HELP and one group for each name. */
#include "zapora/base.h"
#include "metrics.h"

#include <stdatomic.h>
#include <string.h>

#define TABLES_MAX 64

static struct table {
    struct metric *rows; /* borrowed for ever */
    size_t count;
} tables[TABLES_MAX];
static _Atomic size_t table_count; /* stored after its table is filled: a printing thread sees whole tables only */

static const char *const kind_names[] = {
    [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram",
};

/* 8 ms and 25 ms are the promised p50 and p99 from request to visible: each is a bound, so it can be read exactly. */
const int64_t METRIC_LATENCY_BOUNDS_US[] = {
    500, 1000, 2000, 4000, 8000, 15000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
};
const size_t METRIC_LATENCY_BOUND_COUNT = ZP_COUNT(METRIC_LATENCY_BOUNDS_US);
_Static_assert(ZP_COUNT(METRIC_LATENCY_BOUNDS_US) <= METRIC_BUCKETS_MAX, "one bucket for each bound");

static void assert_bounds(const struct metric *metric)
{
    ZP_ASSERT(metric->bound_count <= METRIC_BUCKETS_MAX);
    for (size_t i = 1; i < metric->bound_count; i++) {
        ZP_ASSERT(metric->bounds[i - 1] < metric->bounds[i]);
    }
}

/* A name may come back only in the next row. */
static void assert_name_together(const struct metric *rows, size_t row)
{
    if (row > 0 && strcmp(rows[row].name, rows[row - 1].name) == 0) {
        return;
    }
    for (size_t i = 0; i < row; i++) {
        ZP_ASSERT(strcmp(rows[row].name, rows[i].name) != 0);
    }
    for (size_t t = 0; t < atomic_load(&table_count); t++) {
        for (size_t i = 0; i < tables[t].count; i++) {
            ZP_ASSERT(strcmp(rows[row].name, tables[t].rows[i].name) != 0);
        }
    }
}

void metrics_register(struct metric *rows, size_t count)
{
    size_t used = atomic_load(&table_count);
    for (size_t t = 0; t < used; t++) {
        if (tables[t].rows == rows) { /* a part that starts again in the same process */
            return;
        }
    }
    ZP_ASSERT(used < TABLES_MAX);
    for (size_t i = 0; i < count; i++) {
        assert_bounds(&rows[i]);
        assert_name_together(rows, i);
    }
    tables[used] = (struct table){ rows, count };
    atomic_store(&table_count, used + 1);
}

void metric_add(struct metric *metric, int64_t by)
{
    atomic_fetch_add_explicit(&metric->value, by, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value)
{
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

int64_t metric_value(const struct metric *metric)
{
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

void metric_observe(struct metric *metric, int64_t millionths)
{
    int64_t observed = millionths < 0 ? 0 : millionths; /* clocks of two machines differ; a sum must not fall */
    size_t bucket = 0;
    while (bucket < metric->bound_count && observed > metric->bounds[bucket]) {
        bucket++;
    }
    atomic_fetch_add_explicit(&metric->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->sum, observed, memory_order_relaxed);
}

/* A help text is one line in which only \ and the line's end are escaped. */
static void print_head(struct buffer *out, const char *name, const char *help, enum metric_kind kind)
{
    buffer_printf(out, "# HELP %s ", name);
    for (; *help != '\0'; help++) {
        if (*help == '\\') {
            buffer_puts(out, "\\\\");
        } else if (*help == '\n') {
            buffer_puts(out, "\\n");
        } else {
            buffer_putc(out, *help);
        }
    }
    buffer_printf(out, "\n# TYPE %s %s\n", name, kind_names[kind]);
}

/* 1500000 as 1.5: exact, without a float's rounding or a locale's comma. */
static void print_millionths(struct buffer *out, int64_t millionths)
{
    char fraction[8]; /* a dot, six digits, the NUL */
    buffer_put_int(out, millionths / 1000000);
    int len = snprintf(fraction, sizeof(fraction), ".%06u", (unsigned)(millionths % 1000000));
    while (len > 1 && fraction[len - 1] == '0') {
        len--;
    }
    buffer_append(out, fraction, len == 1 ? 0 : (size_t)len);
}

/* name_suffix{labels} and a space */
static void print_series(struct buffer *out, const struct metric *metric, const char *suffix)
{
    buffer_printf(out, "%s%s", metric->name, suffix);
    if (metric->labels != NULL) {
        buffer_printf(out, "{%s}", metric->labels);
    }
    buffer_putc(out, ' ');
}

static void print_histogram(struct buffer *out, const struct metric *metric)
{
    int64_t count = 0;
    for (size_t i = 0; i <= metric->bound_count; i++) {
        count += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        const char *labels = metric->labels == NULL ? "" : metric->labels;
        buffer_printf(out, "%s_bucket{%s%sle=\"", metric->name, labels, *labels == '\0' ? "" : ",");
        if (i < metric->bound_count) {
            print_millionths(out, metric->bounds[i]);
        } else {
            buffer_puts(out, "+Inf");
        }
        buffer_printf(out, "\"} %lld\n", (long long)count);
    }
    print_series(out, metric, "_sum");
    print_millionths(out, atomic_load_explicit(&metric->sum, memory_order_relaxed));
    buffer_putc(out, '\n');
    print_series(out, metric, "_count"); /* from the buckets: always what +Inf says, even while others count */
    buffer_printf(out, "%lld\n", (long long)count);
}

static void print_table(struct buffer *out, const struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct metric *metric = &table->rows[i];
        if (i == 0 || strcmp(metric->name, table->rows[i - 1].name) != 0) {
            print_head(out, metric->name, metric->help, metric->kind);
        }
        if (metric->kind == METRIC_HISTOGRAM) {
            print_histogram(out, metric);
        } else {
            print_series(out, metric, "");
            buffer_put_int(out, metric_value(metric));
            buffer_putc(out, '\n');
        }
    }
}

static void print_process(struct buffer *out)
{
    struct process_fact facts[PROCESS_FACTS_MAX];
    size_t count = process_facts(facts);
    for (size_t i = 0; i < count; i++) {
        print_head(out, facts[i].name, facts[i].help, facts[i].kind);
        buffer_printf(out, "%s ", facts[i].name);
        print_millionths(out, facts[i].millionths);
        buffer_putc(out, '\n');
    }
}

void metrics_print(struct buffer *out)
{
    for (size_t t = 0; t < atomic_load(&table_count); t++) {
        print_table(out, &tables[t]);
    }
    print_process(out);
}
