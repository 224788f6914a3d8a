/* Rows as the database has them, written and read with each call failing once. */
#include "torture.h"

#include "row.h"

static struct row_types types;
static struct buffer out, row;
static struct arena arena;
static struct order order, read_order;

static struct order_option options[] = { { "large", "Large", 150, 1 } };
static struct order_line lines[] = {
    { .line = 1, .item_id = "a", .name = "A", .quantity = 2, .unit_price = 3, .options = options, .option_count = 1 },
};
static struct reason reasons[] = { { "code", NULL, "detail" } };

static void learn(void)
{
    types = (struct row_types){ .of[SHAPE_LINE] = { .type = 70001, .array_type = 70002 } };
    for (size_t s = 0; s < SHAPE_COUNT; s++) {
        for (size_t i = 0; i < SHAPES[s].column_count; i++) {
            const struct column *column = &SHAPES[s].columns[i];
            assert_true(row_type_add(&types.of[s], &SHAPES[s], column->name,
                                     column->kind->type != InvalidOid ? column->kind->type : 70002));
        }
    }
}

static void open_row(void)
{
    learn();
    order = (struct order){ .id = { { 1 } }, .location_id = { { 2 } }, .status = ORDER_CANCELLED, .version = 3,
                            .currency = "EUR", .lines = lines, .line_count = 1, .placed_at = 5, .note = "n",
                            .reasons = reasons, .reason_count = 1 };
    arena_init(&arena, 1 << 20);
    buffer_init(&out, 1 << 20);
    buffer_init(&row, 1 << 20);
    row_put(&types, SHAPE_ORDER, &order, &row);
}

static void close_row(void)
{
    arena_finish(&arena);
    buffer_finish(&out);
    buffer_finish(&row);
}

static enum zp_err an_order_is_put(void)
{
    buffer_reset(&out);
    row_put(&types, SHAPE_ORDER, &order, &out);
    return out.err;
}

static enum zp_err an_order_is_got(void)
{
    struct field rest = { row.data, (int32_t)row.len }, value;
    const struct reading reading = { .types = &types, .arena = &arena };
    memset(&read_order, 0, sizeof(read_order));
    return wire_take_field(&rest, &value) ? row_get(&reading, SHAPE_ORDER, value, &read_order) : ZP_INTERNAL;
}

static bool order_is_whole(enum zp_err err)
{
    return err != ZP_OK || (strcmp(read_order.currency, "EUR") == 0 && strcmp(read_order.note, "n") == 0 &&
                            read_order.line_count == 1 && read_order.lines[0].option_count == 1 &&
                            strcmp(read_order.lines[0].options[0].name, "Large") == 0 && read_order.reason_count == 1 &&
                            strcmp(read_order.reasons[0].detail, "detail") == 0);
}

static const struct torture rows[] = {
    { "an order is put", open_row, an_order_is_put, NULL, close_row, 0, ZP_OK },
    { "an order is got", open_row, an_order_is_got, order_is_whole, close_row, 0, ZP_OK },
};

int main(void)
{
    return torture_main("store", rows, ZP_COUNT(rows));
}
