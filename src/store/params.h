/* params: the binary parameters of one statement, in one capped buffer.
 *
 * Called by whoever adds a statement to a trip. Holds its first error and then does nothing. */
#ifndef STORE_PARAMS_H
#define STORE_PARAMS_H

#include "row.h"

#define PARAMS_MAX 8
#define PARAMS_BYTES_MAX ((size_t)192 * 1024 * 1024) /* of one statement; PostgreSQL takes less than 1 GiB */
#define PARAM_ROWS       ((Oid)UINT32_MAX) /* in a statement's parameter types: an array of rows, typed by its SQL */

struct params {
    struct buffer bytes;
    struct { size_t start; int32_t len; Oid type; } fields[PARAMS_MAX];
    size_t count;
};

void params_init(struct params *params);
void params_finish(struct params *params);

void params_null(struct params *params, Oid type);
void params_id(struct params *params, const struct zp_id *id);
void params_i32(struct params *params, int32_t value);
void params_i64(struct params *params, int64_t value);
void params_time(struct params *params, int64_t unix_us);
void params_text(struct params *params, const char *text); /* NULL gives NULL */
void params_ids(struct params *params, const struct zp_id *ids, size_t count);
void params_i32s(struct params *params, const int32_t *values, size_t count);
void params_i64s(struct params *params, const int64_t *values, size_t count);
void params_texts(struct params *params, const char *const *texts, size_t count);
/* An array of rows: exactly `count` calls of row_put for the same shape into params->bytes must follow, then _end. */
void params_rows_begin(struct params *params, const struct row_types *types, enum shape_id shape, size_t count);
void params_rows_end(struct params *params);

#define params_scope __attribute__((cleanup(params_finish))) struct params

#endif
