/* reader: what hiredis 0.14.1 lacks: a ceiling.
 *
 * Called by connection. hiredis reserves an array by the number that stands at its head, before anything of it has
 * come: the twelve bytes "*999999999\r\n" take 8 GB. Invariant: the functions are hiredis' own but for that check. */
#include "reader.h"

#include <pthread.h>

static redisReplyObjectFunctions own;
static void *(*create_array)(const redisReadTask *task, int elements);
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *create_bounded_array(const redisReadTask *task, int elements)
{
    return elements > READER_ELEMENTS_MAX ? NULL : create_array(task, elements);
}

/* hiredis does not hand out its functions by name, only with a reader. */
static void learn_functions(void)
{
    redisReader *reader = redisReaderCreate();
    if (reader != NULL) {
        create_array = reader->fn->createArray;
        own = *reader->fn;
        own.createArray = create_bounded_array;
        redisReaderFree(reader);
    }
}

redisReader *live_reader_create(void)
{
    (void)pthread_once(&once, learn_functions);
    return create_array == NULL ? NULL : redisReaderCreateWithFunctions(&own);
}
