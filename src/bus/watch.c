/* watch: owns a kept connection for those who ask often where partitions end, and the short-lived ones for those who
 * ask once.
 *
 * Called by worker (lag, ticks, takeovers), gateway (lag) and the command line. Invariant: a watch is never polled
 * and holds no queue; its calls are for one thread at a time. */
#include "client.h"
#include "offsets.h"

#include <stdlib.h>

#define ASK_TIMEOUT_MS 4000 /* who waits for brokers asks again, and looks in between whether to end */

struct bus_watch {
    rd_kafka_t *rk;           /* owned */
    char why[BUS_WHY_SIZE];   /* of the last question that failed */
};

static enum zp_err asker_open(const char *brokers, const char *client_id, rd_kafka_t **ret_rk, char why[BUS_WHY_SIZE])
{
    const struct bus_client client = { .kind = BUS_CLIENT_ASKER, .brokers = brokers, .client_id = client_id };
    return bus_client_open(&client, ret_rk, why);
}

enum zp_err bus_watch_create(const char *brokers, const char *client_id, struct bus_watch **ret_watch,
                             char why[BUS_WHY_SIZE])
{
    struct bus_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        snprintf(why, BUS_WHY_SIZE, "no memory for a watch");
        return ZP_BUSY;
    }
    enum zp_err err = asker_open(brokers, client_id, &watch->rk, why);
    if (err != ZP_OK) {
        free(watch);
        return err;
    }
    *ret_watch = watch;
    return ZP_OK;
}

enum zp_err bus_watch_ends(struct bus_watch *watch, const char *topic, const int32_t *partitions, size_t count,
                           int timeout_ms, int64_t *ret_end)
{
    return bus_offsets_ask(watch->rk, topic, partitions, count, BUS_OFFSETS_END, timeout_ms, ret_end, watch->why);
}

enum zp_err bus_watch_firsts(struct bus_watch *watch, const char *topic, const int32_t *partitions, size_t count,
                             int timeout_ms, int64_t *ret_first)
{
    return bus_offsets_ask(watch->rk, topic, partitions, count, BUS_OFFSETS_FIRST, timeout_ms, ret_first, watch->why);
}

/* The log keeps milliseconds: the first record at or after wall_us is at or after the next full one. Where there is
 * none the answer is the end as it was before the question, so that a record that came in between is not left out. */
enum zp_err bus_watch_offset_at(struct bus_watch *watch, const char *topic, const int32_t *partitions, size_t count,
                                int64_t wall_us, int timeout_ms, int64_t *ret_offsets)
{
    if (count == 0) {
        return ZP_OK;
    }
    int64_t *ends = calloc(2 * count, sizeof(*ends));
    if (ends == NULL) {
        return ZP_BUSY;
    }
    int64_t *found = ends + count;
    int64_t at_ms = wall_us <= 0 ? 0 : (wall_us + 999) / 1000;
    enum zp_err err = bus_watch_ends(watch, topic, partitions, count, timeout_ms, ends);
    if (err == ZP_OK) {
        err = bus_offsets_ask(watch->rk, topic, partitions, count, at_ms, timeout_ms, found, watch->why);
    }
    for (size_t i = 0; err == ZP_OK && i < count; i++) {
        ret_offsets[i] = found[i] >= 0 ? found[i] : ends[i];
    }
    free(ends);
    return err;
}

const char *bus_watch_why(const struct bus_watch *watch)
{
    return watch->why;
}

void bus_watch_destroy(struct bus_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    (void)bus_client_close(watch->rk);
    free(watch);
}

enum zp_err bus_offsets(const char *brokers, const char *topic, const int32_t *partitions, size_t count, int timeout_ms,
                        int64_t *ret_first, int64_t *ret_end, char why[BUS_WHY_SIZE])
{
    BUS_DROP(client) rd_kafka_t *rk = NULL;
    enum zp_err err = asker_open(brokers, NULL, &rk, why);
    if (err == ZP_OK) {
        err = bus_offsets_ask(rk, topic, partitions, count, BUS_OFFSETS_FIRST, timeout_ms, ret_first, why);
    }
    if (err == ZP_OK) {
        err = bus_offsets_ask(rk, topic, partitions, count, BUS_OFFSETS_END, timeout_ms, ret_end, why);
    }
    return err;
}

enum zp_err bus_topic_partitions(const char *brokers, const char *topic, int32_t *ret_count, char why[BUS_WHY_SIZE])
{
    BUS_DROP(client) rd_kafka_t *rk = NULL;
    enum zp_err err = asker_open(brokers, NULL, &rk, why);
    if (err != ZP_OK) {
        return err;
    }
    BUS_DROP(topic) rd_kafka_topic_t *asked = rd_kafka_topic_new(rk, topic, NULL);
    const struct rd_kafka_metadata *found;
    rd_kafka_resp_err_t refused = asked != NULL ? rd_kafka_metadata(rk, 0, asked, &found, ASK_TIMEOUT_MS)
                                                : rd_kafka_last_error();
    if (refused == RD_KAFKA_RESP_ERR_NO_ERROR) {
        refused = found->topics[0].err;
        int32_t count = found->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(found);
        if (refused == RD_KAFKA_RESP_ERR_NO_ERROR) {
            *ret_count = count;
            return ZP_OK;
        }
    }
    snprintf(why, BUS_WHY_SIZE, "topic %.80s: %s", topic, rd_kafka_err2str(refused));
    return bus_client_err(refused);
}

enum zp_err bus_partitions_learn(const char *brokers, const char *topic, char why[BUS_WHY_SIZE])
{
    int32_t count = 0;
    enum zp_err err = bus_topic_partitions(brokers, topic, &count, why);
    if (err == ZP_OK && (count < 1 || count > BUS_PARTITIONS_MAX)) {
        snprintf(why, BUS_WHY_SIZE, "topic %.80s has %d partitions, and there are never more than %d", topic, count,
                 BUS_PARTITIONS_MAX);
        err = ZP_CONFLICT;
    }
    if (err == ZP_OK) {
        bus_partitions_set(count);
    }
    return err;
}
