/* json_scan: a look over a document's bytes that knows strings, brackets and numbers, and nothing else of JSON.
 *
 * Called by json_read: before jansson, which would recurse 2048 deep, and after it has failed, to say where.
 * Invariant: no recursion, no memory, one pass. */
#include "json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *json_skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\' && at + 1 < end) {
            at++;
        }
    }
    return at < end ? at + 1 : end;
}

/* One step into a list or an object. False when that would be too deep. */
static bool enter(struct json_spot *spot, bool is_object)
{
    if (spot->depth == MESSAGE_DEPTH_MAX) {
        return false;
    }
    spot->depth++;
    spot->frames[spot->depth] = (struct path){ .up = &spot->frames[spot->depth - 1] };
    spot->is_object[spot->depth] = spot->wants_name[spot->depth] = is_object;
    return true;
}

/* A string from `at` to `behind`: a name where one is due. */
static void note_string(struct json_spot *spot, const char *at, const char *behind)
{
    struct path *frame = &spot->frames[spot->depth];
    bool is_closed = behind - at > 1 && behind[-1] == '"';

    if (spot->wants_name[spot->depth]) {
        frame->name = at + 1;
        frame->name_len = (size_t)(behind - at) - (is_closed ? 2 : 1);
        spot->wants_name[spot->depth] = false;
    }
}

/* One byte that is not part of a string. */
static bool note_byte(struct json_spot *spot, char c)
{
    if (c == '{' || c == '[') {
        return enter(spot, c == '{');
    }
    if (c == '}' || c == ']') {
        spot->depth -= spot->depth > 0;
    } else if (c == ',') {
        spot->wants_name[spot->depth] = spot->is_object[spot->depth];
        spot->frames[spot->depth].index++;
    }
    return true;
}

enum fault json_scan(const char *body, size_t len, struct json_spot *ret_spot)
{
    const char *nul = len == 0 ? NULL : memchr(body, '\0', len), *end = nul != NULL ? nul : body + len;
    enum fault fault = nul != NULL ? FAULT_NUL : FAULT_NONE;

    *ret_spot = (struct json_spot){ .depth = 0 };
    for (const char *at = body; at < end;) {
        const char *behind = *at == '"' ? json_skip_string(at, end) : at + 1;
        if (*at == '"') {
            note_string(ret_spot, at, behind);
        } else if (!note_byte(ret_spot, *at)) {
            fault = FAULT_TOO_DEEP;
            break;
        }
        at = behind;
    }
    /* Where a name is due, nothing of the object is meant but itself. */
    ret_spot->leaf = &ret_spot->frames[ret_spot->depth - (ret_spot->wants_name[ret_spot->depth] ? 1 : 0)];
    return fault;
}

/* ---- numbers ------------------------------------------------------------------------------------------------ */

static bool is_of_number(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* What a number that overflows is replaced by; NULL for one that does not. `number` ends with a byte that is not of
 * it. */
static const char *tame(const char *number, size_t len)
{
    bool is_real = memchr(number, '.', len) != NULL || memchr(number, 'e', len) != NULL ||
        memchr(number, 'E', len) != NULL;

    errno = 0;
    if (is_real) {
        return fabs(strtod(number, NULL)) == HUGE_VAL ? "0.5" : NULL;
    }
    (void)strtoll(number, NULL, 10);
    return errno == ERANGE ? "9223372036854775807" : NULL;
}

void json_tame_numbers(char *body)
{
    char *end = body + strlen(body);

    for (char *at = body; at < end;) {
        if (*at == '"') {
            at += json_skip_string(at, end) - at;
            continue;
        }
        size_t len = 0;
        while (is_of_number(at[len])) {
            len++;
        }
        const char *tamed = len > 0 ? tame(at, len) : NULL;
        if (tamed != NULL) {
            memset(at, ' ', len);
            memcpy(at, tamed, strnlen(tamed, len)); /* overflowing takes more digits than that */
        }
        at += len > 0 ? len : 1;
    }
}
