/* pace: owns the rhythm of a consumer's fetches.
 *
 * Called by client, and then by the library on the thread of each broker. A fetch of librdkafka 2.0.2 names every
 * partition of the consumer (it knows no fetch sessions), and the broker answers as soon as one of them has a record:
 * under load a worker with 32 partitions asked a thousand times a second for two or three records each, which was a
 * fifth of Kafka's CPU. `fetch.min.bytes` with a short `fetch.wait.max.ms` would gather records, too, but delays every
 * record at every load, and asks as often when there is nothing. So the thread rests after it has sent a fetch that
 * came soon after the one before: what arrives meanwhile comes with one answer. Invariants: a record that comes after
 * a silence is not delayed; a rest is shorter than the interval. */
#include "pace.h"

#include <time.h>

#define NAME "pace"
#define API_KEY_FETCH 1 /* https://kafka.apache.org/protocol#protocol_api_keys */

static void rest(int64_t us)
{
    const struct timespec span = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL); /* woken early, it asks early */
}

static rd_kafka_resp_err_t sent(rd_kafka_t *rk, int fd, const char *broker, int32_t broker_id, int16_t api_key,
                                int16_t api_version, int32_t correlation_id, size_t size, void *opaque)
{
    (void)rk, (void)fd, (void)broker, (void)broker_id, (void)api_version, (void)correlation_id, (void)size;
    static _Thread_local int64_t fetched_us; /* a thread serves one broker of one client */
    if (api_key != API_KEY_FETCH) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    int64_t interval_us = (intptr_t)opaque;
    int64_t now = clock_mono_us();
    int64_t left_us = fetched_us + interval_us - now;
    if (fetched_us != 0 && left_us > 0) {
        rest(left_us);
        now += left_us;
    }
    fetched_us = now;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t made(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque, char *why, size_t why_size)
{
    (void)conf, (void)why, (void)why_size;
    return rd_kafka_interceptor_add_on_request_sent(rk, NAME, sent, opaque);
}

enum zp_err bus_pace_fetches(rd_kafka_conf_t *conf, int64_t interval_us)
{
    rd_kafka_resp_err_t err = rd_kafka_conf_interceptor_add_on_new(conf, NAME, made, (void *)(intptr_t)interval_us);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? ZP_OK : ZP_NO_MEMORY;
}
