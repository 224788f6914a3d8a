/* The floor under the cache: hiredis pushes events with the worker's own script, a pipeline of BATCH at a time over as
 * many locations, and for each order the two keys that the gateway sets before it answers.
 *
 * usage: floor_cache HOST PORT COUNT BATCH BYTES */
#include "floor.h"
#include "scripts.h"

#include <hiredis/hiredis.h>
#include <string.h>

#define LOCATIONS 100
#define KEPT "100000"
#define NOTE_MAX 65536

static redisReply *take(redisContext *redis)
{
    void *reply = NULL;
    FLOOR_CHECK(redisGetReply(redis, &reply) == REDIS_OK, "%s", redis->errstr);
    FLOOR_CHECK(((redisReply *)reply)->type != REDIS_REPLY_ERROR, "%s", ((redisReply *)reply)->str);
    return reply;
}

/* The event `seq` of a location that has had all before it; its order is placed by it. */
static void push(redisContext *redis, const char *sha, int location, long seq, const char *note, size_t size)
{
    char before[64], after[128];
    snprintf(before, sizeof before, "%ld ", seq - 1);
    snprintf(after, sizeof after, "%ld %064d %016d %ld 0", seq, 0, 0, seq);
    FLOOR_CHECK(redisAppendCommand(redis,
                                   "EVALSHA %s 4 {floor-%d}:head {floor-%d}:events {floor-%d}:open "
                                   "{floor-%d}:order:%08d-0000-4000-8000-%012ld %s %s {floor-%d}:live %ld 1 86400 " KEPT
                                   " %b 1 %ld",
                                   sha, location, location, location, location, location, seq, before, after, location,
                                   seq, note, size, seq) == REDIS_OK, "%s", redis->errstr);
}

static void submit(redisContext *redis, int location, long seq, const char *note, size_t size)
{
    FLOOR_CHECK(redisAppendCommand(redis, "SET {floor-%d}:order:%08d-0000-4000-8000-%012ld %b NX EX 86400", location,
                                   location, seq, note, size) == REDIS_OK, "%s", redis->errstr);
    FLOOR_CHECK(redisAppendCommand(redis, "SET receipt:floor-%d-%ld %b NX EX 86400", location, seq, note,
                                   size < 200 ? size : 200) == REDIS_OK, "%s", redis->errstr);
}

int main(int argc, char **argv)
{
    static char note[NOTE_MAX];
    if (argc != 6) {
        fprintf(stderr, "usage: floor_cache HOST PORT COUNT BATCH BYTES\n");
        return 2;
    }
    long count = atol(argv[3]), batch = atol(argv[4]);
    size_t size = (size_t)atol(argv[5]);
    FLOOR_CHECK(size <= sizeof note, "a note of %zu bytes", size);
    memset(note, 'n', size);
    redisContext *redis = redisConnect(argv[1], atoi(argv[2]));
    FLOOR_CHECK(redis != NULL && redis->err == 0, "cannot connect");
    redisReply *loaded = redisCommand(redis, "SCRIPT LOAD %s", LIVE_SCRIPT_PUSH);
    FLOOR_CHECK(loaded != NULL && loaded->type == REDIS_REPLY_STRING, "the script was not taken");
    struct floor_clock began = floor_now();
    for (long done = 0; done < count;) {
        long until = done + batch < count ? done + batch : count;
        long replies = 0;
        for (long i = done; i < until; i++, replies += 3) {
            submit(redis, (int)(i % LOCATIONS), i / LOCATIONS + 1, note, size);
            push(redis, loaded->str, (int)(i % LOCATIONS), i / LOCATIONS + 1, note, size);
        }
        for (long i = 0; i < replies; i++) {
            redisReply *reply = take(redis);
            FLOOR_CHECK(reply->type != REDIS_REPLY_INTEGER || reply->integer == 0, "a push was refused");
            freeReplyObject(reply);
        }
        done = until;
    }
    floor_report(began, count);
    freeReplyObject(loaded);
    redisFree(redis);
    return 0;
}
