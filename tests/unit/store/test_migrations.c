/* What a folder of migrations must look like. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../../src/store/migrations.h"

static const struct name_row { const char *name; int64_t version;
} name_rows[] = {
    { "0001_orders.sql", 1 },
    { "0042_add_2_more.sql", 42 },
    { "9999_x.sql", 9999 },
    { "", 0 },
    { "0001.sql", 0 },
    { "0001_.sql", 0 },
    { "001_orders.sql", 0 },
    { "00001_orders.sql", 0 },
    { "0000_orders.sql", 0 },
    { "0001-orders.sql", 0 },
    { "0001_Orders.sql", 0 },
    { "0001_orders.SQL", 0 },
    { "0001_orders.sql~", 0 },
    { "0001_or ders.sql", 0 },
    { "0001_orders.sql.sql", 0 },
    { "-001_orders.sql", 0 },
    { ".0001_orders.sql", 0 },
    { "x0001_orders.sql", 0 },
    { "0001_../x.sql", 0 },
};

static void names_have_one_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(name_rows); i++) {
        if (migration_version(name_rows[i].name) != name_rows[i].version) {
            fail_msg("%s", name_rows[i].name);
        }
    }
}

static const struct folder_row {
    const char *name;
    const char *files[4];
    enum zp_err want;
    const char *word;
} folder_rows[] = {
    { "one", { "0001_a.sql" }, ZP_OK, "" },
    { "three, in whatever order", { "0003_c.sql", "0001_z.sql", "0002_b.sql" }, ZP_OK, "" },
    { "other files are let be", { "0001_a.sql", "README.md", "0001_a.sql.orig" }, ZP_OK, "" },
    { "hidden ones too", { "0001_a.sql", ".0002_b.sql" }, ZP_OK, "" },
    { "none", { "README.md" }, ZP_INVALID, "holds no migrations" },
    { "the first is missing", { "0002_b.sql" }, ZP_INVALID, "number 0001 is missing" },
    { "one in the middle is missing", { "0001_a.sql", "0003_c.sql" }, ZP_INVALID, "number 0002 is missing" },
    { "one is there twice", { "0001_a.sql", "0001_b.sql" }, ZP_INVALID, "number 0001 is there twice" },
    { "a name of another form", { "0001_a.sql", "2_b.sql" }, ZP_INVALID, "NNNN_words.sql" },
    { "number nought", { "0000_a.sql", "0001_b.sql" }, ZP_INVALID, "NNNN_words.sql" },
};

static char dir[] = "/tmp/zapora-migrations-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name, const char *text, size_t len)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void folders_have_one_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(folder_rows); i++) {
        const struct folder_row *row = &folder_rows[i];
        print_message("  %s\n", row->name);
        for (size_t n = 0; n < ZP_COUNT(row->files) && row->files[n] != NULL; n++) {
            write_file(row->files[n], row->files[n], strlen(row->files[n]));
        }
        struct arena arena;
        arena_init(&arena, 100000);
        struct migrations migrations = { .count = 0 };
        char why[256] = "";
        assert_int_equal(migrations_read(dir, &arena, &migrations, why, sizeof(why)), row->want);
        assert_non_null(strstr(why, row->word));
        for (size_t n = 0; n < migrations.count; n++) {
            assert_int_equal(migrations.items[n].version, n + 1);
            assert_string_equal(migrations.items[n].sql, migrations.items[n].name);
        }
        arena_finish(&arena);
        for (size_t n = 0; n < ZP_COUNT(row->files) && row->files[n] != NULL; n++) {
            assert_int_equal(remove(path_of(row->files[n])), 0);
        }
    }
}

static void the_checksum_is_of_the_files_bytes(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 100000);
    struct migrations migrations;
    char why[256], hex[65];
    write_file("0001_a.sql", "abc", 3);
    assert_int_equal(migrations_read(dir, &arena, &migrations, why, sizeof(why)), ZP_OK);
    assert_string_equal(crypto_hex(migrations.items[0].sha256, 32, hex),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); /* FIPS 180-2 */
    assert_int_equal(remove(path_of("0001_a.sql")), 0);
    arena_finish(&arena);
}

static void files_that_cannot_be_sql_are_refused(void **state)
{
    (void)state;
    struct arena arena;
    struct migrations migrations;
    char why[256] = "";
    arena_init(&arena, 100000);
    write_file("0001_a.sql", "a\0b", 3);
    assert_int_equal(migrations_read(dir, &arena, &migrations, why, sizeof(why)), ZP_INVALID);
    assert_non_null(strstr(why, "0001_a.sql"));
    char *large = calloc(1, MIGRATION_BYTES_MAX + 1);
    memset(large, ' ', MIGRATION_BYTES_MAX + 1);
    write_file("0001_a.sql", large, MIGRATION_BYTES_MAX + 1);
    assert_int_equal(migrations_read(dir, &arena, &migrations, why, sizeof(why)), ZP_INVALID);
    write_file("0001_a.sql", large, 1000000); /* fits the file's ceiling, not the arena's */
    assert_int_equal(migrations_read(dir, &arena, &migrations, why, sizeof(why)), ZP_NO_MEMORY);
    free(large);
    assert_int_equal(remove(path_of("0001_a.sql")), 0);
    assert_int_equal(migrations_read("/no/such/folder", &arena, &migrations, why, sizeof(why)), ZP_INVALID);
    assert_non_null(strstr(why, "/no/such/folder"));
    arena_finish(&arena);
}

static int begin(void **state)
{
    (void)state;
    crypto_start();
    return mkdtemp(dir) == NULL;
}

static int end(void **state)
{
    (void)state;
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_one_form),
        cmocka_unit_test(folders_have_one_form),
        cmocka_unit_test(the_checksum_is_of_the_files_bytes),
        cmocka_unit_test(files_that_cannot_be_sql_are_refused),
    };
    return cmocka_run_group_tests_name("store: migrations", tests, begin, end);
}
