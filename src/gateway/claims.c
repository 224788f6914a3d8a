/* claims: reads and writes the header and the payload of a token as strictly as we write them.
 *
 * Called by token.c. libjwt passes over unknown `crit`, doubled claims, a missing, textual or real `exp`: so every
 * claim that matters is judged here, from the bytes that were signed. */
#include "claims.h"

#include <jansson.h>
#include <stdlib.h>

static void json_release(json_t **json)
{
    json_decref(*json);
}

#define OWNED_JSON __attribute__((cleanup(json_release))) json_t *

static json_t *load_object(struct text json)
{
    json_t *root = json_loadb(json.at, json.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        return NULL;
    }
    return root;
}

static bool string_is(const json_t *value, const char *wanted)
{
    return json_is_string(value) && json_string_length(value) == strlen(wanted) &&
           strcmp(json_string_value(value), wanted) == 0;
}

const char *claims_judge_header(struct text json, const char *kid)
{
    OWNED_JSON header = load_object(json);
    const json_t *typ = json_object_get(header, "typ");
    if (header == NULL) {
        return "header_unreadable";
    }
    if (!string_is(json_object_get(header, "alg"), "HS256")) {
        return "algorithm";
    }
    if (!string_is(json_object_get(header, "kid"), kid)) {
        return "key_unknown";
    }
    if (typ != NULL && !(json_is_string(typ) && strcasecmp(json_string_value(typ), "JWT") == 0)) {
        return "type";
    }
    return json_object_size(header) == (typ == NULL ? 2U : 3U) ? NULL : "header_field_unknown"; /* `crit` among them */
}

static bool read_id(const json_t *value, struct zp_id *ret_id)
{
    return json_is_string(value) && id_parse(json_string_value(value), json_string_length(value), ret_id);
}

/* An optional text of limited size, without NUL. */
static bool read_text(const json_t *value, char *ret_text, size_t size)
{
    if (value == NULL) {
        ret_text[0] = '\0';
        return true;
    }
    if (!json_is_string(value) || json_string_length(value) >= size ||
        strlen(json_string_value(value)) != json_string_length(value)) {
        return false;
    }
    memcpy(ret_text, json_string_value(value), json_string_length(value) + 1);
    return true;
}

/* System is nobody's role but ours: it never comes in a token. */
static bool read_role(const json_t *value, enum actor_role *ret_role)
{
    int role = json_is_string(value) ? words_find(&ACTOR_ROLE_WORDS, json_string_value(value)) : -1;
    if (role < 0 || role == ROLE_SYSTEM) {
        return false;
    }
    *ret_role = (enum actor_role)role;
    return true;
}

static bool read_locations(const json_t *value, struct actor *actor)
{
    if (!json_is_array(value) || json_array_size(value) > ACTOR_LOCATIONS_MAX) {
        return false;
    }
    actor->location_count = json_array_size(value);
    for (size_t i = 0; i < actor->location_count; i++) {
        if (!read_id(json_array_get(value, i), &actor->locations[i])) {
            return false;
        }
    }
    return true;
}

static const char *judge_times(const json_t *claims, int64_t now_s, int64_t *ret_expires_at_s)
{
    const json_t *exp = json_object_get(claims, "exp");
    const json_t *iat = json_object_get(claims, "iat");
    if (!json_is_integer(exp) || !json_is_integer(iat)) {
        return "times_missing";
    }
    if (json_integer_value(exp) <= now_s) {
        return "expired";
    }
    if (json_integer_value(iat) > now_s + TOKEN_CLOCK_SKEW_S) {
        return "issued_in_the_future";
    }
    *ret_expires_at_s = json_integer_value(exp);
    return NULL;
}

const char *claims_judge_payload(struct text json, int64_t now_s, struct principal *ret_principal)
{
    OWNED_JSON claims = load_object(json);
    struct principal read;
    if (claims == NULL) {
        return "payload_unreadable";
    }
    if (!string_is(json_object_get(claims, "iss"), TOKEN_ISSUER) ||
        !string_is(json_object_get(claims, "aud"), TOKEN_AUDIENCE)) {
        return "issuer_or_audience";
    }
    const char *why = judge_times(claims, now_s, &read.expires_at_s);
    if (why != NULL) {
        return why;
    }
    if (!read_id(json_object_get(claims, "sub"), &read.actor.user_id) || id_is_none(&read.actor.user_id) ||
        !read_role(json_object_get(claims, "role"), &read.actor.role) ||
        !read_locations(json_object_get(claims, "locations"), &read.actor) ||
        !read_text(json_object_get(claims, "name"), read.name, sizeof(read.name)) ||
        !read_text(json_object_get(claims, "email"), read.email, sizeof(read.email))) {
        return "claims";
    }
    *ret_principal = read;
    return NULL;
}

/* All of them, or NULL: a token that lacks one would shut its holder out for as long as it lives. */
static json_t *locations_json(const struct actor *actor)
{
    char text[ID_TEXT_SIZE];
    json_t *list = json_array();
    for (size_t i = 0; i < actor->location_count; i++) {
        if (json_array_append_new(list, json_string(id_format(&actor->locations[i], text))) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

char *claims_write(const struct principal *principal, int64_t now_s, bool with_names)
{
    char user[ID_TEXT_SIZE];
    OWNED_JSON claims = json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:I, s:I}", "iss", TOKEN_ISSUER, "aud", TOKEN_AUDIENCE, "sub",
        id_format(&principal->actor.user_id, user), "role", ACTOR_ROLE_WORDS.names[principal->actor.role], "locations",
        locations_json(&principal->actor), "iat", (json_int_t)now_s, "exp", (json_int_t)(now_s + TOKEN_LIFE_S));
    bool whole = claims != NULL;
    if (whole && with_names) {
        whole = json_object_set_new(claims, "name", json_string(principal->name)) == 0 &&
                json_object_set_new(claims, "email", json_string(principal->email)) == 0;
    }
    return whole ? json_dumps(claims, JSON_COMPACT) : NULL;
}
