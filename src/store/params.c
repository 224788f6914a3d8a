/* params: owns the bytes of a statement's parameters.
 *
 * Invariant: a field's bytes are in the buffer from its start on, or the buffer holds an error. */
#include "params.h"
#include "array.h"

#include <string.h>

void params_init(struct params *params)
{
    params->count = 0;
    buffer_init(&params->bytes, PARAMS_BYTES_MAX);
}

void params_finish(struct params *params)
{
    buffer_finish(&params->bytes);
}

static void begin(struct params *params, Oid type)
{
    ZP_ASSERT(params->count < PARAMS_MAX);
    params->fields[params->count].type = type;
    params->fields[params->count].start = params->bytes.len;
}

static void end(struct params *params)
{
    size_t start = params->fields[params->count].start;
    params->fields[params->count++].len = (int32_t)(params->bytes.len - start);
}

void params_null(struct params *params, Oid type)
{
    begin(params, type);
    params->fields[params->count++].len = WIRE_NULL;
}

void params_id(struct params *params, const struct zp_id *id)
{
    begin(params, OID_UUID);
    buffer_append(&params->bytes, id->bytes, sizeof(id->bytes));
    end(params);
}

void params_i32(struct params *params, int32_t value)
{
    begin(params, OID_INT4);
    wire_put_i32(&params->bytes, value);
    end(params);
}

void params_i64(struct params *params, int64_t value)
{
    begin(params, OID_INT8);
    wire_put_i64(&params->bytes, value);
    end(params);
}

void params_time(struct params *params, int64_t unix_us)
{
    begin(params, OID_TIMESTAMPTZ);
    wire_put_i64(&params->bytes, wire_time_from_unix(unix_us));
    end(params);
}

void params_text(struct params *params, const char *text)
{
    if (text == NULL) {
        params_null(params, OID_TEXT);
        return;
    }
    begin(params, OID_TEXT);
    buffer_puts(&params->bytes, text);
    end(params);
}

void params_ids(struct params *params, const struct zp_id *ids, size_t count)
{
    begin(params, OID_UUID_ARRAY);
    array_put_ids(&params->bytes, ids, count);
    end(params);
}

void params_i32s(struct params *params, const int32_t *values, size_t count)
{
    begin(params, OID_INT4_ARRAY);
    array_put_i32s(&params->bytes, values, count);
    end(params);
}

void params_i64s(struct params *params, const int64_t *values, size_t count)
{
    begin(params, OID_INT8_ARRAY);
    array_put_i64s(&params->bytes, values, count);
    end(params);
}

void params_texts(struct params *params, const char *const *texts, size_t count)
{
    begin(params, OID_TEXT_ARRAY);
    array_put_texts(&params->bytes, texts, count);
    end(params);
}

void params_rows_begin(struct params *params, const struct row_types *types, enum shape_id shape, size_t count)
{
    begin(params, PARAM_ROWS);
    array_put_head(&params->bytes, types->of[shape].type, count);
}

void params_rows_end(struct params *params)
{
    end(params);
}
