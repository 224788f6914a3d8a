/* sweep_state.h: how far a loop's sweep over its connections is. */
#ifndef ZAPORA_GATEWAY_SWEEP_STATE_H
#define ZAPORA_GATEWAY_SWEEP_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SWEEP_REASONS 5

struct connection;

/* What was dropped, by reason. */
struct tally { int64_t counts[SWEEP_REASONS]; };

struct sweep {
    bool under_way;
    struct connection *next;   /* the first that this pass has not looked at; moves on when it closes (connection.c) */
    int64_t pass_at_us, slice_at_us; /* not before begins the next pass, the next slice */
    size_t request_bytes;      /* of the requests under way that this pass has seen */
    size_t answer_bytes;       /* of the loop's large answers, less what this pass has dropped */
    struct tally tally;        /* since a pass was told in the log */
};

#endif
