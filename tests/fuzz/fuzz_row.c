/* Any bytes as a row of each table, as the database sends it: a value of a composite type. The input's first byte says
 * which table. What is read can be written, and read again. */
#include "fuzz.h"

#include "row.h"

#define LINE_TYPE ((Oid)70001)
#define LINE_ARRAY_TYPE ((Oid)70002)

/* What a database with our columns in their own order would say. */
static void learn(struct row_types *types)
{
    *types = (struct row_types){ .of[SHAPE_LINE] = { .type = LINE_TYPE, .array_type = LINE_ARRAY_TYPE } };
    for (size_t s = 0; s < SHAPE_COUNT; s++) {
        for (size_t i = 0; i < SHAPES[s].column_count; i++) {
            const struct column *column = &SHAPES[s].columns[i];
            Oid type = column->kind->type != InvalidOid ? column->kind->type : LINE_ARRAY_TYPE;
            MUST(row_type_add(&types->of[s], &SHAPES[s], column->name, type));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct row_types types;
    struct arena arena;
    if (size == 0) {
        return 0;
    }
    learn(&types);
    arena_init(&arena, (size_t)32 * 1024 * 1024);
    enum shape_id shape = (enum shape_id)(data[0] % SHAPE_COUNT);
    void *thing = arena_alloc(&arena, SHAPES[shape].size), *again = arena_alloc(&arena, SHAPES[shape].size);
    MUST(thing != NULL && again != NULL);
    const struct reading reading = { .types = &types, .arena = &arena };
    const struct field row = { (const char *)data + 1, (int32_t)(size - 1) };
    enum zp_err err = row_get(&reading, shape, row, thing);
    MUST(err == ZP_OK || err == ZP_BUSY || err == ZP_INTERNAL);
    if (err == ZP_OK) {
        struct buffer out;
        struct field rest, value;
        buffer_init(&out, 8 * MESSAGE_VALUE_BYTES_MAX);
        row_put(&types, shape, thing, &out);
        MUST(out.err == ZP_OK);
        rest = (struct field){ out.data, (int32_t)out.len };
        MUST(wire_take_field(&rest, &value) && rest.len == 0);
        err = row_get(&reading, shape, value, again);
        MUST(err == ZP_OK || err == ZP_INTERNAL); /* what no check of a row refuses, a document's may */
        buffer_finish(&out);
    }
    arena_finish(&arena);
    return 0;
}
