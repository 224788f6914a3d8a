/* Topics are made and set at a real Kafka, with each call failing once. What failed is applied again: then the topic is
 * as its file says. */
#include "torture.h"

#include <stdio.h>
#include <unistd.h>

#include "zapora/bus.h"

#define TROUBLE (ERR(BUSY) | ERR(INVALID))
#define SHORT "3600000"
#define LONG "7200000"
#define PATIENCE_US 20000000

static const char *brokers;
static char why[BUS_WHY_SIZE];
static FILE *nowhere;
static int topic_count;
static struct bus_topic fresh; /* does not exist when a try begins */
static struct bus_topic kept;  /* exists; a try sets its first setting, and its second is not in the try's file */

static struct bus_topic topic_of(const char *name, const char *retention_ms)
{
    struct bus_topic topic = { .partitions = 1, .replicas = 1, .setting_count = 2,
                               .settings = { { "retention.ms", "" }, { "message.timestamp.type", "LogAppendTime" } } };
    (void)snprintf(topic.name, sizeof(topic.name), "torture.%lld.%s.v1", (long long)getpid(), name);
    (void)snprintf(topic.settings[0].value, sizeof(topic.settings[0].value), "%s", retention_ms);
    return topic;
}

/* Not what is tried. -1: it could not be said. */
static int changes_quietly(const struct bus_topic *topic, bool apply)
{
    size_t changes = 0;
    torture_pause();
    enum zp_err err = bus_topics_apply(brokers, topic, 1, 0, apply, nowhere, &changes, why);
    torture_resume();
    return err == ZP_OK ? (int)changes : -1;
}

static void name_fresh(void)
{
    char name[16];
    (void)snprintf(name, sizeof(name), "fresh%d", topic_count++);
    fresh = topic_of(name, LONG);
    why[0] = '\0';
}

static void set_kept_back(void)
{
    name_fresh();
    kept = topic_of("kept", SHORT);
    assert_true(changes_quietly(&kept, true) >= 0);
    why[0] = '\0';
}

static enum zp_err apply(const struct bus_topic *topic, bool do_it)
{
    size_t changes = 0;
    return bus_topics_apply(brokers, topic, 1, 0, do_it, nowhere, &changes, why);
}

/* A request whose answer nobody had is carried out meanwhile: whoever asks again may be told so. */
static enum zp_err a_topic_is_created(void)
{
    int64_t give_up_us = clock_mono_us() + PATIENCE_US;
    enum zp_err err = apply(&fresh, true);
    while (err == ZP_BUSY && strstr(why, "already exists") != NULL && clock_mono_us() < give_up_us) {
        err = apply(&fresh, true);
    }
    return err;
}

static bool fresh_is_whole(enum zp_err err)
{
    return err == ZP_OK ? changes_quietly(&fresh, false) == 0 : why[0] != '\0';
}

static enum zp_err a_topic_is_set(void)
{
    struct bus_topic file = topic_of("kept", LONG);
    file.setting_count = 1;
    return apply(&file, true);
}

/* What stands in no file is not lost. */
static bool kept_is_whole(enum zp_err err)
{
    const struct bus_topic want = topic_of("kept", LONG);
    return err == ZP_OK ? changes_quietly(&want, false) == 0 : why[0] != '\0';
}

static enum zp_err a_plan_is_made(void)
{
    struct bus_topic file = topic_of("kept", LONG);
    enum zp_err err = apply(&file, false);
    return err != ZP_OK ? err : apply(&fresh, false);
}

static bool nothing_is_touched(enum zp_err err)
{
    (void)err;
    return changes_quietly(&kept, false) == 0 && changes_quietly(&fresh, false) == 1;
}

static const struct torture rows[] = {
    { "a topic is created", name_fresh, a_topic_is_created, fresh_is_whole, NULL, TROUBLE, ZP_OK },
    { "a topic is set", set_kept_back, a_topic_is_set, kept_is_whole, NULL, TROUBLE, ZP_OK },
    { "a plan is made", set_kept_back, a_plan_is_made, nothing_is_touched, NULL, TROUBLE, ZP_OK },
};

int main(void)
{
    brokers = getenv("ZAPORA_TEST_KAFKA");
    if (brokers == NULL || brokers[0] == '\0') {
        (void)fprintf(stderr, "\n*** SKIPPED: ZAPORA_TEST_KAFKA is not set; nothing of Kafka is tested here ***\n\n");
        return 77; /* meson's word for a test that was skipped */
    }
    nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
    int failed = torture_main("topics against Kafka", rows, ZP_COUNT(rows));
    (void)fclose(nowhere);
    return failed;
}
