/* Owns the bar on stderr. Invariant: nothing is written unless stderr is a terminal, and the line is cleared at the
 * end. */
#include "progress.h"

#include <unistd.h>

#define SHOW_EVERY_US 200000
#define LOOK_EVERY 1024
#define BAR_WIDTH 30

void progress_begin(struct progress *progress, const char *what, const char *unit, int64_t total)
{
    *progress = (struct progress){ .what = what, .unit = unit, .total = total, .began_us = clock_mono_us(),
                                   .is_shown = isatty(STDERR_FILENO) == 1 };
}

static void show(struct progress *progress, int64_t now)
{
    char bar[BAR_WIDTH + 1];
    int64_t total = progress->total > progress->done ? progress->total : progress->done;
    int filled = total == 0 ? BAR_WIDTH : (int)(progress->done * BAR_WIDTH / total);
    for (int i = 0; i < BAR_WIDTH; i++) {
        bar[i] = i < filled ? '#' : '.';
    }
    bar[BAR_WIDTH] = '\0';
    int64_t ms = (now - progress->began_us) / 1000;
    fprintf(stderr, "\r%s [%s] %lld of %lld %s, %lld/s ", progress->what, bar, (long long)progress->done,
            (long long)total, progress->unit, (long long)(ms == 0 ? 0 : progress->done * 1000 / ms));
    fflush(stderr);
    progress->shown_us = now;
}

void progress_add(struct progress *progress, int64_t by)
{
    int64_t before = progress->done;
    progress->done += by;
    if (!progress->is_shown || (by == 1 && before / LOOK_EVERY == progress->done / LOOK_EVERY)) {
        return;
    }
    int64_t now = clock_mono_us();
    if (now - progress->shown_us >= SHOW_EVERY_US) {
        show(progress, now);
    }
}

void progress_end(struct progress *progress)
{
    if (progress->is_shown && progress->shown_us > 0) {
        fprintf(stderr, "\r\033[K");
        fflush(stderr);
    }
}
