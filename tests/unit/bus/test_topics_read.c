/* Topics as files: ours are read as they are meant, and whatever else stands in a file is refused with its line. */
#include "support.h"

#include <dirent.h>
#include <unistd.h>

static char dir[] = "/tmp/zapora-topics-XXXXXX";

#define FILE_NAME "orders.test.v1.yaml"

#define HEAD "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopic\n"
#define META "metadata:\n  name: orders.test.v1\n"
#define SPEC "spec:\n  partitions: 64\n  replicas: 3\n"
#define WHOLE HEAD META SPEC

static void put(const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void take(const char *name)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(unlink(path), 0);
}

static int dir_make(void **state)
{
    (void)state;
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int dir_remove(void **state)
{
    (void)state;
    return rmdir(dir);
}

static const char *setting(const struct bus_topic *topic, const char *name)
{
    for (size_t i = 0; i < topic->setting_count; i++) {
        if (strcmp(topic->settings[i].name, name) == 0) {
            return topic->settings[i].value;
        }
    }
    return "not set";
}

/* ---- ours ---- */

static const struct ours { const char *name, *retention_ms; } ours[] = { /* sorted by name */
    { TOPIC_COMMANDS, "604800000" },
    { TOPIC_DEAD_LETTERS, "2592000000" },
    { TOPIC_EVENTS, "-1" },
};

static void test_the_topics_of_this_repository(void **state)
{
    (void)state;
    static struct bus_topic topics[BUS_TOPICS_MAX];
    size_t count = 0;
    char why[BUS_WHY_SIZE] = "";
    if (bus_topics_read(TOPICS_DIR, topics, &count, why) != ZP_OK) {
        fail_msg("%s", why);
    }
    assert_int_equal(count, ZP_COUNT(ours));
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(topics[i].name, ours[i].name);
        assert_int_equal(topics[i].partitions, BUS_PARTITIONS_MAX);
        assert_int_equal(topics[i].replicas, 3);
        assert_string_equal(setting(&topics[i], "retention.ms"), ours[i].retention_ms);
        assert_string_equal(setting(&topics[i], "cleanup.policy"), "delete");
        assert_string_equal(setting(&topics[i], "message.timestamp.type"),
                            "LogAppendTime"); /* the mailbox's is the clock */
        assert_string_equal(setting(&topics[i], "min.insync.replicas"), "2");
        assert_string_equal(setting(&topics[i], "unclean.leader.election.enable"), "false");
        assert_true(strtoll(setting(&topics[i], "max.message.bytes"), NULL, 10) > MESSAGE_VALUE_BYTES_MAX);
    }
}

/* ---- what is read ---- */

static void test_a_file_is_read_in_any_of_its_forms(void **state)
{
    (void)state;
    static const char *const forms[] = {
        WHOLE "  config:\n    retention.ms: -1\n    a.b: \"quoted: # text\"\n    c: 'yes'\n",
        "# words\n---\nkind: KafkaTopic # words\n\napiVersion: \"kafka.strimzi.io/v1beta2\"\n"
        "spec: { replicas: 3, partitions: 64, config: { retention.ms: -1, a.b: 'quoted: # text', c: \"yes\" } }\n"
        "metadata: { labels: { strimzi.io/cluster: zapora, other: 'x' }, name: orders.test.v1 }\n...\n",
    };
    for (size_t i = 0; i < ZP_COUNT(forms); i++) {
        static struct bus_topic topics[BUS_TOPICS_MAX];
        size_t count = 0;
        char why[BUS_WHY_SIZE] = "";
        put(FILE_NAME, forms[i]);
        put("schema.json", "{}");
        put(".hidden.yaml", "no topic");
        if (bus_topics_read(dir, topics, &count, why) != ZP_OK) {
            fail_msg("%s", why);
        }
        assert_int_equal(count, 1);
        assert_string_equal(topics[0].name, "orders.test.v1");
        assert_int_equal(topics[0].partitions, 64);
        assert_int_equal(topics[0].replicas, 3);
        assert_int_equal(topics[0].setting_count, 3);
        assert_string_equal(setting(&topics[0], "retention.ms"), "-1");
        assert_string_equal(setting(&topics[0], "a.b"), "quoted: # text");
        assert_string_equal(setting(&topics[0], "c"), "yes");
        take(FILE_NAME);
        take("schema.json");
        take(".hidden.yaml");
    }
}

/* ---- what is refused ---- */

static const struct row { const char *name, *text, *why;
} rows[] = {
    { "an empty file", "", ":1: the file is empty" },
    { "words only", "# nothing\n", "the file is empty" },
    { "text", "topic\n", ":1: the document must be a mapping" },
    { "a list", "- a\n", ":1: the document must be a mapping" },
    { "not YAML", HEAD "metadata: {\n", ":4: this is not YAML" },
    { "a tab", HEAD "metadata:\n\tname: x\n", ":4: this is not YAML" },
    { "two documents", WHOLE "---\n" WHOLE, ":8: one file holds one document" },
    { "another version", "apiVersion: kafka.strimzi.io/v1alpha1\n", ":1: apiVersion must be kafka.strimzi.io/v1beta2" },
    { "another kind", "kind: KafkaUser\n", ":1: kind must be KafkaTopic" },
    { "no kind", "apiVersion: kafka.strimzi.io/v1beta2\n" META SPEC, "kind is missing" },
    { "no metadata", HEAD SPEC, "metadata is missing" },
    { "no name", HEAD "metadata:\n  labels: {}\n" SPEC, ":5: name is missing" },
    { "no spec", HEAD META, "spec is missing" },
    { "no partitions", HEAD META "spec:\n  replicas: 3\n", "partitions is missing" },
    { "no replicas", HEAD META "spec:\n  partitions: 3\n", "replicas is missing" },
    { "an unknown key", WHOLE "status: x\n", ":8: status is not known here" },
    { "an unknown key inside", WHOLE "  topicName: x\n", ":8: topicName is not known here" },
    { "a misspelt key", HEAD META "spec:\n  partition: 64\n", ":6: partition is not known here" },
    { "a key twice", WHOLE "kind: KafkaTopic\n", ":8: kind stands twice" },
    { "a mapping twice", WHOLE "spec:\n  partitions: 32\n  replicas: 1\n", ":8: spec stands twice" },
    { "a setting twice", WHOLE "  config:\n    a: 1\n    b: 2\n    a: 3\n", ":11: a stands twice" },
    { "a name with an underscore", HEAD "metadata:\n  name: orders_test\n", ":4: name must be 1 to 249 of a-z" },
    { "a name in capitals", HEAD "metadata:\n  name: Orders\n", ":4: name must be 1 to 249 of a-z" },
    { "a name of dots", HEAD "metadata:\n  name: ..\n", ":4: name must be 1 to 249 of a-z" },
    { "another topic's name", HEAD "metadata:\n  name: orders.other.v1\n", "must be called orders.other.v1.yaml" },
    { "the name's beginning", HEAD "metadata:\n  name: orders.test\n", "must be called orders.test.yaml" },
    { "no partition", HEAD META "spec:\n  partitions: 0\n", ":6: partitions must be a number from 1 to 10000" },
    { "a negative number", HEAD META "spec:\n  partitions: -64\n", ":6: partitions must be a number" },
    { "a number with a fraction", HEAD META "spec:\n  partitions: 6.4\n", ":6: partitions must be a number" },
    { "an octal number", HEAD META "spec:\n  partitions: 064\n", ":6: partitions must be a number" },
    { "a number in hex", HEAD META "spec:\n  partitions: 0x40\n", ":6: partitions must be a number" },
    { "a number with words", HEAD META "spec:\n  partitions: 64 or so\n", ":6: partitions must be a number" },
    { "a number beyond reason", HEAD META "spec:\n  partitions: 10001\n", ":6: partitions must be a number" },
    { "a number beyond all reason", HEAD META "spec:\n  partitions: 18446744073709551680\n",
      "partitions must be a number" },
    { "too many replicas", HEAD META "spec:\n  replicas: 101\n", ":6: replicas must be a number from 1 to 100" },
    { "text where a mapping belongs", HEAD "metadata: x\n", ":3: metadata must be a mapping" },
    { "a mapping where text belongs", HEAD "metadata:\n  name:\n    a: b\n", "name must be text" },
    { "a mapping for a setting", WHOLE "  config:\n    a:\n      b: c\n", "a must be text" },
    { "a list for a setting", WHOLE "  config:\n    cleanup.policy: [delete, compact]\n",
      ":9: cleanup.policy must be text" },
    { "a setting without a value", WHOLE "  config:\n    a:\n", ":9: \"\" needs quotes, or a value" },
    { "a setting that is null", WHOLE "  config:\n    a: ~\n", ":9: \"~\" needs quotes, or a value" },
    { "a word that YAML takes for a boolean", WHOLE "  config:\n    a: Off\n", ":9: \"Off\" needs quotes" },
    { "an empty setting", WHOLE "  config:\n    a: ''\n", ":9: a setting's name and value have 1 to 127 bytes" },
    { "an anchor", WHOLE "  config:\n    a: &x 1\n", ":9: anchors and tags are not read" },
    { "an anchor on a mapping", HEAD "metadata: &x\n  name: orders.test.v1\n", "anchors and tags are not read" },
    { "an alias", WHOLE "  config:\n    a: *x\n", ":9: a must be text" },
    { "a merge", WHOLE "  config:\n    <<: *x\n", ":9: << must be text" },
    { "a tag", WHOLE "  config:\n    a: !!str 1\n", ":9: anchors and tags are not read" },
    { "block text", WHOLE "  config:\n    a: |\n      text\n", ":9: block text is not read" },
    { "folded text", WHOLE "  config:\n    a: >\n      text\n", ":9: block text is not read" },
    { "a key that is a mapping", WHOLE "  config:\n    ? { a: b }\n    : c\n", ":9: a key must be text" },
    { "a NUL", WHOLE "  config:\n    a: \"x\\0y\"\n", ":9: text is longer than 511 bytes, or holds a NUL" },
};

static void expect_refused(const char *name, const char *why_wanted)
{
    static struct bus_topic topics[BUS_TOPICS_MAX];
    size_t count = 77;
    char why[BUS_WHY_SIZE] = "";
    enum zp_err err = bus_topics_read(dir, topics, &count, why);
    if (err != ZP_INVALID || strstr(why, why_wanted) == NULL || count != 77) {
        fail_msg("%s: %s, %s", name, zp_err_name(err), why);
    }
}

static void test_files_that_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        put(FILE_NAME, rows[i].text);
        expect_refused(rows[i].name, rows[i].why);
        expect_refused(rows[i].name, FILE_NAME);
        take(FILE_NAME);
    }
}

static void test_too_much_is_refused(void **state)
{
    (void)state;
    static char text[64 * 1024];
    int used = snprintf(text, sizeof(text), WHOLE "  config:\n");
    for (int i = 0; i <= BUS_TOPIC_SETTINGS_MAX; i++) {
        used += snprintf(text + used, sizeof(text) - (size_t)used, "    s%d: 1\n", i);
    }
    put(FILE_NAME, text);
    expect_refused("too many settings", "at most 32 settings");
    used = snprintf(text, sizeof(text), WHOLE "  config:\n    a: ");
    memset(text + used, 'x', 1000);
    text[used + 1000] = '\0';
    put(FILE_NAME, text);
    expect_refused("a long value", ":9: text is longer than 511 bytes");
    text[used + 128] = '\0';
    put(FILE_NAME, text);
    expect_refused("a value that is a little too long", ":9: a setting's name and value have 1 to 127 bytes");
    take(FILE_NAME);
}

static void test_folders_that_are_refused(void **state)
{
    (void)state;
    static struct bus_topic topics[BUS_TOPICS_MAX];
    size_t count;
    char why[BUS_WHY_SIZE] = "", name[40], text[300];
    assert_int_equal(bus_topics_read("/no/such/folder", topics, &count, why), ZP_INVALID);
    assert_non_null(strstr(why, "/no/such/folder"));
    expect_refused("an empty folder", "holds 0 files");
    for (int i = 0; i <= BUS_TOPICS_MAX; i++) {
        snprintf(name, sizeof(name), "t%d.yaml", i);
        snprintf(text, sizeof(text), HEAD "metadata:\n  name: t%d\n" SPEC, i);
        put(name, text);
    }
    expect_refused("too many files", "holds 17 files");
    for (int i = 0; i <= BUS_TOPICS_MAX; i++) {
        snprintf(name, sizeof(name), "t%d.yaml", i);
        take(name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_topics_of_this_repository),
        cmocka_unit_test(test_a_file_is_read_in_any_of_its_forms),
        cmocka_unit_test(test_files_that_are_refused),
        cmocka_unit_test(test_too_much_is_refused),
        cmocka_unit_test(test_folders_that_are_refused),
    };
    return cmocka_run_group_tests(tests, dir_make, dir_remove);
}
