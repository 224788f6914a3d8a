/* pricing.c: owns what an order comes to: its lines, tax, fee and tip.
 *
 * Called for a placement by its location, and for a quote. Invariant: of a client's figures only the tip enters the
 * total, and every figure is either exact or a fault: no sum wraps, nothing is rounded but the tax of a line. */
#include "pricing.h"
#include "rules.h"

#include <inttypes.h>

/* One placement being priced. */
struct pricing {
    const struct location *loc;
    const struct placement *placement;
    struct check check;
    bool all_known; /* every figure so far: else the client's own total has nothing to be compared with */
};

/* In, or on top of, a line's total. Both factors are in range by now (10^11 × 10^4), and nothing here is below 0, so
 * adding half a divisor rounds half away from zero. */
static int64_t tax_of(const struct order_line *line, bool included)
{
    int64_t divisor = MENU_TAX_RATE_BP_MAX + (included ? line->tax_rate_bp : 0);

    return (line->total * line->tax_rate_bp + divisor / 2) / divisor;
}

static void price_lines(struct pricing *p, struct order *order)
{
    const struct placement *placement = p->placement;

    if (placement->line_count == 0) {
        check_fault(&p->check, "/lines", "required", "an order has at least one line");
        p->all_known = false;
    }
    if (!check_count(&p->check, "/lines", placement->line_count, ORDER_LINES_MAX)) {
        p->all_known = false;
        return;
    }
    order->line_count = placement->line_count;
    order->lines = draft_array(&p->check.draft, order->line_count, sizeof(*order->lines));
    for (size_t i = 0; p->check.draft.err == ZP_OK && i < order->line_count; i++) {
        struct order_line *line = &order->lines[i];
        line->line = (int64_t)i + 1;
        size_t mark = check_enter(&p->check, "lines", i);
        p->all_known &= price_line(&p->check, &p->loc->menu, &placement->lines[i], line);
        check_leave(&p->check, mark);
        order->subtotal += line->total; /* at most 100 times 10^11 */
        order->tax += tax_of(line, p->loc->settings.prices_include_tax);
    }
}

static void price_delivery(struct pricing *p, struct order *order)
{
    const char *address = p->placement->customer.address;

    if (p->placement->type != ORDER_TYPE_DELIVERY) {
        return;
    }
    order->fee = p->loc->settings.delivery_fee;
    if (address == NULL || *address == '\0') {
        check_fault(&p->check, "/customer/address", "address_required", "a delivery needs an address");
    }
}

static void price_tip(struct pricing *p, struct order *order)
{
    int64_t tip = p->placement->tip;

    if (tip < 0) {
        check_fault(&p->check, "/tip", "amount_negative", "a tip is not below 0");
    } else if (tip > ORDER_AMOUNT_MAX) {
        check_fault(&p->check, "/tip", "amount_too_large", "at most %" PRId64, ORDER_AMOUNT_MAX);
    } else {
        order->tip = tip;
        return;
    }
    p->all_known = false;
}

static void total_order(struct pricing *p, struct order *order)
{
    int64_t expected = p->placement->expected_total, total;
    int64_t unpaid = order->subtotal - order->discount + order->tip;

    if (!p->loc->settings.prices_include_tax) {
        unpaid += order->tax;
    }
    if (__builtin_add_overflow(unpaid, order->fee, &total) || total > ORDER_AMOUNT_MAX) {
        check_fault(&p->check, "/lines", "amount_too_large", "the order comes to more than %" PRId64, ORDER_AMOUNT_MAX);
        return;
    }
    order->total = total;
    if (p->all_known && expected != AMOUNT_ABSENT && expected != total) {
        check_fault(&p->check, "/expected_total", "total_mismatch",
                    "%" PRId64 " was expected, the order comes to %" PRId64, expected, total);
    }
}

enum zp_err order_price(const struct location *loc, const struct placement *placement, struct arena *arena,
                        struct order *ret_order, struct reason_list *faults)
{
    struct pricing p = { .loc = loc, .placement = placement, .all_known = true };
    struct order order = { .number = 0 };

    check_init(&p.check, "", arena, faults);
    /* Copied like every string of the menu: the location may be given another one while this order is still in use. */
    order.currency = draft_text(&p.check.draft, loc->settings.currency);
    price_lines(&p, &order);
    price_delivery(&p, &order);
    price_tip(&p, &order);
    total_order(&p, &order);
    if (p.check.draft.err != ZP_OK) {
        return p.check.draft.err;
    }
    ret_order->currency = order.currency;
    ret_order->lines = order.lines;
    ret_order->line_count = order.line_count;
    ret_order->subtotal = order.subtotal;
    ret_order->discount = order.discount;
    ret_order->tax = order.tax;
    ret_order->fee = order.fee;
    ret_order->tip = order.tip;
    ret_order->total = order.total;
    return ZP_OK;
}
