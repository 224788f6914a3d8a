/* reader: what hiredis 0.14.1 lacks: a ceiling.
 *
 * Called by connection. hiredis reserves an array by the number that stands at its head, before anything of it has
 * come: the twelve bytes "*999999999\r\n" take 8 GB. Invariant: the functions are hiredis' own but for that check. */
#include "reader.h"

#include <pthread.h>
#include <stdbool.h>

static redisReplyObjectFunctions own;
static void *(*create_array)(const redisReadTask *task, int elements);
static pthread_mutex_t learning = PTHREAD_MUTEX_INITIALIZER;

static void *create_bounded_array(const redisReadTask *task, int elements)
{
    return elements > READER_ELEMENTS_MAX ? NULL : create_array(task, elements);
}

/* hiredis does not hand out its functions by name, only with a reader. Without memory for one now the next connect asks
 * again. */
static bool learn_functions(void)
{
    (void)pthread_mutex_lock(&learning);
    redisReader *reader = create_array == NULL ? redisReaderCreate() : NULL;
    if (reader != NULL) {
        create_array = reader->fn->createArray;
        own = *reader->fn;
        own.createArray = create_bounded_array;
        redisReaderFree(reader);
    }
    bool known = create_array != NULL;
    (void)pthread_mutex_unlock(&learning);
    return known;
}

redisReader *live_reader_create(void)
{
    return learn_functions() ? redisReaderCreateWithFunctions(&own) : NULL;
}
