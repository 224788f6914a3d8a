/* The line: committed turns on their way to the log and from there to Redis, one behind the other. */
#ifndef ZAPORA_WORKER_LINE_H
#define ZAPORA_WORKER_LINE_H

#include "partition.h"
#include "refill.h"
#include "tell.h"
#include "turn.h"
#include "zapora/worker.h"

/* Used by the announcer's thread, apart from line_owe, line_compare and `failed`. It has no thread and waits for
 * nothing by itself: whoever owns it calls line_step whenever there may be work. */
struct line {
    const struct worker_settings *settings; /* borrowed */
    struct marks *marks;                    /* borrowed, BUS_PARTITIONS_MAX */
    struct bus_producer *producer;
    struct live_push *push;
    struct store *store;                    /* for refills */
    struct refiller refiller;
    struct tell_scratch scratch;            /* for the record that is produced or the turn that is pushed */
    int64_t tell_at_us;                     /* monotonic: not before then is trouble with Redis told again */
    int wake_fd;                            /* borrowed: where the producer says that reports wait; -1: nowhere */
    struct turn *first, **end;              /* oldest first; owned while they stand here */
    struct turn *producing;                 /* first turn in the line not wholly produced */
    void (*on_done)(void *arg, struct turn *turn); /* a turn has left the line, emptied: it is the callee's */
    void *arg;
    _Atomic bool failed;                    /* something was not acknowledged in time, or the producer broke */
};

/* Opens the producer and the connections of a line whose settings, marks, wake_fd, on_done and arg are set and whose
 * other fields are zero. ZP_OK, ZP_BUSY or ZP_INVALID with a sentence in why; line_close is due either way. */
enum zp_err line_open(struct line *line, char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* Drops what stands in the line and closes everything. */
void line_close(struct line *line);

/* Counts what a committed turn owes to the log, before it is added. On the thread that committed it. */
void line_owe(struct line *line, struct turn *turn);
/* Adds turns, linked by next, at the end. */
void line_add(struct line *line, struct turn *turns);
/* Wishes that a partition's heads be compared with Redis. Any thread. */
void line_compare(struct line *line, int32_t partition);

/* Does what can be done now: produces, heeds acknowledgements, pushes what is acknowledged, refills a piece. */
void line_step(struct line *line);
/* How long there is nothing to do, unless something is added or reported, in ms. */
int line_wait_ms(const struct line *line);
/* Drops everything in the line and makes the producer anew, after a failure. */
void line_renew(struct line *line);

#endif
