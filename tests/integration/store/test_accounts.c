/* Accounts: an email stands once, whatever its case. */
#include "support.h"

#include <string.h>

static struct account someone(uint32_t number, const char *email)
{
    return (struct account){ .id = id_of(number), .email = email, .name = "Grace", .password_hash = "$argon2id$x",
                             .role = ROLE_KITCHEN };
}

static void an_account_is_read_as_it_was_added(void **state)
{
    (void)state;
    NEEDS_WORLD();
    struct zp_id locations[] = { id_of(7), id_of(8) };
    struct account account = someone(1, "Grace@Example.org");
    account.locations = locations;
    account.location_count = 2;
    account.disabled = true;
    OK(store_account_add(world.store, &account));
    struct account read;
    OK(store_account_by_id(world.store, &account.id, &world.arena, &read));
    assert_string_equal(read.email, "Grace@Example.org");
    assert_string_equal(read.name, "Grace");
    assert_string_equal(read.password_hash, "$argon2id$x");
    assert_int_equal(read.role, ROLE_KITCHEN);
    assert_true(read.disabled);
    assert_int_equal(read.location_count, 2);
    assert_memory_equal(read.locations, locations, sizeof(locations));
    OK(store_account_by_email(world.store, "gRACE@example.ORG", &world.arena, &read));
    assert_memory_equal(&read.id, &account.id, sizeof(read.id));
}

static const struct taken_row { const char *name, *email; uint32_t number; enum zp_err want; } taken_rows[] = {
    { "another email",                    "ada@example.org",   2, ZP_OK },
    { "the same email",                   "grace@example.org", 2, ZP_CONFLICT },
    { "the same email in another case",   "GRACE@example.org", 2, ZP_CONFLICT },
    { "the same id is no one's mistake",  "ada@example.org",   1, ZP_INTERNAL },
};

static void an_email_is_taken_once(void **state)
{
    (void)state;
    NEEDS_WORLD();
    for (size_t i = 0; i < ZP_COUNT(taken_rows); i++) {
        const struct taken_row *row = &taken_rows[i];
        print_message("  %s\n", row->name);
        (void)world_clean(NULL);
        const struct account first = someone(1, "grace@example.org"), second = someone(row->number, row->email);
        OK(store_account_add(world.store, &first));
        assert_int_equal(store_account_add(world.store, &second), row->want);
        assert_int_equal(sql_int("SELECT count(*) FROM accounts"), row->want == ZP_OK ? 2 : 1);
    }
}

static void nobody_is_not_found(void **state)
{
    (void)state;
    NEEDS_WORLD();
    struct account read = { .role = ROLE_ADMIN };
    const struct zp_id id = id_of(1);
    assert_int_equal(store_account_by_email(world.store, "nobody@example.org", &world.arena, &read), ZP_NOT_FOUND);
    assert_int_equal(store_account_by_email(world.store, "' OR true --", &world.arena, &read), ZP_NOT_FOUND);
    assert_int_equal(store_account_by_email(world.store, "", &world.arena, &read), ZP_NOT_FOUND);
    assert_int_equal(store_account_by_id(world.store, &id, &world.arena, &read), ZP_NOT_FOUND);
    assert_int_equal(read.role, ROLE_ADMIN);
}

/* A role that this program has no word for is not taken for the least one. */
static void a_role_without_a_word_is_an_error(void **state)
{
    (void)state;
    NEEDS_WORLD();
    const struct account account = someone(1, "grace@example.org");
    OK(store_account_add(world.store, &account));
    sql_run("UPDATE accounts SET role = 'emperor'");
    struct account read;
    assert_int_equal(store_account_by_id(world.store, &account.id, &world.arena, &read), ZP_INTERNAL);
    assert_non_null(strstr(store_trouble(world.store)->why, "accounts"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(an_account_is_read_as_it_was_added),
        world_test(an_email_is_taken_once),
        world_test(nobody_is_not_found),
        world_test(a_role_without_a_word_is_an_error),
    };
    return cmocka_run_group_tests_name("store: accounts", tests, world_begin, world_end);
}
