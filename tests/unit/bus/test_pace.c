/* The rhythm of a consumer's fetches: a clock that stands still unless somebody rests, and a library that only calls
 * back. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "pace.h"

#define INTERVAL_US 3000

enum { FETCH = 1, LIST_OFFSETS = 2 };

static struct {
    int64_t now_us, rested_us, hungry_in_us; /* the consumer begins to wait so long after a rest began; 0: it doesn't */
    int rests;
    rd_kafka_interceptor_f_on_new_t *made;
    rd_kafka_interceptor_f_on_request_sent_t *sent;
    void *opaque;
    rd_kafka_resp_err_t answer;
} world;

int64_t __wrap_clock_mono_us(void);
int __wrap_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *lock, clockid_t clock,
                                  const struct timespec *until);
rd_kafka_resp_err_t __wrap_rd_kafka_conf_interceptor_add_on_new(rd_kafka_conf_t *conf, const char *name,
                                                                rd_kafka_interceptor_f_on_new_t *made, void *opaque);
rd_kafka_resp_err_t __wrap_rd_kafka_interceptor_add_on_request_sent(rd_kafka_t *rk, const char *name,
                                                                    rd_kafka_interceptor_f_on_request_sent_t *sent,
                                                                    void *opaque);

int64_t __wrap_clock_mono_us(void)
{
    return world.now_us;
}

int __wrap_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *lock, clockid_t clock,
                                  const struct timespec *until)
{
    (void)cond;
    assert_int_equal(clock, CLOCK_MONOTONIC);
    int64_t until_us = until->tv_sec * 1000000 + until->tv_nsec / 1000, woken_us = world.now_us + world.hungry_in_us;
    assert_true(until_us > world.now_us);
    bool is_woken = world.hungry_in_us > 0 && woken_us < until_us;
    if (is_woken) {
        pthread_mutex_unlock(lock);
        bus_pace_hungry(true);
        pthread_mutex_lock(lock);
        until_us = woken_us;
    }
    world.rested_us = until_us - world.now_us;
    world.now_us = until_us;
    world.rests++;
    return is_woken ? 0 : ETIMEDOUT;
}

rd_kafka_resp_err_t __wrap_rd_kafka_conf_interceptor_add_on_new(rd_kafka_conf_t *conf, const char *name,
                                                                rd_kafka_interceptor_f_on_new_t *made, void *opaque)
{
    (void)conf, (void)name;
    world.made = made;
    world.opaque = opaque;
    return world.answer;
}

rd_kafka_resp_err_t __wrap_rd_kafka_interceptor_add_on_request_sent(rd_kafka_t *rk, const char *name,
                                                                    rd_kafka_interceptor_f_on_request_sent_t *sent,
                                                                    void *opaque)
{
    (void)rk, (void)name;
    assert_ptr_equal(opaque, world.opaque);
    world.sent = sent;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Each test begins long after the one before: the thread remembers its last fetch. */
static int setup(void **state)
{
    (void)state;
    world.now_us += 3600 * INT64_C(1000000);
    world.rests = 0;
    world.rested_us = world.hungry_in_us = 0;
    bus_pace_hungry(false);
    world.answer = RD_KAFKA_RESP_ERR_NO_ERROR;
    assert_int_equal(bus_pace_fetches(NULL, INTERVAL_US), ZP_OK);
    assert_int_equal(world.made(NULL, NULL, world.opaque, NULL, 0), RD_KAFKA_RESP_ERR_NO_ERROR);
    return 0;
}

static void send_request(int16_t api_key)
{
    assert_int_equal(world.sent(NULL, -1, "broker", 1, api_key, 11, 1, 100, world.opaque),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void test_a_fetch_after_a_silence_waits_for_nothing(void **state)
{
    (void)state;
    send_request(FETCH);
    assert_int_equal(world.rests, 0);
    world.now_us += INTERVAL_US;
    send_request(FETCH);
    assert_int_equal(world.rests, 0);
}

static void test_a_fetch_that_comes_soon_rests_for_what_is_left(void **state)
{
    (void)state;
    send_request(FETCH);
    world.now_us += 1000;
    send_request(FETCH);
    assert_int_equal(world.rests, 1);
    assert_int_equal(world.rested_us, INTERVAL_US - 1000);
}

static void test_under_load_there_is_one_fetch_an_interval(void **state)
{
    (void)state;
    send_request(FETCH);
    int64_t began_us = world.now_us;
    for (int i = 0; i < 100; i++) {
        world.now_us += 10;
        send_request(FETCH);
    }
    assert_int_equal(world.rests, 100);
    assert_int_equal(world.now_us - began_us, 100 * INTERVAL_US);
}

static void test_a_hungry_consumer_waits_for_a_third(void **state)
{
    (void)state;
    send_request(FETCH);
    bus_pace_hungry(true);
    for (int i = 1; i <= 10; i++) {
        send_request(FETCH);
        assert_int_equal(world.rests, i);
        assert_int_equal(world.rested_us, INTERVAL_US / 3);
    }
    bus_pace_hungry(false);
    world.rests = 0;
    send_request(FETCH);
    assert_int_equal(world.rests, 1);
    assert_int_equal(world.rested_us, INTERVAL_US);
}

static void test_a_rest_ends_when_the_consumer_gets_hungry(void **state)
{
    (void)state;
    send_request(FETCH);
    world.hungry_in_us = 1700;
    send_request(FETCH);
    assert_int_equal(world.rests, 1);
    assert_int_equal(world.rested_us, 1700);
    bus_pace_hungry(false);
    world.hungry_in_us = 0;
    send_request(FETCH); /* an interval after the fetch that went early */
    assert_int_equal(world.rested_us, INTERVAL_US);
}

static void test_other_requests_are_not_held_up(void **state)
{
    (void)state;
    send_request(FETCH);
    for (int i = 0; i < 10; i++) {
        send_request(LIST_OFFSETS);
    }
    assert_int_equal(world.rests, 0);
}

static void test_a_library_that_refuses_is_told(void **state)
{
    (void)state;
    world.answer = RD_KAFKA_RESP_ERR__CONFLICT;
    assert_int_equal(bus_pace_fetches(NULL, INTERVAL_US), ZP_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_fetch_after_a_silence_waits_for_nothing, setup),
        cmocka_unit_test_setup(test_a_fetch_that_comes_soon_rests_for_what_is_left, setup),
        cmocka_unit_test_setup(test_under_load_there_is_one_fetch_an_interval, setup),
        cmocka_unit_test_setup(test_a_hungry_consumer_waits_for_a_third, setup),
        cmocka_unit_test_setup(test_a_rest_ends_when_the_consumer_gets_hungry, setup),
        cmocka_unit_test_setup(test_other_requests_are_not_held_up, setup),
        cmocka_unit_test_setup(test_a_library_that_refuses_is_told, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
