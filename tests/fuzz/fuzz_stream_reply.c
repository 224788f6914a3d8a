/* Any bytes as what Redis answers: hiredis makes replies of them, and each is read as an entry of a location's stream.
 */
#include "fuzz.h"

#include "reader.h"
#include "stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redisReader *reader = live_reader_create();
    MUST(reader != NULL && redisReaderFeed(reader, (const char *)data, size) == REDIS_OK);
    for (void *reply = NULL; redisReaderGetReply(reader, &reply) == REDIS_OK && reply != NULL; reply = NULL) {
        struct live_shared *shared = live_stream_entry(reply);
        MUST(shared == NULL || (shared->frame.kind == NOTE_EVENT && shared->frame.note.seq > 0));
        live_shared_release(shared);
        freeReplyObject(reply);
    }
    redisReaderFree(reader);
    return 0;
}
