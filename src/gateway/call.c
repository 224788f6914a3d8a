/* call: the life of a request: begun by guard.c, answered by its handler or its deadline, counted and logged at its
 * end.
 *
 * Invariants: h2o's request is touched only while call->req is set, on the loop's thread, and never after its answer
 * has begun, for h2o crashes when a request that it has disposed of is answered; timers and watchers stop when the
 * answer begins. */
#include "call.h"

#include "connection.h"
#include "places.h"

#include <stdatomic.h>
#include <stdlib.h>

#define IDLE_CALLS_MAX 256
#define KEPT_OUT_BYTES_MAX ((size_t)32 * 1024) /* a bigger answer's buffer is not kept for the next call */
#define TAKE_US 10000000                       /* an answer must be taken by its client in that time ... */
#define TAKE_BYTES_A_SECOND 32768              /* ... and as much more as its length takes at this speed */
#define SLOW_US 1000000                        /* a request that takes longer is logged, unless it asked to */

static struct call *take(struct loop *loop)
{
    struct call *call = loop->idle_calls;
    if (call != NULL) {
        loop->idle_calls = call->next;
        loop->idle_call_count--;
        return call;
    }
    call = calloc(1, sizeof(*call));
    if (call != NULL) {
        arena_init(&call->arena, CALL_ARENA_BYTES_MAX);
        buffer_init(&call->out, CALL_ANSWER_BYTES_MAX);
    }
    return call;
}

static void give_back(struct call *call)
{
    struct loop *loop = call->loop;
    if (loop->idle_call_count >= IDLE_CALLS_MAX || call->out.cap > KEPT_OUT_BYTES_MAX) {
        arena_finish(&call->arena);
        buffer_finish(&call->out);
        free(call);
        return;
    }
    struct arena arena = call->arena;
    struct buffer out = call->out;
    arena_reset(&arena);
    buffer_reset(&out);
    *call = (struct call){ .arena = arena, .out = out, .next = loop->idle_calls };
    loop->idle_calls = call;
    loop->idle_call_count++;
}

static void settle(struct call *call)
{
    timer_stop(&call->deadline);
    timer_stop(&call->timer);
    live_hub_unwatch(&call->watcher);
}

static void log_call(const struct call *call, int64_t duration_us)
{
    bool worth_a_line = call->status >= 500 || (duration_us > SLOW_US && !call->is_long);
    enum log_level level = worth_a_line || call->loop->gateway->settings->access_log ? LOG_INFO : LOG_DEBUG;
    const struct zp_id *user_id = id_is_none(&call->actor.user_id) ? NULL : &call->actor.user_id;
    LOG_AT(level, "request", L_STR("method", call->route == NULL ? NULL : call->route->method),
           L_STR("route", call->route == NULL ? NULL : call->route->path), L_INT("status", call->status),
           L_INT("duration_us", duration_us), L_STR("request_id", call->request_id),
           L_ID("user_id", user_id), { .key = NULL });
}

/* h2o is done with the request: its answer was sent, or its client has gone. */
static void on_request_gone(void *arg)
{
    struct call *call = *(struct call **)arg;
    struct loop *loop = call->loop;
    int64_t duration_us = clock_mono_us() - call->began_us;
    struct connection *connection = connection_of(call->req);
    connection->call = NULL;
    connection->since_us = loop->now_us;
    connection->sending_since_us = 0;
    loop->answer_bytes -= call->counted_bytes;
    call->req = NULL;
    settle(call);
    metrics_request(call->route == NULL ? ROUTE_COUNT : (size_t)(call->route - ROUTES), call->status, duration_us);
    log_call(call, duration_us);
    metric_add(&gateway_metrics[METRIC_CALLS], -1);
    *call->link = call->next;
    if (call->next != NULL) {
        call->next->link = call->link;
    }
    loop->call_count--;
    atomic_fetch_sub(&loop->open_calls, 1);
    call_release(call);
}

struct call *call_begin(struct loop *loop, h2o_req_t *req)
{
    struct call *call = loop->call_count >= CALLS_MAX ? NULL : take(loop);
    if (call == NULL) {
        return NULL;
    }
    call->loop = loop;
    call->req = req;
    call->refs = 1;
    call->began_us = clock_mono_us();
    call->arrived_at = clock_wall_us();
    struct call **holder = h2o_mem_alloc_shared(&req->pool, sizeof(*holder), on_request_gone);
    *holder = call;
    connection_of(req)->call = call;
    call->next = loop->calls;
    call->link = &loop->calls;
    if (call->next != NULL) {
        call->next->link = &call->next;
    }
    loop->calls = call;
    loop->call_count++;
    atomic_fetch_add(&loop->open_calls, 1);
    metric_add(&gateway_metrics[METRIC_CALLS], 1);
    call_expect(call, call->began_us + call_deadline_us(call), ZP_BUSY,
                "No answer came in time from behind the gateway; try again.");
    return call;
}

void calls_end(struct loop *loop)
{
    struct call *next;
    for (struct call *call = loop->calls; call != NULL; call = next) {
        next = call->next; /* h2o frees a request later, when its answer has been sent */
        if (call_open(call)) {
            call->req->http1_is_persistent = 0;
        }
        if (call_open(call) && call->on_deadline != NULL) {
            call_hurry(call);
        }
        if (call_open(call)) { /* what its deadline would say: only it knows whether something was stored */
            call_problem(call, call->late_err, call->late_detail);
        }
    }
}

void call_rest(struct call *call)
{
    ZP_ASSERT(call->answered && call->is_long);
    call->reading = NULL;
    call->absence = NULL;
    arena_finish(&call->arena);
    buffer_finish(&call->out);
}

void call_hold(struct call *call)
{
    call->refs++;
}

void call_release(struct call *call)
{
    ZP_ASSERT(call->refs > 0);
    if (--call->refs > 0) {
        return;
    }
    ZP_ASSERT(call->req == NULL && !timer_runs(&call->timer) && !timer_runs(&call->deadline));
    places_view_release(call->places);
    give_back(call);
}

bool call_open(const struct call *call)
{
    return call->req != NULL && !call->answered;
}

static void on_deadline(struct timer *timer)
{
    struct call *call = H2O_STRUCT_FROM_MEMBER(struct call, deadline, timer);
    if (call->on_deadline != NULL) {
        call->on_deadline(call);
    } else {
        metric_add(&gateway_metrics[METRIC_DEADLINE], 1);
        call_problem(call, call->late_err, call->late_detail);
    }
}

void call_hurry(struct call *call)
{
    ZP_ASSERT(call_open(call) && call->on_deadline != NULL);
    timer_stop(&call->deadline);
    call->on_deadline(call);
}

int64_t call_deadline_us(const struct call *call)
{
    return call->loop->gateway->settings->request_deadline_ms * 1000;
}

void calls_hurry(struct loop *loop)
{
    struct call *next;
    for (struct call *call = loop->calls; call != NULL; call = next) {
        next = call->next;
        if (call_open(call) && call->on_deadline != NULL) {
            call_hurry(call);
        }
    }
}

void call_expect(struct call *call, int64_t due_us, enum zp_err err, const char *detail)
{
    call->late_err = err;
    call->late_detail = detail;
    timer_start(&call->loop->timers, &call->deadline, due_us, on_deadline);
}

/* ---- the request ---- */

struct text call_field(const struct call *call, const char *name, size_t *ret_count)
{
    struct text value = { NULL, 0 };
    size_t len = strlen(name);
    *ret_count = 0;
    for (size_t i = 0; i < call->req->headers.size; i++) {
        const h2o_header_t *header = &call->req->headers.entries[i];
        if (h2o_memis(header->name->base, header->name->len, name, len)) {
            value = (*ret_count)++ == 0 ? (struct text){ header->value.base, header->value.len } : value;
        }
    }
    return value;
}

struct text call_body(const struct call *call)
{
    return (struct text){ call->req->entity.base == NULL ? "" : call->req->entity.base, call->req->entity.len };
}

/* As it was sent: h2o's normalized path would make "/orders/../me" a way to "/me". */
struct text call_path(const struct call *call)
{
    struct text target = { call->req->input.path.base, call->req->input.path.len };
    return text_cut(&target, '?');
}

struct text call_query(const struct call *call)
{
    struct text target = { call->req->input.path.base, call->req->input.path.len };
    (void)text_cut(&target, '?');
    return target;
}

bool call_is_head(const struct call *call)
{
    return h2o_memis(call->req->input.method.base, call->req->input.method.len, H2O_STRLIT("HEAD"));
}

/* ---- the answer ---- */

void call_header(struct call *call, const char *name, const char *value)
{
    if (value == NULL) { /* no memory for it */
        return;
    }
    h2o_add_header_by_str(&call->req->pool, &call->req->res.headers, name, strlen(name), 1, NULL, value, strlen(value));
}

void call_answer(struct call *call, int status, const char *type, const char *body, size_t len)
{
    static h2o_generator_t generator = { NULL, NULL };
    h2o_req_t *req = call->req;
    h2o_iovec_t piece = h2o_iovec_init(body, len);
    ZP_ASSERT(call_open(call));
    call->answered = true;
    call->status = status;
    call->answered_us = clock_mono_us();
    call->taken_by_us = call->answered_us + TAKE_US + (int64_t)len * 1000000 / TAKE_BYTES_A_SECOND;
    settle(call);
    req->res.status = status;
    req->res.reason = status_reason(status);
    req->res.content_length = type == NULL ? SIZE_MAX : len; /* a 304 says nothing of a length */
    if (call->loop->context.shutdown_requested) { /* h2o tells it only to requests that come in a drain */
        req->http1_is_persistent = 0;
    }
    if (type != NULL) {
        call_header(call, "content-type", type);
    }
    call_header(call, "x-request-id", call->request_id);
    h2o_start_response(req, &generator);
    bool silent = type == NULL || call_is_head(call);
    h2o_send(req, silent ? NULL : &piece, silent ? 0 : 1, H2O_SEND_STATE_FINAL);
}

void call_begin_stream(struct call *call, h2o_generator_t *generator)
{
    h2o_req_t *req = call->req;
    ZP_ASSERT(call_open(call));
    call->answered = true;
    call->is_long = true;
    call->status = 200;
    settle(call);
    req->res.status = 200;
    req->res.reason = status_reason(200);
    req->http1_is_persistent =
        req->http1_is_persistent && req->version >= 0x101; /* 1.0 has no chunks: the end is the end */
    call_header(call, "x-request-id", call->request_id);
    h2o_start_response(req, generator);
}

/* Large answers lie in memory until their clients have taken them. */
static bool count_answer(struct call *call)
{
    if (call->loop->answer_bytes + call->out.len > CALL_ANSWERS_BYTES_MAX) {
        return false;
    }
    call->counted_bytes = call->out.len;
    call->loop->answer_bytes += call->counted_bytes;
    return true;
}

void call_answer_out(struct call *call, int status)
{
    if (call->out.err != ZP_OK) {
        buffer_reset(&call->out);
        call_problem(call, ZP_INTERNAL, "The answer is too large.");
        return;
    }
    if (call->out.len > KEPT_OUT_BYTES_MAX && !count_answer(call)) {
        call_unavailable(call, METRIC_ANSWERS_FULL, "Too many large answers are being sent; try again.");
        return;
    }
    call_answer(call, status, TYPE_JSON, call->out.data, call->out.len);
}

bool call_not_modified(struct call *call, const char *etag)
{
    size_t count;
    struct text tags = call_field(call, "if-none-match", &count);
    call_header(call, "etag", etag);
    if (count != 1 || !field_none_match(tags, etag)) {
        return false;
    }
    call_answer(call, 304, NULL, NULL, 0);
    return true;
}

static void answer_problem(struct call *call, const struct problem *problem)
{
    int status = zp_err_http_status(problem->err);
    buffer_reset(&call->out);
    problem_json(problem, &call->out);
    if (status == 503 || status == 429) {
        int64_t advice_s = call->retry_after_s > 0 ? call->retry_after_s : 1;
        call_header(call, "retry-after", arena_printf(&call->arena, "%lld", (long long)advice_s));
    }
    if (status == 401) {
        size_t count;
        (void)call_field(call, "authorization", &count);
        call_header(call, "www-authenticate", count > 0 ? "Bearer error=\"invalid_token\"" : "Bearer");
    }
    call_header(call, "cache-control", "no-store");
    call_answer(call, status, TYPE_PROBLEM, call->out.data, call->out.len);
}

void call_problem(struct call *call, enum zp_err err, const char *detail)
{
    const struct problem problem = { .err = err, .detail = detail, .request_id = call->request_id };
    answer_problem(call, &problem);
}

void call_faults(struct call *call, enum zp_err err, const struct reason_list *faults)
{
    const struct problem problem = {
        .err = err, .faults = faults->items, .fault_count = faults->count, .request_id = call->request_id,
    };
    answer_problem(call, &problem);
}

void call_problem_json(struct call *call, enum zp_err err, const char *errors_json, size_t len)
{
    const struct problem problem = {
        .err = err, .errors_json = errors_json, .errors_json_len = len, .request_id = call->request_id,
    };
    answer_problem(call, &problem);
}

void call_unavailable(struct call *call, enum gateway_metric reason, const char *detail)
{
    metric_add(&gateway_metrics[reason], 1);
    call_problem(call, ZP_BUSY, detail);
}
