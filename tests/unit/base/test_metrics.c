/* The page of metrics: Prometheus' text format, worked out by hand for a few rows. */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>

static const int64_t bounds[] = { 500, 1000, 2500000 }; /* 0.5 ms, 1 ms, 2.5 s */

static struct metric rows[] = {
    { .name = "zapora_orders_total", .help = "Orders, by outcome.", .kind = METRIC_COUNTER, .labels = "code=\"202\"" },
    { .name = "zapora_orders_total", .help = "Orders, by outcome.", .kind = METRIC_COUNTER, .labels = "code=\"503\"" },
    { .name = "zapora_lag", .help = "A \\ and\na line.", .kind = METRIC_GAUGE },
    { .name = "zapora_wait_seconds", .help = "Waiting.", .kind = METRIC_HISTOGRAM, .bounds = bounds,
      .bound_count = ZP_COUNT(bounds) },
    { .name = "zapora_write_seconds", .help = "Writing.", .kind = METRIC_HISTOGRAM, .labels = "to=\"journal\"",
      .bounds = bounds, .bound_count = 1 },
};

static char *printed(void)
{
    static struct buffer out;
    buffer_finish(&out);
    buffer_init(&out, 1 << 20);
    metrics_print(&out);
    assert_int_equal(out.err, ZP_OK);
    return out.data;
}

static int64_t number_after(const char *page, const char *series)
{
    const char *at = strstr(page, series);
    if (at == NULL) {
        fail_msg("no %s", series);
        return -1;
    }
    return atoll(at + strlen(series));
}

static void the_page_is_as_prometheus_reads_it(void **state)
{
    (void)state;
    metrics_register(rows, ZP_COUNT(rows));
    metrics_register(rows, ZP_COUNT(rows)); /* the same again is ignored */
    metric_add(&rows[0], 7);
    metric_add(&rows[0], 1);
    metric_set(&rows[2], 12);
    metric_set(&rows[2], -5);
    static const int64_t seen[] = { 0, 500, 501, 1000, 1001, 2500000, 2500001, 60000000, -9 };
    for (size_t i = 0; i < ZP_COUNT(seen); i++) {
        metric_observe(&rows[3], seen[i]);
    }
    static const char want[] =
        "# HELP zapora_orders_total Orders, by outcome.\n"
        "# TYPE zapora_orders_total counter\n"
        "zapora_orders_total{code=\"202\"} 8\n"
        "zapora_orders_total{code=\"503\"} 0\n"
        "# HELP zapora_lag A \\\\ and\\na line.\n"
        "# TYPE zapora_lag gauge\n"
        "zapora_lag -5\n"
        "# HELP zapora_wait_seconds Waiting.\n"
        "# TYPE zapora_wait_seconds histogram\n"
        "zapora_wait_seconds_bucket{le=\"0.0005\"} 3\n"
        "zapora_wait_seconds_bucket{le=\"0.001\"} 5\n"
        "zapora_wait_seconds_bucket{le=\"2.5\"} 7\n"
        "zapora_wait_seconds_bucket{le=\"+Inf\"} 9\n"
        "zapora_wait_seconds_sum 65.003003\n"
        "zapora_wait_seconds_count 9\n"
        "# HELP zapora_write_seconds Writing.\n"
        "# TYPE zapora_write_seconds histogram\n"
        "zapora_write_seconds_bucket{to=\"journal\",le=\"0.0005\"} 0\n"
        "zapora_write_seconds_bucket{to=\"journal\",le=\"+Inf\"} 0\n"
        "zapora_write_seconds_sum{to=\"journal\"} 0\n"
        "zapora_write_seconds_count{to=\"journal\"} 0\n";
    assert_memory_equal(printed(), want, sizeof(want) - 1);
    assert_int_equal(metric_value(&rows[0]), 8);
    assert_int_equal(metric_value(&rows[2]), -5);
}

static void the_process_tells_of_itself(void **state)
{
    (void)state;
    const char *page = printed();
    int64_t resident = number_after(page, "\nprocess_resident_memory_bytes ");
    assert_in_range(resident, 1 << 16, INT64_C(1) << 40);
    assert_non_null(strstr(page, "# TYPE process_resident_memory_bytes gauge\n"));
    assert_non_null(strstr(page, "# TYPE process_cpu_seconds_total counter\n"));
    assert_in_range(number_after(page, "\nprocess_cpu_seconds_total "), 0, 1000);
    int64_t now = clock_wall_us() / 1000000;
    assert_in_range(number_after(page, "\nprocess_start_time_seconds "), now - 600, now + 60);
    int64_t open = number_after(page, "\nprocess_open_fds "), counted = 0;
    for (int fd = 0; fd < 1024; fd++) {
        counted += fcntl(fd, F_GETFD) >= 0;
    }
    assert_int_equal(open, counted);
    int one_more = openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(one_more >= 0);
    assert_int_equal(number_after(printed(), "\nprocess_open_fds "), open + 1);
    close(one_more);
    assert_int_equal(number_after(printed(), "\nprocess_open_fds "), open);
}

/* Every line is a comment or `name{labels} number`, and every name has exactly one HELP and TYPE before it. */
static void every_line_is_well_formed(void **state)
{
    (void)state;
    char *page = strdup(printed());
    char *rest = page;
    size_t len = strlen(page);
    assert_int_equal(page[len - 1], '\n');
    page[len - 1] = '\0';
    char family[128] = "";
    while (rest != NULL) {
        const char *line = strsep(&rest, "\n");
        if (strncmp(line, "# HELP ", 7) == 0) {
            assert_int_equal(sscanf(line, "# HELP %127s", family), 1);
            continue;
        }
        if (line[0] == '#') {
            char typed[128];
            assert_int_equal(sscanf(line, "# TYPE %127s", typed), 1);
            assert_string_equal(typed, family);
            continue;
        }
        assert_int_equal(strncmp(line, family, strlen(family)), 0);
        const char *number = strrchr(line, ' ') + 1;
        char *end = NULL;
        (void)strtod(number, &end);
        assert_true(end > number && *end == '\0');
    }
    free(page);
}

static void *count_up(void *unused)
{
    for (int i = 0; i < 10000; i++) {
        metric_add(&rows[1], 1);
        metric_observe(&rows[4], 1);
    }
    return unused;
}

static void threads_lose_no_count(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < ZP_COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, NULL), 0);
    }
    for (size_t i = 0; i < ZP_COUNT(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    const char *page = printed();
    assert_int_equal(number_after(page, "zapora_orders_total{code=\"503\"} "), 40000);
    assert_int_equal(number_after(page, "zapora_write_seconds_count{to=\"journal\"} "), 40000);
    assert_non_null(strstr(page, "zapora_write_seconds_sum{to=\"journal\"} 0.04\n"));
}

static void a_page_past_its_ceiling_is_an_error(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 500);
    metrics_print(&out);
    assert_int_equal(out.err, ZP_TOO_LARGE);
    buffer_finish(&out);
}

static void register_a_name_twice(void)
{
    static struct metric again[] = { { .name = "zapora_lag", .help = "Lag.", .kind = METRIC_GAUGE } };
    metrics_register(again, 1);
}

static void register_a_name_apart(void)
{
    static struct metric apart[] = { { .name = "zapora_a", .help = "A." }, { .name = "zapora_b", .help = "B." },
                                     { .name = "zapora_a", .help = "A.", .labels = "x=\"1\"" } };
    metrics_register(apart, ZP_COUNT(apart));
}

static void register_falling_bounds(void)
{
    static const int64_t falling[] = { 10, 10 };
    static struct metric metric[] = {
        { .name = "zapora_c", .help = "C.", .kind = METRIC_HISTOGRAM, .bounds = falling, .bound_count = 2 },
    };
    metrics_register(metric, 1);
}

static void register_too_many(void)
{
    static struct metric metric[65];
    for (size_t i = 0; i < ZP_COUNT(metric); i++) {
        static char names[65][16];
        snprintf(names[i], sizeof(names[i]), "zapora_%zu", i);
        metric[i].name = names[i];
        metrics_register(&metric[i], 1);
    }
}

static void wrong_rows_are_our_own_bug(void **state)
{
    (void)state;
    assert_panics(register_a_name_twice, "assertion failed");
    assert_panics(register_a_name_apart, "assertion failed");
    assert_panics(register_falling_bounds, "assertion failed");
    assert_panics(register_too_many, "TABLES_MAX");
}

static void the_latency_bounds_rise_from_half_a_millisecond(void **state)
{
    (void)state;
    assert_in_range(METRIC_LATENCY_BOUND_COUNT, 2, METRIC_BUCKETS_MAX);
    assert_int_equal(METRIC_LATENCY_BOUNDS_US[0], 500);
    assert_int_equal(METRIC_LATENCY_BOUNDS_US[METRIC_LATENCY_BOUND_COUNT - 1], 10000000);
    for (size_t i = 1; i < METRIC_LATENCY_BOUND_COUNT; i++) {
        assert_true(METRIC_LATENCY_BOUNDS_US[i - 1] < METRIC_LATENCY_BOUNDS_US[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_as_prometheus_reads_it),
        cmocka_unit_test(the_process_tells_of_itself),
        cmocka_unit_test(every_line_is_well_formed),
        cmocka_unit_test(threads_lose_no_count),
        cmocka_unit_test(a_page_past_its_ceiling_is_an_error),
        cmocka_unit_test(wrong_rows_are_our_own_bug),
        cmocka_unit_test(the_latency_bounds_rise_from_half_a_millisecond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
