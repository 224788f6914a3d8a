/* error: the facts about every outcome, and the end of a process that found itself broken.
 *
 * Owns the one table of errors; called by every room. Invariant: a value outside of the enum reads as ZP_INTERNAL, so
 * that looking a fact up can never fail. */
#include "zapora/base.h"

#include <stdlib.h>
#include <string.h>

struct error_row {
    const char *name;
    int http_status;
    enum zp_after after;
    const char *problem_type;
    const char *title;
};

static const struct error_row errors[ZP_ERR_COUNT] = {
#define X(name, status, after, type, title) [ZP_##name] = { #name, status, after, type, title },
    ZP_ERRORS(X)
#undef X
};

static const struct error_row *error_row(enum zp_err err)
{
    return (unsigned)err < ZP_ERR_COUNT ? &errors[err] : &errors[ZP_INTERNAL];
}

const char *zp_err_name(enum zp_err err)
{
    return error_row(err)->name;
}

int zp_err_http_status(enum zp_err err)
{
    return error_row(err)->http_status;
}

enum zp_after zp_err_after(enum zp_err err)
{
    return error_row(err)->after;
}

const char *zp_err_problem_type(enum zp_err err)
{
    return error_row(err)->problem_type;
}

const char *zp_err_title(enum zp_err err)
{
    return error_row(err)->title;
}

enum zp_err zp_err_from_name(const char *name)
{
    for (int i = 0; name != NULL && i < ZP_ERR_COUNT; i++) {
        if (strcmp(errors[i].name, name) == 0) {
            return (enum zp_err)i;
        }
    }
    return ZP_INTERNAL;
}

_Noreturn void zp_panic(const char *file, int line, const char *what)
{
    log_error("assertion failed", L_STR("file", file), L_INT("line", line), L_STR("condition", what));
    abort();
}
