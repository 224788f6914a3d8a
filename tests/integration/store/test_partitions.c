/* Taking partitions: counted, owner-checked, and never stopped by a worker that was stopped. */
#include "support.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_take_makes_the_row_and_counts(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id first = id_of(1), second = id_of(2);
    struct store_partition row;
    OK(store_partition_take(world.store, 3, &ID_NONE, &first, &row));
    assert_int_equal(row.partition, 3);
    assert_memory_equal(&row.owner, &first, sizeof(first));
    assert_int_equal(row.next_offset + row.published_offset + row.events_offset, 0);
    assert_int_equal(row.takeovers, 1);
    assert_int_equal(row.trying_offset, -1);
    assert_true(id_is_none(&row.last_command_id));

    OK(store_partition_try(world.store, 3, &first, 5));
    OK(store_partition_take(world.store, 3, &ID_NONE, &second, &row));
    assert_memory_equal(&row.owner, &second, sizeof(second));
    assert_int_equal(row.takeovers, 4);
    assert_int_equal(row.trying_offset, 5); /* a take must not forget which record may have killed the last owner */

    OK(store_partition_try(world.store, 3, &second, -1));
    row.published_offset = 7;
    row.events_offset = 9;
    assert_int_equal(store_partition_release(world.store, &row), ZP_FENCED); /* not applied: it fell back */
    sql_run("UPDATE partitions SET next_offset = 7");
    OK(store_partition_release(world.store, &row));
    row.published_offset = 6;
    OK(store_partition_release(world.store, &row));
    OK(store_partition_take(world.store, 3, &ID_NONE, &first, &row));
    assert_int_equal(row.takeovers, 1);
    assert_int_equal(row.trying_offset, -1);
    assert_int_equal(row.published_offset, 7);
    assert_int_equal(row.events_offset, 9);
}

/* A takeover that its own process survived says nothing about its records. */
static void a_take_from_oneself_does_not_count(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id first = id_of(1), second = id_of(2), third = id_of(3);
    struct store_partition row;
    OK(store_partition_take(world.store, 3, &third, &first, &row));
    assert_int_equal(row.takeovers, 1); /* there was no row, so there was no last owner */
    OK(store_partition_take(world.store, 3, &first, &second, &row));
    assert_int_equal(row.takeovers, 1);
    assert_memory_equal(&row.owner, &second, sizeof(second));
    OK(store_partition_take(world.store, 3, &first, &third, &row)); /* somebody else was the owner meanwhile */
    assert_int_equal(row.takeovers, 2);
}

/* An operator's word: only while the row is still what the operator saw. */
static void accepting_the_logs_fences_the_owner_off(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id first = id_of(1), second = id_of(2), last = id_of(4);
    struct store_partition row;
    OK(store_partition_take(world.store, 3, &ID_NONE, &first, &row));
    OK(store_partition_try(world.store, 3, &first, 5));
    struct store_partition seen = row, fresh = row;
    fresh.owner = second;
    fresh.next_offset = 70;
    fresh.last_command_id = last;
    fresh.events_offset = 30;
    seen.next_offset = 1;
    assert_int_equal(store_partition_accept(world.store, &seen, &fresh), ZP_FENCED);
    seen = row;
    seen.owner = second;
    assert_int_equal(store_partition_accept(world.store, &seen, &fresh), ZP_FENCED);
    OK(store_partition_accept(world.store, &row, &fresh));
    assert_int_equal(store_partition_accept(world.store, &row, &fresh), ZP_FENCED);
    assert_int_equal(store_partition_try(world.store, 3, &first, 5), ZP_FENCED);
    OK(store_partition_take(world.store, 3, &ID_NONE, &first, &row));
    assert_int_equal(row.next_offset, 70);
    assert_int_equal(row.events_offset, 30);
    assert_memory_equal(&row.last_command_id, &last, sizeof(last));
    assert_int_equal(row.takeovers, 1);
    assert_int_equal(row.trying_offset, -1);
    fresh = row;
    fresh.owner = id_of(5);
    fresh.last_command_id = ID_NONE;
    OK(store_partition_accept(world.store, &row, &fresh));
    OK(store_partition_take(world.store, 3, &ID_NONE, &second, &row));
    assert_true(id_is_none(&row.last_command_id));
}

static const struct try_row { const char *name; int64_t offset; int32_t takeovers; } try_rows[] = {
    { "a first record starts at three",      5,  3 },
    { "the same one once more",              5,  4 },
    { "another one starts anew",             6,  3 },
    { "none at all leaves the count alone", -1,  4 },
    { "and the next one starts anew",        6,  3 },
};

static void deaths_are_counted_over_one_record(void **state)
{
    (void)state;
    NEEDS_WORLD();
    for (size_t i = 0; i < ZP_COUNT(try_rows); i++) {
        print_message("  %s\n", try_rows[i].name);
        const struct zp_id owner = id_of(1 + (uint32_t)i);
        struct store_partition row;
        OK(store_partition_take(world.store, 3, &ID_NONE, &owner, &row));
        OK(store_partition_try(world.store, 3, &owner, try_rows[i].offset));
        assert_int_equal(sql_int("SELECT takeovers FROM partitions"), try_rows[i].takeovers);
        assert_int_equal(sql_int("SELECT coalesce(trying_offset, -1) FROM partitions"), try_rows[i].offset);
    }
}

/* Two workers that take a partition from each other, while the log cannot be read, kill nobody. */
static void takers_that_name_nothing_count_no_deaths(void **state)
{
    (void)state;
    NEEDS_WORLD();
    struct store_partition row;
    const struct zp_id first = id_of(1), last = id_of(9);
    OK(store_partition_take(world.store, 3, &ID_NONE, &first, &row));
    OK(store_partition_try(world.store, 3, &first, 0));
    for (uint32_t i = 2; i < 8; i++) {
        const struct zp_id owner = id_of(i);
        OK(store_partition_take(world.store, 3, &ID_NONE, &owner, &row));
        assert_int_equal(row.takeovers, 4); /* one of them may have died over it */
        assert_int_equal(row.trying_offset, 0);
    }
    OK(store_partition_take(world.store, 3, &ID_NONE, &last, &row));
    OK(store_partition_try(world.store, 3, &last, 0));
    assert_int_equal(sql_int("SELECT takeovers FROM partitions"), 4);
    OK(store_partition_take(world.store, 3, &ID_NONE, &first, &row));
    assert_int_equal(row.takeovers, 5);
}

static void who_is_not_the_owner_changes_nothing(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1), stranger = id_of(2);
    struct store_partition row;
    OK(store_partition_take(world.store, 3, &ID_NONE, &owner, &row));
    row.owner = stranger;
    row.published_offset = 100;
    assert_int_equal(store_partition_release(world.store, &row), ZP_FENCED);
    assert_int_equal(store_partition_try(world.store, 3, &stranger, 5), ZP_FENCED);
    assert_int_equal(store_partition_try(world.store, 4, &owner, 5), ZP_FENCED);
    assert_int_equal(sql_int("SELECT takeovers + published_offset + coalesce(trying_offset, 0) FROM partitions"), 1);
}

static void partitions_are_listed_in_order(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1);
    struct store_partition row, *rows;
    size_t count;
    for (int32_t i = 9; i >= 0; i--) {
        OK(store_partition_take(world.store, i, &ID_NONE, &owner, &row));
    }
    sql_run("INSERT INTO partitions SELECT 'another.topic', partition, owner, 0, NULL, 0, 0, 0 FROM partitions");
    OK(store_partitions_list(world.store, &world.arena, &rows, &count));
    assert_int_equal(count, 10);
    for (int32_t i = 0; i < 10; i++) {
        assert_int_equal(rows[i].partition, i);
    }
}

/* ---- a row that is held
 * ------------------------------------------------------------------------------------------------- */

/* A worker that is stopped in the middle of a pipeline: its statement is done, its transaction is open, and neither end
 * will say another word. Gives its pid once it holds the row. */
static pid_t freeze_a_holder(const char *update)
{
    pid_t pid = fork();
    if (pid == 0) {
        PGconn *conn = PQconnectdb(world.uri);
        PQexec(conn, "SET application_name = 'frozen'");
        PQenterPipelineMode(conn);
        PQsendQueryParams(conn, update, 0, NULL, NULL, NULL, NULL, 0);
        PQsendFlushRequest(conn);
        PQflush(conn);
        PGresult *result = PQgetResult(conn);
        bool holds = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
        if (holds) {
            (void)raise(SIGSTOP);
        }
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    return pid;
}

static void thaw(pid_t pid)
{
    int status;
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, &status, 0);
}

static void a_frozen_worker_is_ended_and_its_row_taken(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id first = id_of(1), second = id_of(2);
    struct store_partition row;
    OK(store_partition_take(world.store, 3, &ID_NONE, &first, &row));
    pid_t frozen = freeze_a_holder("UPDATE partitions SET takeovers = 77");
    assert_int_equal(sql_int("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'frozen'"), 1);
    int64_t began_us = clock_mono_us();
    enum zp_err err = store_partition_take(world.store, 3, &ID_NONE, &second, &row);
    int64_t took_us = clock_mono_us() - began_us;
    thaw(frozen);
    OK(err);
    assert_memory_equal(&row.owner, &second, sizeof(second));
    assert_int_equal(row.takeovers, 2); /* nothing of what the frozen one did is left */
    assert_in_range(took_us, 2000000, 10000000);
    assert_int_equal(sql_int("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'frozen'"), 0);
    OK(store_partition_take(world.store, 3, &ID_NONE, &first, &row)); /* and the connection lives on */
}

/* A live worker holds our row and waits for another one, which a frozen worker holds: only the frozen one is in the
 * way. */
static void who_waits_in_turn_is_not_ended(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id first = id_of(1), second = id_of(2);
    struct store_partition row;
    OK(store_partition_take(world.store, 3, &ID_NONE, &first, &row));
    OK(store_partition_take(world.store, 4, &ID_NONE, &first, &row));
    pid_t frozen = freeze_a_holder("UPDATE partitions SET takeovers = 77 WHERE partition = 4");
    PGconn *waiter = world_sql();
    PQclear(PQexec(waiter, "SET application_name = 'waiter'"));
    PQclear(PQexec(waiter, "BEGIN"));
    PQclear(PQexec(waiter, "UPDATE partitions SET takeovers = 11 WHERE partition = 3"));
    assert_int_equal(PQsendQuery(waiter, "UPDATE partitions SET takeovers = 11 WHERE partition = 4; COMMIT"), 1);
    sql_wait("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'waiter' AND wait_event_type = 'Lock'", 1);
    enum zp_err err = store_partition_take(world.store, 3, &ID_NONE, &second, &row);
    thaw(frozen);
    PQfinish(waiter);
    OK(err);
    assert_int_equal(row.takeovers, 12);
    assert_int_equal(sql_int("SELECT takeovers FROM partitions WHERE partition = 4"), 11);
}

/* Two workers want the row of a frozen one. */
static void two_takers_of_a_frozen_row_both_get_it(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id first = id_of(1);
    struct store_partition row;
    OK(store_partition_take(world.store, 3, &ID_NONE, &first, &row));
    pid_t frozen = freeze_a_holder("UPDATE partitions SET takeovers = 77");
    pid_t rivals[2];
    for (size_t i = 0; i < 2; i++) {
        rivals[i] = fork();
        if (rivals[i] == 0) {
            const struct store_settings settings = { .uri = world.uri,
                                                     .application = "rival",
                                                     .connect_timeout_ms = 5000 };
            const struct zp_id owner = id_of(10 + (uint32_t)i);
            struct store *store;
            enum zp_err err = store_create(&settings, &store);
            err = err != ZP_OK ? err : store_partition_take(store, 3, &ID_NONE, &owner, &row);
            _exit(err == ZP_OK ? 0 : 1);
        }
    }
    int statuses[2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(waitpid(rivals[i], &statuses[i], 0), rivals[i]);
    }
    thaw(frozen);
    assert_int_equal(statuses[0], 0);
    assert_int_equal(statuses[1], 0);
    assert_int_equal(sql_int("SELECT takeovers FROM partitions"), 3);
}

/* A backend of another role is not ours to end. */
static void a_holder_of_another_role_is_waited_out(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id first = id_of(1), second = id_of(2);
    struct store_partition row;
    OK(store_partition_take(world.store, 3, &ID_NONE, &first, &row));
    char sql[sizeof(world.uri) + 256];
    (void)snprintf(sql, sizeof(sql), "CREATE ROLE %s LOGIN; GRANT SELECT, UPDATE ON partitions TO %s", world.database,
                   world.database);
    sql_run(sql);
    (void)snprintf(sql, sizeof(sql), "%s user='%s'", world.uri, world.database);
    PGconn *other = PQconnectdb(sql);
    if (PQstatus(other) == CONNECTION_OK) {
        PQclear(PQexec(other, "BEGIN"));
        PQclear(PQexec(other, "UPDATE partitions SET takeovers = 77"));
        assert_int_equal(PQtransactionStatus(other), PQTRANS_INTRANS);
        assert_int_equal(store_partition_take(world.store, 3, &ID_NONE, &second, &row), ZP_BUSY);
        assert_string_equal(store_trouble(world.store)->sqlstate, "55P03");
        PQclear(PQexec(other, "ROLLBACK"));
        assert_int_equal(PQstatus(other), CONNECTION_OK);
        OK(store_partition_take(world.store, 3, &ID_NONE, &second, &row));
        assert_int_equal(row.takeovers, 2);
    } else {
        print_message("  the server lets no other role in without a password: not tried\n");
    }
    PQfinish(other);
    (void)snprintf(sql, sizeof(sql), "DROP OWNED BY %s; DROP ROLE %s", world.database, world.database);
    sql_run(sql);
}

/* A commit that waits for a row loses it to the take that came first, and must notice. */
static void a_commit_behind_a_take_is_fenced(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct zp_id owner = id_of(1);
    struct draft_batch *draft = draft_begin(3, &owner);
    draft->partition.next_offset = 1;
    PGconn *taker = world_sql();
    PQclear(PQexec(taker, "BEGIN"));
    PQclear(PQexec(taker, "UPDATE partitions SET owner = gen_random_uuid()"));
    pid_t committer = fork();
    if (committer == 0) {
        const struct store_settings settings = { .uri = world.uri,
                                                 .application = "committer",
                                                 .connect_timeout_ms = 5000 };
        struct store *store;
        enum zp_err err = store_create(&settings, &store);
        _exit(err == ZP_OK && store_batch_commit(store, &draft->batch) == ZP_FENCED ? 0 : 1);
    }
    sql_wait("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'committer' AND wait_event_type = 'Lock'",
             1);
    PQclear(PQexec(taker, "COMMIT"));
    PQfinish(taker);
    int status;
    assert_int_equal(waitpid(committer, &status, 0), committer);
    assert_int_equal(status, 0);
    assert_int_equal(sql_int("SELECT next_offset FROM partitions"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(a_take_makes_the_row_and_counts),
        world_test(a_take_from_oneself_does_not_count),
        world_test(accepting_the_logs_fences_the_owner_off),
        world_test(deaths_are_counted_over_one_record),
        world_test(takers_that_name_nothing_count_no_deaths),
        world_test(who_is_not_the_owner_changes_nothing),
        world_test(partitions_are_listed_in_order),
        world_test(a_frozen_worker_is_ended_and_its_row_taken),
        world_test(who_waits_in_turn_is_not_ended),
        world_test(two_takers_of_a_frozen_row_both_get_it),
        world_test(a_holder_of_another_role_is_waited_out),
        world_test(a_commit_behind_a_take_is_fenced),
    };
    return cmocka_run_group_tests_name("store: partitions", tests, world_begin, world_end);
}
