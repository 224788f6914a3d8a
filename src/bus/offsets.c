/* offsets: owns the question "where does this partition stand". Called by watch and reader.
 *
 * Invariant: the answer is the brokers' of now, never a cached one; all of the offsets or none are given. */
#include "offsets.h"

#include "client.h"

#include <poll.h>

#define REFRESH_MS 1000
#define PAUSE_MS 50 /* between a refusal and the next question */

static rd_kafka_topic_partition_list_t *question(const char *topic, const int32_t *partitions, size_t count, int64_t at)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, topic, partitions[i])->offset = at;
    }
    return list;
}

/* A partition that the brokers do not have keeps its question and an error; so does one without a leader. */
static rd_kafka_resp_err_t answer(const rd_kafka_topic_partition_list_t *list, int64_t at, int64_t *ret_offsets)
{
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return list->elems[i].err;
        }
        if (at < 0 && list->elems[i].offset < 0) { /* left out of the answer */
            return RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
        }
    }
    for (int i = 0; i < list->cnt; i++) {
        ret_offsets[i] = list->elems[i].offset;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* offsets_for_times of 2.0.2 asks the leaders it once learnt, for ever: after an error they are learnt anew. */
static void leaders_refresh(rd_kafka_t *rk, const char *topic, int timeout_ms)
{
    BUS_DROP(topic) rd_kafka_topic_t *asked = rd_kafka_topic_new(rk, topic, NULL);
    const struct rd_kafka_metadata *found;
    int wait_ms = timeout_ms < REFRESH_MS ? timeout_ms : REFRESH_MS;
    if (asked != NULL && rd_kafka_metadata(rk, 0, asked, &found, wait_ms) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(found);
    }
}

enum zp_err bus_offsets_ask(rd_kafka_t *rk, const char *topic, const int32_t *partitions, size_t count, int64_t at,
                            int timeout_ms, int64_t *ret_offsets, char why[BUS_WHY_SIZE])
{
    if (count == 0) {
        return ZP_OK;
    }
    int64_t give_up_us = clock_mono_us() + (int64_t)timeout_ms * 1000;
    rd_kafka_resp_err_t err;
    for (int left_ms = timeout_ms;;) {
        BUS_DROP(list) rd_kafka_topic_partition_list_t *list = question(topic, partitions, count, at);
        err = rd_kafka_offsets_for_times(rk, list, left_ms);
        err = err != RD_KAFKA_RESP_ERR_NO_ERROR ? err : answer(list, at, ret_offsets);
        left_ms = (int)((give_up_us - clock_mono_us()) / 1000);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return ZP_OK;
        }
        if (left_ms <= 0 || bus_client_err(err) == ZP_NOT_FOUND) {
            break;
        }
        leaders_refresh(rk, topic, left_ms);
        poll(NULL, 0, PAUSE_MS);
    }
    snprintf(why, BUS_WHY_SIZE, "offsets of %.80s: %s", topic, rd_kafka_err2str(err));
    return bus_client_err(err);
}
