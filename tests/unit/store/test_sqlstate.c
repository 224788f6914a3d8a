/* What PostgreSQL's errors mean: an outage is never the record's fault. */
#include "support.h"

#include "../../../src/store/sqlstate.h"

static const struct row { const char *name, *sqlstate; enum zp_err want; bool reconnects; } rows[] = {
    { "the fence",                          "ZF001", ZP_FENCED,   false },
    { "no result at all",                   NULL,    ZP_BUSY,     true },
    { "a connection that broke off",        "",      ZP_BUSY,     true },
    { "connection failure",                 "08006", ZP_BUSY,     true },
    { "cached plan must not change",        "0A000", ZP_BUSY,     true },
    { "read-only transaction",              "25006", ZP_BUSY,     true },
    { "prepared statement does not exist",  "26000", ZP_BUSY,     true },
    { "password refused",                   "28P01", ZP_BUSY,     true },
    { "database does not exist",            "3D000", ZP_BUSY,     true },
    { "serialization failure",              "40001", ZP_BUSY,     false },
    { "deadlock",                           "40P01", ZP_BUSY,     false },
    { "undefined table",                    "42P01", ZP_BUSY,     true },
    { "insufficient privilege",             "42501", ZP_BUSY,     true },
    { "disk full",                          "53100", ZP_BUSY,     false },
    { "out of memory",                      "53200", ZP_BUSY,     false },
    { "too many connections",               "53300", ZP_BUSY,     false },
    { "lock not available",                 "55P03", ZP_BUSY,     false },
    { "query canceled",                     "57014", ZP_BUSY,     false },
    { "admin shutdown",                     "57P01", ZP_BUSY,     false },
    { "cannot connect now",                 "57P03", ZP_BUSY,     false },
    { "I/O error",                          "58030", ZP_BUSY,     false },
    { "data corrupted",                     "XX001", ZP_BUSY,     true },
    { "unique violation",                   "23505", ZP_INTERNAL, false },
    { "not null violation",                 "23502", ZP_INTERNAL, false },
    { "check of a batch's update",          "ZC001", ZP_INTERNAL, false },
    { "not in the character repertoire",    "22021", ZP_INTERNAL, false },
    { "number out of range",                "22003", ZP_INTERNAL, false },
    { "program limit exceeded",             "54000", ZP_INTERNAL, false },
    { "raised by a function",               "P0001", ZP_INTERNAL, false },
    { "the fence's class, another state",   "ZF002", ZP_INTERNAL, false },
    { "a class that is new to us",          "99999", ZP_INTERNAL, false },
    { "half a state",                       "5",     ZP_INTERNAL, false },
};

static void every_state_has_a_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        print_message("  %s\n", rows[i].name);
        const struct sqlstate_class *class = sqlstate_find(rows[i].sqlstate);
        assert_int_equal(class->err, rows[i].want);
        assert_int_equal(class->reconnects, rows[i].reconnects);
    }
}

/* DESIGN: retried for ever, since an acknowledged order is never parked because of an outage. */
static void what_passes_by_itself_is_retried(void **state)
{
    (void)state;
    static const char *const classes[] = { "08", "25", "28", "3D", "40", "42", "53", "55", "57", "58", "XX" };
    for (size_t i = 0; i < ZP_COUNT(classes); i++) {
        char any[6];
        (void)snprintf(any, sizeof(any), "%sXYZ", classes[i]);
        assert_int_equal(zp_err_after(sqlstate_find(any)->err), AFTER_RETRY);
        assert_int_equal(sqlstate_find(any)->err, ZP_BUSY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_has_a_meaning),
        cmocka_unit_test(what_passes_by_itself_is_retried),
    };
    return cmocka_run_group_tests_name("store: sqlstate", tests, NULL, NULL);
}
