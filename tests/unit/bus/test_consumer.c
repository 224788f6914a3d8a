/* The consumer: nothing comes out of a partition before it is started, and then everything from that offset on, in
 * order.
 *
 * Joining the library's group takes three seconds, so all tests share one member; each has partitions of its own,
 * and those that end the membership come last. */
#include "support.h"

#define PARTITIONS 8

/* A worker, as far as the consumer can tell. */
struct worker {
    struct bus_consumer *consumer; /* NULL during creation */
    bool assigned[BUS_PARTITIONS_MAX];
    int assignments, revocations, losses, strays;
    int32_t stray;
    int64_t start_at;              /* -1: do not start inside on_assign */
    int32_t start_only;
};

static void assigned(void *arg, const int32_t *partitions, size_t count)
{
    struct worker *worker = arg;
    worker->assignments++;
    for (size_t i = 0; i < count; i++) {
        assert_false(worker->assigned[partitions[i]]);
        worker->assigned[partitions[i]] = true;
        if (worker->start_at >= 0 && partitions[i] == worker->start_only) {
            assert_int_equal(bus_consumer_start(worker->consumer, partitions[i], worker->start_at), ZP_OK);
        }
    }
}

static void revoked(void *arg, const int32_t *partitions, size_t count, bool lost)
{
    struct worker *worker = arg;
    worker->revocations++;
    worker->losses += lost ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        assert_true(worker->assigned[partitions[i]]);
        worker->assigned[partitions[i]] = false;
    }
}

static void strayed(void *arg, int32_t partition)
{
    struct worker *worker = arg;
    worker->strays++;
    worker->stray = partition;
}

static struct worker worker;
static const char *topic;

static void worker_start(const char *instance_id)
{
    const struct bus_consumer_settings settings = {
        .brokers = mock.brokers,
        .client_id = "test",
        .group = "workers",
        .instance_id = instance_id,
        .topic = topic,
        .queue_bytes_max = 1024 * 1024,
        .on_assign = assigned,
        .on_revoke = revoked,
        .on_out_of_range = strayed,
        .arg = &worker,
    };
    char why[BUS_WHY_SIZE] = "";
    worker = (struct worker){ .start_at = -1 };
    assert_int_equal(bus_consumer_create(&settings, &worker.consumer, why), ZP_OK);
}

/* The next record; NULL when none comes although all was waited for. It waits in one piece: each time that it came back
 * with nothing, the consumer would take its queue for one that was never full. */
static struct record *record_wait(void)
{
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    struct record *record = NULL;
    while (record == NULL && clock_mono_us() < give_up_us) {
        record = bus_consume(worker.consumer, PATIENCE_MS);
    }
    return record;
}

static void assignment_wait(int assignments)
{
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    while (worker.assignments < assignments && clock_mono_us() < give_up_us) {
        assert_null(bus_consume(worker.consumer, 50));
    }
    assert_int_equal(worker.assignments, assignments);
}

static int member_join(void **state)
{
    (void)state;
    mock_setup(NULL);
    topic = topic_new(PARTITIONS);
    worker_start("worker-1");
    assert_int_equal(bus_consumer_start(worker.consumer, 0, 0), ZP_NOT_FOUND); /* not assigned yet */
    assert_int_equal(bus_consumer_pause(worker.consumer, 0), ZP_NOT_FOUND);
    assignment_wait(1);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        assert_true(worker.assigned[i]);
    }
    return 0;
}

static int member_leave(void **state)
{
    (void)state;
    bus_consumer_destroy(worker.consumer);
    return mock_teardown(NULL);
}

static void expect_records(int32_t partition, int64_t from, int64_t to)
{
    for (int64_t offset = from; offset < to; offset++) {
        struct record *record = record_wait();
        assert_non_null(record);
        assert_int_equal(record->partition, partition);
        assert_int_equal(record->offset, offset);
        char value[16];
        snprintf(value, sizeof(value), "%d", (int)offset);
        assert_int_equal(record->value_len, strlen(value));
        assert_memory_equal(record->value, value, strlen(value));
        bus_record_release(record);
    }
}

static void test_partitions_are_paused_until_they_are_started(void **state)
{
    (void)state;
    log_fill(topic, 1, 10);
    log_fill(topic, 2, 10);
    assert_int_equal(bus_consumer_start(worker.consumer, 2, 4), ZP_OK);
    expect_records(2, 4, 10); /* and nothing of partition 1, which was there first */
    assert_int_equal(bus_consumer_start(worker.consumer, 1, 0), ZP_OK);
    expect_records(1, 0, 10);
}

static void test_a_running_partition_is_started_again_elsewhere(void **state)
{
    (void)state;
    log_fill(topic, 3, 100);
    assert_int_equal(bus_consumer_start(worker.consumer, 3, 0), ZP_OK);
    expect_records(3, 0, 30);
    assert_int_equal(bus_consumer_start(worker.consumer, 3, 10),
                     ZP_OK); /* back: what was fetched ahead does not come out */
    expect_records(3, 10, 20);
    assert_int_equal(bus_consumer_start(worker.consumer, 3, 70), ZP_OK); /* forth */
    expect_records(3, 70, 80);
    assert_int_equal(bus_consumer_pause(worker.consumer, 3), ZP_OK);
    assert_int_equal(bus_consumer_pause(worker.consumer, 3), ZP_OK); /* twice is fine */
    for (int i = 0; i < 20; i++) {
        assert_null(bus_consume(worker.consumer, 1));
    }
    assert_int_equal(bus_consumer_start(worker.consumer, 3, 5), ZP_OK);
    expect_records(3, 5, 100);
}

static void test_an_offset_that_the_log_does_not_have(void **state)
{
    (void)state;
    log_fill(topic, 4, 10);
    log_fill(topic, 5, 10);
    assert_int_equal(bus_consumer_start(worker.consumer, 5, 4), ZP_OK);
    expect_records(5, 4, 7);
    assert_int_equal(bus_consumer_start(worker.consumer, 4, 11), ZP_OK);
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    int64_t next = 7;
    while (worker.strays == 0 && clock_mono_us() < give_up_us) {
        struct record *record = bus_consume(worker.consumer, 50);
        if (record != NULL) {
            assert_int_equal(record->partition, 5);
            assert_int_equal(record->offset, next++);
            bus_record_release(record);
        }
    }
    assert_int_equal(worker.strays, 1);
    assert_int_equal(worker.stray, 4);
    bool fatal;
    assert_non_null(strstr(bus_consumer_trouble(worker.consumer, &fatal), "partition 4 at 11"));
    assert_false(fatal);
    expect_records(5, next, 10); /* the neighbour goes on where it was */
    assert_int_equal(bus_consumer_start(worker.consumer, 4, 3), ZP_OK);
    expect_records(4, 3, 10);
    assert_int_equal(worker.strays, 1);
    assert_int_equal(worker.revocations, 0);
}

static void test_what_is_not_ours_is_refused(void **state)
{
    (void)state;
    static const int32_t others[] = { -1, PARTITIONS, BUS_PARTITIONS_MAX, INT32_MAX };
    for (size_t i = 0; i < ZP_COUNT(others); i++) {
        assert_int_equal(bus_consumer_start(worker.consumer, others[i], 0), ZP_NOT_FOUND);
        assert_int_equal(bus_consumer_pause(worker.consumer, others[i]), ZP_NOT_FOUND);
    }
    assert_int_equal(bus_consumer_pause(worker.consumer, 7), ZP_OK); /* it is, from the beginning */
}

/* Three records: with headers of all kinds, with more headers than a view has room for, with nothing at all. */
static void odd_records_put(int32_t partition, const struct header *few, size_t few_count)
{
    struct bus_producer_settings settings = producer_settings();
    struct bus_producer *producer = producer_ready(&settings, topic);
    struct fate fate = { 0 };
    struct header many[40];
    char names[40][16];
    for (int i = 0; i < 40; i++) {
        snprintf(names[i], sizeof(names[i]), "h%d", i);
        many[i] = (struct header){ names[i], names[i], strlen(names[i]) };
    }
    struct record full = record_to(partition, "key", "value");
    full.headers = (struct header *)(uintptr_t)few;
    full.header_count = few_count;
    struct record wide = record_to(partition, "", "");
    wide.headers = many;
    wide.header_count = 40;
    struct record bare = { .partition = partition };
    assert_int_equal(bus_produce(producer, topic, &full, &fate), ZP_OK);
    assert_int_equal(bus_produce(producer, topic, &wide, &fate), ZP_OK);
    assert_int_equal(bus_produce(producer, topic, &bare, &fate), ZP_OK);
    fate_wait(producer, &fate, 3);
    bus_producer_destroy(producer, 0);
}

static void test_records_carry_everything(void **state)
{
    (void)state;
    const struct header few[] = {
        { "ce_id", "a\0b", 3 }, { "empty", "", 0 }, { "none", NULL, 0 }, { "ce_id", "again", 5 }
    };
    odd_records_put(6, few, ZP_COUNT(few));
    assert_int_equal(bus_consumer_start(worker.consumer, 6, 0), ZP_OK);
    struct record *a = record_wait(), *b = record_wait(), *c = record_wait(); /* held together */
    assert_true(a != NULL && b != NULL && c != NULL);
    assert_int_equal(a->key_len, 3);
    assert_memory_equal(a->key, "key", 3);
    assert_memory_equal(a->value, "value", 5);
    assert_true(a->timestamp_us > 1600000000000000 && a->timestamp_us % 1000 == 0);
    assert_int_equal(a->header_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(a->headers[i].name, few[i].name);
        assert_int_equal(a->headers[i].len, few[i].len);
        assert_true(few[i].len == 0 || memcmp(a->headers[i].value, few[i].value, few[i].len) == 0);
    }
    assert_null(a->headers[2].value);
    assert_int_equal(b->header_count, 40);
    assert_string_equal(b->headers[39].name, "h39");
    assert_int_equal(b->value_len, 0);
    assert_int_equal(c->header_count, 0);
    assert_null(c->key);
    assert_null(c->value);
    bus_record_release(b);
    bus_record_release(a);
    bus_record_release(c);
    bus_record_release(NULL);
}

static void test_a_hint_is_left_out_while_one_is_on_its_way(void **state)
{
    (void)state;
    const int32_t partitions[] = { 0, 1 };
    const int64_t offsets[] = { 3, 4 };
    answer_push(API_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_NO_ERROR, 100);
    answer_push(API_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_NO_ERROR, 0);
    for (int i = 0; i < 1000; i++) {
        bus_consumer_hint(worker.consumer, partitions, offsets, 2);
    }
    bus_consumer_hint(worker.consumer, NULL, NULL, 0);
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    while (answers_left(API_OFFSET_COMMIT) > 1 && clock_mono_us() < give_up_us) {
        assert_null(bus_consume(worker.consumer, 10));
    }
    assert_int_equal(answers_left(API_OFFSET_COMMIT), 1); /* one of a thousand was sent */
    while (answers_left(API_OFFSET_COMMIT) > 0 &&
           clock_mono_us() < give_up_us) { /* and once it is answered, the next */
        assert_null(bus_consume(worker.consumer, 10));
        bus_consumer_hint(worker.consumer, partitions, offsets, 2);
    }
    assert_int_equal(answers_left(API_OFFSET_COMMIT), 0);
}

static void test_trouble_is_told_once(void **state)
{
    (void)state;
    assert_int_equal(rd_kafka_mock_broker_set_down(mock.cluster, -1), RD_KAFKA_RESP_ERR_NO_ERROR);
    bool fatal = true;
    const char *trouble = NULL;
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    while (trouble == NULL && clock_mono_us() < give_up_us) {
        assert_null(bus_consume(worker.consumer, 50));
        trouble = bus_consumer_trouble(worker.consumer, &fatal);
    }
    assert_non_null(trouble);
    assert_false(fatal);
    assert_null(bus_consumer_trouble(worker.consumer, &fatal));
    assert_int_equal(rd_kafka_mock_broker_set_up(mock.cluster, -1), RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* More than fits into the queue has come out of it: as soon as it stays empty its fetchers are woken, by a request for
 * an offset, which is answered as answer_push said. Who takes slowly may see that only behind the last record. */
static void fetchers_wait(void)
{
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    while (answers_left(API_LIST_OFFSETS) > 0 && clock_mono_us() < give_up_us) {
        assert_null(bus_consume(worker.consumer, 50));
    }
    assert_int_equal(answers_left(API_LIST_OFFSETS), 0);
}

/* Also pins a start at the worst moment, inside on_assign, with slow brokers: librdkafka 2.0.2 skips records without
 * a word there when the partition was assigned at RD_KAFKA_OFFSET_END, for the answer where that is comes after the
 * seek. */
static void test_a_member_that_was_thrown_out_loses_all_and_starts_again(void **state)
{
    (void)state;
    log_fill_wide(topic, 0, 30, 100 * 1024);
    broker_delay(50);
    worker.start_at = 0;
    worker.start_only = 0;
    answer_push(API_HEARTBEAT, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, 0);
    answer_push(API_LIST_OFFSETS, RD_KAFKA_RESP_ERR_NO_ERROR, 0);
    for (int64_t offset = 0; offset < 30; offset++) {
        struct record *record = record_wait();
        assert_non_null(record);
        assert_int_equal(record->offset, offset);
        bus_record_release(record);
        worker.start_at = offset + 1;
    }
    assert_true(worker.revocations > 0); /* on a slow machine brokers that were down cost it its place, too */
    assert_int_equal(worker.assignments, worker.revocations + 1);
    assert_int_equal(worker.losses, worker.revocations);
    fetchers_wait();
    broker_delay(0);
}

static void test_a_fenced_member_is_told_that_it_is_over(void **state)
{
    (void)state;
    answer_push(API_HEARTBEAT, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, 0);
    int before = worker.revocations;
    bool fatal = false;
    const char *trouble = NULL;
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    while ((!fatal || worker.revocations == before) && clock_mono_us() < give_up_us) {
        assert_null(bus_consume(worker.consumer, 50));
        const char *now = bus_consumer_trouble(worker.consumer, &fatal);
        trouble = now != NULL ? now : trouble;
    }
    assert_true(fatal);
    assert_non_null(strstr(trouble, "fenced"));
    int revocations = worker.revocations;
    assert_int_equal(bus_consumer_start(worker.consumer, 0, 0), ZP_NOT_FOUND);
    bus_consumer_destroy(worker.consumer);
    assert_int_equal(worker.revocations, revocations); /* what is gone is not revoked twice */
    worker.consumer = NULL;
}

/* Each has heard what is its own, and the one partition is somebody's: who joins later takes it from the first, which
 * hears of its next share a moment after the other. */
static bool all_is_shared(const struct worker members[2])
{
    return members[0].assignments > 0 && members[1].assignments > 0 &&
           members[0].assigned[0] + members[1].assigned[0] == 1;
}

/* There may be more workers than partitions. The one that gets nothing must hear that, too: else it would wait for
 * ever to know what is its own. */
static void test_a_member_without_a_partition_is_told_so(void **state)
{
    (void)state;
    struct worker members[2] = { { .start_at = -1 }, { .start_at = -1 } };
    const char *const names[] = { "crowd-1", "crowd-2" };
    const char *small = topic_new(1);
    for (int i = 0; i < 2; i++) {
        const struct bus_consumer_settings settings = {
            .brokers = mock.brokers, .client_id = "test", .group = "crowd", .instance_id = names[i], .topic = small,
            .queue_bytes_max = 1024 * 1024, .on_assign = assigned, .on_revoke = revoked, .arg = &members[i],
        };
        char why[BUS_WHY_SIZE] = "";
        assert_int_equal(bus_consumer_create(&settings, &members[i].consumer, why), ZP_OK);
    }
    int64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000;
    while (!all_is_shared(members) && clock_mono_us() < give_up_us) {
        assert_null(bus_consume(members[0].consumer, 20));
        assert_null(bus_consume(members[1].consumer, 20));
    }
    assert_true(all_is_shared(members));
    bus_consumer_destroy(members[0].consumer);
    bus_consumer_destroy(members[1].consumer);
}

static const struct refusal { const char *name, *brokers, *topic; int64_t queue; const char *why; } refusals[] = {
    { "no brokers", "", "orders.test.v1", 1024 * 1024, "no brokers" },
    { "no queue", NOWHERE, "orders.test.v1", 0, "queued.max.messages.kbytes" },
    { "no topic", NOWHERE, "", 1024 * 1024, "subscribing" },
};

static void test_settings_that_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(refusals); i++) {
        const struct bus_consumer_settings settings = {
            .brokers = refusals[i].brokers,
            .client_id = "test",
            .group = "workers",
            .instance_id = "worker-1",
            .topic = refusals[i].topic,
            .queue_bytes_max = refusals[i].queue,
            .on_assign = assigned,
            .on_revoke = revoked,
        };
        struct bus_consumer *consumer = NULL;
        char why[BUS_WHY_SIZE] = "";
        if (bus_consumer_create(&settings, &consumer, why) != ZP_INVALID || strstr(why, refusals[i].why) == NULL) {
            fail_msg("%s: %s", refusals[i].name, why);
        }
        assert_null(consumer);
    }
    bus_consumer_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_that_are_refused),
        cmocka_unit_test(test_partitions_are_paused_until_they_are_started),
        cmocka_unit_test(test_a_running_partition_is_started_again_elsewhere),
        cmocka_unit_test(test_an_offset_that_the_log_does_not_have),
        cmocka_unit_test(test_what_is_not_ours_is_refused),
        cmocka_unit_test(test_records_carry_everything),
        cmocka_unit_test(test_a_hint_is_left_out_while_one_is_on_its_way),
        cmocka_unit_test(test_trouble_is_told_once),
        cmocka_unit_test(test_a_member_that_was_thrown_out_loses_all_and_starts_again),
        cmocka_unit_test(test_a_fenced_member_is_told_that_it_is_over),
        cmocka_unit_test(test_a_member_without_a_partition_is_told_so),
    };
    return cmocka_run_group_tests(tests, member_join, member_leave);
}
