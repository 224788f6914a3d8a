/* The table of routes: in order, and found by what is asked. */
#include "handlers.h"
#include "routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define ID "0190163d-8694-739b-aea5-966c26f8ad91"

static void rows_are_sorted_and_unique(void **state)
{
    (void)state;
    for (size_t i = 1; i < ROUTE_COUNT; i++) {
        int order = strcmp(ROUTES[i - 1].path, ROUTES[i].path);
        assert_true(order < 0 || (order == 0 && strcmp(ROUTES[i - 1].method, ROUTES[i].method) < 0));
    }
}

static void every_row_is_found_by_its_own_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        char path[128];
        struct route_match match;
        size_t len = 0;
        for (const char *at = ROUTES[i].path; *at != '\0';) {
            const char *instead = strncmp(at, ":id", 3) == 0 ? ID : strncmp(at, ":slug", 5) == 0 ? "pizza-4" : NULL;
            if (instead != NULL) {
                len += (size_t)snprintf(path + len, sizeof(path) - len, "%s", instead);
                at += strcspn(at, "/");
            } else {
                path[len++] = *at++;
            }
        }
        route_find((struct text){ ROUTES[i].method, strlen(ROUTES[i].method) }, (struct text){ path, len }, &match);
        assert_ptr_equal(match.route, &ROUTES[i]);
    }
}

static const struct { const char *method, *path; void (*handle)(struct call *call); const char *allow; } rows[] = {
    { "GET", "/orders", orders_get, NULL },
    { "HEAD", "/orders", orders_get, NULL },
    { "POST", "/orders", order_post, NULL },
    { "GET", "/orders/" ID, order_get, NULL },
    { "GET", "/orders/0190163D-8694-739B-AEA5-966C26F8AD91", order_get, NULL },
    { "POST", "/orders/" ID "/start", step_post, NULL },
    { "GET", "/menu-items/margherita", menu_item_get, NULL },
    { "HEAD", "/menu-items", menu_get, NULL },

    { "DELETE", "/orders", NULL, "GET, HEAD, POST" },
    { "POST", "/orders/" ID, NULL, "GET, HEAD" },
    { "GET", "/orders/" ID "/start", NULL, "POST" },
    { "HEAD", "/orders/" ID "/start", NULL, "POST" },
    { "HEAD", "/orders/" ID "/events", NULL, "GET" },
    { "HEAD", "/auth/login", NULL, "POST" },
    { "get", "/orders", NULL, "GET, HEAD, POST" },
    { "", "/me", NULL, "GET, HEAD" },

    { "GET", "/", NULL, "" },
    { "GET", "", NULL, "" },
    { "GET", "/orders/", NULL, "" },
    { "GET", "//orders", NULL, "" },
    { "GET", "/orders/x", NULL, "" },
    { "GET", "/orders/" ID "/", NULL, "" },
    { "GET", "/orders/" ID "x", NULL, "" },
    { "GET", "/orders/../me", NULL, "" },
    { "GET", "/./me", NULL, "" },
    { "GET", "/Me", NULL, "" },
    { "GET", "/me%00", NULL, "" },
    { "GET", "/m%65", NULL, "" },
    { "POST", "/orders/" ID "/eat", NULL, "" },
    { "GET", "/orders/:id", NULL, "" },
    { "GET", "/menu-items/Pizza", NULL, "" },
    { "GET", "/menu-items/a%2fb", NULL, "" },
    { "GET", "/menu-items/", NULL, "" },
    { "GET", "/menu-items/0123456789012345678901234567890123456789012345678901234567890123x", NULL, "" },
};

static void each_request_finds_its_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct route_match match;
        route_find((struct text){ rows[i].method, strlen(rows[i].method) },
                   (struct text){ rows[i].path, strlen(rows[i].path) }, &match);
        void (*handle)(struct call *call) = match.route == NULL ? NULL : match.route->handle;
        if (handle != rows[i].handle || (handle == NULL && strcmp(match.allow, rows[i].allow) != 0)) {
            fail_msg("%s %s: allow \"%s\"", rows[i].method, rows[i].path, match.allow);
        }
    }
}

static void ids_and_slugs_come_along(void **state)
{
    struct route_match match;
    struct zp_id wanted;
    (void)state;
    assert_true(id_parse(ID, strlen(ID), &wanted));
    route_find(TEXT("GET"), TEXT("/commands/" ID), &match);
    assert_true(id_equal(&match.id, &wanted));
    assert_null(match.slug.at);
    route_find(TEXT("GET"), TEXT("/menu-items/tiramisu"), &match);
    assert_true(text_is(match.slug, "tiramisu"));
}

/* Board and stream of a location are for staff; what is public is the menu and the login. */
static void access_is_as_the_design_has_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        bool is_public = strncmp(ROUTES[i].path, "/menu-items", 11) == 0 || strcmp(ROUTES[i].path, "/auth/login") == 0;
        bool for_staff = strncmp(ROUTES[i].path, "/locations/", 11) == 0;
        assert_int_equal(ROUTES[i].access, is_public ? ACCESS_PUBLIC : for_staff ? ACCESS_KITCHEN : ACCESS_CUSTOMER);
    }
}

static void steps_carry_their_command(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (ROUTES[i].handle == step_post) {
            char word[32];
            (void)snprintf(word, sizeof(word), "order_%s", strrchr(ROUTES[i].path, '/') + 1);
            assert_string_equal(COMMAND_WORDS.names[ROUTES[i].command], word);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sorted_and_unique),     cmocka_unit_test(every_row_is_found_by_its_own_path),
        cmocka_unit_test(each_request_finds_its_row),     cmocka_unit_test(ids_and_slugs_come_along),
        cmocka_unit_test(access_is_as_the_design_has_it), cmocka_unit_test(steps_carry_their_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
