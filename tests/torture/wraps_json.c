/* wraps_json: jansson. What looks a value up is no point: NULL is an answer there. */
#include "wraps.h"

#include <jansson.h>

/* As jansson says it. */
static json_t *no_memory(json_error_t *error)
{
    if (error != NULL) {
        memset(error, 0, sizeof(*error));
        error->text[JSON_ERROR_TEXT_LENGTH - 1] = (char)json_error_out_of_memory;
    }
    return NULL;
}

WRAP(json_t *, json_loadb, (const char *text, size_t len, size_t flags, json_error_t *error),
     (text, len, flags, error), no_memory(error))
