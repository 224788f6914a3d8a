/* wraps_hiredis: hiredis' reader, which fails without memory, and by what it has read. */
#include "wraps.h"

#include <hiredis/hiredis.h>

/* As the library notes it: whatever is asked of the reader from now on fails. */
static redisReader *spoil(redisReader *reader, int err, const char *why)
{
    reader->err = err;
    (void)snprintf(reader->errstr, sizeof(reader->errstr), "%s", why);
    return reader;
}

WRAP(redisReader *, redisReaderCreate, (void), (), NULL)
WRAP(redisReader *, redisReaderCreateWithFunctions, (redisReplyObjectFunctions *functions), (functions), NULL)
WRAP(int, redisReaderFeed, (redisReader *reader, const char *data, size_t len), (reader, data, len),
     (spoil(reader, REDIS_ERR_OOM, "Out of memory"), REDIS_ERR))
WRAP(int, redisReaderGetReply, (redisReader *reader, void **ret_reply), (reader, ret_reply),
     (spoil(reader, REDIS_ERR_PROTOCOL, "Protocol error"), REDIS_ERR))
