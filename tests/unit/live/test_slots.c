/* Slots, keys of commands, redirects, maps: what a cluster's server may say, and what it must not make us do. */
#include "support.h"

#include "request.h"
#include "slots.h"

static const struct slot_row { const char *key; int slot; } slot_rows[] = {
    { "123456789",             0x31c3 }, /* the specification's own check: CRC16 is 0x31c3, less than 16384 */
    { "somekey",               11058 },  /* CLUSTER KEYSLOT of a Redis 7.0.15, like those below */
    { "foo{hash_tag}",         2515 },
    { "{hash_tag}:events",     2515 },
    { "foo{}{bar}",            8363 },   /* an empty tag is none */
    { "foo{{bar}}zap",         4015 },   /* the tag is "{bar" */
    { "foo{bar}{zap}",         5061 },   /* the first one counts */
    { "foo{bar",               -1 },     /* no tag without its end: the whole key */
    { "",                      0 },
};

static void a_key_has_the_slot_that_redis_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(slot_rows); i++) {
        int slot = live_slot_of(slot_rows[i].key, strlen(slot_rows[i].key));
        print_message("  \"%s\" %d\n", slot_rows[i].key, slot);
        if (slot_rows[i].slot >= 0) {
            assert_int_equal(slot, slot_rows[i].slot);
        } else {
            assert_int_not_equal(slot, live_slot_of("bar", 3));
        }
    }
}

static const struct command_row { const char *words[6]; const char *key; } command_rows[] = {
    { { "GET", "{a}:head" },                            "{a}:head" },
    { { "EVALSHA", "0123", "2", "{a}:head", "{a}:x" },  "{a}:head" },
    { { "EVAL", "return 1", "1", "{b}:head" },          "{b}:head" },
    { { "SSUBSCRIBE", "{a}:live" },                     "{a}:live" },
    { { "SCRIPT", "LOAD", "return 1" },                 NULL },
    { { "PING" },                                       NULL },
};

static void a_command_goes_where_its_key_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(command_rows); i++) {
        const struct command_row *row = &command_rows[i];
        struct buffer out;
        size_t count = 0;
        int slot = 77;
        buffer_init(&out, 4096);
        while (count < ZP_COUNT(row->words) && row->words[count] != NULL) {
            count++;
        }
        live_request(&out, count);
        for (size_t n = 0; n < count; n++) {
            live_request_text(&out, row->words[n]);
        }
        size_t whole = out.len;
        buffer_puts(&out, "*1\r\n$4\r\nPING\r\n"); /* what follows is the next one's */
        assert_int_equal(live_slot_command(out.data, out.len, &slot), whole);
        assert_int_equal(slot, row->key == NULL ? SLOT_NONE : live_slot_of(row->key, strlen(row->key)));
        for (size_t len = 0; len < whole; len++) {
            slot = 77;
            assert_int_equal(live_slot_command(out.data, len, &slot), 0);
            assert_int_equal(slot, 77);
        }
        buffer_finish(&out);
    }
}

static const struct redirect_row {
    const char *error;
    bool good, once;
    int slot;
    const char *host, *port;
} redirect_rows[] = {
    { "MOVED 3999 127.0.0.1:6381",     true,  false, 3999,  "127.0.0.1", "6381" },
    { "ASK 16383 10.0.0.7:7000",       true,  true,  16383, "10.0.0.7",  "7000" },
    { "MOVED 0 ::1:6379",              true,  false, 0,     "::1",       "6379" },
    { "MOVED 5 node-3.example:6379",   true,  false, 5,     "node-3.example", "6379" },
    { "MOVED 5 :6379",                 true,  false, 5,     "",          "6379" },
    { "MOVED 16384 127.0.0.1:6381",    false, false, 0,     NULL,        NULL },
    { "MOVED -1 127.0.0.1:6381",       false, false, 0,     NULL,        NULL },
    { "MOVED x 127.0.0.1:6381",        false, false, 0,     NULL,        NULL },
    { "MOVED 1 127.0.0.1",             false, false, 0,     NULL,        NULL },
    { "MOVED 1 127.0.0.1:",            false, false, 0,     NULL,        NULL },
    { "MOVED 1 127.0.0.1:65536",       false, false, 0,     NULL,        NULL },
    { "MOVED 1 127.0.0.1:63 81",       false, false, 0,     NULL,        NULL },
    { "MOVED 1:2",                     false, false, 0,     NULL,        NULL },
    { "MOVED ",                        false, false, 0,     NULL,        NULL },
    { "ASKING 1 127.0.0.1:6381",       false, false, 0,     NULL,        NULL },
    { "ERR MOVED 1 127.0.0.1:6381",    false, false, 0,     NULL,        NULL },
    { "",                              false, false, 0,     NULL,        NULL },
};

static void a_redirect_is_read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(redirect_rows); i++) {
        const struct redirect_row *row = &redirect_rows[i];
        struct redirect redirect = { .slot = 77 };
        print_message("  \"%s\"\n", row->error);
        assert_int_equal(live_redirect_read(row->error, &redirect), row->good);
        assert_int_equal(redirect.slot, row->good ? row->slot : 77);
        if (row->good) {
            assert_int_equal(redirect.once, row->once);
            assert_string_equal(redirect.address.host, row->host);
            assert_string_equal(redirect.address.port, row->port);
        }
    }
}

/* ---- maps -------------------------------------------------------------------------------------------------------- */

#define A     "*3\r\n$9\r\n127.0.0.1\r\n:7001\r\n$2\r\nid\r\n"
#define B     "*3\r\n$9\r\n127.0.0.1\r\n:7002\r\n$2\r\nid\r\n"
#define OWN   "*3\r\n$-1\r\n:7003\r\n$2\r\nid\r\n"
#define BLANK "*3\r\n$0\r\n\r\n:7003\r\n$2\r\nid\r\n"
#define RANGE(first, last, server) "*3\r\n:" first "\r\n:" last "\r\n" server

static const struct map_row { const char *name, *answer; size_t servers; const char *last_host; } map_rows[] = {
    { "one server has all", "*1\r\n" RANGE("0", "16383", A), 1, "127.0.0.1" },
    { "two halves", "*2\r\n" RANGE("0", "8191", A) RANGE("8192", "16383", B), 2, "127.0.0.1" },
    { "ranges in any order", "*3\r\n" RANGE("9", "16383", B) RANGE("0", "3", B) RANGE("4", "8", A), 2, "127.0.0.1" },
    { "no host: who answered", "*1\r\n" RANGE("0", "16383", OWN), 1, "asked" },
    { "a blank host: the same", "*1\r\n" RANGE("0", "16383", BLANK), 1, "asked" },
    { "a gap", "*2\r\n" RANGE("0", "8190", A) RANGE("8192", "16383", B), 0, NULL },
    { "a slot too many", "*1\r\n" RANGE("0", "16384", A), 0, NULL },
    { "a slot below nothing", "*1\r\n" RANGE("-1", "16383", A), 0, NULL },
    { "a range upside down", "*2\r\n" RANGE("0", "16383", A) RANGE("9", "8", A), 0, NULL },
    { "nobody", "*0\r\n", 0, NULL },
    { "a range without a server", "*1\r\n*2\r\n:0\r\n:16383\r\n", 0, NULL },
    { "a port that is none", "*1\r\n" RANGE("0", "16383", "*2\r\n$1\r\nx\r\n:0\r\n"), 0, NULL },
    { "words for numbers", "*1\r\n*3\r\n$1\r\n0\r\n$5\r\n16383\r\n" A, 0, NULL },
    { "an error",                 "-ERR This instance has cluster support disabled\r\n", 0, NULL },
    { "a number",                 ":7\r\n", 0, NULL },
};

static void a_map_is_whole_or_refused(void **state)
{
    (void)state;
    const struct live_address asked = { "asked", "7000" };
    for (size_t i = 0; i < ZP_COUNT(map_rows); i++) {
        const struct map_row *row = &map_rows[i];
        static struct slot_map map;
        print_message("  %s\n", row->name);
        redisReader *reader = redisReaderCreate();
        void *reply = NULL;
        assert_int_equal(redisReaderFeed(reader, row->answer, strlen(row->answer)), REDIS_OK);
        assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
        assert_non_null(reply);
        map.server_count = 77;
        assert_int_equal(live_slot_map_read(reply, &asked, &map), row->servers > 0);
        assert_int_equal(map.server_count, row->servers > 0 ? row->servers : 77);
        if (row->servers > 0) {
            assert_string_equal(map.servers[map.server_of[SLOT_COUNT - 1]].host, row->last_host);
        }
        freeReplyObject(reply);
        redisReaderFree(reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_has_the_slot_that_redis_says),
        cmocka_unit_test(a_command_goes_where_its_key_is),
        cmocka_unit_test(a_redirect_is_read_or_refused),
        cmocka_unit_test(a_map_is_whole_or_refused),
    };
    return cmocka_run_group_tests_name("live: slots", tests, NULL, NULL);
}
