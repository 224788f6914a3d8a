/* menu_check.c: owns what makes a menu one that can be ordered from.
 *
 * Called before a menu or an item is let into a location, and by whoever writes one. Invariant: after a check without
 * faults an item id names one item, an option id names one option of its item, and every group can be satisfied. */
#include "check.h"
#include "rules.h"

#include <stdlib.h>
#include <string.h>

/* Where an id was met: the option at `place` of `group`, or the group or item at `place`. */
struct sighting { const char *id; size_t group, place; };

/* What has ids, and the parts of the pointer that lead to one. */
struct kind { const char *outer, *inner, *thing; };

static const struct kind of_items = { NULL, "items", "item of this menu" };
static const struct kind of_groups = { NULL, "option_groups", "group of this item" };
static const struct kind of_options = { "option_groups", "options", "option of this item" };

static int sighting_compare(const void *a, const void *b)
{
    const struct sighting *left = a, *right = b;
    int by_id = strcmp(left->id, right->id);
    int by_group = (left->group > right->group) - (left->group < right->group);
    int by_place = (left->place > right->place) - (left->place < right->place);

    return by_id != 0 ? by_id : by_group != 0 ? by_group : by_place;
}

/* One fault for each id that stood already in an earlier place. Sorts the sightings. */
static void check_repeats(struct check *check, const struct kind *kind, struct sighting *seen, size_t count)
{
    if (count == 0) {
        return; /* qsort must not be given NULL */
    }
    qsort(seen, count, sizeof(*seen), sighting_compare);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(seen[i - 1].id, seen[i].id) != 0) {
            continue;
        }
        size_t mark = strlen(check->path);
        if (kind->outer != NULL) {
            check_enter(check, kind->outer, seen[i].group);
        }
        check_enter(check, kind->inner, seen[i].place);
        check_fault(check, "/id", "id_repeated", "another %s has the same id", kind->thing);
        check_leave(check, mark);
    }
}

/* A placement names an option by its id alone, so an id is unique among all options of the item. */
static void check_option_ids(struct check *check, const struct menu_item *item)
{
    size_t total = 0, count = 0;

    for (size_t g = 0; g < item->group_count; g++) {
        total += item->groups[g].option_count;
    }
    struct sighting *seen = draft_array(&check->draft, total, sizeof(*seen));
    for (size_t g = 0; seen != NULL && g < item->group_count; g++) {
        for (size_t o = 0; o < item->groups[g].option_count; o++) {
            if (item->groups[g].options[o].id != NULL) {
                seen[count++] = (struct sighting){ item->groups[g].options[o].id, g, o };
            }
        }
    }
    check_repeats(check, &of_options, seen, count);
}

static void check_group_ids(struct check *check, const struct menu_item *item)
{
    struct sighting *seen = draft_array(&check->draft, item->group_count, sizeof(*seen));
    size_t count = 0;

    for (size_t g = 0; seen != NULL && g < item->group_count; g++) {
        if (item->groups[g].id != NULL) {
            seen[count++] = (struct sighting){ item->groups[g].id, 0, g };
        }
    }
    check_repeats(check, &of_groups, seen, count);
}

static void check_item_ids(struct check *check, const struct menu *menu)
{
    struct sighting *seen = draft_array(&check->draft, menu->item_count, sizeof(*seen));
    size_t count = 0;

    for (size_t i = 0; seen != NULL && i < menu->item_count; i++) {
        if (menu->items[i].id != NULL) {
            seen[count++] = (struct sighting){ menu->items[i].id, 0, i };
        }
    }
    check_repeats(check, &of_items, seen, count);
}

static void check_option(struct check *check, const struct menu_option *option)
{
    check_slug(check, "/id", option->id);
    check_text(check, "/name", option->name, ORDER_TEXT_CHARS_MAX);
    check_range(check, "/price", option->price, -ORDER_AMOUNT_MAX, ORDER_AMOUNT_MAX); /* below 0: a discount */
}

/* An option can be chosen several times, so any option at all makes a minimum reachable. */
static void check_group(struct check *check, const struct menu_group *group)
{
    check_slug(check, "/id", group->id);
    check_text(check, "/name", group->name, ORDER_TEXT_CHARS_MAX);
    check_range(check, "/min", group->min, 0, ORDER_QUANTITY_MAX);
    check_range(check, "/max", group->max, 0, ORDER_QUANTITY_MAX);
    if (group->min > group->max) {
        check_fault(check, "/min", "min_above_max", "the minimum is above the maximum");
    }
    if (group->min > 0 && group->option_count == 0) {
        check_fault(check, "/min", "min_unreachable", "the group has no options to satisfy the minimum");
    }
    if (!check_count(check, "/options", group->option_count, MENU_OPTIONS_MAX)) {
        return;
    }
    for (size_t i = 0; i < group->option_count; i++) {
        size_t mark = check_enter(check, "options", i);
        check_option(check, &group->options[i]);
        check_leave(check, mark);
    }
}

static void check_groups(struct check *check, const struct menu_item *item)
{
    if (!check_count(check, "/option_groups", item->group_count, MENU_GROUPS_MAX)) {
        return;
    }
    for (size_t i = 0; i < item->group_count; i++) {
        size_t mark = check_enter(check, "option_groups", i);
        check_group(check, &item->groups[i]);
        check_leave(check, mark);
    }
    check_group_ids(check, item);
    check_option_ids(check, item);
}

static void check_item(struct check *check, const struct menu_item *item)
{
    check_slug(check, "/id", item->id);
    check_text(check, "/name", item->name, ORDER_TEXT_CHARS_MAX);
    check_text_optional(check, "/description", item->description, MENU_DESCRIPTION_CHARS_MAX);
    check_range(check, "/price", item->price, 0, ORDER_AMOUNT_MAX);
    check_range(check, "/tax_rate_bp", item->tax_rate_bp, 0, MENU_TAX_RATE_BP_MAX);
    if (item->station != NULL) {
        check_slug(check, "/station", item->station);
    }
    if (check_count(check, "/allergens", item->allergen_count, MENU_ALLERGENS_MAX)) {
        for (size_t i = 0; i < item->allergen_count; i++) {
            size_t mark = check_enter(check, "allergens", i);
            check_text(check, "", item->allergens[i], SLUG_CHARS_MAX);
            check_leave(check, mark);
        }
    }
    check_groups(check, item);
}

enum zp_err menu_item_check(const struct menu_item *item, const char *pointer, struct arena *arena,
                            struct reason_list *faults)
{
    struct check check;

    check_init(&check, pointer, arena, faults);
    check_item(&check, item);
    return check.draft.err;
}

enum zp_err menu_check(const struct menu *menu, const char *pointer, struct arena *arena, struct reason_list *faults)
{
    struct check check;

    check_init(&check, pointer, arena, faults);
    if (!check_count(&check, "/items", menu->item_count, MENU_ITEMS_MAX)) {
        return check.draft.err;
    }
    for (size_t i = 0; i < menu->item_count; i++) {
        size_t mark = check_enter(&check, "items", i);
        check_item(&check, &menu->items[i]);
        check_leave(&check, mark);
    }
    check_item_ids(&check, menu);
    if (menu_bytes(menu) > MENU_BYTES_MAX) {
        check_fault(&check, "", "menu_too_large", "the menu takes more memory than a location may have");
    }
    return check.draft.err;
}
