/* admin: asks the brokers for one topic, makes it, sets it. For topics_apply. */
#ifndef ZAPORA_BUS_ADMIN_H
#define ZAPORA_BUS_ADMIN_H

#include "client.h"
#include "topics_plan.h"

/* A handle for the calls below: it waits longer for an answer than those that have to find new leaders. */
enum zp_err bus_admin_open(const char *brokers, rd_kafka_t **ret_rk, char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* The topic as it is; a topic that is not there is ZP_OK with exists = false. Forget it afterwards. */
enum zp_err bus_admin_look(rd_kafka_t *rk, const char *topic, struct bus_topic_now *ret_now,
                           char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
void bus_admin_forget(struct bus_topic_now *now);
/* Makes the topic and waits until the brokers show it. rehearse: the brokers only say whether they would. */
enum zp_err bus_admin_create(rd_kafka_t *rk, const struct bus_topic *topic, bool rehearse,
                             char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* Gives the topic exactly these settings, and waits as above: those not named fall back to the brokers' defaults. */
enum zp_err bus_admin_alter(rd_kafka_t *rk, const char *topic, const struct bus_topic_setting *settings,
                            size_t setting_count, bool rehearse, char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;

#endif
