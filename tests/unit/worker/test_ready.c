/* test_ready.c: when a worker is ready, as far as its partitions go, and what it says of them. */
#include "world.h"

#include <string.h>

static const struct row {
    const char *name;
    bool is_assigned;
    int owned, taking, stopped;
    bool wanted;
    const char *why;
} rows[] = {
    { "it waits for the group's first word", false, 0, 0, 0, false, "the group has not said yet which are ours" },
    { "what it had was revoked", false, 0, 0, 0, false, "the group has not said yet which are ours" },
    { "one that it had is stopped, the others were revoked", false, 0, 0, 1, false,
      "the group has not said yet which are ours" },
    { "there are more workers than partitions", true, 0, 0, 0, true, "0 owned, 0 being taken over, 0 stopped" },
    { "it owns what is its own", true, 3, 0, 0, true, "3 owned, 0 being taken over, 0 stopped" },
    { "it takes all of them over", true, 0, 3, 0, false, "0 owned, 3 being taken over, 0 stopped" },
    { "it takes one over", true, 2, 1, 0, false, "2 owned, 1 being taken over, 0 stopped" },
    { "one is stopped", true, 2, 0, 1, false, "2 owned, 0 being taken over, 1 stopped" },
};

static void test_partitions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        static struct worker worker;
        memset(&worker, 0, sizeof worker);
        worker.is_assigned = row->is_assigned;
        int p = 0;
        for (int n = 0; n < row->owned; n++) {
            worker.partitions[p++].state = PARTITION_OWNED;
        }
        for (int n = 0; n < row->taking; n++) {
            worker.partitions[p++].state = PARTITION_TAKING;
        }
        for (int n = 0; n < row->stopped; n++) {
            worker.partitions[p++].state = PARTITION_STOPPED;
        }
        char why[120] = "";
        bool is_ready = ready_partitions(&worker, why, sizeof why);
        if (is_ready != row->wanted || strcmp(why, row->why) != 0) {
            fail_msg("%s: %s, \"%s\"", row->name, is_ready ? "ready" : "not ready", why);
        }
    }
}

static void test_servers(void **state)
{
    (void)state;
    static struct worker worker;
    char why[120] = "";
    assert_false(ready_database(&worker, why, sizeof why));
    assert_string_equal(why, "the last transaction failed");
    assert_false(ready_consumer(&worker, why, sizeof why));
    worker.database_ok = worker.consumer_ok = true;
    assert_true(ready_database(&worker, why, sizeof why));
    assert_true(ready_consumer(&worker, why, sizeof why));
    assert_string_equal(why, "the consumer reports no trouble");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
