/* fault: what can be wrong with a field, and where it stands. Private to this room. */
#ifndef MESSAGE_FAULT_H
#define MESSAGE_FAULT_H

#include "fields.h"

/* One row per fault: C name, code (stable: clients compare it). FAULT_NONE and FAULT_NO_MEMORY are never shown. */
#define FAULTS(X) \
    X(NONE, "none") \
    X(NO_MEMORY, "no_memory") \
    X(MALFORMED_JSON, "malformed_json") \
    X(TOO_DEEP, "too_deep") \
    X(DUPLICATE_KEY, "duplicate_key") \
    X(BAD_UTF8, "bad_utf8") \
    X(NUL, "nul") \
    X(UNKNOWN_FIELD, "unknown_field") \
    X(NOT_SUPPORTED, "not_supported") \
    X(IS_REQUIRED, "required") \
    X(WRONG_TYPE, "wrong_type") \
    X(NOT_AN_INTEGER, "not_an_integer") \
    X(OUT_OF_RANGE, "out_of_range") \
    X(TOO_SHORT, "too_short") \
    X(TOO_LONG, "too_long") \
    X(TOO_FEW, "too_few") \
    X(TOO_MANY, "too_many") \
    X(BAD_TEXT, "bad_text") \
    X(NOT_A_SLUG, "not_a_slug") \
    X(NOT_A_UUID, "not_a_uuid") \
    X(UNKNOWN_VALUE, "unknown_value")

enum fault {
#define X(name, code) FAULT_##name,
    FAULTS(X)
#undef X
    FAULT_COUNT
};

/* A place in a value: a chain of frames on the stack of whoever walks it, rendered only when something is wrong. */
struct path {
    const struct path *up; /* NULL: the root, which has no part of its own */
    const char *name;      /* NULL: an index */
    size_t name_len;
    size_t index;
};

#define PATH_ROOT ((struct path){ .up = NULL })

const char *fault_code(enum fault fault);
/* A sentence for a person, with the field's limits; field may be NULL for faults of the document. NULL: no memory. */
const char *fault_detail(enum fault fault, const struct field *field, struct arena *arena);
/* The JSON pointer (RFC 6901) of a place; a name of the client's own is cut after 64 bytes. NULL: no memory. */
const char *path_pointer(const struct path *path, struct arena *arena);

#endif
