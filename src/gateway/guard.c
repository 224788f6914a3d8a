/* guard: what every request must pass, in this order: a plain head, a body of a size, a token, a route, a role.
 *
 * Called by h2o on the loop's thread. Invariant: nothing behind it sees a request that two servers might read
 * differently, or one without a good token on a route that is not public; and without a token nobody learns which
 * paths exist. */
#include "guard.h"

#include "call.h"
#include "connection.h"
#include "head.h"
#include "zapora/message.h"

struct guard {
    h2o_handler_t super;
    struct loop *loop;
};

static void name_request(struct call *call)
{
    size_t count;
    struct text given = call_field(call, "x-request-id", &count);
    if (count == 1 && field_request_id_fits(given)) {
        memcpy(call->request_id, given.at, given.len);
        call->request_id[given.len] = '\0';
    } else {
        struct zp_id id = id_fresh();
        id_format(&id, call->request_id);
    }
}

/* h2o keeps the bytes of a request in the socket's buffer until it is answered, its head in front. */
static const char *judge_head(const struct call *call)
{
    const h2o_buffer_t *input = connection_of(call->req)->socket->input;
    return head_judge((struct text){ input->bytes, input->size });
}

static bool knows_token(struct call *call)
{
    const char *why = "no_token";
    size_t count;
    struct text token, field = call_field(call, "authorization", &count);
    if (count == 1 && field_bearer(field, &token) &&
        passes_check(&call->loop->passes, &call->loop->gateway->token_key, token, call->arrived_at / 1000000,
                     &call->principal, &why)) {
        call->actor = call->principal->actor;
        call->token_expires_at_s = call->principal->expires_at_s;
        return true;
    }
    log_debug("token refused", L_STR("why", why), L_STR("request_id", call->request_id));
    metric_add(&gateway_metrics[METRIC_TOKENS_REFUSED], 1);
    return false;
}

static bool role_reaches(const struct call *call)
{
    return call->route->access != ACCESS_KITCHEN || call->actor.role >= ROLE_KITCHEN;
}

static void dispatch(struct call *call)
{
    struct route_match match;
    struct text method = { call->req->input.method.base, call->req->input.method.len };
    route_find(method, call_path(call), &match);
    bool is_public = match.route != NULL && match.route->access == ACCESS_PUBLIC;
    call->route = match.route;
    call->id = match.id;
    call->slug = match.slug;
    if (!is_public && !knows_token(call)) {
        call_problem(call, ZP_UNAUTHORIZED, NULL);
    } else if (match.route == NULL && match.allow[0] != '\0') {
        call_header(call, "allow", match.allow);
        call_problem(call, ZP_NOT_ALLOWED, NULL);
    } else if (match.route == NULL) {
        call_problem(call, ZP_NOT_FOUND, NULL);
    } else if (!role_reaches(call)) {
        call_problem(call, ZP_FORBIDDEN, NULL);
    } else {
        call->route->handle(call);
    }
}

static void refuse_crowd(h2o_req_t *req)
{
    metric_add(&gateway_metrics[METRIC_CALLS_FULL], 1);
    h2o_send_error_503(req, "Service Unavailable", "",
                       H2O_SEND_ERROR_HTTP1_CLOSE_CONNECTION); /* early.c makes it a problem */
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    struct loop *loop = ((struct guard *)(void *)self)->loop;
    struct call *call = call_begin(loop, req);
    if (call == NULL) {
        refuse_crowd(req);
        return 0;
    }
    name_request(call);
    const char *why = judge_head(call);
    if (why != NULL) {
        metric_add(&gateway_metrics[METRIC_HEADS_REFUSED], 1);
        req->http1_is_persistent = 0; /* whatever follows on this connection may be the smuggled half */
        call_problem(call, ZP_MALFORMED, why);
    } else if (req->entity.len > MESSAGE_BODY_BYTES_MAX) {
        call_problem(call, ZP_TOO_LARGE, "A body has at most 262144 bytes.");
    } else {
        dispatch(call);
    }
    return 0;
}

void guard_register(h2o_pathconf_t *pathconf, struct loop *loop)
{
    struct guard *guard = (void *)h2o_create_handler(pathconf, sizeof(*guard));
    guard->super.on_req = on_request;
    guard->loop = loop;
}
