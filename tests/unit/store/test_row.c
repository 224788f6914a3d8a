/* Our structs as the database's rows, without a database: what is written is read back, and bytes that make no sense
 * are an error and nothing worse. */
#include "support.h"

#include "../../../src/store/row.h"

#define LINE_TYPE ((Oid)70001)
#define LINE_ARRAY_TYPE ((Oid)70002)

static struct row_types types;
static struct arena arena;

/* What a database with our columns in their own order would say. */
static int learn(void **state)
{
    (void)state;
    memset(&types, 0, sizeof(types));
    types.of[SHAPE_LINE].type = LINE_TYPE;
    types.of[SHAPE_LINE].array_type = LINE_ARRAY_TYPE;
    for (size_t s = 0; s < SHAPE_COUNT; s++) {
        for (size_t i = 0; i < SHAPES[s].column_count; i++) {
            const struct column *column = &SHAPES[s].columns[i];
            Oid type = column->kind->type != InvalidOid ? column->kind->type : LINE_ARRAY_TYPE;
            assert_true(row_type_add(&types.of[s], &SHAPES[s], column->name, type));
        }
        assert_null(row_type_missing(&types.of[s], &SHAPES[s], &types));
    }
    arena_init(&arena, 1024 * 1024);
    return 0;
}

static int forget(void **state)
{
    (void)state;
    arena_finish(&arena);
    return 0;
}

static struct field written(struct buffer *out)
{
    struct field rest = { .data = out->data, .len = (int32_t)out->len }, row;
    assert_int_equal(out->err, ZP_OK);
    assert_true(wire_take_field(&rest, &row));
    assert_int_equal(rest.len, 0);
    return row;
}

static struct order sample(void)
{
    static struct order_option options[] = { { "large", "Large", 150, 1 } };
    static struct order_line lines[] = {
        { .line = 1,
          .item_id = "a",
          .name = "A",
          .quantity = 2,
          .unit_price = 3,
          .options = options,
          .option_count = 1,
          .total = 6 },
        { .line = 2, .item_id = "b", .quantity = 1, .status = LINE_VOIDED, .note = "n" },
    };
    static struct reason reasons[] = { { "code", NULL, "detail" } };
    return (struct order){ .id = { { 1 } },
                           .location_id = { { 2 } },
                           .status = ORDER_CANCELLED,
                           .version = 3,
                           .currency = "EUR",
                           .total = -1,
                           .lines = lines,
                           .line_count = 2,
                           .placed_at = 5,
                           .reasons = reasons,
                           .reason_count = 1 };
}

static void an_order_survives_the_way_there_and_back(void **state)
{
    (void)state;
    const struct order order = sample();
    struct order read = { .version = 0 };
    struct buffer out;
    buffer_init(&out, 10000);
    row_put(&types, SHAPE_ORDER, &order, &out);
    const struct reading reading = { .types = &types, .arena = &arena };
    assert_int_equal(row_get(&reading, SHAPE_ORDER, written(&out), &read), ZP_OK);
    buffer_finish(&out);
    assert_memory_equal(&read.id, &order.id, sizeof(order.id));
    assert_true(id_is_none(&read.owner));
    assert_int_equal(read.status, ORDER_CANCELLED);
    assert_int_equal(read.total, -1);
    assert_int_equal(read.placed_at, 5);
    assert_int_equal(read.promised_at, 0);
    assert_string_equal(read.currency, "EUR");
    assert_null(read.note);
    assert_int_equal(read.line_count, 2);
    assert_string_equal(read.lines[0].options[0].option_id, "large");
    assert_null(read.lines[1].name);
    assert_int_equal(read.lines[1].status, LINE_VOIDED);
    assert_string_equal(read.reasons[0].detail, "detail");
    assert_null(read.reasons[0].pointer);
}

/* The topic is a column that we write by SQL alone. */
static void columns_that_are_not_ours_are_null_and_skipped(void **state)
{
    (void)state;
    struct row_type *type = &types.of[SHAPE_PARTITION];
    const struct store_partition partition = { .partition = 3, .next_offset = 8, .trying_offset = -1 };
    memset(type, 0, sizeof(*type));
    assert_true(row_type_add(type, &SHAPES[SHAPE_PARTITION], "topic", OID_TEXT));
    for (size_t i = SHAPES[SHAPE_PARTITION].column_count; i-- > 0;) { /* and ours come in another order */
        const struct column *column = &SHAPES[SHAPE_PARTITION].columns[i];
        assert_true(row_type_add(type, &SHAPES[SHAPE_PARTITION], column->name, column->kind->type));
    }
    assert_null(row_type_missing(type, &SHAPES[SHAPE_PARTITION], &types));
    struct buffer out;
    buffer_init(&out, 1000);
    row_put(&types, SHAPE_PARTITION, &partition, &out);
    struct field row = written(&out);
    assert_memory_equal(row.data, "\0\0\0\x09" "\0\0\0\x19" "\xff\xff\xff\xff", 12);
    struct store_partition read = { .partition = 0 };
    const struct reading reading = { .types = &types, .arena = &arena };
    assert_int_equal(row_get(&reading, SHAPE_PARTITION, row, &read), ZP_OK);
    assert_int_equal(read.partition, 3);
    assert_int_equal(read.next_offset, 8);
    assert_int_equal(read.trying_offset, -1);
    buffer_finish(&out);
}

static void a_column_of_ours_that_is_missing_is_named(void **state)
{
    (void)state;
    struct row_type type = { .attribute_count = 0 };
    const struct shape *shape = &SHAPES[SHAPE_HEAD];
    assert_string_equal(row_type_missing(&type, shape, &types), "location_id");
    for (size_t i = 0; i < shape->column_count; i++) {
        bool wrong = strcmp(shape->columns[i].name, "open_hash") == 0;
        assert_true(
            row_type_add(&type, shape, shape->columns[i].name, wrong ? OID_TEXT : shape->columns[i].kind->type));
    }
    assert_string_equal(row_type_missing(&type, shape, &types), "open_hash");
    while (type.attribute_count < ROW_ATTRIBUTES_MAX) {
        assert_true(row_type_add(&type, shape, "more", OID_TEXT));
    }
    assert_false(row_type_add(&type, shape, "one too many", OID_TEXT));
}

static void a_table_that_changed_meanwhile_is_told_apart(void **state)
{
    (void)state;
    const struct order order = sample();
    struct order read = { .version = 0 };
    struct buffer out;
    buffer_init(&out, 10000);
    row_put(&types, SHAPE_ORDER, &order, &out);
    const struct reading reading = { .types = &types, .arena = &arena };
    types.of[SHAPE_ORDER].attributes[3].type = OID_TEXT;
    assert_int_equal(row_get(&reading, SHAPE_ORDER, written(&out), &read), ZP_BUSY);
    types.of[SHAPE_ORDER].attribute_count--;
    assert_int_equal(row_get(&reading, SHAPE_ORDER, written(&out), &read), ZP_BUSY);
    buffer_finish(&out);
}

/* Not MALFORMED or INVALID, which say what is wrong with a client's request. */
static void a_damaged_document_is_an_error_of_ours(void **state)
{
    (void)state;
    const struct order order = sample();
    struct order read = { .version = 0 };
    struct buffer out;
    buffer_init(&out, 10000);
    row_put(&types, SHAPE_ORDER, &order, &out);
    struct field row = written(&out);
    char *document = memmem(row.data, (size_t)row.len, "[{\"code\"", 8);
    assert_non_null(document);
    const struct reading reading = { .types = &types, .arena = &arena };
    static const char damages[] = { '{', '\0', '\xff', ' ' };
    for (size_t i = 0; i < sizeof(damages); i++) {
        document[1] = damages[i] == '{' ? '[' : damages[i];
        assert_int_equal(row_get(&reading, SHAPE_ORDER, row, &read), ZP_INTERNAL);
    }
    buffer_finish(&out);
}

/* Every cut and every byte turned over: an error or another order, never a read beyond the end. */
static void damaged_rows_do_no_harm(void **state)
{
    (void)state;
    const struct order order = sample();
    struct buffer out;
    buffer_init(&out, 10000);
    row_put(&types, SHAPE_ORDER, &order, &out);
    struct field row = written(&out);
    const struct reading reading = { .types = &types, .arena = &arena };
    for (int32_t len = 0; len < row.len; len++) {
        struct order read = { .version = 0 };
        char *cut = test_malloc((size_t)len + 1); /* its own block, so that the sanitizer sees its end */
        memcpy(cut, row.data, (size_t)len);
        enum zp_err err = row_get(&reading, SHAPE_ORDER, (struct field){ cut, len }, &read);
        assert_true(err == ZP_INTERNAL || err == ZP_BUSY);
        test_free(cut);
        arena_reset(&arena);
    }
    char *turned = test_malloc((size_t)row.len);
    for (int32_t i = 0; i < row.len; i++) {
        for (int bit = 0; bit < 8; bit += 7) {
            struct order read = { .version = 0 };
            memcpy(turned, row.data, (size_t)row.len);
            turned[i] = (char)(turned[i] ^ (1 << bit));
            enum zp_err err = row_get(&reading, SHAPE_ORDER, (struct field){ turned, row.len }, &read);
            assert_true(err == ZP_OK || err == ZP_INTERNAL || err == ZP_BUSY || err == ZP_MALFORMED ||
                        err == ZP_INVALID);
            arena_reset(&arena);
        }
    }
    test_free(turned);
    buffer_finish(&out);
}

static void an_arena_that_is_full_is_told(void **state)
{
    (void)state;
    const struct order order = sample();
    struct buffer out;
    buffer_init(&out, 10000);
    row_put(&types, SHAPE_ORDER, &order, &out);
    for (size_t bytes = 0; bytes < 128; bytes += 16) {
        struct arena small;
        arena_init(&small, bytes);
        struct order read = { .version = 0 };
        const struct reading reading = { .types = &types, .arena = &small };
        assert_int_equal(row_get(&reading, SHAPE_ORDER, written(&out), &read), ZP_NO_MEMORY);
        arena_finish(&small);
    }
    buffer_finish(&out);
}

static void null_where_there_must_be_something_is_an_error(void **state)
{
    (void)state;
    struct store_head read = { .seq = 0 };
    const struct reading reading = { .types = &types, .arena = &arena };
    struct buffer out;
    buffer_init(&out, 1000);
    const struct row_type *type = &types.of[SHAPE_HEAD];
    wire_put_i32(&out, (int32_t)type->attribute_count);
    for (size_t i = 0; i < type->attribute_count; i++) {
        wire_put_i32(&out, (int32_t)type->attributes[i].type);
        wire_put_i32(&out, WIRE_NULL);
    }
    const struct field row = { .data = out.data, .len = (int32_t)out.len };
    assert_int_equal(row_get(&reading, SHAPE_HEAD, row, &read), ZP_INTERNAL);
    buffer_finish(&out);
}

int main(void)
{
#define row_test(f) cmocka_unit_test_setup_teardown(f, learn, forget)
    const struct CMUnitTest tests[] = {
        row_test(an_order_survives_the_way_there_and_back),
        row_test(columns_that_are_not_ours_are_null_and_skipped),
        row_test(a_column_of_ours_that_is_missing_is_named),
        row_test(a_table_that_changed_meanwhile_is_told_apart),
        row_test(a_damaged_document_is_an_error_of_ours),
        row_test(damaged_rows_do_no_harm),
        row_test(an_arena_that_is_full_is_told),
        row_test(null_where_there_must_be_something_is_an_error),
    };
    return cmocka_run_group_tests_name("store: row", tests, NULL, NULL);
}
