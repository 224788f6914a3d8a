/* price_line.c: owns what one line of an order costs.
 *
 * Called by pricing for each line. Invariant: a total is exactly quantity × (unit price + Σ option price × option
 * quantity), from 0 to ORDER_AMOUNT_MAX; one that cannot be known, or is out of that range, is 0 and has a fault. */
#include "pricing.h"
#include "rules.h"

#include <inttypes.h>
#include <string.h>

/* One line being priced. */
struct line_pricing {
    const struct placement_line *wish;
    const struct menu_item *item;
    struct order_line *line;
    int64_t *chosen;    /* for each group of the item: the quantities chosen from it */
    int64_t unit_total; /* one unit with its options */
    bool known;
};

/* *sum += a × b; false on overflow, and then the sum is untouched. */
static bool add_product(int64_t *sum, int64_t a, int64_t b)
{
    int64_t product, moved;

    if (__builtin_mul_overflow(a, b, &product) || __builtin_add_overflow(*sum, product, &moved)) {
        return false;
    }
    *sum = moved;
    return true;
}

static const struct menu_option *find_option(const struct menu_item *item, const char *option_id, size_t *ret_group)
{
    for (size_t g = 0; g < item->group_count; g++) {
        for (size_t o = 0; o < item->groups[g].option_count; o++) {
            if (strcmp(item->groups[g].options[o].id, option_id) == 0) {
                *ret_group = g;
                return &item->groups[g].options[o];
            }
        }
    }
    return NULL;
}

static bool is_repeated(const struct placement_line *wish, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(wish->options[i].option_id, wish->options[index].option_id) == 0) {
            return true;
        }
    }
    return false;
}

/* Looks at the option at `index` where the check's path stands on it. False when its part of the price is not known. */
static bool price_option(struct check *check, struct line_pricing *lp, size_t index)
{
    struct order_option *chosen = &lp->line->options[index];
    bool countable = check_range(check, "/quantity", chosen->quantity, 1, ORDER_QUANTITY_MAX);
    size_t group;

    if (is_repeated(lp->wish, index)) {
        check_fault(check, "/option_id", "option_repeated", "give each option once, with its quantity");
        return false;
    }
    const struct menu_option *option = find_option(lp->item, chosen->option_id, &group);
    if (option == NULL) {
        check_fault(check, "/option_id", "option_unknown", "the item has no such option");
        return false;
    }
    if (!option->available) {
        check_fault(check, "/option_id", "option_unavailable", "this option is not available now");
    }
    chosen->name = draft_text(&check->draft, option->name);
    chosen->price = option->price;
    if (!countable) {
        return false;
    }
    lp->chosen[group] += chosen->quantity;
    if (!add_product(&lp->unit_total, option->price, chosen->quantity)) {
        check_fault(check, "", "amount_too_large", "the price of this option goes beyond what can be reckoned");
        return false;
    }
    return true;
}

static void check_groups(struct check *check, const struct line_pricing *lp)
{
    for (size_t g = 0; g < lp->item->group_count; g++) {
        const struct menu_group *group = &lp->item->groups[g];
        if (lp->chosen[g] < group->min) {
            check_fault(check, "/options", "options_below_min", "%s: %" PRId64 " chosen, at least %" PRId64, group->id,
                        lp->chosen[g], group->min);
        }
        if (lp->chosen[g] > group->max) {
            check_fault(check, "/options", "options_above_max", "%s: %" PRId64 " chosen, at most %" PRId64, group->id,
                        lp->chosen[g], group->max);
        }
    }
}

static void price_options(struct check *check, struct line_pricing *lp)
{
    lp->chosen = draft_array(&check->draft, lp->item->group_count, sizeof(*lp->chosen));
    for (size_t i = 0; check->draft.err == ZP_OK && i < lp->line->option_count; i++) {
        size_t mark = check_enter(check, "options", i);
        lp->known &= price_option(check, lp, i);
        check_leave(check, mark);
    }
    if (check->draft.err == ZP_OK) {
        check_groups(check, lp);
    }
}

/* The line's total, once everything in it is known. */
static void total_line(struct check *check, struct line_pricing *lp)
{
    int64_t total = 0;

    if (!lp->known) {
        return;
    }
    if (!add_product(&total, lp->line->quantity, lp->unit_total) || total > ORDER_AMOUNT_MAX) {
        check_fault(check, "", "amount_too_large", "the line comes to more than %" PRId64, ORDER_AMOUNT_MAX);
    } else if (total < 0) {
        check_fault(check, "", "amount_negative", "the line comes to %" PRId64 ", below 0", total);
    } else {
        lp->line->total = total;
        return;
    }
    lp->known = false;
}

/* What the client asked for, before anything is known about it. False when that is more than will be looked into. */
static bool copy_wish(struct check *check, const struct placement_line *wish, struct order_line *line)
{
    line->item_id = line->name = wish->item_id;
    line->quantity = wish->quantity;
    line->note = wish->note;
    line->status = line_state_for(ORDER_SUBMITTED);
    if (!check_count(check, "/options", wish->option_count, ORDER_LINE_OPTIONS_MAX)) {
        return false;
    }
    line->options = draft_array(&check->draft, wish->option_count, sizeof(*line->options));
    for (size_t i = 0; line->options != NULL && i < wish->option_count; i++) {
        const struct placement_option *option = &wish->options[i];
        line->options[i] = (struct order_option){ option->option_id, option->option_id, 0, option->quantity };
        line->option_count = i + 1;
    }
    return true;
}

/* Takes over what the menu says of the item. An item is checked when it comes in, but a log may be older than a rule:
 * one whose tax cannot be reckoned is not for sale. */
static void copy_item_facts(struct check *check, struct line_pricing *lp)
{
    const struct menu_item *item = lp->item;
    bool taxable = item->tax_rate_bp >= 0 && item->tax_rate_bp <= MENU_TAX_RATE_BP_MAX;

    if (!item->available || !taxable) {
        check_fault(check, "/item_id", "item_unavailable", "this item is not available now");
    }
    lp->known &= taxable;
    lp->line->name = draft_text(&check->draft, item->name);
    lp->line->station = draft_text(&check->draft, item->station);
    lp->line->unit_price = lp->unit_total = item->price;
    lp->line->tax_rate_bp = taxable ? item->tax_rate_bp : 0;
}

bool price_line(struct check *check, const struct menu *menu, const struct placement_line *wish,
                struct order_line *line)
{
    struct line_pricing lp = { .wish = wish, .line = line, .item = menu_find(menu, wish->item_id) };

    lp.known = check_range(check, "/quantity", wish->quantity, 1, ORDER_QUANTITY_MAX);
    bool looked_into = copy_wish(check, wish, line);
    if (lp.item == NULL) {
        check_fault(check, "/item_id", "item_unknown", "the menu has no such item");
        return false;
    }
    copy_item_facts(check, &lp);
    if (!looked_into) {
        return false;
    }
    price_options(check, &lp);
    total_line(check, &lp);
    return lp.known;
}
