/* watchdog.h: base's own door to the watchdog's arithmetic, for its thread and its tests. */
#ifndef ZAPORA_BASE_WATCHDOG_H
#define ZAPORA_BASE_WATCHDOG_H

#include "zapora/base.h"

enum watch_news {
    WATCH_GOES_ON, /* it beat again before its limit */
    WATCH_STALLED, /* half of its limit has gone by; told once */
    WATCH_HUNG,    /* its limit has gone by */
};

typedef void watch_news_cb(enum watch_news news, const char *name, int64_t silent_ms);

/* One tick, which counts as tick_ms for every watch that did not beat since the last one. */
void watchdog_tick(int64_t tick_ms, int64_t limit_ms, watch_news_cb *tell);

#endif
