/* A bar on stderr for what takes a while, when stderr is a terminal. */
#ifndef ZAPORA_CLI_PROGRESS_H
#define ZAPORA_CLI_PROGRESS_H

#include "zapora/base.h"

struct progress {
    const char *what;    /* borrowed: "verify: log" */
    const char *unit;    /* "events" */
    int64_t done, total;
    int64_t began_us, shown_us;
    bool is_shown;       /* stderr is a terminal */
};

void progress_begin(struct progress *progress, const char *what, const char *unit, int64_t total);
/* Cheap: may be called for every record. */
void progress_add(struct progress *progress, int64_t by);
/* Takes the bar away; what was done stays counted. */
void progress_end(struct progress *progress);

#endif
