/* The plan of a topic: what is created, set, kept and refused, and what an alteration has to name so that nothing is
 * reset. */
#include "support.h"

#include "topics_plan.h"

static const struct bus_topic wanted = {
    .name = "t", .partitions = 64, .replicas = 3,
    .settings = { { "retention.ms", "-1" }, { "min.insync.replicas", "2" } }, .setting_count = 2,
};

#define NOW(partition_count, replica_count, ...) \
    { .exists = true, .partitions = (partition_count), .replicas = (replica_count), .settings = { __VA_ARGS__ } }

static const struct row {
    const char *name;
    struct bus_topic_now now; /* settings end at the first without a name */
    enum bus_topic_step step;
    size_t changes;
    const char *words;
} rows[] = {
    { "a topic that is not there",
      { .exists = false },
      BUS_TOPIC_CREATE,
      1,
      "create t partitions=64 replicas=3 retention.ms=-1 min.insync.replicas=2\n" },
    { "a topic as it should be", NOW(64, 3, { "retention.ms", "-1", true }, { "min.insync.replicas", "2", true }),
      BUS_TOPIC_FITS, 0, "" },
    { "what the brokers set by themselves is no difference",
      NOW(64, 3, { "retention.ms", "-1", true }, { "min.insync.replicas", "2", true }, { "segment.bytes", "1", false }),
      BUS_TOPIC_FITS, 0, "" },
    { "another value", NOW(64, 3, { "retention.ms", "604800000", true }, { "min.insync.replicas", "2", true }),
      BUS_TOPIC_ALTER, 1, "set t retention.ms=-1 (was 604800000)\n" },
    { "the right value, but only inherited",
      NOW(64, 3, { "retention.ms", "-1", false }, { "min.insync.replicas", "2", true }), BUS_TOPIC_ALTER, 1,
      "set t retention.ms=-1 (was -1, inherited)\n" },
    { "a setting that the brokers do not know", NOW(64, 3, { "retention.ms", "-1", true }), BUS_TOPIC_ALTER, 1,
      "set t min.insync.replicas=2 (was unknown)\n" },
    { "a setting of its own that the file does not name is kept",
      NOW(64, 3, { "retention.ms", "-1", true }, { "min.insync.replicas", "2", true }, { "segment.ms", "9", true }),
      BUS_TOPIC_FITS, 0, "keep t segment.ms=9 (not in its file)\n" },
    { "fewer partitions", NOW(32, 3, { "retention.ms", "-1", true }, { "min.insync.replicas", "2", true }),
      BUS_TOPIC_REFUSE, 0, "refuse t: it has 32 partitions, 64 are wanted: a location must not move\n" },
    { "more partitions", NOW(65, 3, { "retention.ms", "-1", true }, { "min.insync.replicas", "2", true }),
      BUS_TOPIC_REFUSE, 0, "refuse t: it has 65 partitions, 64 are wanted: a location must not move\n" },
    { "fewer replicas", NOW(64, 1, { "retention.ms", "-1", true }, { "min.insync.replicas", "2", true }),
      BUS_TOPIC_REFUSE, 0,
      "refuse t: it has 1 replicas, 3 are wanted: moving them is done with Kafka's own tools\n" },
    { "a refusal wins over settings", NOW(32, 3, { "retention.ms", "5", true }, { "min.insync.replicas", "2", true }),
      BUS_TOPIC_REFUSE, 1,
      "refuse t: it has 32 partitions, 64 are wanted: a location must not move\nset t retention.ms=-1 (was 5)\n" },
    { "a setting that is not shown would be reset",
      NOW(64, 3, { "retention.ms", "5", true }, { "min.insync.replicas", "2", true }, { "secret", NULL, true }),
      BUS_TOPIC_REFUSE, 1,
      "set t retention.ms=-1 (was 5)\nkeep t secret=hidden (not in its file)\n"
      "refuse t: it has a setting that the brokers do not show, which altering it would reset\n" },
    { "a setting that is not shown is no matter while nothing is altered",
      NOW(64, 3, { "retention.ms", "-1", true }, { "min.insync.replicas", "2", true }, { "secret", NULL, true }),
      BUS_TOPIC_FITS, 0, "keep t secret=hidden (not in its file)\n" },
};

static struct bus_topic_now now_of(const struct bus_topic_now *now)
{
    struct bus_topic_now counted = *now;
    while (counted.settings[counted.setting_count].name != NULL) {
        counted.setting_count++;
    }
    return counted;
}

static void test_plans(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct bus_topic_now now = now_of(&rows[i].now);
        char text[1000] = "", why[BUS_WHY_SIZE] = "";
        FILE *words = fmemopen(text, sizeof(text), "w");
        size_t changes = 100;
        enum bus_topic_step step = bus_topic_plan(&wanted, &now, words, &changes, why);
        fclose(words);
        if (step != rows[i].step || changes != 100 + rows[i].changes || strcmp(text, rows[i].words) != 0) {
            fail_msg("%s: %d, %zu changes, %s", rows[i].name, step, changes, text);
        }
        assert_int_equal(why[0] != '\0', step == BUS_TOPIC_REFUSE);
    }
}

/* Pinned because altering a topic resets whatever is not named: "for ever" would become seven days. */
static void test_altering_names_what_the_file_leaves_out(void **state)
{
    (void)state;
    const struct bus_topic want = { .name = "t", .settings = { { "segment.ms", "2" } }, .setting_count = 1 };
    const struct bus_topic_now now = {
        .exists = true,
        .settings = { { "retention.ms", "-1", true }, { "segment.ms", "1", true }, { "segment.bytes", "3", false } },
        .setting_count = 3,
    };
    struct bus_topic_setting settings[BUS_TOPIC_FOUND_MAX + BUS_TOPIC_SETTINGS_MAX];
    assert_int_equal(bus_topic_merge(&want, &now, settings), 2);
    assert_string_equal(settings[0].name, "segment.ms");
    assert_string_equal(settings[0].value, "2");
    assert_string_equal(settings[1].name, "retention.ms");
    assert_string_equal(settings[1].value, "-1");
    assert_false(bus_topic_has(&now, settings, 2)); /* not yet */
    assert_true(bus_topic_has(&now, settings + 1, 1));
    assert_false(bus_topic_has(&now, &now.settings[2], 1)); /* inherited does not count */
}

static void test_replicas_cap_what_must_be_in_sync(void **state)
{
    (void)state;
    static const struct { int64_t replicas, want_replicas; const char *want_in_sync; } cases[] = {
        { 0, 3, "2" }, { 1, 1, "1" }, { 2, 2, "2" }, { 5, 5, "2" },
    };
    for (size_t i = 0; i < ZP_COUNT(cases); i++) {
        struct bus_topic topic = wanted;
        bus_topic_resize(&topic, cases[i].replicas);
        assert_int_equal(topic.replicas, cases[i].want_replicas);
        assert_string_equal(topic.settings[1].value, cases[i].want_in_sync);
        assert_string_equal(topic.settings[0].value, "-1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_altering_names_what_the_file_leaves_out),
        cmocka_unit_test(test_replicas_cap_what_must_be_in_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
