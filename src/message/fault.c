/* fault: codes, sentences and JSON pointers.
 *
 * Called by both readers. Invariant: a sentence never repeats what the client sent; only an unknown field's name comes
 * back, in the pointer, cut short. */
#include "fault.h"

#include "text.h"

#include <inttypes.h>
#include <string.h>

#define NAME_BYTES_SHOWN 64
#define WORDS_SHOWN_SIZE 512
#define PATH_FRAMES_MAX (MESSAGE_DEPTH_MAX + 1)

static const char *const codes[FAULT_COUNT] = {
#define X(name, code) code,
    FAULTS(X)
#undef X
};

/* Sentences that need nothing of the row. */
static const char *const sentences[FAULT_COUNT] = {
    [FAULT_MALFORMED_JSON] = "this is not JSON",
    [FAULT_TOO_DEEP]       = "this is nested too deeply",
    [FAULT_DUPLICATE_KEY]  = "this field stands here twice",
    [FAULT_BAD_UTF8]       = "this is not UTF-8",
    [FAULT_NUL]            = "a NUL character is not allowed",
    [FAULT_UNKNOWN_FIELD]  = "there is no such field here",
    [FAULT_NOT_SUPPORTED]  = "this is not supported yet",
    [FAULT_IS_REQUIRED]    = "this is required",
    [FAULT_NOT_AN_INTEGER] = "must be an integer, without a fraction or an exponent",
    [FAULT_BAD_TEXT]       = "must be UTF-8 text without control characters other than newline and tab",
    [FAULT_NOT_A_SLUG]     = "must hold nothing but lower-case letters, digits, '-' and '_'",
    [FAULT_NOT_A_UUID]     = "must be a UUID",
};

static const char *const kinds[FIELD_KIND_COUNT] = {
    [FIELD_BOOL] = "true or false", [FIELD_INT] = "an integer", [FIELD_TIME] = "a time", [FIELD_TEXT] = "a string",
    [FIELD_SLUG] = "a string", [FIELD_ID] = "a UUID as a string", [FIELD_BYTES] = "bytes", [FIELD_WORD] = "a string",
    [FIELD_THING] = "an object", [FIELD_THINGS] = "an array of objects", [FIELD_TEXTS] = "an array of strings",
    [FIELD_IDS] = "an array of UUIDs", [FIELD_REFUSED] = "absent",
};

const char *fault_code(enum fault fault)
{
    return codes[fault];
}

static const char *words_detail(const struct words *words, struct arena *arena)
{
    char list[WORDS_SHOWN_SIZE] = "";
    size_t len = 0;

    for (size_t i = 0; i < words->count; i++) {
        ZP_ASSERT(len < sizeof(list));
        len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i == 0 ? "" : ", ", words->names[i]);
    }
    return arena_printf(arena, "must be one of %s", list);
}

const char *fault_detail(enum fault fault, const struct field *field, struct arena *arena)
{
    if (sentences[fault] != NULL) {
        return sentences[fault];
    }
    ZP_ASSERT(field != NULL);
    const char *unit = field->flags & ANY_BYTES ? "bytes" : "characters";
    switch (fault) {
    case FAULT_WRONG_TYPE:
        return arena_printf(arena, "must be %s", kinds[field->kind]);
    case FAULT_OUT_OF_RANGE:
        return arena_printf(arena, "must be from %" PRId64 " to %" PRId64, field->min, field->max);
    case FAULT_TOO_SHORT:
        return arena_printf(arena, "must have at least %" PRId64 " %s", field->min, unit);
    case FAULT_TOO_LONG:
        return arena_printf(arena, "must have at most %" PRId64 " %s", field->max, unit);
    case FAULT_TOO_FEW:
        return arena_printf(arena, "must have at least %" PRId64, field->min);
    case FAULT_TOO_MANY:
        return arena_printf(arena, "must have at most %" PRId64, field->max);
    default:
        ZP_ASSERT(fault == FAULT_UNKNOWN_VALUE); /* every fault has a sentence */
        return words_detail(field->words, arena);
    }
}

/* ---- pointers --------------------------------------------------------------------------------------- */

/* At most NAME_BYTES_SHOWN bytes of a name: whole characters, up to the first that is no text. A pointer may end up
 * in an event, which must be readable again. */
static size_t shown_len(const char *name, size_t len)
{
    size_t shown = 0;

    while (shown < len) {
        size_t step = text_step(name + shown, name + len);
        if (step == 0 || shown + step > NAME_BYTES_SHOWN) {
            break;
        }
        shown += step;
    }
    return shown;
}

/* Writes a part and its slash, escaped, so that it ends before `to`; gives where it starts. */
static char *put_part_before(char *to, const char *part, size_t len)
{
    while (len > 0) {
        char c = part[--len];
        if (c == '~' || c == '/') {
            *--to = c == '~' ? '0' : '1';
            c = '~';
        }
        *--to = c;
    }
    *--to = '/';
    return to;
}

const char *path_pointer(const struct path *path, struct arena *arena)
{
    char text[PATH_FRAMES_MAX * (2 * NAME_BYTES_SHOWN + 1)], index[24];
    char *start = text + sizeof(text);
    size_t frames = 0;

    for (const struct path *at = path; at->up != NULL; at = at->up) {
        ZP_ASSERT(++frames <= PATH_FRAMES_MAX);
        if (at->name != NULL) {
            start = put_part_before(start, at->name, shown_len(at->name, at->name_len));
        } else {
            start = put_part_before(start, index, (size_t)snprintf(index, sizeof(index), "%zu", at->index));
        }
    }
    return arena_strndup(arena, start, (size_t)(text + sizeof(text) - start));
}
