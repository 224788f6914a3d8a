/* The reader of replies: what hiredis 0.14.1 would reserve memory for before it has come. */
#include "support.h"

#include "reader.h"

/* The end of reading these bytes: REDIS_OK with a reply, or REDIS_ERR. */
static int read_bytes(const char *bytes, redisReply **ret_reply)
{
    redisReader *reader = live_reader_create();
    void *reply = NULL;
    assert_non_null(reader);
    assert_int_equal(redisReaderFeed(reader, bytes, strlen(bytes)), REDIS_OK);
    int result = redisReaderGetReply(reader, &reply);
    redisReaderFree(reader);
    *ret_reply = reply;
    return result;
}

static void an_array_that_claims_a_thousand_million_elements_is_refused(void **state)
{
    static const char *const claims[] = { "*999999999\r\n", "*1048577\r\n", "*2147483647\r\n", "*1\r\n*1048577\r\n" };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(claims); i++) {
        redisReply *reply;
        print_message("%.11s\n", claims[i]);
        assert_int_equal(read_bytes(claims[i], &reply), REDIS_ERR);
        assert_null(reply);
    }
}

static void what_redis_answers_is_read(void **state)
{
    static const struct { const char *bytes; int type; } answers[] = {
        { "*0\r\n", REDIS_REPLY_ARRAY }, { "*2\r\n$1\r\na\r\n*1\r\n:1\r\n", REDIS_REPLY_ARRAY },
        { "*-1\r\n", REDIS_REPLY_NIL }, { "$2\r\nab\r\n", REDIS_REPLY_STRING }, { ":12\r\n", REDIS_REPLY_INTEGER },
        { "-ERR no\r\n", REDIS_REPLY_ERROR },
    };
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(answers); i++) {
        redisReply *reply;
        assert_int_equal(read_bytes(answers[i].bytes, &reply), REDIS_OK);
        assert_non_null(reply);
        assert_int_equal(reply->type, answers[i].type);
        freeReplyObject(reply);
    }
}

/* So much may come: a list of all elements but the last is still waited for. */
static void the_longest_list_is_waited_for(void **state)
{
    redisReply *reply;
    (void)state;
    assert_int_equal(read_bytes("*1048576\r\n$1\r\na\r\n", &reply), REDIS_OK);
    assert_null(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_that_claims_a_thousand_million_elements_is_refused),
        cmocka_unit_test(what_redis_answers_is_read),
        cmocka_unit_test(the_longest_list_is_waited_for),
    };
    return cmocka_run_group_tests_name("live reader", tests, NULL, NULL);
}
