/* problems.h: what a client is told when its request is refused (RFC 9457). */
#ifndef ZAPORA_GATEWAY_PROBLEMS_H
#define ZAPORA_GATEWAY_PROBLEMS_H

#include "zapora/order.h"

struct problem {
    enum zp_err err;
    const char *detail;              /* a sentence for this case; NULL: the title says it all */
    const struct reason *faults;     /* shown as errors[]; a pointer "?name" is shown as "parameter": "name" */
    size_t fault_count;
    const char *errors_json;         /* a ready array instead of faults, or NULL */
    size_t errors_json_len;
    const char *request_id;
};

/* {"type","title","status","detail","request_id","errors"}; detail and errors only when there are some. */
void problem_json(const struct problem *problem, struct buffer *out);
/* The reason phrase of an HTTP status that zapora uses. */
const char *status_reason(int status);

#endif
