/* copy.c: owns deep copies of orders, menus and settings.
 *
 * Called by evolve and by whoever keeps such a thing longer than the batch it came with. Invariant: a copy borrows
 * nothing from its original. The struct is taken over whole and then every pointer in it replaced, so that a field that
 * is added later is copied too, unless it is a pointer. */
#include "rules.h"

static struct reason *copy_reasons(struct draft *draft, const struct reason *from, size_t count)
{
    struct reason *to = draft_array(draft, count, sizeof(*to));

    for (size_t i = 0; to != NULL && i < count; i++) {
        to[i].code = draft_text(draft, from[i].code);
        to[i].pointer = draft_text(draft, from[i].pointer);
        to[i].detail = draft_text(draft, from[i].detail);
    }
    return to;
}

static struct order_option *copy_chosen(struct draft *draft, const struct order_option *from, size_t count)
{
    struct order_option *to = draft_array(draft, count, sizeof(*to));

    for (size_t i = 0; to != NULL && i < count; i++) {
        to[i] = from[i];
        to[i].option_id = draft_text(draft, from[i].option_id);
        to[i].name = draft_text(draft, from[i].name);
    }
    return to;
}

static struct order_line *copy_lines(struct draft *draft, const struct order_line *from, size_t count)
{
    struct order_line *to = draft_array(draft, count, sizeof(*to));

    for (size_t i = 0; to != NULL && i < count; i++) {
        to[i] = from[i];
        to[i].item_id = draft_text(draft, from[i].item_id);
        to[i].name = draft_text(draft, from[i].name);
        to[i].station = draft_text(draft, from[i].station);
        to[i].note = draft_text(draft, from[i].note);
        to[i].options = copy_chosen(draft, from[i].options, from[i].option_count);
    }
    return to;
}

enum zp_err order_copy(const struct order *from, struct arena *arena, struct order *ret_order)
{
    struct draft draft = { .arena = arena };
    struct order to = *from;

    to.currency = draft_text(&draft, from->currency);
    to.lines = copy_lines(&draft, from->lines, from->line_count);
    to.customer.name = draft_text(&draft, from->customer.name);
    to.customer.phone = draft_text(&draft, from->customer.phone);
    to.customer.address = draft_text(&draft, from->customer.address);
    to.note = draft_text(&draft, from->note);
    to.reasons = copy_reasons(&draft, from->reasons, from->reason_count);
    if (draft.err == ZP_OK) {
        *ret_order = to;
    }
    return draft.err;
}

static struct menu_option *copy_options(struct draft *draft, const struct menu_option *from, size_t count)
{
    struct menu_option *to = draft_array(draft, count, sizeof(*to));

    for (size_t i = 0; to != NULL && i < count; i++) {
        to[i] = from[i];
        to[i].id = draft_text(draft, from[i].id);
        to[i].name = draft_text(draft, from[i].name);
    }
    return to;
}

static struct menu_group *copy_groups(struct draft *draft, const struct menu_group *from, size_t count)
{
    struct menu_group *to = draft_array(draft, count, sizeof(*to));

    for (size_t i = 0; to != NULL && i < count; i++) {
        to[i] = from[i];
        to[i].id = draft_text(draft, from[i].id);
        to[i].name = draft_text(draft, from[i].name);
        to[i].options = copy_options(draft, from[i].options, from[i].option_count);
    }
    return to;
}

static const char **copy_texts(struct draft *draft, const char *const *from, size_t count)
{
    const char **to = draft_array(draft, count, sizeof(*to));

    for (size_t i = 0; to != NULL && i < count; i++) {
        to[i] = draft_text(draft, from[i]);
    }
    return to;
}

static struct menu_item copy_item(struct draft *draft, const struct menu_item *from)
{
    struct menu_item to = *from;

    to.id = draft_text(draft, from->id);
    to.name = draft_text(draft, from->name);
    to.description = draft_text(draft, from->description);
    to.station = draft_text(draft, from->station);
    to.allergens = copy_texts(draft, from->allergens, from->allergen_count);
    to.groups = copy_groups(draft, from->groups, from->group_count);
    return to;
}

enum zp_err menu_copy(const struct menu *from, struct arena *arena, struct menu *ret_menu)
{
    struct draft draft = { .arena = arena };
    struct menu to = *from;

    to.items = draft_array(&draft, from->item_count, sizeof(*to.items));
    for (size_t i = 0; to.items != NULL && i < from->item_count; i++) {
        to.items[i] = copy_item(&draft, &from->items[i]);
    }
    if (draft.err == ZP_OK) {
        *ret_menu = to;
    }
    return draft.err;
}

enum zp_err menu_copy_with(const struct menu *from, const struct menu_item *item, struct arena *arena,
                           struct menu *ret_menu)
{
    struct draft draft = { .arena = arena };
    struct menu to = *from;
    const struct menu_item *old = menu_find(from, item->id);
    size_t place = old == NULL ? from->item_count : (size_t)(old - from->items);

    to.item_count = from->item_count + (old == NULL);
    to.items = draft_array(&draft, to.item_count, sizeof(*to.items));
    for (size_t i = 0; to.items != NULL && i < to.item_count; i++) {
        to.items[i] = copy_item(&draft, i == place ? item : &from->items[i]);
    }
    if (draft.err == ZP_OK) {
        *ret_menu = to;
    }
    return draft.err;
}

enum zp_err location_settings_copy(const struct location_settings *from, struct arena *arena,
                                   struct location_settings *ret_settings)
{
    struct draft draft = { .arena = arena };
    struct location_settings to = *from;

    to.name = draft_text(&draft, from->name);
    to.currency = draft_text(&draft, from->currency);
    if (draft.err == ZP_OK) {
        *ret_settings = to;
    }
    return draft.err;
}
