/* The table of statements: what a reader could get wrong in it. */
#include "support.h"

#include <stdlib.h>

#include "../../../src/store/statements.h"

static void names_are_there_and_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        assert_non_null(STATEMENTS[i].name);
        assert_non_null(STATEMENTS[i].sql);
        assert_true(strlen(STATEMENTS[i].name) < 64); /* PostgreSQL cuts longer ones */
        for (size_t n = 0; n < i; n++) {
            assert_string_not_equal(STATEMENTS[i].name, STATEMENTS[n].name);
        }
    }
}

/* Bit n - 1 is set when $n stands in the text. */
static unsigned params_named(const char *sql)
{
    unsigned named = 0;
    while ((sql = strchr(sql, '$')) != NULL) {
        long n = strtol(++sql, NULL, 10);
        assert_in_range(n, 1, PARAMS_MAX);
        named |= 1u << (n - 1);
    }
    return named;
}

static void each_parameter_is_named_and_typed(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        size_t count = statement_param_count(&STATEMENTS[i]);
        if (params_named(STATEMENTS[i].sql) != (1u << count) - 1) {
            fail_msg("%s has %zu types and other parameters", STATEMENTS[i].name, count);
        }
    }
}

static void rows_are_cast_to_their_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        bool casts = strstr(STATEMENTS[i].sql, "$1::") != NULL;
        assert_int_equal(casts, STATEMENTS[i].params[0] == PARAM_ROWS);
    }
}

/* "a, b, c" from the shape's columns. */
static void list_columns(const struct shape *shape, char *text, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < shape->column_count; i++) {
        len += (size_t)snprintf(text + len, size - len, "%s%s", i > 0 ? ", " : "", shape->columns[i].name);
        assert_true(len < size);
    }
}

static const struct list_row { enum statement_id statement; enum shape_id shape; } list_rows[] = {
    { STATEMENT_ACCOUNT_ADD,      SHAPE_ACCOUNT },
    { STATEMENT_EVENTS_INSERT,    SHAPE_EVENT },
    { STATEMENT_LOCATIONS_UPSERT, SHAPE_LOCATION },
    { STATEMENT_MENUS_UPSERT,     SHAPE_MENU },
    { STATEMENT_ORDERS_INSERT,    SHAPE_ORDER },
    { STATEMENT_OUTCOMES_INSERT,  SHAPE_OUTCOME },
};

static void an_insert_writes_all_columns_of_its_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(list_rows); i++) {
        const struct statement *statement = &STATEMENTS[list_rows[i].statement];
        const struct shape *shape = &SHAPES[list_rows[i].shape];
        char columns[512], into[640], select[640];
        list_columns(shape, columns, sizeof(columns));
        (void)snprintf(into, sizeof(into), "INSERT INTO %s (%s", shape->table, columns);
        (void)snprintf(select, sizeof(select), "SELECT %s", columns);
        print_message("  %s\n", statement->name);
        assert_int_equal(strncmp(statement->sql, into, strlen(into)), 0);
        assert_non_null(strstr(statement->sql, select));
    }
}

static void a_step_sets_all_columns_of_its_shape(void **state)
{
    (void)state;
    const struct shape *shape = &SHAPES[SHAPE_ORDER_STEP];
    for (size_t i = 1; i < shape->column_count; i++) { /* the first one is the key */
        char set[128];
        (void)snprintf(set, sizeof(set), "%s = r.%s", shape->columns[i].name, shape->columns[i].name);
        if (strstr(STATEMENTS[STATEMENT_ORDERS_UPDATE].sql, set) == NULL) {
            fail_msg("the step does not write %s", shape->columns[i].name);
        }
    }
}

static void columns_stand_once_in_a_shape(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPE_COUNT; s++) {
        assert_in_range(SHAPES[s].column_count, 1, ROW_ATTRIBUTES_MAX);
        for (size_t i = 0; i < SHAPES[s].column_count; i++) {
            const struct column *column = &SHAPES[s].columns[i];
            assert_true(column->offset < SHAPES[s].size);
            for (size_t n = 0; n < i; n++) {
                assert_string_not_equal(column->name, SHAPES[s].columns[n].name);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_there_and_differ),
        cmocka_unit_test(each_parameter_is_named_and_typed),
        cmocka_unit_test(rows_are_cast_to_their_table),
        cmocka_unit_test(an_insert_writes_all_columns_of_its_shape),
        cmocka_unit_test(a_step_sets_all_columns_of_its_shape),
        cmocka_unit_test(columns_stand_once_in_a_shape),
    };
    return cmocka_run_group_tests_name("store: statements", tests, NULL, NULL);
}
