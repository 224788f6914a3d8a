/* test_silence.c: when the worker takes its consumer for deaf to a partition. Each row is a life of ten seconds in
 * rounds of 50 ms, in which the consumer had nothing to give. */
#include "world.h"

#include "silence.h"

#include <string.h>

#define ROUND_US 50000
#define SECOND 1000000
#define NOW 500000000 /* when it begins */

static struct silence silence;
static struct partition partitions[BUS_PARTITIONS_MAX];
static struct marks marks[BUS_PARTITIONS_MAX];

static int begin(void **state)
{
    (void)state;
    memset(&silence, 0, sizeof silence);
    memset(partitions, 0, sizeof partitions);
    memset(marks, 0, sizeof marks);
    partitions[7].state = PARTITION_OWNED;
    partitions[7].gathered_offset = 100;
    marks[7].end_offset = 101;
    return 0;
}

enum flaw { NONE, CAUGHT_UP, NOT_OURS, LEADER_SILENT, GOES_ON, RARELY_DRY };

static const struct row { const char *name; enum flaw flaw; bool wanted; } rows[] = {
    { "what the log has does not come", NONE, true },
    { "there is nothing more", CAUGHT_UP, false },
    { "the partition is being taken", NOT_OURS, false },
    { "its leader does not answer either", LEADER_SILENT, false },
    { "its records come, though never the last one", GOES_ON, false },
    { "the consumer seldom had nothing to give", RARELY_DRY, false },
};

static void live(const struct row *row, int64_t *ret_first_us)
{
    partitions[7].state = row->flaw == NOT_OURS ? PARTITION_TAKING : PARTITION_OWNED;
    marks[7].end_offset = row->flaw == CAUGHT_UP ? 100 : 101;
    int64_t every_us = row->flaw == RARELY_DRY ? SECOND + ROUND_US : ROUND_US;
    for (int64_t at = 0; at <= 10 * SECOND; at += every_us) {
        marks[7].end_asked_us = row->flaw == LEADER_SILENT ? NOW : NOW + at;
        if (row->flaw == GOES_ON && at % SECOND == 0) {
            partitions[7].gathered_offset++;
            marks[7].end_offset++;
        }
        int32_t found = silence_look(&silence, partitions, marks, NOW + at);
        if (found >= 0) {
            assert_int_equal(found, 7);
            *ret_first_us = *ret_first_us < 0 ? at : *ret_first_us;
        }
    }
}

static void only_true_silence_is_blamed(void **state)
{
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        int64_t first_us = -1;
        begin(state);
        live(&rows[i], &first_us);
        if ((first_us >= 0) != rows[i].wanted) {
            fail_msg("%s: %lld", rows[i].name, (long long)first_us);
        }
        assert_true(first_us < 0 || first_us >= 3 * SECOND);
    }
}

/* How many rounds pass before the next blame. */
static int rounds_to_blame(int64_t *at_us)
{
    int rounds = 0;
    do {
        *at_us += ROUND_US;
        marks[7].end_asked_us = *at_us;
        rounds++;
    } while (silence_look(&silence, partitions, marks, *at_us) < 0 && rounds < 100000);
    return rounds;
}

static void what_is_in_vain_is_done_less_and_less(void **state)
{
    (void)state;
    int64_t at_us = NOW;
    int first = rounds_to_blame(&at_us), second = rounds_to_blame(&at_us), last = second;
    assert_in_range(second, 2 * first - 2, 2 * first + 2);
    for (int i = 0; i < 10; i++) {
        last = rounds_to_blame(&at_us);
    }
    assert_in_range(last, 600 * 20, 600 * 20 + 4); /* never more seldom than every ten minutes */
    partitions[7].state = PARTITION_TAKING; /* assigned anew: it stands nowhere yet */
    partitions[7].gathered_offset = 0;
    (void)silence_look(&silence, partitions, marks, at_us);
    partitions[7].state = PARTITION_OWNED;
    partitions[7].gathered_offset = 100;
    assert_in_range(rounds_to_blame(&at_us), 600 * 20, 600 * 20 + 4);
    partitions[7].gathered_offset = 101; /* this time it came */
    marks[7].end_offset = 102;
    assert_in_range(rounds_to_blame(&at_us), first - 1, first + 1);
}

/* A thread that was busy with a database for a minute has not listened. */
static void a_pause_begins_anew(void **state)
{
    (void)state;
    int64_t at_us = NOW;
    int first = rounds_to_blame(&at_us);
    begin(state);
    for (int i = 0; i < first - 2; i++) {
        at_us += ROUND_US;
        marks[7].end_asked_us = at_us;
        assert_int_equal(silence_look(&silence, partitions, marks, at_us), -1);
    }
    at_us += 60 * (int64_t)SECOND;
    assert_in_range(rounds_to_blame(&at_us), first - 1, first + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(only_true_silence_is_blamed, begin),
        cmocka_unit_test_setup(what_is_in_vain_is_done_less_and_less, begin),
        cmocka_unit_test_setup(a_pause_begins_anew, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
