/* When the publisher makes its producer anew, and that every command is answered once all the same. Producers and clock
 * are the test's: the first producer fails the commands of one partition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "gateway_parts.h"
#include "metrics.h"
#include "publisher.h"

#define STUCK 5
#define WELL 6
#define PRODUCERS_MAX 4
#define PENDING_MAX 8
#define PATIENCE_ROUNDS 20000 /* of 1 ms */

struct bus_producer {
    int32_t stuck; /* whose commands fail, or -1 */
    bool is_broken, is_gone;
    struct { void *opaque; int32_t partition; } pending[PENDING_MAX];
    size_t count;
};

static struct fake {
    pthread_mutex_t lock;
    void (*on_delivery)(void *opaque, const struct bus_delivery *delivery);
    struct bus_producer producers[PRODUCERS_MAX];
    size_t made;
    int destroy_flush_ms;
    _Atomic int64_t now_us;
    _Atomic int done;
    _Atomic int32_t partitions; /* of the topic */
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER };

int64_t __wrap_clock_mono_us(void);
int64_t __wrap_clock_mono_us(void)
{
    return atomic_load(&fake.now_us);
}

enum zp_err __wrap_bus_producer_create(const struct bus_producer_settings *settings, struct bus_producer **ret_producer,
                                       char why[BUS_WHY_SIZE]);
enum zp_err __wrap_bus_producer_create(const struct bus_producer_settings *settings, struct bus_producer **ret_producer,
                                       char why[BUS_WHY_SIZE])
{
    (void)why;
    assert_true(fake.made < PRODUCERS_MAX);
    fake.on_delivery = settings->on_delivery;
    struct bus_producer *producer = &fake.producers[fake.made];
    *producer = (struct bus_producer){ .stuck = fake.made == 0 ? STUCK : -1 };
    fake.made++;
    *ret_producer = producer;
    return ZP_OK;
}

enum zp_err __wrap_bus_producer_warm(struct bus_producer *producer, const char *topic, int timeout_ms,
                                     char why[BUS_WHY_SIZE]);
enum zp_err __wrap_bus_producer_warm(struct bus_producer *producer, const char *topic, int timeout_ms,
                                     char why[BUS_WHY_SIZE])
{
    (void)producer, (void)topic, (void)timeout_ms, (void)why;
    return ZP_OK;
}

enum zp_err __wrap_bus_topic_partitions(const char *brokers, const char *topic, int32_t *ret_count,
                                        char why[BUS_WHY_SIZE]);
enum zp_err __wrap_bus_topic_partitions(const char *brokers, const char *topic, int32_t *ret_count,
                                        char why[BUS_WHY_SIZE])
{
    (void)brokers, (void)topic, (void)why;
    *ret_count = atomic_load(&fake.partitions);
    return ZP_OK;
}

enum zp_err __wrap_bus_produce(struct bus_producer *producer, const char *topic, const struct record *record,
                               void *opaque);
enum zp_err __wrap_bus_produce(struct bus_producer *producer, const char *topic, const struct record *record,
                               void *opaque)
{
    (void)topic;
    pthread_mutex_lock(&fake.lock);
    bool is_taken = !producer->is_gone && producer->count < PENDING_MAX;
    if (is_taken) {
        producer->pending[producer->count].opaque = opaque;
        producer->pending[producer->count++].partition = record->partition;
    }
    pthread_mutex_unlock(&fake.lock);
    return is_taken ? ZP_OK : ZP_BUSY;
}

static void serve(struct bus_producer *producer)
{
    struct bus_producer taken;
    pthread_mutex_lock(&fake.lock);
    taken = *producer;
    producer->count = 0;
    pthread_mutex_unlock(&fake.lock);
    for (size_t i = 0; i < taken.count; i++) {
        bool is_acked = !taken.is_broken && taken.pending[i].partition != taken.stuck;
        const struct bus_delivery delivery = {
            .ack = is_acked ? BUS_ACKED : BUS_UNKNOWN, .partition = taken.pending[i].partition,
            .offset = is_acked ? 1 : -1, .why = is_acked ? NULL : "timed out",
        };
        fake.on_delivery(taken.pending[i].opaque, &delivery);
    }
}

void __wrap_bus_producer_poll(struct bus_producer *producer, int timeout_ms);
void __wrap_bus_producer_poll(struct bus_producer *producer, int timeout_ms)
{
    (void)timeout_ms;
    serve(producer);
    (void)poll(NULL, 0, 1);
}

bool __wrap_bus_producer_broken(struct bus_producer *producer);
bool __wrap_bus_producer_broken(struct bus_producer *producer)
{
    pthread_mutex_lock(&fake.lock);
    bool is_broken = producer->is_broken;
    pthread_mutex_unlock(&fake.lock);
    return is_broken;
}

void __wrap_bus_producer_destroy(struct bus_producer *producer, int flush_ms);
void __wrap_bus_producer_destroy(struct bus_producer *producer, int flush_ms)
{
    pthread_mutex_lock(&fake.lock);
    producer->is_gone = true;
    fake.destroy_flush_ms = flush_ms;
    pthread_mutex_unlock(&fake.lock);
    serve(producer);
}

void __wrap_loop_post(struct loop *loop, struct post *post, void (*run)(struct post *post));
void __wrap_loop_post(struct loop *loop, struct post *post, void (*run)(struct post *post))
{
    (void)loop;
    run(post);
}

static void on_done(struct publication *publication)
{
    (void)publication;
    atomic_fetch_add(&fake.done, 1);
}

/* Sends a command at that second, waits for its answer, gives it. */
static enum bus_ack ask(struct publisher *publisher, int64_t at_s, int32_t partition)
{
    const struct record record = { .partition = partition };
    struct publication publication = { .done = on_done };
    int before = atomic_load(&fake.done);
    atomic_store(&fake.now_us, at_s * 1000000);
    assert_int_equal(publisher_send(publisher, &record, &publication), ZP_OK);
    for (int i = 0; i < PATIENCE_ROUNDS && atomic_load(&fake.done) == before; i++) {
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(atomic_load(&fake.done), before + 1);
    return publication.ack;
}

static void wait_made(size_t count)
{
    for (int i = 0; i < PATIENCE_ROUNDS; i++) {
        pthread_mutex_lock(&fake.lock);
        bool is_made = fake.made >= count && fake.producers[count - 2].is_gone;
        pthread_mutex_unlock(&fake.lock);
        if (is_made) {
            return;
        }
        (void)poll(NULL, 0, 1);
    }
    fail_msg("no producer was made anew");
}

static struct publisher *start(void)
{
    static const struct gateway_settings settings = { .kafka = "nowhere", .publish_timeout_ms = 4000 };
    char why[BUS_WHY_SIZE] = "";
    struct publisher *publisher;
    fake.made = 0;
    atomic_store(&fake.partitions, bus_partitions());
    assert_int_equal(publisher_start(&settings, &publisher, why), ZP_OK);
    return publisher;
}

static void stop(struct publisher *publisher)
{
    publisher_stop(publisher, 0);
    publisher_destroy(publisher);
}

static void test_a_partition_that_stands_still_gets_a_new_producer(void **state)
{
    (void)state;
    struct publisher *publisher = start();
    assert_int_equal(ask(publisher, 10, STUCK), BUS_UNKNOWN);
    assert_int_equal(ask(publisher, 11, WELL), BUS_ACKED);
    assert_int_equal(ask(publisher, 13, STUCK), BUS_UNKNOWN);
    assert_int_equal(fake.made, 1);
    assert_int_equal(ask(publisher, 14, STUCK), BUS_UNKNOWN);
    wait_made(2);
    assert_true(fake.destroy_flush_ms > 0); /* what others had under way is waited for */
    assert_int_equal(ask(publisher, 15, STUCK), BUS_ACKED);
    assert_int_equal(ask(publisher, 16, WELL), BUS_ACKED);
    assert_int_equal(fake.made, 2);
    stop(publisher);
}

/* What was sent before the topic was asked is answered; after that nothing is taken. */
static bool is_refused_soon(struct publisher *publisher)
{
    const struct record record = { .partition = WELL };
    for (int i = 0; i < PATIENCE_ROUNDS / 10; i++) {
        struct publication publication = { .done = on_done };
        int before = atomic_load(&fake.done);
        if (publisher_send(publisher, &record, &publication) == ZP_BUSY) {
            return true;
        }
        while (atomic_load(&fake.done) == before) {
            (void)poll(NULL, 0, 1);
        }
        fake.on_delivery(&publication, &(struct bus_delivery){ .ack = BUS_UNKNOWN, .why = "asks again" });
    }
    return false;
}

static void test_a_topic_with_another_number_of_partitions_gets_nothing(void **state)
{
    (void)state;
    char why[BUS_WHY_SIZE] = "";
    struct publisher *publisher = start();
    assert_int_equal(ask(publisher, 10, WELL), BUS_ACKED);
    atomic_store(&fake.partitions, bus_partitions() / 8);
    assert_true(is_refused_soon(publisher));
    assert_false(publisher_well(publisher, why, sizeof(why)));
    assert_string_equal(why, "the topic has another number of partitions than the setting");
    stop(publisher);
}

static void test_a_broken_producer_is_made_anew_at_once(void **state)
{
    (void)state;
    struct publisher *publisher = start();
    assert_int_equal(ask(publisher, 10, WELL), BUS_ACKED);
    pthread_mutex_lock(&fake.lock);
    fake.producers[0].is_broken = true;
    pthread_mutex_unlock(&fake.lock);
    wait_made(2);
    assert_int_equal(fake.destroy_flush_ms, 0);
    assert_int_equal(ask(publisher, 11, WELL), BUS_ACKED);
    stop(publisher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_partition_that_stands_still_gets_a_new_producer),
        cmocka_unit_test(test_a_topic_with_another_number_of_partitions_gets_nothing),
        cmocka_unit_test(test_a_broken_producer_is_made_anew_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
