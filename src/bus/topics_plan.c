/* topics_plan: owns the comparison of a topic's file with the topic as it is: what to create, what to set, what to
 * refuse.
 *
 * Called by topics_apply. Pure. Invariant: a number of partitions or replicas is never planned to change: a location
 * lives in the partition that its id hashes to, and moving replicas is the operator's. */
#include "topics_plan.h"

#include <stdlib.h>
#include <string.h>

static const struct bus_topic_setting *found(const struct bus_topic_now *now, const char *name)
{
    for (size_t i = 0; i < now->setting_count; i++) {
        if (strcmp(now->settings[i].name, name) == 0) {
            return &now->settings[i];
        }
    }
    return NULL;
}

static const char *wanted(const struct bus_topic *want, const char *name)
{
    for (size_t i = 0; i < want->setting_count; i++) {
        if (strcmp(want->settings[i].name, name) == 0) {
            return want->settings[i].value;
        }
    }
    return NULL;
}

void bus_topic_resize(struct bus_topic *topic, int64_t replicas)
{
    if (replicas <= 0) {
        return;
    }
    topic->replicas = replicas;
    for (size_t i = 0; i < topic->setting_count; i++) {
        if (strcmp(topic->settings[i].name, "min.insync.replicas") == 0 &&
            strtoll(topic->settings[i].value, NULL, 10) > replicas) {
            snprintf(topic->settings[i].value, sizeof(topic->settings[i].value), "%lld", (long long)replicas);
        }
    }
}

static void refuse(FILE *words, char why[BUS_WHY_SIZE], const char *topic, const char *what, int64_t has, int64_t wants,
                   const char *because)
{
    fprintf(words, "refuse %s: it has %lld %s, %lld are wanted: %s\n", topic, (long long)has, what, (long long)wants,
            because);
    if (why[0] == '\0') {
        snprintf(why, BUS_WHY_SIZE, "%.100s has %lld %s, %lld are wanted: %s", topic, (long long)has, what,
                 (long long)wants, because);
    }
}

static enum bus_topic_step plan_create(const struct bus_topic *want, FILE *words, size_t *changes)
{
    fprintf(words, "create %s partitions=%lld replicas=%lld", want->name, (long long)want->partitions,
            (long long)want->replicas);
    for (size_t i = 0; i < want->setting_count; i++) {
        fprintf(words, " %s=%s", want->settings[i].name, want->settings[i].value);
    }
    fputc('\n', words);
    *changes += 1;
    return BUS_TOPIC_CREATE;
}

/* A value that is only inherited does not count: the brokers' default may change. */
static bool is_set(const struct bus_topic_setting *is, const char *value)
{
    return is != NULL && is->own && is->value != NULL && strcmp(is->value, value) == 0;
}

static size_t plan_settings(const struct bus_topic *want, const struct bus_topic_now *now, FILE *words)
{
    size_t changed = 0;
    for (size_t i = 0; i < want->setting_count; i++) {
        const struct bus_topic_setting *is = found(now, want->settings[i].name);
        if (is_set(is, want->settings[i].value)) {
            continue;
        }
        const char *before = is != NULL && is->value != NULL ? is->value : "unknown";
        fprintf(words, "set %s %s=%s (was %s%s)\n", want->name, want->settings[i].name, want->settings[i].value, before,
                is != NULL && !is->own ? ", inherited" : "");
        changed++;
    }
    return changed;
}

static void words_kept(const struct bus_topic *want, const struct bus_topic_now *now, FILE *words)
{
    for (size_t i = 0; i < now->setting_count; i++) {
        const struct bus_topic_setting *is = &now->settings[i];
        if (is->own && wanted(want, is->name) == NULL) {
            fprintf(words, "keep %s %s=%s (not in its file)\n", want->name, is->name,
                    is->value != NULL ? is->value : "hidden");
        }
    }
}

/* A setting that the topic has and the broker does not show would be lost by altering the others. */
static bool settings_hidden(const struct bus_topic *want, const struct bus_topic_now *now)
{
    for (size_t i = 0; i < now->setting_count; i++) {
        if (now->settings[i].own && now->settings[i].value == NULL && wanted(want, now->settings[i].name) == NULL) {
            return true;
        }
    }
    return false;
}

enum bus_topic_step bus_topic_plan(const struct bus_topic *want, const struct bus_topic_now *now, FILE *words,
                                   size_t *changes, char why[BUS_WHY_SIZE])
{
    if (!now->exists) {
        return plan_create(want, words, changes);
    }
    bool refused = false;
    if (now->partitions != want->partitions) {
        refuse(words, why, want->name, "partitions", now->partitions, want->partitions, "a location must not move");
        refused = true;
    }
    if (now->replicas != want->replicas) {
        refuse(words, why, want->name, "replicas", now->replicas, want->replicas,
               "moving them is done with Kafka's own tools");
        refused = true;
    }
    size_t changed = plan_settings(want, now, words);
    words_kept(want, now, words);
    if (changed > 0 && settings_hidden(want, now)) {
        fprintf(words, "refuse %s: it has a setting that the brokers do not show, which altering it would reset\n",
                want->name);
        snprintf(why, BUS_WHY_SIZE, "%.100s has a setting that the brokers do not show", want->name);
        refused = true;
    }
    *changes += changed;
    if (refused) {
        return BUS_TOPIC_REFUSE;
    }
    return changed > 0 ? BUS_TOPIC_ALTER : BUS_TOPIC_FITS;
}

size_t bus_topic_merge(const struct bus_topic *want, const struct bus_topic_now *now,
                       struct bus_topic_setting *ret_settings)
{
    size_t count = 0;
    for (size_t i = 0; i < want->setting_count; i++) {
        ret_settings[count++] = (struct bus_topic_setting){ want->settings[i].name, want->settings[i].value, true };
    }
    for (size_t i = 0; i < now->setting_count; i++) {
        if (now->settings[i].own && wanted(want, now->settings[i].name) == NULL) {
            ret_settings[count++] = now->settings[i];
        }
    }
    return count;
}

bool bus_topic_has(const struct bus_topic_now *now, const struct bus_topic_setting *settings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_set(found(now, settings[i].name), settings[i].value)) {
            return false;
        }
    }
    return true;
}
