/* admin: owns the requests about topics: what one is like, making it, setting it. One request at a time, each with a
 * queue of its own, so that a late answer is never taken for another's.
 *
 * Called by topics_apply. Invariant: nothing is changed by looking. */
#include "admin.h"

#include <poll.h>

#define REQUEST_MS 10000
#define SHOWN_MS 10000       /* how long a topic that was made may stay unseen */
#define SHOWN_PAUSE_MS 50

static void queue_drop(rd_kafka_queue_t **queue)
{
    rd_kafka_queue_destroy(*queue);
}

static void options_drop(rd_kafka_AdminOptions_t **options)
{
    if (*options != NULL) {
        rd_kafka_AdminOptions_destroy(*options);
    }
}

static void event_drop(rd_kafka_event_t **event)
{
    if (*event != NULL) {
        rd_kafka_event_destroy(*event);
    }
}

static void new_topic_drop(rd_kafka_NewTopic_t **topic)
{
    if (*topic != NULL) {
        rd_kafka_NewTopic_destroy(*topic);
    }
}

static void resource_drop(rd_kafka_ConfigResource_t **resource)
{
    if (*resource != NULL) {
        rd_kafka_ConfigResource_destroy(*resource);
    }
}

#define QUEUE __attribute__((cleanup(queue_drop))) rd_kafka_queue_t
#define OPTIONS __attribute__((cleanup(options_drop))) rd_kafka_AdminOptions_t
#define EVENT __attribute__((cleanup(event_drop))) rd_kafka_event_t
#define NEW_TOPIC __attribute__((cleanup(new_topic_drop))) rd_kafka_NewTopic_t
#define RESOURCE __attribute__((cleanup(resource_drop))) rd_kafka_ConfigResource_t

static enum zp_err refused(const char *topic, const char *what, rd_kafka_resp_err_t err, const char *text,
                           char why[BUS_WHY_SIZE])
{
    snprintf(why, BUS_WHY_SIZE, "%s %.80s: %.120s", what, topic, text != NULL ? text : rd_kafka_err2str(err));
    return bus_client_err(err);
}

/* The answer to a request, or an error about the request itself. */
static enum zp_err answer_wait(rd_kafka_queue_t *queue, const char *topic, const char *what,
                               rd_kafka_event_t **ret_event, char why[BUS_WHY_SIZE])
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 2 * REQUEST_MS);
    rd_kafka_resp_err_t err = event != NULL ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        enum zp_err gives = refused(topic, what, err, event != NULL ? rd_kafka_event_error_string(event) : NULL, why);
        event_drop(&event);
        return gives;
    }
    *ret_event = event;
    return ZP_OK;
}

/* None of them may be missing: a rehearsal that is not one changes the topic. */
static enum zp_err options_new(rd_kafka_t *rk, rd_kafka_admin_op_t op, bool rehearse,
                               rd_kafka_AdminOptions_t **ret_options, char why[BUS_WHY_SIZE])
{
    char words[128] = "no such request";
    OPTIONS *options = rd_kafka_AdminOptions_new(rk, op);
    rd_kafka_resp_err_t err =
        options != NULL ? rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_MS, words, sizeof(words))
                        : RD_KAFKA_RESP_ERR__INVALID_ARG;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR && rehearse) {
        err = rd_kafka_AdminOptions_set_validate_only(options, 1, words, sizeof(words));
    }
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR && op == RD_KAFKA_ADMIN_OP_CREATETOPICS) {
        err = rd_kafka_AdminOptions_set_operation_timeout(options, REQUEST_MS, words, sizeof(words));
    }
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(why, BUS_WHY_SIZE, "options of a request: %s", words);
        return ZP_INVALID;
    }
    *ret_options = options;
    options = NULL;
    return ZP_OK;
}

/* A topic, with all of the settings that are to be its own: one that is left out is reset. */
static enum zp_err resource_new(const char *topic, const struct bus_topic_setting *settings, size_t count,
                                rd_kafka_ConfigResource_t **ret_resource, char why[BUS_WHY_SIZE])
{
    RESOURCE *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_resp_err_t err = resource != NULL ? RD_KAFKA_RESP_ERR_NO_ERROR : RD_KAFKA_RESP_ERR__INVALID_ARG;
    for (size_t i = 0; err == RD_KAFKA_RESP_ERR_NO_ERROR && i < count; i++) {
        err = rd_kafka_ConfigResource_set_config(resource, settings[i].name, settings[i].value);
    }
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return refused(topic, "asking for", err, NULL, why);
    }
    *ret_resource = resource;
    resource = NULL;
    return ZP_OK;
}

/* The same of one that is to be made. */
static enum zp_err new_topic_new(const struct bus_topic *topic, rd_kafka_NewTopic_t **ret_made, char why[BUS_WHY_SIZE])
{
    char words[160];
    NEW_TOPIC *made =
        rd_kafka_NewTopic_new(topic->name, (int)topic->partitions, (int)topic->replicas, words, sizeof(words));
    if (made == NULL) {
        return refused(topic->name, "creating", RD_KAFKA_RESP_ERR__INVALID_ARG, words, why);
    }
    for (size_t i = 0; i < topic->setting_count; i++) {
        rd_kafka_resp_err_t err =
            rd_kafka_NewTopic_set_config(made, topic->settings[i].name, topic->settings[i].value);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return refused(topic->name, "creating", err, NULL, why);
        }
    }
    *ret_made = made;
    made = NULL;
    return ZP_OK;
}

enum zp_err bus_admin_open(const char *brokers, rd_kafka_t **ret_rk, char why[BUS_WHY_SIZE])
{
    const struct bus_client_option patient[] = { { "socket.timeout.ms", NULL, REQUEST_MS } }; /* it cuts the others */
    const struct bus_client client = { .kind = BUS_CLIENT_ASKER, .brokers = brokers,
                                       .options = patient, .option_count = ZP_COUNT(patient) };
    return bus_client_open(&client, ret_rk, why);
}

/* ---- looking ---- */

static void metadata_read(const struct rd_kafka_metadata_topic *topic, struct bus_topic_now *now)
{
    now->exists = true;
    now->partitions = topic->partition_cnt;
    for (int i = 0; i < topic->partition_cnt; i++) {
        int64_t replicas = topic->partitions[i].replica_cnt;
        now->replicas = i == 0 || replicas < now->replicas ? replicas : now->replicas;
    }
}

static enum zp_err metadata_look(rd_kafka_t *rk, const char *topic, struct bus_topic_now *now, char why[BUS_WHY_SIZE])
{
    BUS_DROP(topic) rd_kafka_topic_t *asked = rd_kafka_topic_new(rk, topic, NULL);
    const struct rd_kafka_metadata *found;
    rd_kafka_resp_err_t err =
        asked != NULL ? rd_kafka_metadata(rk, 0, asked, &found, REQUEST_MS) : rd_kafka_last_error();
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = found->topics[0].err;
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            metadata_read(&found->topics[0], now);
        }
        rd_kafka_metadata_destroy(found);
    }
    bool settled = err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    return settled ? ZP_OK : refused(topic, "looking at", err, NULL, why);
}

static void settings_read(const rd_kafka_ConfigResource_t *resource, struct bus_topic_now *now)
{
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count && now->setting_count < BUS_TOPIC_FOUND_MAX; i++) {
        now->settings[now->setting_count++] = (struct bus_topic_setting){
            .name = rd_kafka_ConfigEntry_name(entries[i]),
            .value = rd_kafka_ConfigEntry_value(entries[i]),
            .own = rd_kafka_ConfigEntry_source(entries[i]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG,
        };
    }
}

static enum zp_err settings_look(rd_kafka_t *rk, const char *topic, struct bus_topic_now *now, char why[BUS_WHY_SIZE])
{
    QUEUE *queue = rd_kafka_queue_new(rk);
    OPTIONS *options = NULL;
    RESOURCE *asked = NULL;
    EVENT *event = NULL;
    enum zp_err err = options_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, false, &options, why);
    err = err != ZP_OK ? err : resource_new(topic, NULL, 0, &asked, why);
    if (err != ZP_OK) {
        return err;
    }
    rd_kafka_DescribeConfigs(rk, &asked, 1, options, queue);
    err = answer_wait(queue, topic, "describing", &event, why);
    if (err != ZP_OK) {
        return err;
    }
    size_t count;
    const rd_kafka_ConfigResource_t **found =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
    rd_kafka_resp_err_t per_topic = count == 1 ? rd_kafka_ConfigResource_error(found[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    if (per_topic != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return refused(topic, "describing", per_topic,
                       count == 1 ? rd_kafka_ConfigResource_error_string(found[0]) : NULL, why);
    }
    settings_read(found[0], now);
    now->answer = event;
    event = NULL;
    return ZP_OK;
}

enum zp_err bus_admin_look(rd_kafka_t *rk, const char *topic, struct bus_topic_now *ret_now, char why[BUS_WHY_SIZE])
{
    struct bus_topic_now now = { 0 };
    enum zp_err err = metadata_look(rk, topic, &now, why);
    if (err == ZP_OK && now.exists) {
        err = settings_look(rk, topic, &now, why);
    }
    if (err == ZP_OK) {
        *ret_now = now;
    }
    return err;
}

void bus_admin_forget(struct bus_topic_now *now)
{
    if (now->answer != NULL) {
        rd_kafka_event_destroy(now->answer);
    }
    *now = (struct bus_topic_now){ 0 };
}

/* ---- changing ---- */

/* The controller has done it; the brokers learn of it a little later, and who asked them before would see, and
 * perhaps set, what was before. */
static enum zp_err shown_wait(rd_kafka_t *rk, const char *topic, int64_t partitions,
                              const struct bus_topic_setting *settings, size_t count, char why[BUS_WHY_SIZE])
{
    int64_t give_up_us = clock_mono_us() + SHOWN_MS * 1000;
    for (;;) {
        struct bus_topic_now now;
        bool shown = false;
        if (bus_admin_look(rk, topic, &now, why) == ZP_OK) {
            shown = now.exists && now.partitions >= partitions && bus_topic_has(&now, settings, count);
            bus_admin_forget(&now);
        }
        if (shown) {
            return ZP_OK;
        }
        if (clock_mono_us() >= give_up_us) {
            snprintf(why, BUS_WHY_SIZE, "%.100s was changed, but the brokers do not show it", topic);
            return ZP_BUSY;
        }
        poll(NULL, 0, SHOWN_PAUSE_MS);
    }
}

enum zp_err bus_admin_create(rd_kafka_t *rk, const struct bus_topic *topic, bool rehearse, char why[BUS_WHY_SIZE])
{
    QUEUE *queue = rd_kafka_queue_new(rk);
    OPTIONS *options = NULL;
    NEW_TOPIC *made = NULL;
    EVENT *event = NULL;
    enum zp_err err = options_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS, rehearse, &options, why);
    err = err != ZP_OK ? err : new_topic_new(topic, &made, why);
    if (err != ZP_OK) {
        return err;
    }
    rd_kafka_CreateTopics(rk, &made, 1, options, queue);
    err = answer_wait(queue, topic->name, "creating", &event, why);
    if (err != ZP_OK) {
        return err;
    }
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    rd_kafka_resp_err_t per_topic = count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    if (per_topic != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return refused(topic->name, "creating", per_topic,
                       count == 1 ? rd_kafka_topic_result_error_string(results[0]) : NULL, why);
    }
    return rehearse ? ZP_OK : shown_wait(rk, topic->name, topic->partitions, NULL, 0, why);
}

enum zp_err bus_admin_alter(rd_kafka_t *rk, const char *topic, const struct bus_topic_setting *settings,
                            size_t setting_count, bool rehearse, char why[BUS_WHY_SIZE])
{
    QUEUE *queue = rd_kafka_queue_new(rk);
    OPTIONS *options = NULL;
    RESOURCE *altered = NULL;
    EVENT *event = NULL;
    enum zp_err err = options_new(rk, RD_KAFKA_ADMIN_OP_ALTERCONFIGS, rehearse, &options, why);
    err = err != ZP_OK ? err : resource_new(topic, settings, setting_count, &altered, why);
    if (err != ZP_OK) {
        return err;
    }
    rd_kafka_AlterConfigs(rk, &altered, 1, options, queue);
    err = answer_wait(queue, topic, "setting", &event, why);
    if (err != ZP_OK) {
        return err;
    }
    size_t count;
    const rd_kafka_ConfigResource_t **found =
        rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
    rd_kafka_resp_err_t per_topic = count == 1 ? rd_kafka_ConfigResource_error(found[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    if (per_topic != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return refused(topic, "setting", per_topic, count == 1 ? rd_kafka_ConfigResource_error_string(found[0]) : NULL,
                       why);
    }
    return rehearse ? ZP_OK : shown_wait(rk, topic, 0, settings, setting_count, why);
}
