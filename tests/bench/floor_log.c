/* The floor under the log: librdkafka alone, durable as ours (idempotent, acks=all).
 *
 * create   makes the topic
 * publish  COUNT records of BYTES over all partitions, at most DEPTH of each partition under way: with a depth of 1
 *          each record is a request of its own, as nearly every order is; with some hundreds batches are full
 * consume  COUNT records from the beginning on
 *
 * usage: floor_log BROKERS TOPIC create PARTITIONS | publish COUNT BYTES PARTITIONS DEPTH | consume COUNT PARTITIONS */
#include "floor.h"

#include <librdkafka/rdkafka.h>
#include <string.h>

#define PARTITIONS_MAX 1024
#define PATIENCE_MS 30000

static long under_way[PARTITIONS_MAX], delivered;

static void on_delivered(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *arg)
{
    (void)kafka, (void)arg;
    FLOOR_CHECK(message->err == RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_err2str(message->err));
    under_way[message->partition]--;
    delivered++;
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *brokers, const char *linger_ms)
{
    bool produces = type == RD_KAFKA_PRODUCER;
    const char *const settings[][2] = {
        { "bootstrap.servers", brokers },
        { "socket.nagle.disable", "true" },
        { produces ? "enable.idempotence" : "check.crcs", "true" },
        { produces ? "linger.ms" : "fetch.wait.max.ms", produces ? linger_ms : "100" },
        { produces ? "acks" : "group.id", produces ? "all" : "floor" },
    };
    char why[256] = "";
    size_t count = sizeof settings / sizeof *settings;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < count; i++) {
        rd_kafka_conf_res_t set = rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why);
        FLOOR_CHECK(set == RD_KAFKA_CONF_OK, "%s", why);
    }
    if (produces) {
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    }
    rd_kafka_t *kafka = rd_kafka_new(type, conf, why, sizeof why);
    FLOOR_CHECK(kafka != NULL, "%s", why);
    return kafka;
}

static void create(const char *brokers, const char *topic, int partitions)
{
    char why[256] = "";
    rd_kafka_t *kafka = client(RD_KAFKA_PRODUCER, brokers, "0");
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
    rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partitions, 1, why, sizeof why);
    FLOOR_CHECK(wanted != NULL, "%s", why);
    rd_kafka_CreateTopics(kafka, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, PATIENCE_MS);
    FLOOR_CHECK(event != NULL && rd_kafka_event_error(event) == 0, "the topic was not made");
    size_t count;
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    const rd_kafka_topic_result_t **made = rd_kafka_CreateTopics_result_topics(result, &count);
    FLOOR_CHECK(count == 1 && rd_kafka_topic_result_error(made[0]) == 0, "the topic was refused");
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(wanted);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(kafka);
}

static void send_one(rd_kafka_t *kafka, const char *topic, int32_t partition, void *value, size_t size)
{
    rd_kafka_resp_err_t err =
        rd_kafka_producev(kafka, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_VALUE(value, size), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    FLOOR_CHECK(err == RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_err2str(err));
    under_way[partition]++;
}

static void publish(const char *brokers, const char *topic, long count, size_t size, int partitions, long depth)
{
    static char value[65536];
    FLOOR_CHECK(size <= sizeof value && partitions <= PARTITIONS_MAX, "too large");
    for (size_t i = 0; i < size; i++) {
        value[i] = (char)rand(); /* nothing that anybody could compress */
    }
    rd_kafka_t *kafka = client(RD_KAFKA_PRODUCER, brokers, depth == 1 ? "0" : "5");
    struct floor_clock began = { 0 };
    long sent = 0, warm = count / 10;
    bool is_warm = false;
    while (delivered < warm + count) {
        for (int32_t partition = 0; partition < partitions; partition++) {
            while (under_way[partition] < depth && sent < warm + count) {
                send_one(kafka, topic, partition, value, size);
                sent++;
            }
        }
        rd_kafka_poll(kafka, 100);
        if (!is_warm && delivered >= warm) {
            began = floor_now();
            count -= delivered - warm;
            is_warm = true;
            warm = delivered;
        }
    }
    floor_report(began, count);
    rd_kafka_destroy(kafka);
}

static void consume(const char *brokers, const char *topic, long count, int partitions)
{
    rd_kafka_t *kafka = client(RD_KAFKA_CONSUMER, brokers, NULL);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t partition = 0; partition < partitions; partition++) {
        rd_kafka_topic_partition_list_add(list, topic, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_poll_set_consumer(kafka);
    FLOOR_CHECK(rd_kafka_assign(kafka, list) == RD_KAFKA_RESP_ERR_NO_ERROR, "cannot assign");
    struct floor_clock began = floor_now();
    for (long got = 0; got < count; got++) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(kafka, PATIENCE_MS);
        FLOOR_CHECK(message != NULL && message->err == RD_KAFKA_RESP_ERR_NO_ERROR, "record %ld of %ld", got, count);
        rd_kafka_message_destroy(message);
    }
    floor_report(began, count);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(kafka);
    rd_kafka_destroy(kafka);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[3], "create") == 0) {
        create(argv[1], argv[2], atoi(argv[4]));
    } else if (argc == 8 && strcmp(argv[3], "publish") == 0) {
        publish(argv[1], argv[2], atol(argv[4]), (size_t)atol(argv[5]), atoi(argv[6]), atol(argv[7]));
    } else if (argc == 6 && strcmp(argv[3], "consume") == 0) {
        consume(argv[1], argv[2], atol(argv[4]), atoi(argv[5]));
    } else {
        fprintf(stderr, "usage: floor_log BROKERS TOPIC create PARTITIONS | publish COUNT BYTES PARTITIONS DEPTH | "
                        "consume COUNT PARTITIONS\n");
        return 2;
    }
    return 0;
}
