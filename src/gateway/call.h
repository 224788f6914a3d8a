/* call.h: one request on its way to its answer. */
#ifndef ZAPORA_GATEWAY_CALL_H
#define ZAPORA_GATEWAY_CALL_H

#include "fields.h"
#include "gateway_parts.h"
#include "loop.h"
#include "metrics.h"
#include "problems.h"
#include "routes.h"

#define CALLS_MAX 8192                          /* open requests of a loop; more are refused with 503 */
#define CALL_ARENA_BYTES_MAX ((size_t)4 * 1024 * 1024)
#define CALL_ANSWER_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define CALL_ANSWERS_BYTES_MAX ((size_t)128 * 1024 * 1024) /* large answers of a loop that are being taken */

struct places_view;
struct absence;
struct reading;

/* Lives from the request's head until nobody holds it any more: h2o holds it while the request exists, and each
 * question under way (to Redis, PostgreSQL, Kafka) holds it until it is answered. Belongs to its loop's thread. */
struct call {
    struct loop *loop;
    h2o_req_t *req;             /* NULL once h2o is done with it: then nobody waits for an answer */
    const struct route *route;  /* NULL: none fits */
    struct zp_id id;            /* of the path's ":id" */
    struct text slug;           /* of the path's ":slug", borrowed from req */
    struct actor actor;         /* who asks; all zero on a public route */
    const struct principal *principal; /* the same, with names; borrowed until the handler returns */
    int64_t token_expires_at_s;
    int refs;
    bool answered;              /* an answer or a stream has begun: there is no second one */
    bool is_long;               /* asked to wait: not a slow request */
    int status;                 /* of the answer */
    int64_t answered_us, taken_by_us; /* when the answer began, and until when its client must have taken it */
    size_t counted_bytes;       /* of `out`, while the loop's answer_bytes counts them */
    int64_t retry_after_s;      /* what a 503 advises; 0: a second */
    int64_t began_us;           /* clock_mono_us */
    int64_t arrived_at;         /* clock_wall_us */
    char request_id[REQUEST_ID_CHARS_MAX + 1];

    struct arena arena;         /* of the request, until the call ends */
    struct buffer out;          /* the answer's body */
    void *state;                /* the handler's, in the arena */
    struct reading *reading;    /* order_read.c's, in the arena */
    struct absence *absence;    /* absence.c's, in the arena */

    struct timer deadline;      /* call_expect */
    enum zp_err late_err;       /* what the deadline answers */
    const char *late_detail;
    void (*on_deadline)(struct call *call); /* instead of a problem, when set */
    struct timer timer;         /* the handler's */
    struct live_watcher watcher;/* the handler's */
    const struct places_view *places; /* held for the answer's sake, or NULL */
    struct call *next, **link;  /* among the loop's open calls; next among the idle ones */
};

/* Begins a call for a request; NULL: too many are open. */
struct call *call_begin(struct loop *loop, h2o_req_t *req);
/* Gives back what only the beginning of a stream needed. */
void call_rest(struct call *call);
/* Answers all open calls of a loop that ends with 503, and ends its streams. */
void calls_end(struct loop *loop);
void call_hold(struct call *call);
void call_release(struct call *call);
/* True while the request exists and has no answer yet. What comes back later asks this first. */
bool call_open(const struct call *call);
/* Every request that asks for no wait is answered in that time. */
int64_t call_deadline_us(const struct call *call);
/* What the deadline, due_us on clock_mono_us, answers. */
void call_expect(struct call *call, int64_t due_us, enum zp_err err, const char *detail);

/* Ends a wait (one with on_deadline) at once, as its deadline would. */
void call_hurry(struct call *call);
void calls_hurry(struct loop *loop); /* all of them */

/* ---- the request ---- */

/* The value of a header field (lower-case name); `at` is NULL without one. *ret_count says how often it stands
 * there. */
struct text call_field(const struct call *call, const char *name, size_t *ret_count);
struct text call_body(const struct call *call);
struct text call_path(const struct call *call);  /* without the query */
struct text call_query(const struct call *call); /* behind the question mark */
bool call_is_head(const struct call *call);

/* ---- the answer; all texts must live until the call's arena is given back, or for ever ---- */

void call_header(struct call *call, const char *name, const char *value);
/* Sends status and body. type NULL: no body. */
void call_answer(struct call *call, int status, const char *type, const char *body, size_t len);
/* Begins a stream with status 200 in place of an answer; the generator sends it. */
void call_begin_stream(struct call *call, h2o_generator_t *generator);
/* Sends call->out as JSON; its error becomes a 500. */
void call_answer_out(struct call *call, int status);
/* 304 when If-None-Match names the tag, else false; sets ETag in any case. */
bool call_not_modified(struct call *call, const char *etag);
void call_problem(struct call *call, enum zp_err err, const char *detail);
void call_faults(struct call *call, enum zp_err err, const struct reason_list *faults);
void call_problem_json(struct call *call, enum zp_err err, const char *errors_json, size_t len);
/* 503 with Retry-After, counted under the reason. */
void call_unavailable(struct call *call, enum gateway_metric reason, const char *detail);

#define TYPE_JSON "application/json"
#define TYPE_PROBLEM "application/problem+json"

#endif
