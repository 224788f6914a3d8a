/* The ceilings of event streams, and the table that counts them against a plain model. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "quota.h"

static struct zp_id id_of(int number)
{
    struct zp_id id = ID_NONE;
    memcpy((uint8_t *)&id + sizeof(id) - sizeof(number), &number, sizeof(number));
    return id;
}

/* "u1l2" takes a stream of user 1 at location 2 and must succeed; in capitals it gives one back; "u1l2!" must be
 * refused as limited, "u1l2?" as busy. */
static const struct row { const char *name, *steps; struct quota_limits limits; } rows[] = {
    { "as many as there may be in all", "u1l1 u2l2 u3l3?", { 2, 9, 9 } },
    { "as many as a user may have", "u1l1 u1l2 u1l3! u2l3", { 9, 2, 9 } },
    { "as many as a location may have", "u1l1 u2l1 u3l1? u3l2", { 9, 9, 2 } },
    { "a user's own fault comes first", "u1l1 u1l1!", { 1, 1, 1 } },
    { "what is given back is free again", "u1l1 u1l1! U1L1 u1l1", { 9, 1, 9 } },
    { "what was refused is not counted", "u1l1 u1l2! u2l2 U1L1 u1l2?", { 9, 1, 1 } },
    { "a user's number is no location's", "u1l2 u2l1 u1l1! u2l2!", { 9, 1, 1 } },
    { "none at all", "u1l1?", { 0, 9, 9 } },
};

static void run_step(struct quota *quota, const struct row *row, const char *step)
{
    struct zp_id user = id_of(step[1] - '0'), location = id_of(step[3] - '0');
    if (step[0] == 'U') {
        quota_give(quota, &user, &location);
        return;
    }
    enum zp_err want = step[4] == '!' ? ZP_LIMITED : step[4] == '?' ? ZP_BUSY : ZP_OK;
    enum zp_err got = quota_take(quota, &user, &location);
    if (got != want) {
        fail_msg("%s: %.5s gave %s", row->name, step, zp_err_name(got));
    }
}

static void ceilings_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct quota *quota = NULL;
        assert_int_equal(quota_create(&rows[i].limits, &quota), ZP_OK);
        for (const char *step = rows[i].steps; step != NULL; step = strchr(step, ' ')) {
            step += *step == ' ';
            run_step(quota, &rows[i], step);
        }
        quota_destroy(quota);
    }
    quota_destroy(NULL);
}

#define IDS 40
#define STREAMS 60

/* Thousands of comings and goings in a table that is as full as it gets: gaps are closed without losing anybody. */
static void the_table_agrees_with_a_plain_one(void **state)
{
    static const struct quota_limits limits = { STREAMS, 3, 4 };
    struct { int user, location; } streams[STREAMS];
    int users[IDS] = { 0 }, locations[IDS] = { 0 }, count = 0;
    struct quota *quota = NULL;
    (void)state;
    srand(7);
    assert_int_equal(quota_create(&limits, &quota), ZP_OK);
    for (int i = 0; i < 20000; i++) {
        int user = rand() % IDS, location = rand() % IDS;
        struct zp_id user_id = id_of(user), location_id = id_of(1000 + location);
        if (count > 0 && rand() % 2 == 0) {
            int gone = rand() % count;
            user_id = id_of(streams[gone].user);
            location_id = id_of(1000 + streams[gone].location);
            quota_give(quota, &user_id, &location_id);
            users[streams[gone].user]--;
            locations[streams[gone].location]--;
            streams[gone] = streams[--count];
            continue;
        }
        enum zp_err want = users[user] >= 3 ? ZP_LIMITED
                           : count >= STREAMS || locations[location] >= 4 ? ZP_BUSY : ZP_OK;
        assert_int_equal(quota_take(quota, &user_id, &location_id), want);
        if (want == ZP_OK) {
            streams[count].user = user;
            streams[count++].location = location;
            users[user]++;
            locations[location]++;
        }
    }
    quota_destroy(quota);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ceilings_hold),
        cmocka_unit_test(the_table_agrees_with_a_plain_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
