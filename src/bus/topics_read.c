/* topics_read: owns the reading of a folder of topics, each file one KafkaTopic as Strimzi's operator knows it.
 *
 * Called by the command line. Invariant: a topic that is given out has a name that is its file's, at least one
 * partition and one replica, and no setting twice; the topics are sorted by name and none stands twice. */
#include "mapping.h"
#include "topics_plan.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_DIGITS_MAX 6

/* ---- what may stand in a file ---- */

static enum zp_err exactly_read(struct bus_mapping *from, const struct bus_mapping_field *field, const char *key,
                                const char *value)
{
    return strcmp(value, field->exactly) == 0 ? ZP_OK : bus_mapping_refuse(from, "%s must be %s", key, field->exactly);
}

/* The operator finds its topics by a label; the brokers know nothing of it. */
static enum zp_err label_read(struct bus_mapping *from, const struct bus_mapping_field *field, const char *key,
                              const char *value)
{
    (void)from, (void)field, (void)key, (void)value;
    return ZP_OK;
}

/* Kafka takes underscores too, but its metrics cannot tell them from dots. */
static enum zp_err name_read(struct bus_mapping *from, const struct bus_mapping_field *field, const char *key,
                             const char *value)
{
    (void)field;
    struct bus_topic *topic = bus_mapping_into(from);
    size_t len = strlen(value);
    if (len < 1 || len >= sizeof(topic->name) || strspn(value, ".") == len ||
        strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789.-") != len) {
        return bus_mapping_refuse(from, "%s must be 1 to %zu of a-z, 0-9, dot and hyphen", key,
                                  sizeof(topic->name) - 1);
    }
    const char *file = bus_mapping_file(from);
    if (strncmp(file, value, len) != 0 || strcmp(file + len, ".yaml") != 0) {
        return bus_mapping_refuse(from, "the file of this topic must be called %.80s.yaml", value);
    }
    memcpy(topic->name, value, len + 1);
    return ZP_OK;
}

static enum zp_err count_read(struct bus_mapping *from, const struct bus_mapping_field *field, const char *key,
                              const char *value)
{
    size_t len = strlen(value);
    bool digits = len >= 1 && len <= COUNT_DIGITS_MAX && strspn(value, "0123456789") == len && value[0] != '0';
    int64_t number = digits ? strtoll(value, NULL, 10) : 0;
    if (number < 1 || number > field->max) {
        return bus_mapping_refuse(from, "%s must be a number from 1 to %lld", key, (long long)field->max);
    }
    memcpy((char *)bus_mapping_into(from) + field->offset, &number, sizeof(number));
    return ZP_OK;
}

static enum zp_err setting_read(struct bus_mapping *from, const struct bus_mapping_field *field, const char *key,
                                const char *value)
{
    (void)field;
    struct bus_topic *topic = bus_mapping_into(from);
    if (value[0] == '\0' || strlen(key) >= sizeof(topic->settings[0].name) ||
        strlen(value) >= sizeof(topic->settings[0].value)) {
        return bus_mapping_refuse(from, "a setting's name and value have 1 to %zu bytes",
                                  sizeof(topic->settings[0].name) - 1);
    }
    for (size_t i = 0; i < topic->setting_count; i++) {
        if (strcmp(topic->settings[i].name, key) == 0) {
            return bus_mapping_refuse(from, "%s stands twice", key);
        }
    }
    if (topic->setting_count == BUS_TOPIC_SETTINGS_MAX) {
        return bus_mapping_refuse(from, "a topic has at most %d settings", BUS_TOPIC_SETTINGS_MAX);
    }
    memcpy(topic->settings[topic->setting_count].name, key, strlen(key) + 1);
    memcpy(topic->settings[topic->setting_count].value, value, strlen(value) + 1);
    topic->setting_count++;
    return ZP_OK;
}

static const struct bus_mapping_field label_fields[] = { { "*", .read = label_read }, { NULL } };
static const struct bus_mapping_field setting_fields[] = { { "*", .read = setting_read }, { NULL } };

static const struct bus_mapping_field metadata_fields[] = {
    { "labels", .inner = label_fields },
    { "name", .required = true, .read = name_read },
    { NULL },
};

static const struct bus_mapping_field spec_fields[] = {
    { "config", .inner = setting_fields },
    { "partitions", .required = true, .read = count_read, .offset = offsetof(struct bus_topic, partitions),
      .max = 10000 },
    { "replicas", .required = true, .read = count_read, .offset = offsetof(struct bus_topic, replicas), .max = 100 },
    { NULL },
};

static const struct bus_mapping_field file_fields[] = {
    { "apiVersion", .required = true, .read = exactly_read, .exactly = "kafka.strimzi.io/v1beta2" },
    { "kind", .required = true, .read = exactly_read, .exactly = "KafkaTopic" },
    { "metadata", .required = true, .inner = metadata_fields },
    { "spec", .required = true, .inner = spec_fields },
    { NULL },
};

/* ---- the folder ---- */

static int yaml_named(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

enum zp_err bus_topic_file_read(FILE *in, const char *name, struct bus_topic *ret_topic, char why[BUS_WHY_SIZE])
{
    struct bus_topic topic = { 0 };
    enum zp_err err = bus_mapping_read(in, name, file_fields, &topic, why);
    if (err == ZP_OK) {
        *ret_topic = topic;
    }
    return err;
}

static enum zp_err file_read(const char *dir, const char *name, struct bus_topic *ret_topic, char why[BUS_WHY_SIZE])
{
    char path[4096];
    FILE *in = snprintf(path, sizeof(path), "%s/%s", dir, name) < (int)sizeof(path) ? fopen(path, "re") : NULL;
    if (in == NULL) {
        snprintf(why, BUS_WHY_SIZE, "%.100s: %s", name, strerror(errno));
        return ZP_INVALID;
    }
    enum zp_err err = bus_topic_file_read(in, name, ret_topic, why);
    fclose(in);
    return err;
}

static int topic_order(const void *a, const void *b)
{
    return strcmp(((const struct bus_topic *)a)->name, ((const struct bus_topic *)b)->name);
}

enum zp_err bus_topics_read(const char *dir, struct bus_topic *ret_topics, size_t *ret_count, char why[BUS_WHY_SIZE])
{
    struct dirent **entries;
    int found = scandir(dir, &entries, yaml_named, NULL);
    if (found < 0) {
        snprintf(why, BUS_WHY_SIZE, "%.120s: %s", dir, strerror(errno));
        return ZP_INVALID;
    }
    enum zp_err err = ZP_OK;
    if (found < 1 || found > BUS_TOPICS_MAX) {
        snprintf(why, BUS_WHY_SIZE, "%.120s holds %d files that end with .yaml; 1 to %d are read", dir, found,
                 BUS_TOPICS_MAX);
        err = ZP_INVALID;
    }
    for (int i = 0; i < found; i++) {
        err = err != ZP_OK ? err : file_read(dir, entries[i]->d_name, &ret_topics[i], why);
        free(entries[i]);
    }
    free(entries);
    if (err == ZP_OK) {
        qsort(ret_topics, (size_t)found, sizeof(*ret_topics), topic_order);
        *ret_count = (size_t)found;
    }
    return err;
}
