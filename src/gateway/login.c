/* login: POST /auth/login and GET /me.
 *
 * Called through the table of routes. Invariants: an unknown address costs as much time as a wrong password; neither
 * a password nor a token is ever logged; the hash is reckoned on a helper thread, at most two at a time. */
#include "errand.h"
#include "handlers.h"
#include "zapora/message.h"

#include <stdlib.h>

/* What a helper thread found: the account, when the password fits. */
struct verdict {
    struct account account;
    bool good;
};

static void judge(struct errand *errand, struct store *store)
{
    const struct credentials *credentials = errand->question;
    struct verdict *verdict = arena_alloc(&errand->arena, sizeof(*verdict));
    if (verdict == NULL) {
        errand->err = ZP_NO_MEMORY;
        return;
    }
    errand->found = verdict;
    errand->err = store_account_by_email(store, credentials->email, &errand->arena, &verdict->account);
    bool known = errand->err == ZP_OK;
    if (known || errand->err == ZP_NOT_FOUND) {
        bool fits = crypto_password_verify(known ? verdict->account.password_hash : NULL, credentials->password);
        verdict->good = fits && known && !verdict->account.disabled;
        errand->err = ZP_OK;
    }
}

static void keep_text(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from == NULL ? "" : from);
}

static bool to_principal(const struct account *account, struct principal *ret_principal)
{
    if (account->location_count > ACTOR_LOCATIONS_MAX) {
        return false;
    }
    ret_principal->actor.user_id = account->id;
    ret_principal->actor.role = account->role;
    ret_principal->actor.location_count = account->location_count;
    for (size_t i = 0; i < account->location_count; i++) {
        ret_principal->actor.locations[i] = account->locations[i];
    }
    keep_text(ret_principal->name, sizeof(ret_principal->name), account->name);
    keep_text(ret_principal->email, sizeof(ret_principal->email), account->email);
    return true;
}

static void put_user(struct buffer *out, const struct actor *actor, const char *name, const char *email)
{
    char id[ID_TEXT_SIZE];
    buffer_printf(out, "{\"id\":\"%s\",\"email\":", id_format(&actor->user_id, id));
    json_put_string(out, email[0] == '\0' ? NULL : email);
    buffer_puts(out, ",\"name\":");
    json_put_string(out, name[0] == '\0' ? NULL : name);
    buffer_printf(out, ",\"role\":\"%s\",\"locations\":[", ACTOR_ROLE_WORDS.names[actor->role]);
    for (size_t i = 0; i < actor->location_count; i++) {
        buffer_printf(out, "%s\"%s\"", i == 0 ? "" : ",", id_format(&actor->locations[i], id));
    }
    buffer_puts(out, "]}");
}

static void answer_token(struct call *call, const struct account *account)
{
    struct principal principal = { .expires_at_s = 0 };
    char *token = NULL;
    if (!to_principal(account, &principal) ||
        token_sign(&call->loop->gateway->token_key, &principal, clock_wall_us() / 1000000, &token) != ZP_OK) {
        call_problem(call, ZP_INTERNAL, NULL);
        return;
    }
    buffer_printf(&call->out, "{\"access_token\":\"%s\",\"token_type\":\"Bearer\",\"expires_in\":%d,\"user\":", token,
                  TOKEN_LIFE_S);
    put_user(&call->out, &principal.actor, principal.name, principal.email);
    buffer_putc(&call->out, '}');
    free(token);
    metric_add(&gateway_metrics[METRIC_LOGIN_OK], 1);
    call_header(call, "cache-control", "no-store");
    call_answer_out(call, 200);
}

static void on_verdict(struct call *call, struct errand *errand)
{
    const struct verdict *verdict = errand->found;
    if (errand->err != ZP_OK) {
        metric_add(&gateway_metrics[METRIC_LOGIN_FAILED], 1);
        errand_unavailable(call);
    } else if (!verdict->good) {
        metric_add(&gateway_metrics[METRIC_LOGIN_WRONG], 1);
        call_problem(call, ZP_UNAUTHORIZED, "The email or the password is wrong.");
    } else {
        answer_token(call, &verdict->account);
    }
}

void login_post(struct call *call)
{
    struct reason_list faults = { .count = 0 };
    struct text body = call_body(call);
    size_t count;
    struct text type = call_field(call, "content-type", &count);
    struct credentials credentials;
    if (count != 1 || !field_is_json(type)) {
        call_problem(call, ZP_UNSUPPORTED, NULL);
        return;
    }
    enum zp_err err = message_login_parse(body.at, body.len, &call->arena, &credentials, &faults);
    if (err != ZP_OK) {
        call_faults(call, err, &faults);
        return;
    }
    (void)errand_start(call, JOB_HASH, &credentials, sizeof(credentials), judge, on_verdict);
}

void me_get(struct call *call)
{
    put_user(&call->out, &call->actor, call->principal->name, call->principal->email);
    call_header(call, "cache-control", "no-store");
    call_answer_out(call, 200);
}
