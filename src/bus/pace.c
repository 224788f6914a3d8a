/* pace: owns the rhythm of a consumer's fetches.
 *
 * Called by client and consumer, and then by the library on the thread of each broker. A fetch of librdkafka 2.0.2
 * names every partition of the consumer (it knows no fetch sessions), and the broker answers as soon as one of them
 * has a record: under load a worker with 32 partitions asked a thousand times a second for two or three records each,
 * which was a fifth of Kafka's CPU. `fetch.min.bytes` with a short `fetch.wait.max.ms` would gather records, too, but
 * delays every record at every load, and asks as often when there is nothing. So the thread rests after it has sent a
 * fetch that came soon after the one before, shorter when the consumer waits for a record than when it is at work:
 * what arrives meanwhile comes with one answer. Invariants: a record that comes after a silence is not delayed; a rest
 * is shorter than the interval. */
#include "pace.h"

#include <pthread.h>
#include <time.h>

#define NAME "pace"
#define API_KEY_FETCH 1 /* https://kafka.apache.org/protocol#protocol_api_keys */
#define HUNGRY_PART 3   /* of the interval is a rest's least length */

/* Of the process, for the library's threads may outlive a consumer that is made anew. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t hungry;
    bool is_hungry;
} appetite = { .lock = PTHREAD_MUTEX_INITIALIZER, .hungry = PTHREAD_COND_INITIALIZER };

void bus_pace_hungry(bool is_hungry)
{
    pthread_mutex_lock(&appetite.lock);
    appetite.is_hungry = is_hungry;
    pthread_mutex_unlock(&appetite.lock);
    if (is_hungry) {
        pthread_cond_broadcast(&appetite.hungry);
    }
}

static void rest(int64_t since_us, int64_t interval_us)
{
    pthread_mutex_lock(&appetite.lock);
    for (;;) {
        int64_t until_us = since_us + (appetite.is_hungry ? interval_us / HUNGRY_PART : interval_us);
        const struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
        if (clock_mono_us() >= until_us) {
            break;
        }
        (void)pthread_cond_clockwait(&appetite.hungry, &appetite.lock, CLOCK_MONOTONIC, &until);
    }
    pthread_mutex_unlock(&appetite.lock);
}

static rd_kafka_resp_err_t sent(rd_kafka_t *rk, int fd, const char *broker, int32_t broker_id, int16_t api_key,
                                int16_t api_version, int32_t correlation_id, size_t size, void *opaque)
{
    (void)rk, (void)fd, (void)broker, (void)broker_id, (void)api_version, (void)correlation_id, (void)size;
    static _Thread_local int64_t fetched_us; /* a thread serves one broker of one client */
    if (api_key != API_KEY_FETCH) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    if (fetched_us != 0) {
        rest(fetched_us, (intptr_t)opaque);
    }
    fetched_us = clock_mono_us();
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
