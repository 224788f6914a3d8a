/* topics_apply: owns the way from the files in topics/ to the brokers: look at every topic, plan, rehearse, do.
 *
 * Called by the command line (`zapora topics plan|apply`) and by the local stack. Invariant: when one topic is
 * refused, by the plan or by the brokers, none is touched. Between looking and altering a setting that somebody else
 * sets is lost: librdkafka 2.0.2 has no other form. */
#include "admin.h"

#include <stdlib.h>

struct item {
    struct bus_topic want;
    struct bus_topic_now now;
    enum bus_topic_step step;
};

static enum zp_err items_plan(rd_kafka_t *rk, struct item *items, size_t count, FILE *words, size_t *changes,
                              char why[BUS_WHY_SIZE])
{
    for (size_t i = 0; i < count; i++) {
        enum zp_err err = bus_admin_look(rk, items[i].want.name, &items[i].now, why);
        if (err != ZP_OK) {
            return err;
        }
    }
    bool refused = false;
    char first[BUS_WHY_SIZE] = "";
    for (size_t i = 0; i < count; i++) {
        items[i].step = bus_topic_plan(&items[i].want, &items[i].now, words, changes, first);
        refused = refused || items[i].step == BUS_TOPIC_REFUSE;
    }
    if (refused) {
        snprintf(why, BUS_WHY_SIZE, "%s", first);
    }
    return refused ? ZP_CONFLICT : ZP_OK;
}

static enum zp_err item_apply(rd_kafka_t *rk, const struct item *item, bool rehearse, char why[BUS_WHY_SIZE])
{
    if (item->step == BUS_TOPIC_CREATE) {
        return bus_admin_create(rk, &item->want, rehearse, why);
    }
    if (item->step == BUS_TOPIC_ALTER) {
        struct bus_topic_setting settings[BUS_TOPIC_FOUND_MAX + BUS_TOPIC_SETTINGS_MAX];
        size_t count = bus_topic_merge(&item->want, &item->now, settings);
        return bus_admin_alter(rk, item->want.name, settings, count, rehearse, why);
    }
    return ZP_OK;
}

/* Everything is rehearsed before anything is done, so that a value which the brokers refuse is met while nothing is
 * changed. */
static enum zp_err items_apply(rd_kafka_t *rk, const struct item *items, size_t count, bool apply,
                               char why[BUS_WHY_SIZE])
{
    enum zp_err err = ZP_OK;
    for (size_t i = 0; err == ZP_OK && i < count; i++) {
        err = item_apply(rk, &items[i], true, why);
    }
    for (size_t i = 0; apply && err == ZP_OK && i < count; i++) {
        err = item_apply(rk, &items[i], false, why);
    }
    return err;
}

enum zp_err bus_topics_apply(const char *brokers, const struct bus_topic *topics, size_t count, int64_t replicas,
                             bool apply, FILE *words, size_t *ret_changes, char why[BUS_WHY_SIZE])
{
    ZP_ASSERT(count <= BUS_TOPICS_MAX);
    BUS_DROP(client) rd_kafka_t *rk = NULL;
    enum zp_err err = bus_admin_open(brokers, &rk, why);
    if (err != ZP_OK) {
        return err;
    }
    struct item *items = calloc(count + 1, sizeof(*items));
    if (items == NULL) {
        snprintf(why, BUS_WHY_SIZE, "no memory for %zu topics", count);
        return ZP_BUSY;
    }
    for (size_t i = 0; i < count; i++) {
        items[i].want = topics[i];
        bus_topic_resize(&items[i].want, replicas);
    }
    size_t changes = 0;
    err = items_plan(rk, items, count, words, &changes, why);
    err = err != ZP_OK ? err : items_apply(rk, items, count, apply, why);
    for (size_t i = 0; i < count; i++) {
        bus_admin_forget(&items[i].now);
    }
    free(items);
    if (err == ZP_OK) {
        *ret_changes = changes;
    }
    return err;
}
