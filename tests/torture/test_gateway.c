/* Tokens, queries and problems with each call failing once. A token that was signed says all that it should: who lost
 * his locations to a failed allocation could not see his kitchen. */
#include "torture.h"

#include "problems.h"
#include "query.h"
#include "token.h"

#define NOW INT64_C(1800000000)

static uint8_t secret[] = "0123456789abcdef0123456789abcdef";
static struct token_key key = { secret, 32, "" };
static struct principal zoe = { .actor = { .role = ROLE_KITCHEN, .user_id = { { 1 } }, .location_count = 2,
                                           .locations = { { { 2 } }, { { 3 } } } },
                                .name = "Zoë", .email = "zoe@example.org" };
static char *token;

static void name_key(void)
{
    token_key_name(&key);
    token = NULL;
}

static void free_token(void)
{
    free(token);
    token = NULL;
}

static enum zp_err a_token_is_signed(void)
{
    free_token();
    return token_sign(&key, &zoe, NOW, &token);
}

static bool token_says_all(enum zp_err err)
{
    struct principal read;
    const char *why = NULL;
    if (err != ZP_OK) {
        return token == NULL;
    }
    return token_check(&key, (struct text){ token, strlen(token) }, NOW, &read, &why) &&
           memcmp(&read.actor, &zoe.actor, sizeof(read.actor.user_id)) == 0 && read.actor.role == ROLE_KITCHEN &&
           read.actor.location_count == 2 && id_equal(&read.actor.locations[1], &zoe.actor.locations[1]) &&
           strcmp(read.name, zoe.name) == 0 && strcmp(read.email, zoe.email) == 0;
}

static void sign(void)
{
    name_key();
    assert_int_equal(token_sign(&key, &zoe, NOW, &token), ZP_OK);
}

/* It can't say that memory ran out: then nobody is let in. */
static enum zp_err a_token_is_checked(void)
{
    struct principal read = { .expires_at_s = -1 };
    const char *why = NULL;
    bool believed = token_check(&key, (struct text){ token, strlen(token) }, NOW, &read, &why);
    return believed ? ZP_OK : why != NULL && read.expires_at_s == -1 ? ZP_UNAUTHORIZED : ZP_INTERNAL;
}

static struct arena arena;
static struct reason_list faults;

static void open_arena(void)
{
    arena_init(&arena, 1 << 20);
}

static void close_arena(void)
{
    arena_finish(&arena);
}

static enum zp_err a_query_is_parsed(void)
{
    struct query_slot slots[] = { { "limit", NULL }, { "cursor", NULL } };
    faults.count = 0;
    return query_parse(TEXT("limit=1&x=2&cursor=%zz&limit=2"), slots, ZP_COUNT(slots), &arena, &faults);
}

static bool faults_are_told(enum zp_err err)
{
    return err != ZP_OK || faults.count == 3;
}

static struct buffer out;

static void open_buffer(void)
{
    buffer_init(&out, 1 << 20);
}

static void close_buffer(void)
{
    buffer_finish(&out);
}

static enum zp_err a_problem_is_told(void)
{
    static const struct reason fault = { "unknown_parameter", "?x", "This path does not take this parameter." };
    const struct problem problem = { .err = ZP_INVALID, .faults = &fault, .fault_count = 1, .request_id = "r" };
    buffer_reset(&out);
    problem_json(&problem, &out);
    return out.err;
}

static const struct torture rows[] = {
    { "a token is signed", name_key, a_token_is_signed, token_says_all, free_token, 0, ZP_OK },
    { "a token is checked", sign, a_token_is_checked, NULL, free_token, ERR(UNAUTHORIZED), ZP_OK },
    { "a problem is told", open_buffer, a_problem_is_told, NULL, close_buffer, 0, ZP_OK },
    { "a query is parsed", open_arena, a_query_is_parsed, faults_are_told, close_arena, 0, ZP_OK },
};

int main(void)
{
    return torture_main("gateway", rows, ZP_COUNT(rows));
}
