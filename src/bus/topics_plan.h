/* topics_plan: one topic's file, and how it compares with the topic as it is. For topics_apply and the tests. */
#ifndef ZAPORA_BUS_TOPICS_PLAN_H
#define ZAPORA_BUS_TOPICS_PLAN_H

#include "zapora/bus.h"

#define BUS_TOPIC_FOUND_MAX 128 /* settings that a broker names for a topic; Kafka 4.4 has 33 */

struct bus_topic_setting {
    const char *name, *value; /* borrowed from the brokers' answer; value NULL: the broker does not show it */
    bool own;                 /* set on this topic, not inherited from the brokers */
};

/* A topic as the brokers have it. */
struct bus_topic_now {
    bool exists;
    int64_t partitions, replicas; /* of the partition that has the fewest */
    struct bus_topic_setting settings[BUS_TOPIC_FOUND_MAX];
    size_t setting_count;
    void *answer;             /* owned: what the settings are borrowed from */
};

enum bus_topic_step { BUS_TOPIC_FITS, BUS_TOPIC_CREATE, BUS_TOPIC_ALTER, BUS_TOPIC_REFUSE };

/* Reads one topic's file; `name` is the file's, which must be the topic's. ZP_INVALID with file, line and reason in
 * why; ret_topic is untouched then. */
enum zp_err bus_topic_file_read(FILE *in, const char *name, struct bus_topic *ret_topic,
                                char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;

/* The file's topic with another number of replicas, and min.insync.replicas not above it; replicas 0: as it is. */
void bus_topic_resize(struct bus_topic *topic, int64_t replicas);
/* What has to be done. Writes a line a difference to words, adds what would be changed to changes, and puts the first
 * refusal into why. */
enum bus_topic_step bus_topic_plan(const struct bus_topic *want, const struct bus_topic_now *now, FILE *words,
                                   size_t *changes, char why[BUS_WHY_SIZE]);
/* All settings that the topic is to have: the file's, and those of its own that the file does not name. Altering a
 * topic resets what is left out. `ret_settings` has room for BUS_TOPIC_FOUND_MAX + BUS_TOPIC_SETTINGS_MAX; borrowed
 * from both. */
size_t bus_topic_merge(const struct bus_topic *want, const struct bus_topic_now *now,
                       struct bus_topic_setting *ret_settings);

/* Whether the topic has each of these settings, of its own. */
bool bus_topic_has(const struct bus_topic_now *now, const struct bus_topic_setting *settings, size_t count);

#endif
