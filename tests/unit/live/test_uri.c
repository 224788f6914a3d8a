/* The URI of a Redis: what is understood, what is refused, and that no secret is repeated. */
#include "support.h"

#include "uri.h"

static void uris_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *host, *port, *user, *password;
        int64_t db;
    } rows[] = {
        { "a host", "redis://cache", "cache", "6379", "", "", 0 },
        { "host and port", "redis://127.0.0.1:7000", "127.0.0.1", "7000", "", "", 0 },
        { "a database", "redis://cache:6379/15", "cache", "6379", "", "", 15 },
        { "an empty database is the first", "redis://cache/", "cache", "6379", "", "", 0 },
        { "a password", "redis://:secret@cache", "cache", "6379", "", "secret", 0 },
        { "user and password", "redis://hub:secret@cache:1/2", "cache", "1", "hub", "secret", 2 },
        { "escapes", "redis://h%75b:%40%2f%3A%25@cache", "cache", "6379", "hub", "@/:%", 0 },
        { "an at sign and a colon in a password", "redis://:a@b:c@cache:2", "cache", "2", "", "a@b:c", 0 },
        { "IPv6", "redis://[::1]:6380/3", "::1", "6380", "", "", 3 },
        { "IPv6 without a port", "redis://:pw@[fe80::1]", "fe80::1", "6379", "", "pw", 0 },
        { "the last port", "redis://cache:65535", "cache", "65535", "", "", 0 },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct live_uri uri;
        char why[LIVE_WHY_SIZE] = "";
        print_message("%s\n", rows[i].name);
        assert_int_equal(live_uri_parse(rows[i].text, &uri, why), ZP_OK);
        assert_string_equal(uri.host, rows[i].host);
        assert_string_equal(uri.port, rows[i].port);
        assert_string_equal(uri.user, rows[i].user);
        assert_string_equal(uri.password, rows[i].password);
        assert_int_equal(uri.db, rows[i].db);
    }
}

static void several_hosts_are_a_cluster(void **state)
{
    (void)state;
    struct live_uri uri;
    char why[LIVE_WHY_SIZE];
    assert_int_equal(live_uri_parse("redis://hub:secret@a:7001,[::1]:7002,c/0", &uri, why), ZP_OK);
    assert_int_equal(uri.seed_count, 3);
    assert_string_equal(uri.seeds[0].host, "a");
    assert_string_equal(uri.seeds[0].port, "7001");
    assert_string_equal(uri.seeds[1].host, "::1");
    assert_string_equal(uri.seeds[1].port, "7002");
    assert_string_equal(uri.seeds[2].host, "c");
    assert_string_equal(uri.seeds[2].port, "6379");
    assert_string_equal(uri.host, "a");
    assert_string_equal(uri.password, "secret");
    assert_int_equal(live_uri_parse("redis://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p", &uri, why), ZP_OK);
    assert_int_equal(uri.seed_count, URI_SEEDS_MAX);
    assert_int_equal(live_uri_parse("redis://a", &uri, why), ZP_OK);
    assert_int_equal(uri.seed_count, 1);
}

static void uris_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } rows[] = {
        { "nothing", "" },
        { "a bare host", "cache:6379" },
        { "another scheme", "http://hunter2@cache" },
        { "TLS", "rediss://:hunter2@cache" },
        { "a socket", "unix:///run/redis" },
        { "no host", "redis://" },
        { "no host after a comma", "redis://:hunter2@a," },
        { "no host between commas", "redis://:hunter2@a,,b" },
        { "a cluster with a database", "redis://:hunter2@a,b/1" },
        { "too many hosts", "redis://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q" },
        { "no host but a port", "redis://:6379" },
        { "no host but a database", "redis:///1" },
        { "no host after a password", "redis://:hunter2@" },
        { "a user without a password", "redis://hunter2@cache" },
        { "an empty password", "redis://user:@cache" },
        { "no port after its colon", "redis://cache:" },
        { "port 0", "redis://cache:0" },
        { "a port too high", "redis://cache:65536" },
        { "a port of seven digits", "redis://cache:0006379" },
        { "a port that is a word", "redis://cache:redis" },
        { "a signed port", "redis://cache:+6379" },
        { "a port with a blank", "redis://cache:6379 " },
        { "a database that is a word", "redis://cache/main" },
        { "a negative database", "redis://cache/-1" },
        { "two databases", "redis://cache/1/2" },
        { "a database of seven digits", "redis://cache/1000000" },
        { "a query", "redis://cache/0?hunter2" },
        { "a fragment", "redis://cache#hunter2" },
        { "half an escape", "redis://:hunter2%4@cache" },
        { "an escape at the end", "redis://:hunter2%@cache" },
        { "an escape that is none", "redis://:hunter2%zz@cache" },
        { "an escaped NUL", "redis://:hunter2%00@cache" },
        { "an escaped line end", "redis://:hunter2%0d%0aFLUSHALL@cache" },
        { "a line end in the host", "redis://ca\nche" },
        { "an open bracket", "redis://[::1:6379" },
        { "empty brackets", "redis://[]:6379" },
        { "something after the brackets", "redis://[::1]6379" },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct live_uri uri = { .port = "kept" };
        char why[LIVE_WHY_SIZE] = "";
        print_message("%s\n", rows[i].name);
        assert_int_equal(live_uri_parse(rows[i].text, &uri, why), ZP_INVALID);
        assert_true(strlen(why) > 20);
        assert_null(strstr(why, "hunter2"));
        assert_string_equal(uri.port, "kept");
    }
    char why[LIVE_WHY_SIZE] = "";
    struct live_uri uri;
    assert_int_equal(live_uri_parse(NULL, &uri, why), ZP_INVALID);
}

static void long_parts_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *before, *after;
        size_t fits;
    } rows[] = {
        { "host", "redis://", ":1", URI_HOST_SIZE - 1 },
        { "user", "redis://", ":pw@cache", URI_USER_SIZE - 1 },
        { "password", "redis://:", "@cache", URI_PASSWORD_SIZE - 1 },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        for (size_t more = 0; more < 2; more++) {
            struct buffer text;
            struct live_uri uri;
            char why[LIVE_WHY_SIZE] = "";
            buffer_init(&text, 4096);
            buffer_puts(&text, rows[i].before);
            for (size_t c = 0; c < rows[i].fits + more; c++) {
                buffer_putc(&text, 'x');
            }
            buffer_puts(&text, rows[i].after);
            print_message("%s of %zu characters\n", rows[i].name, rows[i].fits + more);
            assert_int_equal(live_uri_parse(text.data, &uri, why), more == 0 ? ZP_OK : ZP_INVALID);
            buffer_finish(&text);
        }
    }
}

static void create_says_what_is_wrong(void **state)
{
    (void)state;
    const struct live_settings settings = { .uri = "rediss://:hunter2@cache", .timeout_ms = 100 };
    struct live_push *push = NULL;
    char why[LIVE_WHY_SIZE] = "";
    assert_int_equal(live_push_create(&settings, &push, why), ZP_INVALID);
    assert_null(push);
    assert_non_null(strstr(why, "redis://"));

    struct reactor reactor = { 0 };
    const struct live_reactor lent = reactor_lend(&reactor);
    const struct live_hub_settings hub_settings = { .uri = "redis://cache:x", .timeout_ms = 100 };
    struct live_hub *hub = NULL;
    assert_int_equal(live_hub_create(&hub_settings, &lent, &hub, why), ZP_INVALID);
    assert_null(hub);
    assert_non_null(strstr(why, "port"));
    live_push_destroy(NULL);
    live_hub_destroy(NULL);
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uris_are_read),
        cmocka_unit_test(several_hosts_are_a_cluster),
        cmocka_unit_test(uris_are_refused),
        cmocka_unit_test(long_parts_are_refused),
        cmocka_unit_test(create_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
