/* reader: hiredis' reader of replies, with a ceiling on what a reply may claim. */
#ifndef ZAPORA_LIVE_READER_H
#define ZAPORA_LIVE_READER_H

#include <hiredis/hiredis.h>

/* Elements of one array: far above the longest that we ask for, and 8 MiB. */
#define READER_ELEMENTS_MAX (1024 * 1024)

/* NULL without memory. Ended with redisReaderFree. */
redisReader *live_reader_create(void);

#endif
