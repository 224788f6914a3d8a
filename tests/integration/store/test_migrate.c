/* Migrations: applied once, in order, by one at a time; a history that does not fit is refused. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static char words[4096]; /* what the last migration said */

static void write_file(const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_true(remove(path) == 0 || errno == ENOENT);
}

static const char *const names[] = { "0001_first.sql", "0001_second_name.sql", "0002_second.sql", "0003_third.sql",
                                     "0004_fourth.sql" };

/* An empty database and a folder with two migrations. */
static int begin(void **state)
{
    (void)state;
    if (world.is_there) {
        (void)snprintf(dir, sizeof(dir), "/tmp/zapora-migrate-XXXXXX");
        assert_non_null(mkdtemp(dir));
        write_file("0001_first.sql", "CREATE TABLE first (a int); INSERT INTO first VALUES (1);\n");
        write_file("0002_second.sql", "CREATE TABLE second (b int);\n");
        sql_run("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    }
    return 0;
}

static int end(void **state)
{
    for (size_t i = 0; world.is_there && i < ZP_COUNT(names); i++) {
        remove_file(names[i]);
    }
    if (world.is_there) {
        (void)rmdir(dir);
    }
    return world_forget(state);
}

static enum zp_err migrate(bool dry)
{
    memset(words, 0, sizeof(words));
    FILE *file = fmemopen(words, sizeof(words) - 1, "w");
    enum zp_err err = store_migrate(world.store, dir, dry, file);
    (void)fclose(file);
    return err;
}

static int64_t version(void)
{
    int64_t number = -1;
    OK(store_schema_version(world.store, &number));
    return number;
}

static bool has_table(const char *name)
{
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "SELECT (to_regclass('%s') IS NOT NULL)::int", name);
    return sql_int(sql) == 1;
}

static void missing_ones_are_applied_in_order(void **state)
{
    (void)state;
    NEEDS_WORLD();
    assert_int_equal(version(), 0);
    OK(migrate(true));
    assert_non_null(strstr(words, "0001_first.sql: would be applied\n0002_second.sql: would be applied\n"));
    assert_false(has_table("first") || has_table("schema_migrations"));
    OK(migrate(false));
    assert_non_null(strstr(words, "0002_second.sql: applied in "));
    assert_int_equal(version(), 2);
    write_file("0003_third.sql", "ALTER TABLE first ADD b int; -- the last line has no newline");
    OK(migrate(false));
    assert_non_null(
        strstr(words, "0001_first.sql: applied before\n0002_second.sql: applied before\n0003_third.sql: applied in "));
    assert_int_equal(version(), 3);
    OK(migrate(false));
    assert_int_equal(sql_int("SELECT count(*) FROM first"), 1);
    assert_int_equal(
        sql_int("SELECT count(*) FROM schema_migrations WHERE length(sha256) = 32 AND applied_at <= now()"), 3);
}

static void a_migration_that_fails_leaves_nothing_of_it(void **state)
{
    (void)state;
    NEEDS_WORLD();
    write_file("0003_third.sql", "CREATE TABLE third (c int);\nSELECT 1 / 0;\n");
    assert_int_equal(migrate(false), ZP_INTERNAL);
    assert_non_null(strstr(words, "0003_third.sql: failed"));
    assert_non_null(strstr(words, "division by zero, SQLSTATE 22012"));
    assert_int_equal(version(), 2);
    assert_true(has_table("second"));
    assert_false(has_table("third"));
    write_file("0003_third.sql", "CREATE TABLE third (c int);\n"); /* it was never applied, so it may be mended */
    OK(migrate(false));
    assert_int_equal(version(), 3);
}

static void a_migration_may_not_end_its_transaction(void **state)
{
    (void)state;
    NEEDS_WORLD();
    write_file("0003_third.sql", "CREATE TABLE third (c int); COMMIT;\n");
    assert_int_equal(migrate(false), ZP_INVALID);
    assert_non_null(strstr(words, "ends its own transaction"));
    assert_int_equal(version(), 2);
}

/* ---- a history that does not fit
 * ---------------------------------------------------------------------------------------- */

static void change_an_applied_one(void) { write_file("0001_first.sql", "CREATE TABLE first (a bigint);\n"); }
static void add_a_space(void) { write_file("0002_second.sql", "CREATE TABLE second (b int); \n"); }
static void lose_the_last(void) { remove_file("0002_second.sql"); }
static void lose_the_first(void) { remove_file("0001_first.sql"); }
static void rename_one(void)
{
    remove_file("0001_first.sql");
    write_file("0001_second_name.sql", "CREATE TABLE first (a int); INSERT INTO first VALUES (1);\n");
}
static void leave_a_gap(void) { write_file("0004_fourth.sql", "SELECT 1;\n"); }
static void forget_a_row(void) { sql_run("DELETE FROM schema_migrations WHERE version = 1"); }

static const struct misfit_row {
    const char *name;
    void (*make)(void);
    enum zp_err want;
    const char *word;
} misfit_rows[] = {
    { "an applied one was changed", change_an_applied_one, ZP_CONFLICT, "0001_first.sql was changed" },
    { "by no more than a space", add_a_space, ZP_CONFLICT, "0002_second.sql was changed" },
    { "the database is newer", lose_the_last, ZP_CONFLICT, "the database has 0002_second.sql" },
    { "an applied one vanished", lose_the_first, ZP_INVALID, "number 0001 is missing" },
    { "one was renamed", rename_one, ZP_CONFLICT, "the folder has 0001_second_name.sql" },
    { "a number is missing", leave_a_gap, ZP_INVALID, "number 0003 is missing" },
    { "the database has forgotten one", forget_a_row, ZP_CONFLICT, "lacks number 1" },
};

static void a_history_that_does_not_fit_is_refused(void **state)
{
    for (size_t i = 0; i < ZP_COUNT(misfit_rows); i++) {
        NEEDS_WORLD();
        print_message("  %s\n", misfit_rows[i].name);
        OK(migrate(false));
        misfit_rows[i].make();
        int64_t before = sql_int("SELECT count(*) FROM schema_migrations");
        assert_int_equal(migrate(false), misfit_rows[i].want);
        assert_non_null(strstr(words, misfit_rows[i].word));
        assert_int_equal(migrate(true), misfit_rows[i].want);
        assert_int_equal(sql_int("SELECT count(*) FROM schema_migrations"), before);
        (void)end(state);
        (void)begin(state);
    }
}

/* ---- one at a time
 * ---------------------------------------------------------------------------------------------------------- */

static pid_t migrate_elsewhere(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        const struct store_settings settings = { .uri = world.uri, .application = "rival", .connect_timeout_ms = 5000 };
        struct store *store;
        FILE *nowhere = fopen("/dev/null", "w");
        enum zp_err err = store_create(&settings, &store);
        _exit(err == ZP_OK && store_migrate(store, dir, false, nowhere) == ZP_OK ? 0 : 1);
    }
    return pid;
}

static void two_at_once_apply_each_once(void **state)
{
    (void)state;
    NEEDS_WORLD();
    write_file("0003_third.sql", "CREATE TABLE third (c int); SELECT pg_sleep(0.3);\n");
    pid_t rivals[] = { migrate_elsewhere(), migrate_elsewhere(), migrate_elsewhere() };
    for (size_t i = 0; i < ZP_COUNT(rivals); i++) {
        int status = -1;
        assert_int_equal(waitpid(rivals[i], &status, 0), rivals[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(version(), 3);
    assert_int_equal(sql_int("SELECT count(*) FROM first"), 1);
}

static void one_that_hangs_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    NEEDS_WORLD();
    OK(migrate(false));
    PGconn *other = world_sql();
    PQclear(PQexec(other, "SELECT pg_advisory_lock(7089054236541187650)"));
    assert_int_equal(migrate(false), ZP_BUSY);
    assert_non_null(strstr(words, "another migration is running"));
    PQfinish(other);
    OK(migrate(false));
}

/* What this program ships is what its own checks ask for. */
static void our_own_migrations_lead_to_our_version(void **state)
{
    (void)state;
    NEEDS_WORLD();
    FILE *nowhere = fopen("/dev/null", "w");
    OK(store_migrate(world.store, MIGRATIONS_DIR, false, nowhere));
    (void)fclose(nowhere);
    assert_true(version() >= STORE_SCHEMA_VERSION);
    const struct zp_id id = id_of(1);
    struct order order;
    assert_int_equal(store_order_get(world.store, &id, &world.arena, &order), ZP_NOT_FOUND);
}

int main(void)
{
#define migrate_test(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        migrate_test(missing_ones_are_applied_in_order),
        migrate_test(a_migration_that_fails_leaves_nothing_of_it),
        migrate_test(a_migration_may_not_end_its_transaction),
        migrate_test(a_history_that_does_not_fit_is_refused),
        migrate_test(two_at_once_apply_each_once),
        migrate_test(one_that_hangs_is_not_waited_for_for_ever),
        migrate_test(our_own_migrations_lead_to_our_version),
    };
    return cmocka_run_group_tests_name("store: migrate", tests, world_begin_bare, world_end);
}
