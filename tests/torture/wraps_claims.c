/* wraps_claims: what writes JSON with jansson, libjwt and libsodium's password hashing. */
#include "wraps.h"

#include <jansson.h>
#include <jwt.h>
#include <sodium.h>

WRAP(json_t *, json_array, (void), (), NULL)
WRAP(json_t *, json_string, (const char *text), (text), NULL)
WRAP(char *, json_dumps, (const json_t *json, size_t flags), (json, flags), NULL)

/* These take the value over, whatever comes of it. */
WRAP(int, json_array_append_new, (json_t *array, json_t *value), (array, value), (json_decref(value), -1))
WRAP(int, json_object_set_new, (json_t *object, const char *name, json_t *value), (object, name, value),
     (json_decref(value), -1))

json_t *__wrap_json_pack(const char *fmt, ...);
json_t *__wrap_json_pack(const char *fmt, ...)
{
    va_list args;
    bool fails = TORTURE_FAILS("json_pack");
    va_start(args, fmt);
    json_t *json = json_vpack_ex(NULL, 0, fmt, args);
    va_end(args);
    if (fails) {
        json_decref(json); /* and with it what was handed over */
        json = NULL;
    }
    return json;
}

WRAP(int, jwt_new, (jwt_t **jwt), (jwt), ENOMEM)
WRAP(int, jwt_set_alg, (jwt_t *jwt, jwt_alg_t alg, const unsigned char *key, int len), (jwt, alg, key, len), ENOMEM)
WRAP(int, jwt_add_header, (jwt_t *jwt, const char *name, const char *value), (jwt, name, value), ENOMEM)
WRAP(int, jwt_add_grants_json, (jwt_t *jwt, const char *json), (jwt, json), EINVAL)
WRAP(char *, jwt_encode_str, (jwt_t *jwt), (jwt), NULL)
WRAP(int, jwt_decode, (jwt_t **jwt, const char *token, const unsigned char *key, int len), (jwt, token, key, len),
     ENOMEM)
